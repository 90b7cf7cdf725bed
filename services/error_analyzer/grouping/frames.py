"""Functions on the way to an error, named alike wherever the code lies and whoever reports them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

PLATFORM = ("services", "cli")
"""Our own top packages: they are ours also where they are installed beside libraries."""
TELLING_PARTS = 3
"""Components of a module, from its end, that a fingerprint knows: none of a host's folders."""

_COMPREHENSIONS = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})
"""Frames of their own in some versions of Python and not in others."""
_LIBRARY = re.compile(
    r".*(?:^|/)(?:site-packages|dist-packages|lib/python\d+(?:\.\d+)?t?(?:/lib-dynload)?|python\d+/lib)/",
    re.IGNORECASE,
)
_HOST = re.compile(
    # `runner`: a CI service checks code out into a folder of a folder, both named as the repository.
    r"(?:[A-Za-z]:)?/+(?:home/runner/[^/]+/(?P<repository>[^/]+)/(?P=repository)"
    r"|(?:users|home)/[^/]+/(?:(?:src|code|projects?|dev|work|git|repos?|workspaces?|documents)/[^/]+|[^/]+)"
    r"|root/[^/]+|usr/(?:local/)?src/[^/]+|(?:srv|data|opt|mnt)/www/[^/]+|(?:srv|opt|data|mnt|workspaces|builds)/[^/]+"
    r"|var/task|var/[^/]+/[^/]+|tmp/[^/]+|app|src|code|workspace|build)/",
    re.IGNORECASE,
)
_DRIVE = re.compile(r"(?:[A-Za-z]:)?/+(?:[^/]+/)?")
_SUFFIX = re.compile(r"\.(?:pyc|pyi|pyx|pyw|py|so|pyd)$")


@dataclass(frozen=True, slots=True)
class Frame:
    """One function on the way to an error. `in_app`: the platform's own code."""

    module: str
    function: str
    in_app: bool

    @property
    def place(self) -> str:
        return f"{self.module}.{self.function}" if self.module else self.function


@lru_cache(maxsize=4_096)
def module_of(path: str) -> str:
    """The dotted module of a source file on any host, without the folders that the code lies in there.

    `/app/services/scheduler/worker.py` and `C:\\label\\services\\scheduler\\worker.py` are
    `services.scheduler.worker`.
    Of a library: as it is imported. Empty where no file is named, as by `<string>`.
    """
    if path.startswith("<"):
        kind, _, name = path.strip("<>").partition(" ")
        return name if kind == "frozen" else ""
    place = path.replace("\\", "/")
    if library := _LIBRARY.match(place):
        place = place[library.end() :]
    elif host := _HOST.match(place) or _DRIVE.match(place):
        place = place[host.end() :]
    parts = [part for part in _SUFFIX.sub("", place).split("/") if part not in ("", ".", "..")]
    if parts[-1:] == ["__init__"]:
        parts.pop()
    # A folder that can't be imported is the host's: `releases/2026-03-01`, `my-label`.
    folders = range(len(parts) - 1)
    ours = next((number for number in folders if parts[number] in PLATFORM), None)
    if ours is None:
        ours = max((number + 1 for number in folders if not parts[number].isidentifier()), default=0)
    return ".".join(parts[ours:])


@lru_cache(maxsize=4_096)
def in_app(path_or_module: str) -> bool:
    """True for code of the application: no library, nothing of Python's own, nothing made at run time.

    A dotted module alone does not say where it lies: then only the platform's own packages are meant.
    """
    place = path_or_module.replace("\\", "/")
    if place.startswith("<"):
        return False
    if "/" not in place and not _SUFFIX.search(place):
        return place.partition(".")[0] in PLATFORM
    if _LIBRARY.match(place):
        return module_of(place).partition(".")[0] in PLATFORM
    # A script such as bin/aiartist starts the application, and is no part of it.
    return _SUFFIX.search(place) is not None


def telling_path(frames: Sequence[Frame], *, recursion: bool = False) -> list[str]:
    """Our functions in the order of their first call, then the one that failed; empty where none is ours.

    Each once: how deep a recursion went when it failed says nothing about the cause. Of a `recursion`
    without an end only its circle tells: where it began may be out of sight, where it ended is chance.
    """
    ours = [frame for frame in frames if is_telling(frame)]
    # What a program is started by is `__main__` to itself and a file's name to others.
    inner = [frame for frame in ours if not frame.module.endswith("__main__")]
    places = [_place(frame) for frame in inner or ours]
    if recursion and (circle := {place for place in places if places.count(place) > 1}):
        return sorted(circle)
    return [*dict.fromkeys(places), places[-1]] if places else []


def says_where(path: Sequence[str]) -> bool:
    """A telling path has a module that lies in a package. `main` or `views` alone may be of any service."""
    return any("." in place.partition(":")[0] for place in path)


def is_telling(frame: Frame) -> bool:
    """A function of ours."""
    return frame.in_app and _own_name(frame) not in _COMPREHENSIONS


def culprit(frames: Sequence[Frame]) -> str:
    """The innermost function of ours, in full; empty where none is ours."""
    return next((frame.place for frame in reversed(frames) if is_telling(frame)), "")


def _place(frame: Frame) -> str:
    """A traceback in a file names `drive` what the running program knows as `Worker.drive`."""
    return f"{'.'.join(frame.module.split('.')[-TELLING_PARTS:])}:{_own_name(frame)}"


def _own_name(frame: Frame) -> str:
    return frame.function.rpartition(".")[2]
