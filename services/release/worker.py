"""A process that runs jobs one after another. `pool.py` starts it with a socket as its standard input.

A frame is four bytes of length, then a pickle. In: first the warm-up (a function or None), then one
(function, arguments) a job. Out: `Ready`, then for each job any number of `Step` and one `Done`.
The end of the input is the end of the parent, however it came about, and of this process.
"""

import os
import pickle
import signal
import socket
import struct
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, BinaryIO

HEADER = struct.Struct(">I")
Report = Callable[[str, int, int], None]
"""Tells how far a job is: the step in words, units done, units in all (0: nobody can say)."""
_NICE = 5


@dataclass(frozen=True, slots=True)
class Ready:
    """The warm-up is over."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far a job is."""

    step: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Failure:
    """What a job raised: its traceback, and the parts of an OSError where it was one."""

    text: str
    errno: int | None = None
    strerror: str | None = None
    filename: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a job."""

    value: Any = None
    failure: Failure | None = None


def main() -> None:
    """Runs until the input ends."""
    # Ctrl-C reaches the whole process group; the parent ends us in its own order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The parent answers calls on the same cores.
    os.nice(_NICE)
    # The jobs have threads of their own, and other workers are at work too: more of them would only wait for
    # each other. Read by NumPy when the first job loads it.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    channel = socket.socket(fileno=0)
    jobs: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_receive, args=(channel.makefile("rb"), jobs), daemon=True).start()

    def send(message: object) -> None:
        data = pickle.dumps(message)
        channel.sendall(HEADER.pack(len(data)) + data)

    try:
        warm_up = jobs.get()
        if warm_up is not None:
            warm_up()
        send(Ready())
        while True:
            function, arguments = jobs.get()
            send(_run(function, arguments, lambda step, done, total: send(Step(step, done, total))))
    except ConnectionError:
        # The parent is gone; the receiving thread may not have run yet.
        os._exit(1)


def _run(function: Callable[..., Any], arguments: tuple[Any, ...], report: Report) -> Done:
    try:
        return Done(value=function(report, *arguments))
    except ConnectionError:
        raise
    except OSError as error:
        filename = None if error.filename is None else str(error.filename)
        return Done(failure=Failure(traceback.format_exc(), error.errno, error.strerror, filename))
    except Exception:  # noqa: BLE001 - the parent gets whatever it was
        return Done(failure=Failure(traceback.format_exc()))


def _receive(stream: BinaryIO, jobs: "SimpleQueue[Any]") -> None:
    while True:
        header = stream.read(HEADER.size)
        if len(header) < HEADER.size:
            # At once and without cleaning up: the main thread may be deep in a render.
            os._exit(0)
        (length,) = HEADER.unpack(header)
        body = stream.read(length)
        if len(body) < length:
            os._exit(0)
        jobs.put(pickle.loads(body))
