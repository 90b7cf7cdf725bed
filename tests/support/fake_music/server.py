"""What the fakes share: tasks, calls that are scripted, files that are served."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from tests.support.fake_music.behaviours import Behaviour
from tests.support.fake_music.files import ServedFile
from tests.support.fake_music.songs import song_file


@dataclass(slots=True)
class Task:
    """An order that was taken."""

    id: str
    body: dict[str, Any]
    key: str
    polls: int = 0


@dataclass(slots=True)
class Call:
    """An order as it came, taken or not."""

    body: dict[str, Any]
    key: str
    authorization: str


@dataclass(slots=True)
class Script:
    """What the next calls get instead of the usual; `always` once these are over."""

    next: deque[Behaviour] = field(default_factory=deque)
    always: Behaviour | None = None

    def take(self) -> Behaviour | None:
        return self.next.popleft() if self.next else self.always


class FakeMusic:
    """A provider; `async with` serves it."""

    key = ""
    """Demanded as a bearer token; empty: none is."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.tasks: dict[str, Task] = {}
        self.songs: list[str] = ["song"]
        """Names of the files that a finished task tells of."""
        self.files: dict[str, ServedFile] = {"song": ServedFile(song_file())}
        self.ready_after = 1
        """So many polls say that a task is at work."""
        self.ending = "ok"
        """`ok`, `failed`, `empty`, or what the protocol adds."""
        self.remembers_keys = True
        """True: an order with a key that came before gives the same task."""
        self.submit, self.poll = Script(), Script()
        self.polled = asyncio.Event()
        """Set at each poll."""
        self.port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes(self.routes())
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def routes(self) -> list[web.RouteDef]:
        """Of the protocol; and files by their names."""
        raise NotImplementedError

    def refused(self, request: web.Request) -> bool:
        """True where the key is missing or wrong."""
        return bool(self.key) and request.headers.get("Authorization") != f"Bearer {self.key}"

    def taken(self, body: dict[str, Any], request: web.Request) -> Task:
        """The task of an order, new or known by its key."""
        key = request.headers.get("Idempotency-Key", "")
        self.calls.append(Call(body, key, request.headers.get("Authorization", "")))
        known = next((task for task in self.tasks.values() if key and task.key == key), None)
        if known is not None and self.remembers_keys:
            return known
        task = Task(f"task-{len(self.tasks) + 1}", body, key)
        self.tasks[task.id] = task
        return task

    async def scripted(
        self, script: Script, request: web.Request, usual: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """The call's answer: as scripted, else as usual."""
        behaviour = script.take()
        return await usual() if behaviour is None else await behaviour.act(request, usual)

    def asked(self, task_id: str) -> tuple[Task | None, bool]:
        """A task, and whether it is at its end."""
        self.polled.set()
        task = self.tasks.get(task_id)
        if task is None:
            return None, False
        task.polls += 1
        return task, task.polls > self.ready_after

    async def send(self, request: web.Request, name: str) -> web.StreamResponse:
        """A file by its name."""
        file = self.files.get(name)
        return web.Response(status=404) if file is None else await file.send(request)
