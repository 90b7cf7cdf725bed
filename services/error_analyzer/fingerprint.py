"""What makes two errors the same one: where they come from, not when, whose or on which line.

    exception with frames of ours    its type, and our functions on the way to it
    exception without                its type, and its message with the changing parts masked
    no exception                     the log line with the changing parts masked

A fingerprint holds no line number, no id, no secret and nothing that differs between processes.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

FINGERPRINT_DIGITS = 32
MAX_TEMPLATE = 500
_MAX_READ = 8_192
_COMPREHENSIONS = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})
"""Frames of their own in some versions of Python and not in others."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One function on the way to an error. `in_app`: the platform's own code."""

    module: str
    function: str
    in_app: bool

    @property
    def place(self) -> str:
        return f"{self.module}.{self.function}" if self.module else self.function


@dataclass(frozen=True, slots=True)
class Fault:
    """An error as far as its group depends on it; its texts are redacted. Frames: outermost first."""

    message: str
    exception_type: str = ""
    exception_message: str = ""
    frames: Sequence[Frame] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """The group of an error. `culprit` is empty where no frame of ours is known."""

    fingerprint: str
    title: str
    culprit: str


def group_of(fault: Fault) -> Group:
    """The group that an error belongs to."""
    path = _path(fault.frames)
    if fault.exception_type and path:
        return Group(_hash("frames", fault.exception_type, *path), fault.exception_type, path[-1])
    if fault.exception_type:
        shape = template(fault.exception_message)
        return Group(_hash("exception", fault.exception_type, shape), fault.exception_type, "")
    line = template(fault.message)
    return Group(_hash("message", line), line, "")


def _path(frames: Sequence[Frame]) -> list[str]:
    """Our functions in the order of their first call, then the one that failed.

    Each once: how deep a recursion went when it failed says nothing about the cause.
    """
    ours = [frame.place for frame in frames if frame.in_app and _own_name(frame) not in _COMPREHENSIONS]
    return [*dict.fromkeys(ours), ours[-1]] if ours else []


def _own_name(frame: Frame) -> str:
    return frame.function.rpartition(".")[2]


def _hash(*parts: str) -> str:
    """Length before each part, so that no two lists of parts give the same bytes."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:FINGERPRINT_DIGITS]


# In this order: what holds numbers and slashes of its own comes before plain numbers and paths.
_MASKS = tuple(
    (re.compile(pattern, re.IGNORECASE), mask)
    for pattern, mask in (
        (r"(?<![a-z0-9])\"(?:[^\"\\\n]|\\.)*\"(?![a-z0-9])", "<text>"),
        (r"(?<![a-z0-9])'(?:[^'\\\n]|\\.)*'(?![a-z0-9])", "<text>"),
        (r"(?<![a-z0-9])`[^`\n]*`(?![a-z0-9])", "<text>"),
        (r"\b[a-z][a-z0-9+.-]{1,20}://[^\s\"'<>]+", "<url>"),
        (r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", "<id>"),
        (r"\b[a-z]{2,8}_[0-9a-hjkmnp-tv-z]{26}\b", "<id>"),
        (r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:\s?(?:Z|[+-]\d\d:?\d\d))?)?", "<time>"),
        (r"\b\d{1,2}:\d\d:\d\d(?:[.,]\d+)?\b", "<time>"),
        (r"(?<![\w:])\[[0-9a-f:]*:[0-9a-f:.]*\](?::\d{1,5})?", "<address>"),
        (r"(?<![\w:.])(?=[0-9a-f:]*:[0-9a-f:]*:)[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?![\w:])", "<address>"),
        (r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5}|/\d{1,2})?\b", "<address>"),
        (r"(?<![\w.-])[a-z][a-z0-9-]{0,62}(?:\.[a-z0-9-]{1,63}){0,8}:\d{2,5}\b", "<address>"),
        (r"(?<![\w<>/.])(?:[a-z]:\\|~?/|\.{1,2}/)[^\s'\"`()<>,;:|]+", "<path>"),
        (r"(?<![\w<>/.-])[\w.-]{1,64}(?:/[\w.<>-]{1,128}){1,16}\.[a-z0-9]{1,5}\b", "<path>"),
        # Hexadecimal: one mask with plain numbers, for a digest may happen to hold no letter.
        (r"\b0x[0-9a-f]++\b", "<number>"),
        (r"\b(?=\d{0,64}[a-f])(?=[a-f]{0,64}\d)[0-9a-f]{8,}+\b", "<number>"),
        (
            r"(?<![a-z0-9<])[-+]?\d++(?:[_,]\d{3}){0,6}(?:\.\d++)?+\s?"
            r"(?:ns|us|µs|ms|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)\b",
            "<duration>",
        ),
        (r"<duration>(?:[ ,]{1,2}<duration>)+", "<duration>"),
        # Not the digits of a word, such as `utf8` or `sha256`.
        (r"(?<![a-z0-9<])[-+]?\d++(?:[_.,]\d++)*+(?:e[-+]?\d++)?+", "<number>"),
        (r"\s+", " "),
    )
)


def template(text: str) -> str:
    """The text with what changes from one time to the next replaced by what kind of thing it was.

    Masked: numbers, durations, times, addresses, URLs, paths, ids, hex digits, quoted text. At most
    500 characters.
    """
    text = text[:_MAX_READ]
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return text.strip()[:MAX_TEMPLATE]
