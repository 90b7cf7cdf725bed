"""Takes what people do from Telegram itself, over HTTP. Any number of processes may listen."""

import asyncio
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from aiohttp import web

from services.chassis.database import DATABASE_TROUBLE, Database
from services.chassis.errors import SetupError
from services.chassis.logs import get_logger
from services.chassis.outage import Outage
from services.notifier.hints import pause
from services.notifier.store import updates
from services.notifier.telegram.api import BotApi
from services.notifier.telegram.incoming import is_id
from services.notifier.telegram.poller import WEBHOOK_LEASE, keep
from services.notifier.telegram.trouble import Trouble

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"
BODY_MOST = 1 << 20
LEASE_S, LOOK_EVERY_S = 45.0, 15.0

_log = get_logger("notifier.webhook")


class Webhook:
    """Keeps each update before it tells Telegram that it has it."""

    def __init__(self, db: Database, secret: str) -> None:
        self._db = db
        self._secret = secret.encode()
        self.port = 0

    @asynccontextmanager
    async def serving(self, host: str, port: int, path: str) -> AsyncIterator["Webhook"]:
        """Listens; SetupError where the port is taken."""
        app = web.Application(client_max_size=BODY_MOST)
        app.router.add_post(path or "/", self._take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port)
            try:
                await site.start()
            except OSError as error:
                raise SetupError(
                    f"AIARTIST_TELEGRAM_WEBHOOK_PORT: cannot listen on {host}:{port}: {error.strerror}; "
                    "choose another port"
                ) from error
            self.port = runner.addresses[0][1]
            yield self
        finally:
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        given = request.headers.get(SECRET_HEADER, "").encode()
        if not hmac.compare_digest(given, self._secret):
            _log.warning("a call without the webhook's secret was refused", peer=request.remote)
            return web.Response(status=403)
        try:
            update = json.loads(await request.read())
        except (ValueError, RecursionError):
            return web.Response(status=400)
        if not isinstance(update, dict) or not is_id(update.get("update_id")):
            return web.Response(status=400)
        try:
            await keep(self._db, [update])
        except DATABASE_TROUBLE as error:
            _log.warning("an update waits at Telegram for the database", detail=type(error).__name__)
            return web.Response(status=503)
        return web.Response()


async def announce(db: Database, api: BotApi, url: str, secret: str, closing: asyncio.Event) -> None:
    """Sees to it that Telegram calls the webhook, and that no process polls meanwhile, until closing."""
    telegram, database = Outage(_log, "Telegram"), Outage(_log, "the database")
    while not closing.is_set():
        try:
            async with db.acquire() as connection:
                await updates.hold_together(connection, WEBHOOK_LEASE, LEASE_S)
            database.over()
            # Asked again and again: whoever has the token can set another one.
            if await api.webhook_url() != url:
                await api.set_webhook(url, secret)
                _log.info("Telegram calls the webhook from now on", url=url)
            telegram.over()
        except DATABASE_TROUBLE as error:
            database.noticed(error)
        except Trouble as trouble:
            telegram.noticed(trouble)
        await pause(closing, timeout_s=LOOK_EVERY_S)


def path_of(url: str) -> str:
    """The path under which Telegram calls."""
    return urlsplit(url).path or "/"
