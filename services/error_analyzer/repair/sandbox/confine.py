"""What a process does to itself before it becomes the command: each step can't be taken back.

Sources: user_namespaces(7), capabilities(7), mount_setattr(2), landlock(7), seccomp(2), prctl(2).
"""

import ctypes
import os
import resource
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from services.error_analyzer.repair.sandbox.seccomp import Gaps, program

_libc = ctypes.CDLL(None, use_errno=True)

_NEW_USER, _NEW_PID, _NEW_NET, _NEW_IPC, _NEW_MOUNTS = (
    0x10000000,
    0x20000000,
    0x40000000,
    0x08000000,
    0x00020000,
)
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18
_AT_FDCWD, _AT_RECURSIVE, _READ_ONLY = -100, 0x8000, 1
_PR_DEATH_SIGNAL, _PR_BOUNDING_DROP, _PR_SECUREBITS, _PR_SUBREAPER, _PR_NO_NEW_PRIVS, _PR_AMBIENT = (
    1,
    24,
    28,
    36,
    38,
    47,
)
_CAPABILITIES = 64
_NO_ROOT_LOCKED = 0b11
# The numbers are the same on every architecture since Linux 5.
_MOUNT_SETATTR, _LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 442, 444, 445, 446
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_CAPSET = {"x86_64": 126, "aarch64": 91}

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
_MAKE_FIFO, _MAKE_SYM, _REFER, _TRUNCATE = 1 << 10, 1 << 12, 1 << 13, 1 << 14
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_WRITE = (
    _READ
    | _WRITE_FILE
    | _REMOVE_DIR
    | _REMOVE_FILE
    | _MAKE_DIR
    | _MAKE_REG
    | _MAKE_FIFO
    | _MAKE_SYM
    | _REFER
    | _TRUNCATE
)
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_FS_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
"""How many rights on files each version of Landlock knows; from the fifth on, 16."""
_SIGNAL_SCOPE_SINCE, _TRUNCATE_SINCE, _NET_SINCE = 6, 3, 4


@dataclass(frozen=True, slots=True)
class Limits:
    """For each process: seconds of CPU, bytes of address space and of a file; `processes` of the user."""

    cpu_s: int
    memory: int
    file_size: int
    processes: int


def _call(name: str, result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")
    return result


def _prctl(name: str, option: int, value: int = 0, more: int = 0) -> None:
    arguments = (ctypes.c_ulong(value), ctypes.c_ulong(more), ctypes.c_ulong(0), ctypes.c_ulong(0))
    _call(name, _libc.prctl(option, *arguments))


def adopt_orphans() -> None:
    """Processes whose parent ends become this one's children, so that none gets away."""
    _prctl("subreaper", _PR_SUBREAPER, 1)


def end_with_parent(parent: int) -> None:
    """The process is killed when its parent is. `parent`: its id, seen from the same namespace; 0: unseen."""
    _prctl("death signal", _PR_DEATH_SIGNAL, 9)
    if os.getppid() != parent:
        os._exit(1)


def enter_namespaces() -> bool:
    """Own users, network, mounts, System V objects; children are in an own PID namespace, the first its init.

    False where the system permits no user namespaces; nothing is changed then.
    """
    user, group = os.geteuid(), os.getegid()
    if _libc.unshare(_NEW_USER | _NEW_PID | _NEW_NET | _NEW_IPC | _NEW_MOUNTS) != 0:
        return False
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        Path("/proc/self", name).write_text(line, encoding="ascii")
    return True


def mount_read_only(writable: Iterable[str]) -> None:
    """All mounts are read-only, but for these folders; shared memory is new and empty, of 64 MiB."""
    _mount(None, "/", None, _MS_REC | _MS_PRIVATE)
    kept = list(writable)
    for folder in kept:
        _mount(folder, folder, None, _MS_BIND)
    if os.path.isdir("/dev/shm"):
        _mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=64m,mode=1777")
        kept.append("/dev/shm")
    _set_read_only("/", recursive=True, to=True)
    for folder in kept:
        _set_read_only(folder, recursive=False, to=False)


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    words = [word.encode() if word is not None else None for word in (source, target, kind, data)]
    _call(f"mount {target}", _libc.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), words[3]))


def _set_read_only(folder: str, *, recursive: bool, to: bool) -> None:
    attributes = struct.pack("=QQQQ", _READ_ONLY if to else 0, 0 if to else _READ_ONLY, 0, 0)
    flags = _AT_RECURSIVE if recursive else 0
    result = _libc.syscall(
        _MOUNT_SETATTR, _AT_FDCWD, os.fsencode(folder), flags, attributes, ctypes.c_size_t(len(attributes))
    )
    _call(f"mount_setattr {folder}", result)


def limit(limits: Limits) -> None:
    """Bounds of the kernel on each process. No core files, which would hold what memory held."""
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_FSIZE, limits.file_size),
        (resource.RLIMIT_NOFILE, 1024),
        (resource.RLIMIT_NPROC, limits.processes),
    ):
        _, allowed = resource.getrlimit(kind)
        lower = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
        resource.setrlimit(kind, (lower, lower))


def drop_privileges() -> None:
    """No capability is left, none can be gained, not by root's number either."""
    for capability in range(_CAPABILITIES):
        # Fails beyond the last that the kernel knows, and without CAP_SETPCAP, where there is none to drop.
        _libc.prctl(_PR_BOUNDING_DROP, ctypes.c_ulong(capability), *[ctypes.c_ulong(0)] * 3)
    _libc.prctl(_PR_SECUREBITS, ctypes.c_ulong(_NO_ROOT_LOCKED), *[ctypes.c_ulong(0)] * 3)
    _prctl("ambient capabilities", _PR_AMBIENT, 4)
    header, none = struct.pack("=Ii", 0x20080522, 0), bytes(24)
    _call("capset", _libc.syscall(_CAPSET[os.uname().machine], header, none))
    _prctl("no new privileges", _PR_NO_NEW_PRIVS, 1)


def landlock_version() -> int:
    """The version of Landlock's interface; 0: there is none."""
    return max(0, int(_libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)))


def allow_files(version: int, *, readable: Iterable[str], writable: Iterable[str]) -> None:
    """Leaves these files and folders, with all in them, and no others. One that is not there is left out.

    Needs `drop_privileges` before it. OSError where Landlock refuses.
    """
    rights = (1 << _FS_RIGHTS.get(version, 16)) - 1
    attributes = struct.pack("=QQQ", rights, 0b11, 0b11)
    size = 24 if version >= _SIGNAL_SCOPE_SINCE else 16 if version >= _NET_SINCE else 8
    ruleset = _call(
        "landlock_create_ruleset", _libc.syscall(_LANDLOCK_CREATE, attributes, ctypes.c_size_t(size), 0)
    )
    try:
        for paths, granted in ((readable, _READ), (writable, _WRITE)):
            for path in paths:
                _allow(ruleset, path, granted & rights)
        _call("landlock_restrict_self", _libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0))
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, granted: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return
    try:
        if not os.path.isdir(f"/proc/self/fd/{place}") and not os.path.isdir(path):
            granted &= _OF_FILES
        rule = struct.pack("=Qi", granted, place)
        _call(f"landlock_add_rule {path}", _libc.syscall(_LANDLOCK_ADD, ruleset, 1, rule, 0))
    finally:
        os.close(place)


def filter_calls(*, namespaces: bool, read_only_mounts: bool, landlock: int) -> None:
    """Puts the filter of system calls in force. Needs `drop_privileges` before it."""
    code = program(
        Gaps(
            signals=not namespaces and landlock < _SIGNAL_SCOPE_SINCE,
            metadata=not read_only_mounts,
            truncate=landlock < _TRUNCATE_SINCE,
        ),
        os.getpid(),
    )
    steps = ctypes.create_string_buffer(code, len(code))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))

    filters = Program(len(code) // 8, ctypes.addressof(steps))
    number = _SECCOMP[os.uname().machine]
    _call("seccomp", _libc.syscall(number, 1, 0, ctypes.byref(filters)))
