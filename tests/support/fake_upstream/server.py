"""The server itself: connections, the script, and what was asked and answered."""

import asyncio
import json
from collections import Counter, deque
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from tests.support.fake_upstream.behaviours import Behaviour, WriteWell
from tests.support.fake_upstream.wire import Asked, read_call, whole


class FakeUpstream:
    """The server. `script` holds what to do with the next calls of a model, `usual` what after that."""

    def __init__(
        self,
        *,
        port: int = 0,
        log: Path | None = None,
        hold_file: Path | None = None,
        hold_after: int = 0,
        remembers: bool = True,
    ) -> None:
        self.asked: list[Asked] = []
        """Every call, in the order in which they came; empty for one that does not remember."""
        self.answered: Counter[str] = Counter()
        """How often a whole answer was sent, by Idempotency-Key."""
        self.asked_by_model: Counter[str] = Counter()
        self.answered_by_model: Counter[str] = Counter()
        self.script: dict[str, deque[Behaviour]] = {}
        self.usual: dict[str, Behaviour] = {}
        """By model; of models that are not named: writes well."""
        self._port = port
        self._log = log
        self._hold_file = hold_file
        self._hold_after = hold_after
        self._remembers = remembers
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

    async def send(self, writer: asyncio.StreamWriter, content: bytes) -> None:
        writer.write(content)
        await writer.drain()

    async def stays(self, writer: asyncio.StreamWriter, wait: Coroutine[Any, Any, object]) -> bool:
        """Waits; False where the caller closed the connection before."""
        waited = asyncio.create_task(wait)
        closed = asyncio.create_task(self._wait_closed(writer))
        try:
            await asyncio.wait({waited, closed}, return_when=asyncio.FIRST_COMPLETED)
            return waited.done()
        finally:
            waited.cancel()
            closed.cancel()

    def count(self, asked: Asked, finish_reason: str) -> None:
        """Notes that this call got a whole answer, and logs it."""
        self.answered[asked.key] += 1
        self.answered_by_model[asked.model] += 1
        if self._log is not None:
            told = {
                "idempotency_key": asked.key,
                "model": asked.model,
                "times": self.answered[asked.key],
                "finish_reason": finish_reason,
            }
            with self._log.open("a", encoding="utf-8") as log:
                log.write(json.dumps(told) + "\n")

    async def _wait_closed(self, writer: asyncio.StreamWriter) -> None:
        reader = self._readers[writer]
        with suppress(ConnectionError):
            while await reader.read(1024):
                continue

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        self._readers[writer] = reader
        try:
            while not writer.is_closing() and (asked := await read_call(reader)) is not None:
                await self._answer(asked, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            del self._readers[writer]
            writer.close()

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.path == "/stats":
            stats = {"asked": self.asked_by_model, "answered": self.answered_by_model}
            await self.send(writer, whole(200, json.dumps(stats)))
            return
        if not (asked.is_picture or asked.path.endswith("/chat/completions")):
            models = {"object": "list", "data": [{"id": "local", "object": "model"}]}
            await self.send(writer, whole(200, json.dumps(models)))
            return
        self.asked_by_model[asked.model] += 1
        if self._remembers:
            self.asked.append(asked)
        await self._held()
        queue = self.script.get(asked.model)
        behaviour = queue.popleft() if queue else self.usual.get(asked.model, WriteWell())
        await behaviour.act(self, asked, writer)

    async def _held(self) -> None:
        """While the hold file exists, only the first `hold_after` answers are given."""
        if self._hold_file is None:
            return
        while self._hold_file.exists() and self.answered.total() >= self._hold_after:
            await asyncio.sleep(0.05)
