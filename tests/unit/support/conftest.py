"""The fake Telegram, and the bot of python-telegram-bot that talks to it."""

from collections.abc import AsyncIterator

import pytest
import telegram
from telegram.request import HTTPXRequest

from tests.support.fake_telegram import FakeTelegram


@pytest.fixture
async def fake() -> AsyncIterator[FakeTelegram]:
    """With Ann (7) in a private chat, and a group (-100)."""
    async with FakeTelegram() as running:
        running.person(7, "Ann", "ann_of_the_label")
        running.chat(7)
        running.chat(-100, title="Our label")
        yield running


@pytest.fixture
async def bot(fake: FakeTelegram) -> AsyncIterator[telegram.Bot]:
    def request() -> HTTPXRequest:
        return HTTPXRequest(httpx_kwargs={"trust_env": False})

    async with telegram.Bot(
        fake.token,
        base_url=f"{fake.url}/bot",
        base_file_url=f"{fake.url}/file/bot",
        request=request(),
        get_updates_request=request(),
    ) as running:
        yield running
