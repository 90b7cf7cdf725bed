"""Lyrics with times, as players show them: `[01:23.50] a line`."""

import re
from collections.abc import Sequence

_TIMED = re.compile(r"\[(\d+):(\d\d(?:\.\d+)?)\]\s*(.*)")


def timed(line: str) -> tuple[float, str]:
    """When a line is sung, in seconds, and its words."""
    minutes, seconds, words = _TIMED.match(line).groups()
    return int(minutes) * 60 + float(seconds), words


def sheet(text: str) -> list[tuple[float, str]]:
    """All lines of a file by their time."""
    return sorted(timed(line) for line in text.splitlines() if line.strip())


def chorus(lines: Sequence[str]) -> str:
    """The line that comes most often, the first of them; nothing where none comes twice."""
    often = max(lines, key=lines.count, default="")
    return often if lines.count(often) > 1 else ""
