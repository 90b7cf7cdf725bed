"""Jobs and warm-ups for worker processes; found there by their names."""

import errno
import os
import signal
import threading
from pathlib import Path

from services.release.worker import Report


def add(report: Report, one: int, other: int) -> int:
    """Their sum, with a step for each."""
    report("first", 1, 2)
    report("second", 2, 2)
    return one + other


def pid(_report: Report) -> int:
    """The worker's process id."""
    return os.getpid()


def chatter(_report: Report) -> str:
    """Prints to standard output, as libraries do."""
    os.write(1, b"noise that is no frame\n" * 100)
    return "heard"


def fail(_report: Report) -> None:
    """Raises something that cannot be pickled back."""

    class Local(Exception):
        pass

    raise Local("a secret of this worker")


def fill_the_disk(_report: Report, path: Path) -> None:
    """Raises what a full disk raises."""
    raise OSError(errno.ENOSPC, "No space left on device", str(path))


def die(_report: Report) -> None:
    """Ends as the kernel's out-of-memory killer would end it."""
    os.kill(os.getpid(), signal.SIGKILL)


def wait_for_ever(report: Report, mark: Path) -> None:
    """Tells its process id in a file, then waits for what never comes."""
    mark.write_text(str(os.getpid()))
    report("waiting", 0, 0)
    threading.Event().wait()


def meet(_report: Report, barrier: Path, count: int) -> int:
    """Returns only when `count` workers are in it at once; waits on a pipe that each opens."""
    (barrier / str(os.getpid())).touch()
    moment = threading.Event()
    while len(list(barrier.iterdir())) < count:
        moment.wait(0.01)
    return os.getpid()


def warm_up_and_die() -> None:
    """A warm-up that never succeeds."""
    os._exit(7)
