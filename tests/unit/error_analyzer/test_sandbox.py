"""What confined code can't do, tried by real code; with namespaces, and as where none are permitted."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from services.error_analyzer.domain import RepairUnavailable
from services.error_analyzer.repair.sandbox import runner
from services.error_analyzer.repair.sandbox.child import descendants
from services.error_analyzer.repair.sandbox.runner import Outcome, Policy, probe, run
from tests.support.isolation import NEEDS_ISOLATION
from tests.support.repositories import state_of

pytestmark = NEEDS_ISOLATION

SECRET = "correct horse battery staple"


class Cell:
    """A folder to write to, one to read, a secret beside them, and the sandbox around Python code."""

    def __init__(self, folder: Path, namespaces: bool) -> None:
        self.own, self.tree, self.outside = folder / "own", folder / "tree", folder / "outside"
        for place in (self.own, self.tree, self.outside):
            place.mkdir()
        (self.outside / "secret").write_text(SECRET, encoding="utf-8")
        (self.tree / "code.py").write_text("x = 1\n", encoding="utf-8")
        self.policy = Policy(
            command=(),
            folder=self.tree,
            environment={"TMPDIR": str(self.own), "OUTSIDE": str(self.outside), "TREE": str(self.tree)},
            readable=(self.tree,),
            writable=(self.own,),
            timeout_s=20,
            memory=512 << 20,
            file_size=4 << 20,
            disk=16 << 20,
            processes=40,
            namespaces=namespaces,
        )

    async def run(self, code: str, **more: object) -> Outcome:
        start = "import ctypes, os, signal, socket, subprocess, sys, time\n"
        command = (sys.executable, "-I", "-S", "-c", start + code)
        return await run(replace(self.policy, command=command, **more))  # type: ignore[arg-type]


@pytest.fixture(params=[True, False], ids=["namespaces", "no namespaces"])
def cell(request: pytest.FixtureRequest, tmp_path: Path) -> Cell:
    return Cell(tmp_path, request.param)


async def test_the_probe_tells_what_confines(tmp_path: Path) -> None:
    assert await probe(tmp_path / "a", namespaces=False) in [
        f"seccomp, landlock {version}, rlimits" for version in range(1, 20)
    ]
    assert (await probe(tmp_path / "b")).endswith("rlimits")


async def test_ordinary_work_goes_on_as_ever(cell: Cell) -> None:
    done = await cell.run(
        """
import asyncio, shutil, tempfile, threading, json
async def main():
    process = await asyncio.create_subprocess_exec(sys.executable, "-I", "-S", "-c", "print(6 * 7)")
    return await process.wait()
assert asyncio.run(main()) == 0
thread = threading.Thread(target=print, args=("threads",)); thread.start(); thread.join()
folder = tempfile.mkdtemp()
open(folder + "/a", "w").write("a"); shutil.copy2(folder + "/a", folder + "/b")
os.rename(folder + "/b", folder + "/c")
shutil.rmtree(folder)
assert open("code.py").read() == "x = 1\\n"
raise SystemExit(3)
"""
    )
    assert (done.exit_code, done.ended, done.output.split()) == (3, "", ["42", "threads"])


async def test_no_secret_can_be_read(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIARTIST_TOKEN", SECRET)
    done = await cell.run(
        """
places = [os.environ["OUTSIDE"] + "/secret", "/proc/1/environ", "/proc/self/environ", "/etc/shadow",
          f"/proc/{os.getppid()}/environ", "/proc/self/mountinfo", "/root", "/home",
          "/proc", "/tmp", "/var/log", "/run"]
os.symlink(places[0], os.environ["TMPDIR"] + "/link")
places.append(os.environ["TMPDIR"] + "/link")
for place in places:
    try:
        print(place, os.listdir(place) if os.path.isdir(place) else open(place).read())
    except OSError:
        pass
try:
    os.link(places[0], os.environ["TMPDIR"] + "/hard")
    print(open(os.environ["TMPDIR"] + "/hard").read())
except OSError:
    pass
print(dict(os.environ))
"""
    )
    assert done.exit_code == 0
    assert SECRET not in done.output
    assert len(done.output.splitlines()) == 1, done.output


async def test_nothing_outside_can_be_changed(cell: Cell) -> None:
    before = state_of(cell.outside), state_of(cell.tree)
    done = await cell.run(
        """
out, tree = os.environ["OUTSIDE"], os.environ["TREE"]
for change in (
    lambda: open(out + "/secret", "w"), lambda: open(out + "/new", "w"), lambda: os.unlink(out + "/secret"),
    lambda: os.mkdir(out + "/folder"), lambda: os.rename(out + "/secret", out + "/other"),
    lambda: os.truncate(out + "/secret", 0), lambda: os.chmod(out + "/secret", 0),
    lambda: os.utime(out, (0, 0)),
    lambda: os.chmod(out, 0o777), lambda: os.setxattr(out + "/secret", "user.a", b"b"),
    lambda: open(tree + "/code.py", "w"), lambda: open(tree + "/conftest.py", "w"), lambda: os.chmod(tree, 0),
    lambda: os.rename(out + "/secret", os.environ["TMPDIR"] + "/taken"),
):
    try:
        change()
    except OSError:
        pass
print("tried all")
"""
    )
    assert done.output == "tried all\n"
    assert (state_of(cell.outside), state_of(cell.tree)) == before


async def test_there_is_no_way_to_the_network_or_to_other_sockets(cell: Cell) -> None:
    done = await cell.run(
        """
for family in range(0, 46):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            socket.socket(family, kind); print("socket", family, kind)
        except OSError:
            pass
try:
    socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM); print("datagrams")
except OSError:
    pass
a, b = socket.socketpair()
a.send(b"x"); assert b.recv(1) == b"x"
for what in (lambda: a.sendto(b"x", "/run/x"), lambda: a.bind("\\0name"), lambda: a.connect("/run/x")):
    try:
        what(); print("named")
    except PermissionError:
        pass
libc = ctypes.CDLL(None, use_errno=True)
for number in (425, 435, 321, 298, 272 if os.uname().machine == "x86_64" else 97):
    print(number, libc.syscall(number, 8, ctypes.create_string_buffer(256)), ctypes.get_errno())
"""
    )
    assert done.exit_code == 0
    assert [line.split()[1] for line in done.output.splitlines()] == ["-1"] * 5


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="no other ABI to call with")
async def test_system_calls_of_another_abi_end_the_process(cell: Cell) -> None:
    done = await cell.run("ctypes.CDLL(None).syscall(0x40000000 + 41, 2, 1, 0); print('went on')")
    assert (done.exit_code, done.output) == (128 + signal.SIGSYS, "")


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    """A process of the same user that waits until its input ends."""
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=-1) as process:
        yield process
        process.communicate()


async def test_no_other_process_can_be_signalled_or_touched(
    cell: Cell, other: subprocess.Popen[bytes]
) -> None:
    done = await cell.run(
        f"""
import resource
me = {os.getpid()}
for target in (me, {other.pid}, -1, os.getppid()):
    for tried in (
        lambda: os.kill(target, signal.SIGKILL),
        lambda: resource.prlimit(target, resource.RLIMIT_CPU, (1, 1)),
        lambda: os.setpriority(os.PRIO_PROCESS, target, 19), lambda: os.sched_setaffinity(target, [0]),
    ):
        if target != -1 or tried.__code__.co_names[1] == "kill":
            try:
                tried()
            except OSError:
                pass
print("still here")
"""
    )
    assert other.poll() is None
    # With namespaces `kill(-1)` and the parent are those of the sandbox; it may end itself.
    assert done.output == "still here\n" or done.exit_code == 128 + signal.SIGKILL


async def test_what_hangs_is_ended(cell: Cell) -> None:
    done = await cell.run("signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)", timeout_s=0.5)
    assert done.ended == "it did not end within 0.5 s"


async def test_a_fork_bomb_is_bounded(cell: Cell) -> None:
    done = await cell.run(
        "while True:\n    try:\n        os.fork()\n    except OSError:\n        time.sleep(0.01)", timeout_s=3
    )
    assert done.ended
    assert descendants(os.getpid()) == []


async def test_memory_is_bounded(cell: Cell) -> None:
    done = await cell.run("x = bytearray(600 << 20)")
    assert (done.exit_code, "MemoryError" in done.output) == (1, True)


async def test_memory_of_many_processes_is_bounded(cell: Cell) -> None:
    done = await cell.run(
        "for _ in range(4):\n"
        "    if os.fork() == 0:\n        x = bytearray(b'x') * (40 << 20); time.sleep(20); os._exit(0)\n"
        "time.sleep(20)",
        memory=64 << 20,
    )
    assert done.ended == "its processes together took more than 128 MiB of memory"


async def test_disk_is_bounded(cell: Cell) -> None:
    done = await cell.run("open(os.environ['TMPDIR'] + '/a', 'wb').write(bytes(5 << 20))")
    assert (done.exit_code, "File too large" in done.output) == (1, True)
    done = await cell.run(
        "for n in range(10):\n    open(os.environ['TMPDIR'] + f'/{n}', 'wb').write(bytes(4 << 20))\n"
        "time.sleep(15)"
    )
    assert done.ended == "its files together took more than 16 MiB"


async def test_files_without_a_name_count_while_they_are_open(cell: Cell) -> None:
    done = await cell.run(
        "held = []\nfor n in range(10):\n    place = os.environ['TMPDIR'] + f'/{n}'\n"
        "    held.append(open(place, 'wb')); held[-1].write(bytes(4 << 20)); held[-1].flush()\n"
        "    os.unlink(place)\ntime.sleep(15)"
    )
    assert done.ended == "its files together took more than 16 MiB"


async def test_what_hides_what_it_stores_is_ended(cell: Cell) -> None:
    done = await cell.run(
        "os.chdir(os.environ['TMPDIR'])\n"
        "for _ in range(25):\n    os.mkdir('d' * 200); os.chdir('d' * 200)\ntime.sleep(15)"
    )
    assert done.ended == "a folder that it made can't be listed: File name too long"


async def test_output_is_bounded(cell: Cell) -> None:
    done = await cell.run("while True: os.write(1, b'x' * 65536)")
    assert done.ended == "it wrote more than 4 MiB of output"
    assert len(done.output) <= 1 << 17


async def test_no_daemon_survives(cell: Cell) -> None:
    done = await cell.run(
        """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in range(1, 65):
            try: signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError): pass
        time.sleep(600)
    os._exit(0)
time.sleep(0.1)
print("left")
"""
    )
    assert (done.exit_code, done.output) == (0, "left\n")
    assert descendants(os.getpid()) == []


async def test_what_runs_ends_when_nobody_waits_for_it_any_more(cell: Cell) -> None:
    mark = cell.own / "begun"
    running = asyncio.ensure_future(cell.run(f"open({str(mark)!r}, 'w'); time.sleep(600)"))
    while not mark.exists():
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert descendants(os.getpid()) == []


def test_what_runs_ends_when_the_service_is_killed(cell: Cell) -> None:
    mark = cell.own / "begun"
    code = f"""
import asyncio, sys; sys.path.insert(0, {str(runner._ROOT)!r})
from pathlib import Path
from services.error_analyzer.repair.sandbox.runner import Policy, run
daemon = "import os, time; os.fork() or os.setsid(); open({str(mark)!r}, 'w'); time.sleep(600)"
asyncio.run(run(Policy(
    command=(sys.executable, "-I", "-S", "-c", daemon), folder=Path("/usr/bin"), environment={{}},
    readable=(),
    writable=(Path({str(cell.own)!r}),), timeout_s=600, memory=1 << 29, file_size=1, disk=1 << 20,
    namespaces={cell.policy.namespaces},
)))
"""

    def alive() -> bool:
        found = []
        for command in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                found.append(str(mark).encode() in command.read_bytes())
        return any(found)

    with subprocess.Popen([sys.executable, "-c", code]) as service:
        while not mark.exists():
            assert service.poll() is None
            time.sleep(0.01)
        assert alive()
        service.kill()
    while alive():
        time.sleep(0.01)


async def test_a_program_that_is_not_there_is_a_command_that_fails(cell: Cell) -> None:
    done = await run(replace(cell.policy, command=("/usr/bin/there-is-no-such-program",)))
    assert done.exit_code == 127


async def test_nothing_is_run_where_the_supervisor_fails(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_START", "raise SystemExit('no ctypes here')")
    with pytest.raises(RepairUnavailable, match=r"can't be confined here: .*no ctypes here"):
        await cell.run("print(1)")


async def test_a_folder_that_is_not_there_confines_nothing_and_runs_nothing(cell: Cell) -> None:
    with pytest.raises(RepairUnavailable, match="can't be confined here"):
        await cell.run("print(1)", folder=cell.own / "missing")


def test_an_older_kernel_s_gaps_are_closed_by_the_filter(tmp_path: Path) -> None:
    """Without a PID namespace, and with the first Landlock: it knows no signals and no truncation."""
    kept = tmp_path / "kept"
    kept.write_text("kept", encoding="utf-8")
    kept.chmod(0o600)
    code = f"""
import os, sys; sys.path.insert(0, {str(runner._ROOT)!r})
from services.error_analyzer.repair.sandbox import confine
confine.drop_privileges()
confine.filter_calls(namespaces=False, read_only_mounts=False, landlock=1)
kept = {str(kept)!r}
os.kill(os.getpid(), 0); os.chmod(kept, 0o777)
for refused in (lambda: os.kill(os.getppid(), 0), lambda: os.kill(-1, 0), lambda: os.truncate(kept, 0)):
    try:
        refused(); print("not refused")
    except PermissionError:
        pass
print("done")
"""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout, done.stderr) == ("done\n", "")
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == ("kept", 0o600)
