"""The functions on the way to an error, read from the text of a sample."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_COMPREHENSIONS = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})
"""Frames of their own in some versions of Python and not in others."""
_PLACE = re.compile(r"(?P<place>[\w.<>-]{1,400}?)(?::(?P<line>\d{1,7}))?(?P<library> {1,4}\(library\))?")
_TRACEBACK = re.compile(
    r'\s*File "(?P<file>[^"\n]{1,400})", line (?P<line>\d{1,7})(?:, in (?P<function>\S{1,200}))?'
)
_INSTALLED = ("site-packages/", "dist-packages/", "/lib/python", "<frozen ")


@dataclass(frozen=True, slots=True)
class Frame:
    """One function. `parts`: module and function, as dotted, or the file's path and the function.

    `line`: 0 where nobody knows. `file`: True where `parts` but the last come from a path.
    """

    parts: tuple[str, ...]
    line: int
    in_app: bool
    file: bool = False

    @property
    def place(self) -> str:
        """As `services.scheduler.worker.drive`."""
        return ".".join(self.parts)


def frames_of(text: str) -> list[Frame]:
    """The frames in a sample's text, outermost first; empty where it shows none.

    Two forms are known: a line `module.function:line`, with `(library)` behind it where it is not the
    platform's own code, and Python's `File "…", line 3, in name`.
    """
    found = []
    for line in text.splitlines():
        frame = _traced(line) or _placed(line.rstrip())
        if frame is not None:
            found.append(frame)
    return found


def in_app(frames: Sequence[Frame]) -> list[Frame]:
    """Our own, innermost first, each function once; a comprehension is a part of its function."""
    seen: dict[str, Frame] = {}
    for frame in reversed(frames):
        if frame.in_app and frame.parts[-1] not in _COMPREHENSIONS:
            seen.setdefault(frame.place, frame)
    return list(seen.values())


def _placed(line: str) -> Frame | None:
    match = _PLACE.fullmatch(line)
    # Without either of them it may be the error's own name.
    if match is None or (match["line"] is None and match["library"] is None):
        return None
    # `a.<locals>.b` is one function inside of another: its dots are no modules'.
    parts = tuple(part for part in match["place"].split(".") if part)
    return Frame(parts, int(match["line"] or 0), match["library"] is None) if parts else None


def _traced(line: str) -> Frame | None:
    match = _TRACEBACK.match(line)
    if match is None:
        return None
    path = match["file"].replace("\\", "/")
    parts = tuple(part for part in path.split("/") if part not in ("", ".", ".."))
    if not parts:
        return None
    ours = not any(sign in path for sign in _INSTALLED) and not path.startswith("<")
    return Frame((*parts, match["function"] or "<module>"), int(match["line"]), ours, file=True)
