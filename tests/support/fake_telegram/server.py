"""The server itself: sockets, failures, counters and hooks."""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from aiohttp import web

from tests.support.fake_telegram.behaviours import (
    Behaviour,
    Failure,
    Garbage,
    Hang,
    Limits,
    LostAnswer,
    Refuse,
    Slow,
    Status,
    TooMany,
    behaviour,
    status_error,
)
from tests.support.fake_telegram.call import Call, read_call
from tests.support.fake_telegram.errors import ApiError, not_found, too_many
from tests.support.fake_telegram.people import People

TOKEN = "4242424242:the-token-of-the-fake-server"
_BAD_GATEWAY = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx/1.18.0</center>\r\n</body>\r\n</html>\r\n"
)
_MAX_BODY = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Done:
    """A call whose work is done, and which is not answered yet."""

    call: Call
    result: object = None
    """As JSON; None for a refusal."""
    error: ApiError | None = None


Hook = Callable[[Done], Awaitable[None]]


class FakeTelegram(People):
    """A Bot API server on 127.0.0.1. `bot` of the address is not part of `url`:
    `telegram.Bot(fake.token, base_url=f"{fake.url}/bot", base_file_url=f"{fake.url}/file/bot")`.
    """

    def __init__(
        self, *, token: str = TOKEN, port: int = 0, strict_audio: bool = True, privacy: bool = True
    ) -> None:
        super().__init__(token)
        self.calls: Counter[str] = Counter()
        """How often each method was called, whatever came of it."""
        self.answered: Counter[str] = Counter()
        """How often each method's own answer was sent off, be it a refusal."""
        self.abandoned: Counter[str] = Counter()
        """How often the caller of each method went away before it was answered."""
        self.failures: list[Failure] = []
        self._api.strict_audio, self._api.privacy = strict_audio, privacy
        self._limits = Limits()
        self._hooks: list[tuple[str, Hook]] = []
        self._running_hooks: set[asyncio.Task[None]] = set()
        self._port = port
        self._runner = self._new_runner()
        self._site: web.TCPSite | None = None
        self._delivery: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def held(self) -> int:
        """How many calls wait in `slow` or `hang` now."""
        return sum(failure.held for failure in self.failures)

    @property
    def polls_open(self) -> int:
        return self._updates.polls_open

    @property
    def most_polls_open(self) -> int:
        """How many getUpdates were ever open at the same time; more than one: two pollers met."""
        return self._updates.most_polls_open

    @property
    def conflicts(self) -> int:
        """How many getUpdates were ended by 409."""
        return self._updates.conflicts

    def stats(self) -> dict[str, object]:
        return {
            "calls": dict(self.calls),
            "answered": dict(self.answered),
            "abandoned": dict(self.abandoned),
            "polls_open": self.polls_open,
            "most_polls_open": self.most_polls_open,
            "conflicts": self.conflicts,
            "updates": len(self.updates),
            "pending": len(self.pending),
            "held": self.held,
            "webhook_url": self.webhook_url,
            "webhook_refused": self.webhook_refused,
        }

    def fail(self, method: str, how: Behaviour | str, times: int | None = None) -> Failure:
        """Does this with the next calls of a method (`*`: of all; `send*`), or with all of them.

        An earlier failure comes first, as long as it has calls left.
        """
        self.failures.append(Failure(method, behaviour(how), times))
        return self.failures[-1]

    def hold(self, method: str, times: int | None = None) -> Failure:
        """Does the work of this method's calls, and answers when the failure is released."""
        return self.fail(method, Slow(), times)

    def mend(self) -> None:
        """Ends all failures; what waits in one is answered."""
        for failure in self.failures:
            failure.release()

    def limits(
        self,
        *,
        per_chat_per_s: float | None = None,
        per_group_per_min: float | None = None,
        all_per_s: float | None = None,
    ) -> None:
        """429 for what is sent or edited faster than this."""
        self._limits = Limits(per_chat_per_s, per_group_per_min, all_per_s)

    def on(self, method: str, hook: Hook) -> Callable[[], None]:
        """Awaits this after the method's work and before its answer is sent; returns how to end that.

        The hook runs to its end even where the caller goes away in it.
        """
        entry = (method.lower(), hook)
        self._hooks.append(entry)
        return lambda: self._hooks.remove(entry)

    async def start(self) -> None:
        await self._runner.setup()
        await self.up()
        self._delivery = asyncio.create_task(self._webhook.deliver())

    async def up(self) -> None:
        """Listens, on the port of before."""
        if self._site is None:
            self._site = web.TCPSite(self._runner, "127.0.0.1", self._port)
            await self._site.start()
            self._port = self._runner.addresses[0][1]

    async def down(self) -> None:
        """Closes the port and all connections; nothing is forgotten."""
        if self._site is not None:
            await self._site.stop()
            self._site = None
        assert self._runner.server is not None
        for connection in self._runner.server.connections:
            if connection.transport is not None:
                connection.transport.abort()

    async def close(self) -> None:
        await self.down()
        tasks = [*self._running_hooks, *([self._delivery] if self._delivery else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _new_runner(self) -> web.AppRunner:
        app = web.Application(client_max_size=_MAX_BODY)
        app.router.add_route("*", r"/bot{token:[^/]*}/{method:[^/]+}", self._handle)
        app.router.add_get(r"/file/bot{token:[^/]*}/{path:.+}", self._download)
        app.router.add_route("*", "/{rest:.*}", self._nothing)
        # A call ends when its caller goes away: a dead poller is no poller.
        return web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1)

    def _check_token(self, token: str) -> None:
        if not re.fullmatch(r"\d+:[\w-]+", token):
            raise not_found()
        if token != self.token:
            raise ApiError(401, "Unauthorized")

    async def _nothing(self, request: web.Request) -> web.Response:
        return _refusal(not_found())

    async def _download(self, request: web.Request) -> web.Response:
        try:
            self._check_token(request.match_info["token"])
        except ApiError as error:
            return _refusal(error)
        file = self._world.file_at(request.match_info["path"])
        return web.Response(body=file.content) if file else _refusal(not_found())

    async def _handle(self, request: web.Request) -> web.Response:
        method = self._api.name_of(request.match_info["method"])
        self.calls[method] += 1
        try:
            return await self._answer(method, request)
        except asyncio.CancelledError:
            self.abandoned[method] += 1
            self._world.bell.ring()
            raise

    async def _answer(self, method: str, request: web.Request) -> web.Response:
        failure = next((failure for failure in self.failures if failure.meets(method)), None)
        does = failure.behaviour if failure else None
        if failure:
            failure.take()
        self._world.bell.ring()
        if isinstance(does, Refuse):
            return _cut(request)
        try:
            self._check_token(request.match_info["token"])
            call = await read_call(method, request)
        except ApiError as error:
            return _refusal(error)
        except web.HTTPRequestEntityTooLarge:
            return _refusal(ApiError(413, "Request Entity Too Large"))
        if failure and (instead := await self._instead(failure)):
            return instead
        done = await self._do(call)
        await self._run_hooks(done)
        if failure and isinstance(does, Slow):
            await self._hold(failure, does.seconds)
        if isinstance(does, LostAnswer):
            return _cut(request)
        if isinstance(does, Status):
            return _status(does)
        self.answered[method] += 1
        if done.error is not None:
            return _refusal(done.error)
        return web.json_response({"ok": True, "result": done.result})

    async def _instead(self, failure: Failure) -> web.Response | None:
        """The answer of a failure that does no work; None for one that does."""
        match failure.behaviour:
            case TooMany(retry_after):
                return _refusal(too_many(retry_after))
            case Status() as status if not status.works:
                return _status(status)
            case Garbage(body):
                return web.Response(text=body, content_type="text/html")
            case Hang():
                await self._hold(failure, None)
                return _refusal(ApiError(500, "Internal Server Error"))
        return None

    async def _do(self, call: Call) -> Done:
        try:
            if call.method.startswith(("send", "edit")):
                self._limits.check(call.text("chat_id"))
            return Done(call, await self._api.do(call))
        except ApiError as error:
            return Done(call, error=error)

    async def _run_hooks(self, done: Done) -> None:
        for method, hook in [*self._hooks]:
            if method in (done.call.method.lower(), "*"):
                task = asyncio.ensure_future(hook(done))
                self._running_hooks.add(task)
                task.add_done_callback(self._running_hooks.discard)
                await asyncio.shield(task)

    async def _hold(self, failure: Failure, seconds: float | None) -> None:
        failure.held += 1
        self._world.bell.ring()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await failure.released()
        finally:
            failure.held -= 1
            self._world.bell.ring()


def _refusal(error: ApiError) -> web.Response:
    return web.json_response(error.body(), status=error.code)


def _status(status: Status) -> web.Response:
    if status.code == 502:
        return web.Response(status=502, text=_BAD_GATEWAY, content_type="text/html")
    return _refusal(status_error(status))


def _cut(request: web.Request) -> web.Response:
    """Closes the connection; what is returned is sent to nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
