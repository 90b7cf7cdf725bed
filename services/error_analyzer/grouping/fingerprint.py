"""What makes two errors the same one: where they come from, not when, whose or on which line.

    exception with frames of ours    its type, and our functions on the way to it; the service, too, where
                                     none of these lies in a package: every service may have a `main.py`
    exception without                its type, and its message with the changing parts masked
    no exception                     the log line with the changing parts masked

Of masked texts, those that differ in a free word are one error, too: miner.py. A fingerprint holds no line
number, no id, no secret and nothing that differs between processes, hosts or versions of Python.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from services.error_analyzer.grouping.digest import FINGERPRINT_DIGITS, fingerprint_of
from services.error_analyzer.grouping.frames import Frame, culprit, says_where, telling_path
from services.error_analyzer.grouping.masks import MAX_TEMPLATE, template
from services.error_analyzer.grouping.miner import Placement, TemplateMiner

__all__ = ["FINGERPRINT_DIGITS", "MAX_TEMPLATE", "Fault", "Frame", "Group", "group_of", "template"]

_RENAMED = {
    "asyncio.TimeoutError": "TimeoutError",
    "asyncio.exceptions.TimeoutError": "TimeoutError",
    "concurrent.futures._base.TimeoutError": "TimeoutError",
    "concurrent.futures.TimeoutError": "TimeoutError",
    "socket.timeout": "TimeoutError",
    "IOError": "OSError",
    "EnvironmentError": "OSError",
    "select.error": "OSError",
    "socket.error": "OSError",
}
"""Types that newer versions of Python know by another name."""


@dataclass(frozen=True, slots=True)
class Fault:
    """An error as far as its group depends on it; its texts are redacted. Frames: outermost first."""

    message: str
    exception_type: str = ""
    exception_message: str = ""
    frames: Sequence[Frame] = ()
    service: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """The group of an error. `culprit` is empty where no frame of ours is known; `template` where one is.

    `absorbs`: as of Placement.
    """

    fingerprint: str
    title: str
    culprit: str
    exception_type: str = ""
    template: str = ""
    absorbs: tuple[str, ...] = ()


def group_of(fault: Fault, miner: TemplateMiner | None = None) -> Group:
    """The group that an error belongs to, as far as the miner knows; without one, no word is free."""
    kind = fault.exception_type.removeprefix("builtins.").removeprefix("__main__.")
    kind = _RENAMED.get(kind, kind)
    if kind:
        path = telling_path(fault.frames, recursion=kind == "RecursionError")
        if path:
            whose = () if says_where(path) else (f"of {fault.service}",)
            return Group(fingerprint_of("frames", kind, *whose, *path), kind, culprit(fault.frames), kind)
        return _of_line(kind, template(f"{kind}: {fault.exception_message}"), miner)
    return _of_line("", template(fault.message), miner)


def _of_line(kind: str, line: str, miner: TemplateMiner | None) -> Group:
    placed: Placement = (miner or TemplateMiner()).place(line)
    return Group(placed.fingerprint, kind or placed.template, "", kind, placed.template, placed.absorbs)
