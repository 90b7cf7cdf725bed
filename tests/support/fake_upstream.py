"""An OpenAI-compatible server on a real socket that can answer well, badly, late or never.

In a test: `async with FakeUpstream() as upstream:` and `upstream.url`. For other processes:
`python -m tests.support.fake_upstream --port N --log FILE`. Each answer that was sent whole is a
line of JSON in the log, so that a test can tell what was paid, and whether anything was paid twice.
"""

import argparse
import asyncio
import json
import signal
import socket
import struct
import sys
import tempfile
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

from tests.support.fake_songwriter import write_answer


@dataclass(frozen=True, slots=True)
class Asked:
    """One call as it came in."""

    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: Mapping[str, Any]

    @property
    def key(self) -> str:
        return self.headers.get("idempotency-key", "")

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))


class Behaviour(Protocol):
    """What the server does with one call."""

    async def act(self, upstream: "FakeUpstream", asked: Asked, writer: asyncio.StreamWriter) -> None: ...


@dataclass(frozen=True, slots=True)
class Say:
    """A whole answer with this text."""

    text: str
    finish_reason: str = "stop"

    async def act(self, upstream: "FakeUpstream", asked: Asked, writer: asyncio.StreamWriter) -> None:
        await upstream.send_answer(writer, asked, self.text, self.finish_reason)


@dataclass(frozen=True, slots=True)
class WriteWell:
    """Whatever a competent songwriter would answer; the same for the same question and seed."""

    async def act(self, upstream: "FakeUpstream", asked: Asked, writer: asyncio.StreamWriter) -> None:
        await upstream.send_answer(writer, asked, write_answer(asked.body), "stop")


@dataclass(frozen=True, slots=True)
class Status:
    """An error with this HTTP status."""

    status: int
    message: str = "no"
    code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    async def act(self, upstream: "FakeUpstream", asked: Asked, writer: asyncio.StreamWriter) -> None:
        error = {"message": self.message, "type": "error", "code": self.code or None}
        await _send(writer, self.status, json.dumps({"error": error}), self.headers)


@dataclass(frozen=True, slots=True)
class Raw:
    """Status 200 with this body, whatever it is; `promised` more bytes are announced than come."""

    body: str
    promised: int = 0

    async def act(self, upstream: "FakeUpstream", asked: Asked, writer: asyncio.StreamWriter) -> None:
        await _send(writer, 200, self.body, {}, promised=self.promised)
        if self.promised:
            writer.close()


@dataclass(frozen=True, slots=True)
class Reset:
    """Cuts the connection without a word."""

    async def act(self, upstream: "FakeUpstream", asked: Asked, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()


@dataclass(slots=True)
class Hang:
    """Does not answer before `release` is set, and then as `then` does."""

    then: Behaviour = field(default_factory=WriteWell)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the caller went away before."""

    async def act(self, upstream: "FakeUpstream", asked: Asked, writer: asyncio.StreamWriter) -> None:
        self.started.set()
        released = asyncio.create_task(self.release.wait())
        closed = asyncio.create_task(upstream.wait_closed(writer))
        try:
            await asyncio.wait({released, closed}, return_when=asyncio.FIRST_COMPLETED)
            if not released.done():
                self.gone.set()
                return
        finally:
            released.cancel()
            closed.cancel()
        await self.then.act(upstream, asked, writer)


class FakeUpstream:
    """The server. `script` holds what to do with the next calls of a model, `usual` what after that."""

    def __init__(
        self, *, port: int = 0, log: Path | None = None, hold_file: Path | None = None, hold_after: int = 0
    ) -> None:
        self.asked: list[Asked] = []
        """Every call, in the order in which they came."""
        self.answered: Counter[str] = Counter()
        """How often a whole answer was sent, by Idempotency-Key."""
        self.script: dict[str, deque[Behaviour]] = {}
        self.usual: dict[str, Behaviour] = {}
        """By model; of models that are not named: writes well."""
        self._port = port
        self._log = log
        self._hold_file = hold_file
        self._hold_after = hold_after
        self._server: asyncio.Server | None = None
        self._readers: dict[asyncio.StreamWriter, asyncio.StreamReader] = {}
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        """As `api_base`."""
        return f"http://127.0.0.1:{self._port}/v1"

    def next(self, model: str, *behaviours: Behaviour) -> None:
        """What to do with the next calls of this model."""
        self.script.setdefault(model, deque()).extend(behaviours)

    def asked_of(self, model: str) -> list[Asked]:
        """The calls of one model."""
        return [asked for asked in self.asked if asked.model == model]

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def wait_closed(self, writer: asyncio.StreamWriter) -> None:
        """Returns when the caller has closed the connection."""
        reader = self._readers[writer]
        with suppress(ConnectionError):
            while await reader.read(1024):
                continue

    async def send_answer(
        self, writer: asyncio.StreamWriter, asked: Asked, text: str, finish_reason: str
    ) -> None:
        """Sends a whole answer, counts it and logs it."""
        prompt_tokens = sum(len(str(m.get("content", "")).split()) for m in asked.body.get("messages", ()))
        completion_tokens = len(text.split())
        answer = {
            "id": f"chatcmpl-{len(self.asked)}",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": asked.model,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": finish_reason,
                }
            ],
            "usage": {
                "prompt_tokens": prompt_tokens,
                "completion_tokens": completion_tokens,
                "total_tokens": prompt_tokens + completion_tokens,
            },
        }
        await _send(writer, 200, json.dumps(answer), {})
        self.answered[asked.key] += 1
        if self._log is not None:
            told = {
                "idempotency_key": asked.key,
                "model": asked.model,
                "times": self.answered[asked.key],
                "finish_reason": finish_reason,
            }
            with self._log.open("a", encoding="utf-8") as log:
                log.write(json.dumps(told) + "\n")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        self._readers[writer] = reader
        try:
            while (asked := await _read(reader)) is not None:
                await self._answer(asked, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            del self._readers[writer]
            writer.close()

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        if not asked.path.endswith("/chat/completions"):
            models = {"object": "list", "data": [{"id": "local", "object": "model"}]}
            await _send(writer, 200, json.dumps(models), {})
            return
        self.asked.append(asked)
        await self._held(writer)
        queue = self.script.get(asked.model)
        behaviour = queue.popleft() if queue else self.usual.get(asked.model, WriteWell())
        await behaviour.act(self, asked, writer)

    async def _held(self, writer: asyncio.StreamWriter) -> None:
        """While the hold file exists, only the first `hold_after` answers are given."""
        if self._hold_file is None:
            return
        while self._hold_file.exists() and self.answered.total() >= self._hold_after:
            await asyncio.sleep(0.05)


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    first = await reader.readline()
    if not first:
        return None
    _, path, _ = first.decode("latin-1").split(" ", 2)
    headers = {}
    while (line := (await reader.readline()).decode("latin-1").strip()) != "":
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    length = int(headers.get("content-length", "0"))
    body = await reader.readexactly(length)
    return Asked(path, headers, json.loads(body) if body else {})


async def _send(
    writer: asyncio.StreamWriter, status: int, body: str, headers: Mapping[str, str], *, promised: int = 0
) -> None:
    content = body.encode()
    lines = [f"HTTP/1.1 {status} Told", "content-type: application/json"]
    lines += [f"content-length: {len(content) + promised}", *(f"{k}: {v}" for k, v in headers.items())]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + content)
    await writer.drain()


async def _run(arguments: argparse.Namespace) -> None:
    upstream = FakeUpstream(
        port=arguments.port, log=arguments.log, hold_file=arguments.hold_file, hold_after=arguments.hold_after
    )
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with upstream:
        if arguments.ready:
            arguments.ready.write_text(str(upstream.port))
        await ended.wait()


@dataclass(frozen=True, slots=True)
class UpstreamProcess:
    """A FakeUpstream in a process of its own."""

    url: str
    """As `api_base`."""


@asynccontextmanager
async def upstream_process(*, log: Path, arguments: Sequence[str] = ()) -> AsyncIterator[UpstreamProcess]:
    """The server in another process, which outlives the processes under test; killed at the end."""
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "port"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.support.fake_upstream",
            "--log", str(log), "--ready", str(ready), *arguments,
            cwd=Path(__file__).resolve().parents[2],
        )  # fmt: skip
        try:
            async with asyncio.timeout(30):
                while not ready.exists() or not ready.read_text():
                    assert process.returncode is None, "the fake upstream ended at once"
                    await asyncio.sleep(0.02)
            yield UpstreamProcess(f"http://127.0.0.1:{ready.read_text()}/v1")
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the server until a signal."""
    parser = argparse.ArgumentParser(description="A fake OpenAI-compatible server.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path, help="a line of JSON for each answer that was sent")
    parser.add_argument("--ready", type=Path, help="gets the port as soon as the server listens")
    parser.add_argument("--hold-file", type=Path, help="while this file exists, calls over --hold-after wait")
    parser.add_argument("--hold-after", type=int, default=0)
    asyncio.run(_run(parser.parse_args(argv)))


if __name__ == "__main__":
    main()
