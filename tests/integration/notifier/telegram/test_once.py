"""Nothing is lost, nothing is said twice, whatever Telegram does with our calls."""

import asyncio
from collections.abc import Callable

import pytest

from aiartist.notifier.v1 import notifier_pb2 as pb
from tests.integration.notifier.telegram.conftest import CHAT, VERA, Bed, Start
from tests.support.fake_telegram import FakeTelegram


async def notice(bed: Bed, title: str, **fields: object) -> None:
    await bed.stub.Notify(pb.NotifyRequest(request_id=f"n/{title}", title=title, **fields))


def texts(telegram: FakeTelegram, chat: int = CHAT) -> list[str]:
    """What the bot said, without icons."""
    return [message.words.partition(" ")[2] for message in telegram.messages(chat) if message.from_bot]


async def said(bed: Bed, title: str) -> None:
    await bed.telegram.wait_for(CHAT, lambda message: title in message.words)


async def until_delivery(bed: Bed, chat: str, predicate: Callable[[pb.Delivery], bool]) -> pb.Message:
    """The newest message, when that has become of it in a chat."""
    while True:
        message = (await bed.stub.ListMessages(pb.ListMessagesRequest(page_size=1))).messages[0]
        if any(delivery.chat == chat and predicate(delivery) for delivery in message.deliveries):
            return message
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("how", ["lost_answer", "502", "500", "garbage", "refuse", "429:1", "hang"])
async def test_a_failed_call_neither_loses_nor_doubles_nor_reorders(notifier: Start, how: str) -> None:
    async with notifier(telegram_timeout_s=0.5) as bed:
        await notice(bed, "zero")
        await said(bed, "zero")
        bed.telegram.fail("sendMessage", how, 2)
        for title in ("one", "two", "three"):
            await notice(bed, title)
        await said(bed, "three")
        assert texts(bed.telegram) == ["zero", "one", "two", "three"]


async def test_an_answer_that_comes_too_late_doubles_nothing(notifier: Start) -> None:
    async with notifier(telegram_timeout_s=0.5) as bed:
        await notice(bed, "zero")
        await said(bed, "zero")
        bed.telegram.fail("sendMessage", "slow:3", 1)
        await notice(bed, "one")
        await notice(bed, "two")
        await said(bed, "two")
        assert texts(bed.telegram) == ["zero", "one", "two"]


async def test_a_song_whose_answers_are_lost_is_asked_about_once(notifier: Start) -> None:
    async with notifier() as bed:
        await notice(bed, "zero")
        await said(bed, "zero")
        bed.telegram.fail("send*", "lost_answer", 2)
        card = await bed.ask(bed.peers.song())
        kinds = [bool(message.audio) for message in bed.telegram.messages(CHAT)[1:]]
        assert kinds == [False, True]
        # It is known which message it is: the press counts and its buttons go.
        await bed.press(VERA, card, "✅ Approve")
        await bed.now(card, lambda message: not message.buttons)


async def test_the_first_message_of_all_is_not_doubled_either(notifier: Start) -> None:
    async with notifier() as bed:
        bed.telegram.fail("send*", "lost_answer", 1)
        await bed.ask(bed.peers.song())
        assert sum(message.photo is not None for message in bed.telegram.messages(CHAT)) == 1


async def test_what_waited_while_telegram_was_down_comes_in_order(notifier: Start) -> None:
    async with notifier(notifier_retry_max_s=0.2) as bed:
        await bed.telegram.down()
        for number in range(8):
            await notice(bed, f"notice {number}")
        await bed.stub.RequestApproval(bed.peers.song())
        await notice(bed, "the last")
        await bed.telegram.up()
        await said(bed, "the last")
        found = texts(bed.telegram)
        assert found[:8] == [f"notice {number}" for number in range(8)]
        assert found[-1] == "the last"
        assert len(found) == 11


async def test_a_flood_becomes_one_digest_that_names_all(notifier: Start) -> None:
    async with notifier(notifier_retry_max_s=0.2, notifier_digest_from=10) as bed:
        await notice(bed, "before")
        await said(bed, "before")
        await bed.telegram.down()
        for number in range(40):
            await notice(bed, f"notice {number}!")
        await bed.stub.RequestApproval(bed.peers.song())
        await bed.telegram.up()
        digest = await bed.telegram.wait_for(CHAT, lambda message: "messages while" in message.words)
        lines = digest.words.split("\n")
        assert lines[0] == "📬 40 messages while you could not be reached"
        for number in range(1, 40):
            assert any(f"notice {number}!" in line for line in lines)
        assert 'Release "Neon Rain" by Nova Vale?' in digest.words
        assert digest.labels == ("🎧 Songs that wait",)
        assert texts(bed.telegram)[:2] == ["before", "notice 0!"]


async def test_retry_after_is_honoured(notifier: Start) -> None:
    async with notifier() as bed:
        await notice(bed, "zero")
        await said(bed, "zero")
        loop = asyncio.get_running_loop()
        bed.telegram.fail("sendMessage", "429:2", 1)
        began = loop.time()
        await notice(bed, "one")
        await said(bed, "one")
        assert loop.time() - began >= 2
        assert bed.telegram.calls["sendMessage"] == 3


async def test_a_chat_that_refuses_us_keeps_what_waits_and_does_not_stop_the_others(
    notifier: Start, telegram: FakeTelegram
) -> None:
    telegram.block(VERA)
    async with notifier(telegram_chat_ids=(VERA, CHAT)) as bed:
        await notice(bed, "one")
        await said(bed, "one")
        await bed.telegram.until(lambda: bed.telegram.answered["sendMessage"] == 2)
        message = await until_delivery(
            bed, str(VERA), lambda delivery: "blocked by the user" in delivery.error
        )
        assert not message.HasField("delivered_at")
        states = {delivery.chat: delivery.state for delivery in message.deliveries}
        assert states[str(VERA)] == pb.Delivery.STATE_WAITING
        await until_delivery(bed, str(CHAT), lambda delivery: delivery.state == pb.Delivery.STATE_SENT)


async def test_a_picture_that_telegram_does_not_take_does_not_keep_the_question_back(notifier: Start) -> None:
    async with notifier() as bed:
        request = bed.peers.song()
        bed.peers.files["takes/tak_1_1/cover.jpg"] = b"no picture"
        await bed.ask(request)
        first = bed.telegram.messages(CHAT)[0]
        assert first.photo is None
        assert "Neon Rain by Nova Vale" in first.words
        assert "It cannot be shown here" in first.words


async def test_an_audio_that_is_missing_does_not_keep_the_question_back(notifier: Start) -> None:
    async with notifier() as bed:
        request = bed.peers.song()
        del bed.peers.files["takes/tak_1_1/preview.mp3"]
        await bed.stub.RequestApproval(request)
        card = await bed.telegram.wait_for(CHAT, lambda message: message.buttons)
        assert "It cannot be shown here" in card.words
        await bed.press(VERA, card, "✅ Approve")
        await bed.now(card, lambda message: "Approved by Vera" in message.words)


async def test_a_press_while_the_scheduler_is_away_is_kept_and_counts(notifier: Start) -> None:
    async with notifier() as bed:
        card = await bed.ask(bed.peers.song())
        bed.peers.away.add("DecideRun")
        told = await bed.press(VERA, card, "✅ Approve")
        assert told == "scheduler does not answer. Your press is kept and counts as soon as it does."
        bed.peers.away.clear()
        await bed.now(card, lambda message: "Approved by Vera" in message.words)
        assert len(bed.peers.decided) == 1


async def test_an_update_that_comes_twice_counts_once(notifier: Start) -> None:
    async with notifier() as bed:
        card = await bed.ask(bed.peers.song())
        query = await bed.telegram.press(VERA, CHAT, card, "✅ Approve")
        await bed.now(card, lambda message: not message.buttons)
        await bed.telegram.redeliver(query)
        await bed.telegram.say(VERA, VERA, "still there?")
        await bed.telegram.wait_for(VERA, lambda message: message.from_bot)
        assert len(bed.peers.asked) == 1


async def test_a_question_decided_before_it_was_sent_is_not_asked_any_more(notifier: Start) -> None:
    async with notifier(notifier_retry_max_s=0.2) as bed:
        await notice(bed, "zero")
        await said(bed, "zero")
        await bed.telegram.down()
        request = bed.peers.song()
        await bed.stub.RequestApproval(request)
        await bed.stub.CloseApproval(
            pb.CloseApprovalRequest(request_id="c", run_id=request.run_id, reason="cancelled: wrong artist")
        )
        await notice(bed, "after")
        await bed.telegram.up()
        await said(bed, "after")
        assert texts(bed.telegram) == ["zero", "after"]


async def test_facts_that_are_not_to_be_had_hold_a_question_for_a_while_only(notifier: Start) -> None:
    async with notifier(notifier_retry_max_s=0.1) as bed:
        bed.peers.away |= {"GetBrief", "ListTakes", "GetSpend"}
        await bed.stub.RequestApproval(bed.peers.song())
        card = await bed.telegram.wait_for(CHAT, lambda message: message.buttons)
        assert "118 bpm" in card.words
        assert any("Some facts are missing" in message.words for message in bed.telegram.messages(CHAT))
        bed.peers.away.clear()
        await bed.press(VERA, card, "✅ Approve")
        assert len(bed.peers.decided) == 1
