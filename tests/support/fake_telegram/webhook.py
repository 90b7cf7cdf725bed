"""Sends updates to the bot's webhook, one at a time, each until it is taken."""

import asyncio
import re
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import aiohttp

from tests.support.fake_telegram.bell import Bell
from tests.support.fake_telegram.errors import bad_request
from tests.support.fake_telegram.records import Update
from tests.support.fake_telegram.updates import UpdateQueue

_TIMEOUT = aiohttp.ClientTimeout(total=60)


class Webhook:
    """Where updates go; an empty url: they wait for getUpdates."""

    def __init__(self, updates: UpdateQueue, bell: Bell) -> None:
        self.url = ""
        self.last_error = ""
        self.last_error_date = 0
        self.refused = 0
        """How many deliveries were not answered with 2xx."""
        self.retry_s = 0.05
        """Seconds between two attempts at one update; Telegram takes longer and longer."""
        self._secret = ""
        self._updates = updates
        self._bell = bell

    def check(self, url: str, secret: str) -> None:
        """ApiError for what Telegram would not take. Plain http is taken, as by a local Bot API server."""
        if not re.fullmatch(r"[A-Za-z0-9_-]{0,256}", secret):
            raise bad_request("secret token contains unallowed characters")
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise bad_request("invalid webhook URL specified")

    def set(self, url: str, secret: str) -> None:
        self.url, self._secret = url, secret
        self.last_error, self.last_error_date = "", 0
        self._bell.ring()

    async def deliver(self) -> None:
        """Runs until it is cancelled."""
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as client:
            while True:
                update = await self._bell.until(self._next())
                if await self._post(client, update):
                    self._updates.remove(update)
                else:
                    await asyncio.sleep(self.retry_s)

    def _next(self) -> Callable[[], Update | None]:
        return lambda: self._updates.pending[0] if self.url and self._updates.pending else None

    async def _post(self, client: aiohttp.ClientSession, update: Update) -> bool:
        headers = {"X-Telegram-Bot-Api-Secret-Token": self._secret} if self._secret else {}
        try:
            async with client.post(self.url, json=update.json, headers=headers) as answer:
                if 200 <= answer.status < 300:
                    return True
                self.last_error = f"Wrong response from the webhook: {answer.status} {answer.reason}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.last_error = f"Connection failed: {type(error).__name__}"
        self.last_error_date = int(time.time())
        self.refused += 1
        return False
