"""The service's side of the sandbox."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from services.error_analyzer.domain import RepairUnavailable

_ROOT = Path(__file__).resolve().parents[4]
_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from services.error_analyzer.repair.sandbox.child import main; main()"
)
_GRACE_S = 20.0
"""Longer than the supervisor ever needs to end a command whose time is over."""

SYSTEM_FILES = (
    *("/lib", "/lib32", "/lib64", "/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib32"),
    *("/usr/lib64", "/usr/libexec", "/usr/share", "/usr/local/bin", "/usr/local/lib"),
    *("/sys/devices/system/cpu",),
    *("/proc/cpuinfo", "/proc/meminfo", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d"),
    *("/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/localtime", "/etc/timezone"),
    *("/etc/mime.types", "/etc/alternatives", "/etc/ssl/certs"),
)
"""What programs need of a system. Nothing else of /etc and /proc: other processes' secrets are there."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a command may do. Beside what Python and the system need, it reads `readable`."""

    command: Sequence[str]
    """The program with its whole path, and its arguments."""
    folder: Path
    """Where it starts."""
    environment: Mapping[str, str]
    """All of it."""
    readable: Sequence[Path]
    writable: Sequence[Path]
    timeout_s: float
    memory: int
    """Bytes of address space for each process; all together may hold twice as much."""
    file_size: int
    """Bytes of one file."""
    disk: int
    """Bytes of all files in `writable`; looked at once a second."""
    processes: int = 128
    output: int = 4 << 20
    """Bytes written to stdout and stderr."""
    namespaces: bool = True
    """False: as where the system permits none."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended. `ended`: the limit that it broke, for people; or empty. `output`: its end."""

    exit_code: int
    ended: str
    output: str
    isolation: str


_OF_PYTHON = ("bin", "lib", "lib64", "include", "share", "pyvenv.cfg")
"""Not the whole prefix: it may be `/usr`, or a folder that people keep other things in, too."""


def readable_folders() -> list[Path]:
    """What every command may read: files of the system, this interpreter and its packages."""
    prefixes = dict.fromkeys((sys.prefix, sys.base_prefix, sys.exec_prefix))
    python = [path for prefix in prefixes for path in python_of(Path(prefix))]
    return [Path(name) for name in SYSTEM_FILES] + python


def python_of(prefix: Path) -> list[Path]:
    """What an interpreter reads of its environment."""
    return [prefix / name for name in _OF_PYTHON]


async def run(policy: Policy) -> Outcome:
    """Runs a command in the sandbox. RepairUnavailable where it can't be confined: then it has not run."""
    job = {
        **asdict(policy),
        "command": list(policy.command),
        "folder": str(policy.folder),
        "environment": dict(policy.environment),
        "readable": [*map(str, readable_folders()), *map(str, policy.readable)],
        "writable": [*map(str, policy.writable)],
    }
    supervisor = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-c", _START, str(_ROOT)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.defpath, "LANG": "C.UTF-8"},
        cwd="/",
        start_new_session=True,
    )
    assert supervisor.stdin is not None
    assert supervisor.stdout is not None
    assert supervisor.stderr is not None
    try:
        with suppress(BrokenPipeError, ConnectionResetError):
            supervisor.stdin.write(json.dumps(job).encode() + b"\n")
            await supervisor.stdin.drain()
        async with asyncio.timeout(policy.timeout_s + _GRACE_S):
            # Its input stays open: that it closes tells it that the service ended.
            answer, complaint = await asyncio.gather(supervisor.stdout.read(), supervisor.stderr.read())
            await supervisor.wait()
    except TimeoutError as error:
        raise RepairUnavailable("tests can't be confined here: their supervisor does not answer") from error
    finally:
        await asyncio.shield(_end(supervisor))
    try:
        report = json.loads(answer)
    except ValueError as error:
        last = complaint.decode("utf-8", "replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise RepairUnavailable(
            f"tests can't be confined here: their supervisor failed: {last[0][:200]}"
        ) from error
    if "unavailable" in report:
        raise RepairUnavailable(f"tests can't be confined here: {report['unavailable']}")
    parts = ["seccomp", f"landlock {report['landlock']}", "rlimits"]
    if report["namespaces"]:
        parts.insert(0, "namespaces")
    return Outcome(report["exit_code"], report["ended"], report["output"], ", ".join(parts))


async def _end(supervisor: asyncio.subprocess.Process) -> None:
    """Closing its input has it end the command; killed, it can't, but the command's init ends with it."""
    assert supervisor.stdin is not None
    supervisor.stdin.close()
    if supervisor.returncode is not None:
        return
    try:
        async with asyncio.timeout(_GRACE_S):
            await supervisor.wait()
    except TimeoutError:
        supervisor.kill()
        await supervisor.wait()


_CANARY = "a secret that a test must not see"
_ESCAPES = """
import ctypes, os, socket, sys
canary, outside, service = sys.argv[1], sys.argv[2], int(sys.argv[3])
def tried(what, *args):
    try:
        what(*args)
    except OSError:
        return
    raise SystemExit(f"{getattr(what, '__name__', what)}{args} was not refused")
tried(socket.socket, socket.AF_INET, socket.SOCK_STREAM)
tried(socket.socket, socket.AF_UNIX, socket.SOCK_DGRAM)
tried(socket.socketpair, socket.AF_UNIX, socket.SOCK_DGRAM)
tried(open, canary)
tried(open, outside, "w")
tried(os.listdir, os.path.dirname(canary))
tried(os.listdir, "/proc")
tried(os.kill, service, 0)
tried(os.chroot, "/")
if "AIARTIST_CANARY" in os.environ:
    raise SystemExit("the environment was inherited")
open(os.environ["TMPDIR"] + "/kept", "w").write("kept")
print("confined")
"""


async def probe(folder: Path, *, namespaces: bool = True) -> str:
    """Tries to break out of the sandbox, with a canary in `folder`; what confines, for people.

    RepairUnavailable where anything got out.
    """
    hidden, own = folder / "hidden", folder / "own"
    for place in (hidden, own):
        place.mkdir(parents=True)
    canary = hidden / "canary"
    canary.write_text(_CANARY, encoding="utf-8")
    policy = Policy(
        command=(
            sys.executable,
            *("-I", "-S", "-c", _ESCAPES, str(canary), str(hidden / "written"), str(os.getpid())),
        ),
        folder=own,
        environment={"TMPDIR": str(own)},
        readable=(),
        writable=(own,),
        timeout_s=30,
        memory=512 << 20,
        file_size=1 << 20,
        disk=1 << 20,
    )
    outcome = await run(replace(policy, namespaces=namespaces))
    if outcome.exit_code != 0 or outcome.output != "confined\n" or not (own / "kept").exists():
        raise RepairUnavailable(
            f"tests can't be confined here: {outcome.ended or outcome.output.strip()[-300:]}"
        )
    return outcome.isolation
