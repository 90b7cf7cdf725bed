"""Makes good what models get wrong in the form of a diff, and changes nothing that it says."""

import re
from collections.abc import Sequence

_FENCED = re.compile(r"\A\s*```[\w+-]*[ \t]*\n(?P<text>.*?)\n?```\s*\Z", re.DOTALL)
_HUNK = re.compile(r"@@ -(?P<old>\d{1,7})(?:,\d{1,7})? \+(?P<new>\d{1,7})(?:,\d{1,7})? @@(?P<rest>.*)")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff]")


def is_text(text: str) -> bool:
    """False where it holds what no source file has and no database takes."""
    return _UNPRINTABLE.search(text) is None


def unfenced(text: str) -> str:
    """The text without a Markdown fence around it, with line breaks of one kind, and one at its end."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    fenced = _FENCED.match(text)
    text = fenced["text"] if fenced else text
    if not text.strip():
        return ""
    return text if text.endswith("\n") else f"{text}\n"


def recounted(diff: str) -> str:
    """The diff with each hunk's head saying how many lines it really has: models can't count."""
    lines = diff.removesuffix("\n").split("\n")
    kept: list[str] = []
    at = 0
    while at < len(lines):
        head = _HUNK.fullmatch(lines[at])
        if head is None:
            kept.append(lines[at])
            at += 1
            continue
        body = _body(lines, at + 1)
        at += 1 + len(body)
        # Empty lines between two files, or at the end, belong to no hunk.
        while body and body[-1] == "":
            body = body[:-1]
        old = sum(line[:1] in ("", " ", "-") for line in body)
        new = sum(line[:1] in ("", " ", "+") for line in body)
        kept.append(f"@@ -{head['old']},{old} +{head['new']},{new} @@{head['rest']}")
        kept += [line or " " for line in body]
    return "\n".join(kept) + "\n"


def _body(lines: Sequence[str], start: int) -> Sequence[str]:
    """The lines of a hunk, up to the next one, the next file, or what is no diff any more."""
    end = start
    while end < len(lines):
        line = lines[end]
        next_file = line.startswith("--- ") and any(
            rest.startswith("+++ ") for rest in lines[end + 1 : end + 2]
        )
        if next_file or line[:1] not in ("", " ", "+", "-", "\\"):
            break
        end += 1
    return lines[start:end]
