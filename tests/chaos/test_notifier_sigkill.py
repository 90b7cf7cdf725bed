"""notifier is killed at its worst moments: people see one message, and a press is one decision."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest

from aiartist.notifier.v1 import notifier_pb2 as pb
from aiartist.notifier.v1.notifier_pb2_grpc import NotifierServiceStub
from tests.support.fake_peers import FakePeers
from tests.support.fake_telegram import Done, FakeTelegram, Message
from tests.support.processes import Process, clean_environment, process

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180)]

VERA, CHAT = 11, -1001


@dataclass
class Bed:
    """A notifier in a process of its own, and all that it talks to."""

    telegram: FakeTelegram
    peers: FakePeers
    environment: dict[str, str]
    log: Path
    stack: AsyncExitStack
    running: list[Process] = field(default_factory=list)

    async def start(self) -> NotifierServiceStub:
        replica = await self.stack.enter_async_context(process("notifier", self.environment, self.log))
        self.running.append(replica)
        await replica.ready("notifier")
        channel = await self.stack.enter_async_context(
            grpc.aio.insecure_channel(self.environment["AIARTIST_NOTIFIER_ADDR"])
        )
        return NotifierServiceStub(channel)

    async def kill(self) -> None:
        await self.running.pop().kill()

    def seen(self, kind: str) -> list[Message]:
        """What the chat has of it: `photo`, `audio` or `text`."""
        found = [message for message in self.telegram.messages(CHAT) if message.from_bot]
        return [
            message for message in found
            if kind == ("photo" if message.photo else "audio" if message.audio else "text")
        ]  # fmt: skip


@pytest.fixture
async def bed(tmp_path: Path, database_url: str, unused_tcp_port_factory) -> AsyncIterator[Bed]:
    async with AsyncExitStack() as stack:
        telegram = await stack.enter_async_context(FakeTelegram())
        telegram.chat(CHAT, title="The label")
        telegram.person(VERA, "Vera")
        telegram.chat(VERA)
        peers = await stack.enter_async_context(FakePeers.serving())
        port = unused_tcp_port_factory()
        environment = clean_environment(
            AIARTIST_DATABASE_URL=database_url,
            AIARTIST_DATA_DIR=str(tmp_path),
            AIARTIST_SHIP_ERRORS="false",
            AIARTIST_NOTIFIER_PORT=str(port),
            AIARTIST_NOTIFIER_ADDR=f"127.0.0.1:{port}",
            AIARTIST_NOTIFIER_METRICS_PORT=str(unused_tcp_port_factory()),
            AIARTIST_NOTIFIER_POLL_INTERVAL_S="0.2",
            AIARTIST_TELEGRAM_TOKEN=telegram.token,
            AIARTIST_TELEGRAM_API_BASE=telegram.url,
            AIARTIST_TELEGRAM_CHAT_IDS=str(CHAT),
            AIARTIST_TELEGRAM_PEOPLE=f"{VERA}:approver:Vera",
            AIARTIST_TELEGRAM_CHAT_INTERVAL_S="0",
            AIARTIST_SCHEDULER_ADDR=peers.address,
            AIARTIST_ARTIST_DB_ADDR=peers.address,
            AIARTIST_RELEASE_ADDR=peers.address,
        )
        yield Bed(telegram, peers, environment, tmp_path / "notifier.log", stack)


@pytest.mark.parametrize("method", ["sendPhoto", "sendAudio"])
async def test_killed_between_send_and_record_people_see_one_message(bed: Bed, method: str) -> None:
    stub = await bed.start()
    held = bed.telegram.hold(method, 1)
    await stub.RequestApproval(bed.peers.song())
    # The chat has it; the process never hears so.
    await bed.telegram.until(lambda: held.held == 1)
    await bed.kill()
    held.release()
    stub = await bed.start()
    await stub.Notify(pb.NotifyRequest(request_id="after", title="after"))
    await bed.telegram.wait_for(CHAT, lambda message: "after" in message.words)
    assert [len(bed.seen(kind)) for kind in ("photo", "audio", "text")] == [1, 1, 1]
    # Its buttons still work, and go.
    [card] = bed.seen("audio")
    await bed.telegram.press(VERA, CHAT, card, "✅ Approve")
    await bed.telegram.wait_for(CHAT, lambda message: message.audio and "Approved by Vera" in message.words)
    assert len(bed.peers.decided) == 1


async def test_killed_before_the_send_nothing_is_lost(bed: Bed) -> None:
    stub = await bed.start()
    bed.telegram.fail("sendPhoto", "hang", 1)
    await stub.RequestApproval(bed.peers.song())
    await bed.telegram.until(lambda: bed.telegram.held == 1)
    await bed.kill()
    await bed.start()
    await bed.telegram.wait_for(CHAT, lambda message: message.audio)
    assert [len(bed.seen(kind)) for kind in ("photo", "audio", "text")] == [1, 1, 0]


@pytest.mark.parametrize("answered", [False, True], ids=["before the answer", "after the answer"])
async def test_killed_between_press_and_decision_it_is_one_decision(bed: Bed, answered: bool) -> None:
    stub = await bed.start()
    await stub.RequestApproval(bed.peers.song())
    card = await bed.telegram.wait_for(CHAT, lambda message: message.audio)
    bed.peers.before_answer = asyncio.Event()
    await bed.telegram.press(VERA, CHAT, card, "✅ Approve")
    await bed.peers.deciding.wait()
    if answered:
        held = bed.telegram.hold("editMessageCaption", 1)
        bed.peers.before_answer.set()
        await bed.telegram.until(lambda: held.held == 1)
    await bed.kill()
    bed.peers.before_answer.set()
    bed.telegram.mend()
    await bed.start()
    await bed.telegram.wait_for(
        CHAT, lambda message: message.audio and "Approved by Vera" in message.words and not message.buttons
    )
    assert len(bed.peers.decided) == 1
    assert len({request.request_id for request in bed.peers.asked}) == 1
    assert [len(bed.seen(kind)) for kind in ("photo", "audio", "text")] == [1, 1, 0]


async def test_a_press_that_was_fetched_and_not_kept_is_fetched_again(bed: Bed) -> None:
    stub = await bed.start()
    await stub.RequestApproval(bed.peers.song())
    card = await bed.telegram.wait_for(CHAT, lambda message: message.audio)
    fetched, killed = asyncio.Event(), asyncio.Event()

    async def on_its_way(done: Done) -> None:
        if done.result and not killed.is_set():
            fetched.set()
            await killed.wait()

    bed.telegram.on("getUpdates", on_its_way)
    await bed.telegram.press(VERA, CHAT, card, "✅ Approve")
    await fetched.wait()
    await bed.kill()
    killed.set()
    await bed.start()
    await bed.telegram.wait_for(CHAT, lambda message: message.audio and "Approved by Vera" in message.words)
    assert len(bed.peers.decided) == 1


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_when_the_poller_dies_or_freezes_another_replica_goes_on(
    bed: Bed, how: signal.Signals, unused_tcp_port_factory
) -> None:
    stub = await bed.start()
    await stub.RequestApproval(bed.peers.song())
    card = await bed.telegram.wait_for(CHAT, lambda message: message.audio)
    poller = bed.running.pop()
    await bed.telegram.until(lambda: bed.telegram.polls_open == 1)
    port = unused_tcp_port_factory()
    bed.environment = {
        **bed.environment,
        "AIARTIST_NOTIFIER_PORT": str(port),
        "AIARTIST_NOTIFIER_ADDR": f"127.0.0.1:{port}",
        "AIARTIST_NOTIFIER_METRICS_PORT": str(unused_tcp_port_factory()),
    }
    await bed.start()
    assert await poller.metric("notifier", "aiartist_notifier_polling") == 1
    poller.running.send_signal(how)
    await bed.telegram.press(VERA, CHAT, card, "✅ Approve")
    await bed.telegram.wait_for(
        CHAT, lambda message: message.audio and "Approved by Vera" in message.words, timeout=60
    )
    assert await bed.running[0].metric("notifier", "aiartist_notifier_polling") == 1
    if how is signal.SIGSTOP:
        # It wakes up, sees that its lease is gone, and leaves the polling to the other.
        poller.running.send_signal(signal.SIGCONT)
        while await poller.metric("notifier", "aiartist_notifier_polling"):
            await asyncio.sleep(0.1)
    assert len(bed.peers.decided) == 1
