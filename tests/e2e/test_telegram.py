"""A label that is run from a chat: from the button to the release, on the whole platform."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from aiartist.scheduler.v1 import scheduler_pb2 as pb
from tests.support.fake_telegram import FakeTelegram, Message
from tests.support.fake_upstream import FakeUpstream
from tests.support.label import Label, environment_with_model
from tests.support.processes import process

pytestmark = pytest.mark.timeout(300)

OLA, CHAT = 13, -1001


@dataclass
class Bed:
    telegram: FakeTelegram
    label: Label

    async def card(self, take: int) -> Message:
        """The question about a take."""

        def asks(message: Message) -> bool:
            return bool(message.buttons and message.audio) and message.title.endswith(f"(take {take})")

        return await self.telegram.wait_for(CHAT, asks, timeout=90)

    async def press(self, message: Message, button: str) -> str:
        query = await self.telegram.press(OLA, message.chat_id, message, button)
        return (await self.telegram.answer_of(query, timeout=30)).text

    async def menu(self, message: Message, button: str) -> Message:
        return await self.telegram.wait_for(
            CHAT, lambda found: found.message_id == message.message_id and button in found.labels
        )


@pytest.fixture
async def bed(tmp_path: Path) -> AsyncIterator[Bed]:
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(FakeUpstream())
        telegram = await stack.enter_async_context(FakeTelegram(privacy=True))
        telegram.chat(CHAT, title="The label")
        telegram.person(OLA, "Ola")
        telegram.chat(OLA)
        environment = environment_with_model(tmp_path, upstream.url) | {
            "AIARTIST_TELEGRAM_TOKEN": telegram.token,
            "AIARTIST_TELEGRAM_API_BASE": telegram.url,
            "AIARTIST_TELEGRAM_CHAT_IDS": str(CHAT),
            "AIARTIST_TELEGRAM_PEOPLE": f"{OLA}:operator:Ola",
            "AIARTIST_TELEGRAM_CHAT_INTERVAL_S": "0",
        }
        platform = await stack.enter_async_context(process("all", environment, tmp_path / "platform.log"))
        await platform.ready("scheduler")
        await platform.ready("notifier")
        label = Label(environment, tmp_path / "catalog")
        stack.push_async_callback(label.close)
        yield Bed(telegram, label)


async def test_from_the_button_to_the_release(bed: Bed) -> None:
    await bed.label.take_on("Nova Vale")
    # The song is asked for in the chat.
    await bed.telegram.say(OLA, CHAT, "/new Nova Vale: rain on glass")
    first = await bed.card(1)
    assert first.performer == "Nova Vale"
    assert first.thumbnail is not None
    cover = next(message for message in bed.telegram.messages(CHAT) if message.photo)
    assert "by Nova Vale" in cover.words
    # Another take with a note, written as an answer to the bot's question.
    await bed.press(first, "🔁 Another take")
    await bed.press(await bed.menu(first, "📝 Write a note"), "📝 Write a note")
    asked = await bed.telegram.wait_for(CHAT, lambda message: message.markup.get("force_reply"))
    await bed.telegram.say(OLA, CHAT, "a little slower", reply_to=asked)
    second = await bed.card(2)
    assert second.labels[:2] == ("✅ Take 1", "✅ Take 2")
    # The first take is picked, and is what is released.
    told = await bed.press(second, "✅ Take 1")
    assert told.startswith("✅ Take 1 approved by Ola")
    note = await bed.telegram.wait_for(CHAT, lambda message: "is out" in message.words, timeout=90)
    assert "✅ Approved by Ola" in note.words
    [run] = (await bed.label.runs.ListRuns(pb.ListRunsRequest())).runs
    run = await bed.label.run(run.id)
    assert run.state == pb.RUN_STATE_RELEASED
    assert run.decision.decided_by == "telegram:Ola"
    [release] = await bed.label.releases(run.id)
    takes = [stage for stage in run.stages if stage.stage == pb.STAGE_NAME_PRODUCE]
    assert len(takes) == 2
    folder = Path(run.location)
    # What was seen and heard is what is out: the cover byte for byte, and the take by its digest.
    assert (folder / "artwork" / "cover.jpg").read_bytes() == cover.photo
    assert release.decision.content_digest == run.content_digest
    for message in bed.telegram.messages(CHAT):
        assert not (message.buttons and message.audio)
    noted = next(m for m in bed.telegram.messages(CHAT) if m.message_id == first.message_id)
    assert "a little slower" in noted.words


async def test_autopilot_asks_nobody_and_can_be_turned_off_from_its_note(bed: Bed) -> None:
    artist_id = await bed.label.take_on("Nova Vale")
    await bed.label.start(artist_id, autopilot=True)
    song = await bed.telegram.wait_for(
        CHAT, lambda message: message.audio and "🛑" in "".join(message.labels), timeout=90
    )
    assert not any("Approve" in label for m in bed.telegram.messages(CHAT) for label in m.labels)
    await bed.press(song, "🛑 Turn autopilot off for Nova Vale")
    after = await bed.telegram.wait_for(
        CHAT, lambda message: message.message_id == song.message_id and not message.buttons
    )
    assert after.audio
