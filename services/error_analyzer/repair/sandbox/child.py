"""Supervises one confined command: `main` reads a policy, runs the command, writes how it ended.

It stays outside of the confinement, ends with the service (whose end of its input is then closed), and
leaves no process behind.
"""

import json
import os
import select
import signal
import stat
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from services.error_analyzer.repair.sandbox import confine

_TICK_S, _TICKS_TO_MEASURE_DISK = 0.1, 10
_CHUNK, _KEPT_OUTPUT = 1 << 16, 1 << 17
_MOST_OPEN_FILES = 1 << 14
_NEWS, _FDS = 3, 1 << 16
"""Where the child tells how far it came; one more than the last file descriptor that it may have got."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class _Job:
    """What the service asks for; `runner.Policy` explains the fields."""

    command: list[str]
    folder: str
    environment: dict[str, str]
    readable: list[str]
    writable: list[str]
    namespaces: bool
    timeout_s: float
    memory: int
    file_size: int
    disk: int
    processes: int
    output: int


def main() -> None:
    """One line of JSON in, one out. `{"unavailable": why}` where the command could not be confined."""
    job = _Job(**json.loads(sys.stdin.buffer.readline()))
    confine.adopt_orphans()
    try:
        report = _supervise(job)
    except OSError as error:
        report = {"unavailable": str(error)}
    sys.stdout.write(json.dumps(report))
    sys.stdout.flush()


def _supervise(job: _Job) -> dict[str, Any]:
    namespaces = job.namespaces and confine.enter_namespaces()
    job = replace(job, namespaces=namespaces)
    output, output_end = os.pipe()
    news, news_end = os.pipe()
    first = os.fork()
    if first == 0:
        _become(job, namespaces, output_end, news_end)
    os.close(output_end)
    os.close(news_end)
    # Ends with the command's exec, which closes its end, or with the reason why there is none.
    told = b"".join(iter(lambda: os.read(news, _CHUNK), b""))
    watch = _Watch(job, first, output)
    ended = watch.until_end()
    status = _clean_up(first)
    watch.drain()
    confined: Mapping[str, Any] = json.loads(told) if told else {"error": "it ended before it began"}
    if "error" in confined:
        return {"unavailable": confined["error"]}
    tail = watch.kept[-_KEPT_OUTPUT:].decode("utf-8", "replace")
    return {"exit_code": status, "ended": ended, "output": tail, **confined}


def _become(job: _Job, namespaces: bool, output: int, news: int) -> None:
    """In the child: never returns. With namespaces it is their init, and the command its child."""
    read_only = False
    try:
        os.dup2(news, _NEWS, inheritable=False)
        if namespaces:
            confine.end_with_parent(0)
            try:
                confine.mount_read_only(job.writable)
                read_only = True
            except OSError:
                # Some systems permit namespaces and no mounts; the filter of calls then does that part.
                read_only = False
            command = os.fork()
            if command:
                os.closerange(_NEWS, _FDS)
                os._exit(_reap_until(command))
            confine.end_with_parent(1)
        _exec(job, namespaces, read_only, output)
    except BaseException as error:  # noqa: BLE001 - whatever it is: a fork must not run on as its parent.
        os.write(_NEWS, json.dumps({"error": f"{error}"}).encode())
    finally:
        os._exit(125)


def _exec(job: _Job, namespaces: bool, read_only: bool, output: int) -> None:
    os.setsid()
    os.umask(0o077)
    os.nice(5)
    os.chdir(job.folder)
    nothing = os.open("/dev/null", os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.closerange(_NEWS + 1, _FDS)
    # Without a namespace of its own, the processes of the service's user count, too.
    others = 0 if namespaces else _processes_of(os.getuid())
    confine.limit(
        confine.Limits(
            cpu_s=int(job.timeout_s) + 2,
            memory=job.memory,
            file_size=job.file_size,
            processes=others + job.processes,
        )
    )
    confine.drop_privileges()
    landlock = confine.landlock_version()
    if landlock == 0:
        raise OSError(
            "this kernel has no Landlock, which keeps tests from files (Linux 5.13 or newer has it)"
        )
    devices = [f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom")]
    shared = ["/dev/shm"] if read_only else []
    confine.allow_files(landlock, readable=job.readable, writable=[*job.writable, *devices, *shared])
    for number in range(1, signal.NSIG):
        if number not in (signal.SIGKILL, signal.SIGSTOP) and signal.getsignal(number) is not None:
            signal.signal(number, signal.SIG_DFL)
    confine.filter_calls(namespaces=namespaces, read_only_mounts=read_only, landlock=landlock)
    facts = {"namespaces": namespaces, "read_only_mounts": read_only, "landlock": landlock}
    os.write(_NEWS, json.dumps(facts).encode())
    try:
        os.execve(job.command[0], job.command, job.environment)
    except OSError as error:
        os.write(2, f"{job.command[0]}: {error.strerror}\n".encode())
        os._exit(127)


def _reap_until(command: int) -> int:
    """The init of the namespace: it ends with the command, and everything else ends with it."""
    while True:
        pid, status = os.wait()
        if pid == command:
            return _code(status)


def _code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


class _Unseen(Exception):
    """What it takes can't be measured; the text says why."""


class _Watch:
    """Looks at the command from outside, ten times a second, until it ends or breaks a limit."""

    def __init__(self, job: _Job, first: int, output: int) -> None:
        self._job, self._first, self._output = job, first, output
        self._written = 0
        self.kept = bytearray()

    def until_end(self) -> str:
        """Why it had to be ended; empty: it ended by itself. It is not reaped yet."""
        try:
            return self._look_on()
        except _Unseen as error:
            return str(error)

    def _look_on(self) -> str:
        deadline = time.monotonic() + self._job.timeout_s
        at_start = self._disk()
        tick = 0
        sources = [0, self._output]
        while True:
            ready, _, _ = select.select(sources, [], [], _TICK_S)
            if 0 in ready and not os.read(0, _CHUNK):
                return "the service ended"
            if self._output in ready and not self._take():
                sources.remove(self._output)
            if os.waitid(os.P_PID, self._first, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return ""
            if self._written > self._job.output:
                return f"it wrote more than {self._job.output >> 20} MiB of output"
            if time.monotonic() > deadline:
                return f"it did not end within {self._job.timeout_s:g} s"
            tick += 1
            if self._output not in ready or tick % _TICKS_TO_MEASURE_DISK == 0:
                family = descendants(os.getpid())
                if len(family) > self._job.processes:
                    return f"it started more than {self._job.processes} processes"
                if sum(map(_resident, family)) > 2 * self._job.memory:
                    return f"its processes together took more than {2 * self._job.memory >> 20} MiB of memory"
            if tick % _TICKS_TO_MEASURE_DISK == 0 and self._disk() - at_start > self._job.disk:
                return f"its files together took more than {self._job.disk >> 20} MiB"

    def drain(self) -> None:
        """Takes what is left, once no process can write any more."""
        while self._take():
            pass

    def _take(self) -> bool:
        chunk = os.read(self._output, _CHUNK)
        self._written += len(chunk)
        self.kept += chunk
        if len(self.kept) > 4 * _KEPT_OUTPUT:
            del self.kept[:-_KEPT_OUTPUT]
        return bool(chunk)

    def _disk(self) -> int:
        total, folders = self._unlinked(), list(self._job.writable)
        while folders:
            try:
                with os.scandir(folders.pop()) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            folders.append(entry.path)
                            continue
                        with suppress(FileNotFoundError):
                            total += entry.stat(follow_symlinks=False).st_blocks * 512
            except (FileNotFoundError, NotADirectoryError):
                # It went away.
                continue
            except OSError as error:
                raise _Unseen(f"a folder that it made can't be listed: {error.strerror}") from error
        return total

    def _unlinked(self) -> int:
        """Bytes of files that have no name any more and are still open; memory's, too."""
        found: dict[tuple[int, int], int] = {}
        left = _MOST_OPEN_FILES
        for pid in descendants(os.getpid()):
            if pid == self._first and self._job.namespaces:
                # The namespace's init is this module, and it may not be looked at.
                continue
            try:
                handles = os.listdir(f"/proc/{pid}/fd")
            except PermissionError as error:
                raise _Unseen("one of its processes hides which files it holds") from error
            except OSError:
                # It ended.
                continue
            left -= len(handles)
            if left < 0:
                raise _Unseen(f"its processes together had more than {_MOST_OPEN_FILES} files open")
            for handle in handles:
                with suppress(OSError):
                    state = os.stat(f"/proc/{pid}/fd/{handle}")
                    if state.st_nlink == 0 and stat.S_ISREG(state.st_mode):
                        found[state.st_dev, state.st_ino] = state.st_blocks * 512
        return sum(found.values())


def _clean_up(first: int) -> int:
    """Kills and reaps everything that is left; the exit code of the first."""
    result = 128 + signal.SIGKILL
    while True:
        for pid in descendants(os.getpid()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return result
        if pid == first:
            result = _code(status)
        if pid == 0:
            time.sleep(0.01)


def descendants(root: int) -> list[int]:
    """All processes below this one, nearest first, as far as `/proc` shows them."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                told = Path("/proc", name, "stat").read_bytes()
            except OSError:
                continue
            # The name of a program may hold anything; what follows its last bracket is plain.
            children.setdefault(int(told.rpartition(b")")[2].split()[1]), []).append(int(name))
    found, next_ones = [], children.get(root, [])
    while next_ones:
        found += next_ones
        next_ones = [child for pid in next_ones for child in children.get(pid, [])]
    return found


def _resident(pid: int) -> int:
    try:
        return int(Path("/proc", str(pid), "statm").read_bytes().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def _processes_of(user: int) -> int:
    """Processes and threads of a user, which is what the limit counts."""
    total = 0
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                if os.stat(f"/proc/{name}").st_uid == user:
                    total += len(os.listdir(f"/proc/{name}/task"))
            except OSError:
                continue
    return total
