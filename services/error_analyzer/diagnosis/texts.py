"""Texts from outside, made fit to be shown: without secrets, without signs that nobody sees, not too long."""

import re
import unicodedata
from collections.abc import Sequence

from services.chassis.logs import MASK, mask_text
from services.chassis.redaction import REDACTED, redact

MAX_READ = 65_536
"""Characters of a log's text that are looked at; the rest is not read."""
MAX_LINE = 600
"""Characters of a log's line that are shown."""
_BREAKS = "\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_MARKS = re.compile(f"{re.escape(REDACTED)}|{re.escape(MASK)}")


def clean(text: str) -> str:
    """The text without secrets: this process' own, and whatever looks like one or like an e-mail address."""
    return redact(mask_text(text))


def plain(text: str, most: int, *, lines: bool = False) -> str:
    """What a person may be shown: no secrets, no control or direction signs, at most `most` characters.

    `lines`: line breaks stay; else all is one line.
    """
    # More than is kept, for a secret that the cut divides would not be known as one.
    kept = clean(visible(_cut_at_a_space(text, most * 4)))
    if lines:
        kept = "\n".join(" ".join(line.split()) for line in kept.splitlines()).strip()
    else:
        kept = " ".join(kept.split())
    return kept if len(kept) <= most else f"{kept[: most - 1].rstrip()}…"


def log_lines(text: str) -> list[str]:
    """The lines of a log's text, clean; overlong lines are shortened, and say so."""
    lines = clean(visible(_cut_at_a_space(text, MAX_READ).replace("\r\n", "\n"))).splitlines()
    if len(text) > MAX_READ:
        lines.append(f"[{len(text) - MAX_READ:,} more characters are not shown]")
    return [_shortened(line) for line in lines]


def visible(text: str) -> str:
    """The text without signs that show nothing or turn the direction of others, and with plain spaces.

    Before secrets are looked for: a sign that nobody sees must not hide one.
    """
    return text if text.isprintable() else "".join(map(_visible, text))


def redacted_lines(text: str) -> list[str]:
    """The lines of a source file without secrets, each still on its own number."""
    before = text.split("\n")
    after = clean(text).split("\n")
    return after if len(after) == len(before) else _aligned(before, after)


def _aligned(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """`after` with empty lines where a secret of several lines stood: what follows keeps its number."""
    kept: list[str] = []
    gone = len(before) - len(after)
    for number, line in enumerate(after):
        kept.append(line)
        swallowed = 0
        if number + 1 < len(after):
            at = len(kept)
            swallowed = next(
                (more for more in range(gone + 1) if _same(after[number + 1], before[at + more])), 0
            )
        kept += [""] * swallowed
        gone -= swallowed
    return kept + [""] * gone


def _same(after: str, before: str) -> bool:
    """Whether a line may have become this one."""
    return after == before or (
        (mark := _MARKS.search(after)) is not None and before.startswith(after[: mark.start()])
    )


def _cut_at_a_space(text: str, most: int) -> str:
    """At most `most` characters; the piece of a word, which may be of a secret, is left out."""
    if len(text) <= most:
        return text
    head = text[:most]
    whole = re.match(r".*\s", head, re.DOTALL)
    return whole[0] if whole else ""


def _shortened(line: str) -> str:
    left_out = len(line) - MAX_LINE
    return line if left_out <= 0 else f"{line[:MAX_LINE]} [{left_out:,} more characters]"


def _visible(sign: str) -> str:
    if sign in "\n\t":
        return sign
    category = unicodedata.category(sign)
    if category == "Cf":
        return ""
    if sign in _BREAKS:
        return "\n"
    return " " if category[0] in "CZ" else sign
