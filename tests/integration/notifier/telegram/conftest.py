"""A notifier that talks to a Bot API server of our own, and to services that are there."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from aiartist.notifier.v1 import notifier_pb2 as pb
from aiartist.notifier.v1.notifier_pb2_grpc import NotifierServiceStub
from services.chassis.lifecycle import App
from services.notifier.app import build
from services.notifier.settings import Settings
from tests.support.fake_peers import FakePeers
from tests.support.fake_telegram import FakeTelegram, Message

VERA, PAUL, OLA, STRANGER = 11, 12, 13, 99
"""An approver, a viewer, an operator, and somebody."""
CHAT = -1001
PEOPLE = f"{VERA}:approver:Vera, {PAUL}:viewer:Paul, {OLA}:operator:Ola"


@dataclass
class Bed:
    """What a test needs at hand."""

    app: App
    stub: Any
    telegram: FakeTelegram
    peers: FakePeers

    async def ask(self, request: pb.RequestApprovalRequest) -> Message:
        """Asks a question; its message with the buttons, as the chat shows it."""
        await self.stub.RequestApproval(request)
        return await self.card(request.run_id, request.take_number)

    async def card(self, run_id: str, take_number: int = 1) -> Message:
        """The message with the buttons about a run's take."""

        def is_card(message: Message) -> bool:
            digest = self.peers.takes[f"tak_{run_id.removeprefix('run_')}_{take_number}"].id
            return bool(message.buttons) and digest in self.titles_of(message)

        return await self.telegram.wait_for(CHAT, is_card)

    def titles_of(self, message: Message) -> set[str]:
        """Ids of the takes that the message is about, by its audio's title."""
        return {
            take.id
            for take in self.peers.takes.values()
            if f"{self.peers.briefs[take.brief_id].brief.title} (take {take.take_number})" == message.title
        }

    async def press(self, person: int, message: Message, button: str) -> str:
        """Presses and reads what the person is told."""
        query = await self.telegram.press(person, message.chat_id, message, button)
        return (await self.telegram.answer_of(query)).text

    async def now(self, message: Message, predicate: Callable[[Message], object]) -> Message:
        """The same message, when it has become so."""
        return await self.telegram.wait_for(
            message.chat_id, lambda found: found.message_id == message.message_id and predicate(found)
        )


Start = Callable[..., AbstractAsyncContextManager[Bed]]


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as fake:
        fake.chat(CHAT, title="The label")
        for user_id, name in ((VERA, "Vera"), (PAUL, "Paul"), (OLA, "Ola"), (STRANGER, "Mallory")):
            fake.person(user_id, name)
            fake.chat(user_id)
        yield fake


@pytest.fixture
async def peers() -> AsyncIterator[FakePeers]:
    async with FakePeers.serving() as fake:
        yield fake


@pytest.fixture
def settings(database_url: str, telegram: FakeTelegram, peers: FakePeers) -> Callable[..., Settings]:
    """Settings of a notifier on this Telegram."""

    def make(**changes: Any) -> Settings:
        values: dict[str, Any] = {
            "port": 0,
            "metrics_port": 0,
            "notifier_poll_interval_s": 0.2,
            "notifier_retry_base_s": 0.05,
            "telegram_token": telegram.token,
            "telegram_api_base": telegram.url,
            "telegram_chat_ids": (CHAT,),
            "telegram_people": PEOPLE,
            "telegram_chat_interval_s": 0,
            "telegram_poll_timeout_s": 2,
            "scheduler_addr": peers.address,
            "artist_db_addr": peers.address,
            "release_addr": peers.address,
        }
        return Settings(database_url=database_url, ship_errors=False, stop_grace_s=1, **(values | changes))

    return make


@pytest.fixture
def notifier(settings: Callable[..., Settings], telegram: FakeTelegram, peers: FakePeers) -> Start:
    @asynccontextmanager
    async def run(**changes: Any) -> AsyncIterator[Bed]:
        async with (
            await build(settings(**changes)) as app,
            grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as wire,
        ):
            yield Bed(app, NotifierServiceStub(wire), telegram, peers)

    return run
