"""The filter of system calls of a confined process, as a classic BPF program.

Files are Landlock's part, and what needs a capability fails without one. What remains is refused here: ways
to other machines and processes, to parts of the kernel that no test needs, and round the other limits.
Sources: seccomp(2), bpf(4), the system call tables of x86_64 and of the generic ABI (aarch64).
"""

import platform
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_LOAD, _JUMP_EQ, _JUMP_GE, _JUMP_SET, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS = 1, 38
_NUMBER_AT, _ARCH_AT, _ARGUMENTS_AT = 0, 4, 16
_X32_BIT = 0x40000000
_NEWEST_KNOWN = 450
"""What came to Linux after 5.17 does not exist: nobody has judged it, and C libraries do without."""

_NEW_NAMESPACES = 0x7E020000
_AF_UNIX, _SOCK_STREAM, _SOCK_SEQPACKET, _SOCK_FLAGS = 1, 1, 5, 0o2004000
_F_SETOWN, _F_SETSIG, _F_SETOWN_EX = 8, 10, 15
_TIOCSTI, _FIOSETOWN, _SIOCSPGRP, _SET_FLAGS, _SET_XFLAGS = 0x5412, 0x8901, 0x8902, 0x40086602, 0x401C5820

# Number on x86_64, on aarch64; None: not there.
_Table = tuple[tuple[int | None, int | None], ...]


def _table(text: str) -> _Table:
    """Lines of `name number number`, with commas between; `-`: not there; `#`: a comment."""
    rows = [row.split() for line in text.splitlines() if "#" not in line for row in line.split(",")]
    return tuple((int(row[1]), None if row[2] == "-" else int(row[2])) for row in rows if row)


_REFUSED: _Table = _table(
    """
    # The network, and sockets of other processes. What socketpair makes is the process's own.
    socket 41 198, connect 42 203, bind 49 200, listen 50 201
    accept 43 202, accept4 288 242
    # Other processes.
    ptrace 101 117, process_vm_readv 310 270, process_vm_writev 311 271
    kcmp 312 272, pidfd_getfd 438 438, process_madvise 440 440
    process_mrelease 448 448, migrate_pages 256 238, move_pages 279 239
    setpriority 141 140, ioprio_set 251 30
    # System calls through a ring that no filter sees.
    io_uring_setup 425 425, io_uring_enter 426 426, io_uring_register 427 427
    # Namespaces and mounts.
    unshare 272 97, setns 308 268, chroot 161 51, pivot_root 155 41
    mount 165 40, umount2 166 39, open_tree 428 428, move_mount 429 429
    fsopen 430 430, fsconfig 431 431, fsmount 432 432, fspick 433 433
    mount_setattr 442 442, quotactl 179 60, quotactl_fd 443 443
    # Memory and queues that outlive a process, or that no limit counts.
    memfd_create 319 279, memfd_secret 447 447, shmget 29 194, shmat 30 196
    semget 64 190, msgget 68 186, mq_open 240 180, mq_unlink 241 181
    # Parts of the kernel with a history, and the machine itself.
    bpf 321 280, perf_event_open 298 241, userfaultfd 323 282
    add_key 248 217, request_key 249 218, keyctl 250 219
    kexec_load 246 104, kexec_file_load 320 294, init_module 175 105
    finit_module 313 273, delete_module 176 106, reboot 169 142
    swapon 167 224, swapoff 168 225, syslog 103 116, acct 163 89
    settimeofday 164 170, clock_settime 227 112, clock_adjtime 305 266
    adjtimex 159 171, sethostname 170 161, setdomainname 171 162
    iopl 172 -, ioperm 173 -, modify_ldt 154 -, vhangup 153 58
    personality 135 92, uselib 134 -, lookup_dcookie 212 18
    name_to_handle_at 303 264, open_by_handle_at 304 265, fanotify_init 300 262
    """
)
_SIGNALS: _Table = _table(
    """
    kill 62 129, tkill 200 130, tgkill 234 131
    rt_sigqueueinfo 129 138, rt_tgsigqueueinfo 297 240
    """
)
_PIDFD_SIGNAL = _table("pidfd_send_signal 424 424")
_TRUNCATE = _table("truncate 76 45")
_METADATA: _Table = _table(
    """
    chmod 90 -, fchmod 91 52, fchmodat 268 53
    chown 92 -, fchown 93 55, lchown 94 -, fchownat 260 54
    utime 132 -, utimes 235 -, futimesat 261 -, utimensat 280 88
    setxattr 188 5, lsetxattr 189 6, fsetxattr 190 7
    removexattr 197 14, lremovexattr 198 15, fremovexattr 199 16
    """
)
"""Landlock does not know them, and they could change files of others that this user owns."""
_OF_ITSELF: _Table = _table(
    """
    prlimit64 302 261, sched_setaffinity 203 122, sched_setparam 142 118
    sched_setscheduler 144 119, sched_setattr 314 274
    """
)
"""Their first argument is a process; 0: the caller."""

_CLONE, _CLONE3, _SOCKETPAIR, _SENDTO = (56, 220), (435, 435), (53, 199), (44, 206)
_FCNTL, _IOCTL = (72, 25), (16, 29)
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


@dataclass(frozen=True, slots=True)
class Gaps:
    """What nothing else keeps from the process here, so that the filter must."""

    signals: bool
    """Signals to others: neither a PID namespace nor Landlock's scope is in force."""
    metadata: bool
    """Modes, owners and times of files elsewhere: mounts are not read-only."""
    truncate: bool
    """Cutting files by path: Landlock is older than its right for it."""


_Code = tuple[int, int, int, int]


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> _Code:
    return code, yes, no, value


def _argument(index: int, high: bool = False) -> _Code:
    return _step(_LOAD, _ARGUMENTS_AT + 8 * index + (4 if high else 0))


_PERMIT = _step(_RETURN, _ALLOW)
_REFUSE = _step(_RETURN, _ERRNO | _EPERM)


def _only(index: int, values: Sequence[int]) -> list[_Code]:
    """Permits where the argument's lower half is one of the values."""
    tests = [_step(_JUMP_EQ, value & 0xFFFFFFFF, yes=len(values) - at) for at, value in enumerate(values)]
    return [_argument(index), *tests, _REFUSE, _PERMIT]


def _never(index: int, values: Sequence[int]) -> list[_Code]:
    """Refuses where the argument's lower half is one of the values."""
    tests = [_step(_JUMP_EQ, value, yes=len(values) - at) for at, value in enumerate(values)]
    return [_argument(index), *tests, _PERMIT, _REFUSE]


def _numbers(table: _Table, column: int) -> Iterable[int]:
    return (number for row in table if (number := row[column]) is not None)


def program(gaps: Gaps, pid: int) -> bytes:
    """The filter as an array of `struct sock_filter`; `pid`: who may get signals where only it may.

    OSError where the machine is neither x86_64 nor aarch64.
    """
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise OSError(f"no filter of system calls is known for {machine}")
    column, arch = _ARCHITECTURES[machine]
    steps = [
        _step(_LOAD, _ARCH_AT),
        _step(_JUMP_EQ, arch, yes=1),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER_AT),
    ]
    if column == 0:
        steps += [_step(_JUMP_GE, _X32_BIT, no=1), _step(_RETURN, _KILL)]
    steps += [_step(_JUMP_GE, _NEWEST_KNOWN + 1, no=1), _step(_RETURN, _ERRNO | _ENOSYS)]

    def when(number: int, block: Sequence[_Code]) -> None:
        steps.extend([_step(_JUMP_EQ, number, no=len(block)), *block])

    # Its flags are in memory, where no filter looks; C libraries fall back to clone.
    when(_CLONE3[column], [_step(_RETURN, _ERRNO | _ENOSYS)])
    when(_CLONE[column], [_argument(0), _step(_JUMP_SET, _NEW_NAMESPACES, yes=1), _PERMIT, _REFUSE])
    # No datagrams: an end of such a pair could send to any socket that has a name.
    when(
        _SOCKETPAIR[column],
        [
            _argument(0),
            _step(_JUMP_EQ, _AF_UNIX, no=4),
            _argument(1),
            _step(_AND, 0xFFFFFFFF ^ _SOCK_FLAGS),
            _step(_JUMP_EQ, _SOCK_STREAM, yes=2),
            _step(_JUMP_EQ, _SOCK_SEQPACKET, yes=1),
            _REFUSE,
            _PERMIT,
        ],
    )
    when(
        _SENDTO[column],
        [
            _argument(4),
            _step(_JUMP_EQ, 0, no=2),
            _argument(4, high=True),
            _step(_JUMP_EQ, 0, yes=1),
            _REFUSE,
            _PERMIT,
        ],
    )
    when(_FCNTL[column], _never(1, (_F_SETOWN, _F_SETSIG, _F_SETOWN_EX)))
    when(_IOCTL[column], _never(1, (_TIOCSTI, _FIOSETOWN, _SIOCSPGRP, _SET_FLAGS, _SET_XFLAGS)))
    for number in _numbers(_OF_ITSELF, column):
        when(number, _only(0, (0,)))
    if gaps.signals:
        for number in _numbers(_SIGNALS, column):
            when(number, _only(0, (0, pid)))
        for number in _numbers(_PIDFD_SIGNAL, column):
            when(number, [_REFUSE])
    if gaps.metadata:
        # As if it had been done: refused, copying a file would fail, which half of all tests do.
        for number in _numbers(_METADATA, column):
            when(number, [_step(_RETURN, _ERRNO)])
    for number in _numbers(_REFUSED + (_TRUNCATE if gaps.truncate else ()), column):
        when(number, [_REFUSE])
    steps.append(_PERMIT)
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
