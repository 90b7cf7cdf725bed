"""A question on Telegram: what people see, and what becomes of what they press."""

from aiartist.common.v1.decision_pb2 import (
    VERDICT_APPROVED,
    VERDICT_REGENERATE_BRIEF,
    VERDICT_REGENERATE_TAKE,
    VERDICT_REJECTED,
)
from aiartist.scheduler.v1.scheduler_pb2 import DecideRunRequest
from tests.integration.notifier.telegram.conftest import CHAT, OLA, PAUL, STRANGER, VERA, Start
from tests.support.fake_telegram import small_mp3


async def test_a_question_carries_what_a_person_needs_to_judge(notifier: Start) -> None:
    async with notifier() as bed:
        card = await bed.ask(bed.peers.song())
        cover, *_ = bed.telegram.messages(CHAT)
        assert cover.photo is not None
        assert "Neon Rain by Nova Vale" in cover.words
        assert "Rain on the wire\nLight in the lane" in cover.words
        assert card.audio == small_mp3()
        assert (card.title, card.performer, card.duration) == ("Neon Rain (take 1)", "Nova Vale", 94)
        assert card.thumbnail is not None
        for fact in (
            "1:34",
            "-14.0 LUFS",
            "118 bpm",
            "A minor",
            "3.1 LU is flatter",
            "openai/gpt-5 ×3",
            "$0.01",
        ):
            assert fact in card.words
        assert card.labels == ("✅ Approve", "🔁 Another take", "✍️ Rewrite", "❌ Reject")


async def test_a_press_decides_and_the_message_says_who_what_and_when(notifier: Start) -> None:
    async with notifier(notifier_time_zone="Europe/Berlin") as bed:
        card = await bed.ask(bed.peers.song())
        told = await bed.press(VERA, card, "✅ Approve")
        assert told == "✅ Approved by Vera · Sun 1 Mar 13:05 CET"
        [request] = bed.peers.asked
        assert request.verdict == VERDICT_APPROVED
        assert request.content_digest == bed.peers.takes["tak_1_1"].content_digest
        assert request.decided_by == "telegram:Vera"
        after = await bed.now(card, lambda message: not message.buttons)
        assert after.words.endswith("✅ Approved by Vera · Sun 1 Mar 13:05 CET")
        assert "118 bpm" in after.words


async def test_another_take_may_come_with_a_note(notifier: Start) -> None:
    async with notifier() as bed:
        card = await bed.ask(bed.peers.song())
        await bed.press(VERA, card, "🔁 Another take")
        menu = await bed.now(card, lambda message: "📝 Write a note" in message.labels)
        await bed.press(VERA, menu, "📝 Write a note")
        asked = await bed.telegram.wait_for(CHAT, lambda message: message.markup.get("force_reply"))
        assert asked.entities[0].user_id == VERA
        await bed.telegram.say(VERA, CHAT, "slower, and <b>warmer</b>", reply_to=asked)
        after = await bed.now(card, lambda message: not message.buttons)
        assert "slower, and <b>warmer</b>" in after.words
        [request] = bed.peers.asked
        assert (request.verdict, request.reason) == (VERDICT_REGENERATE_TAKE, "slower, and <b>warmer</b>")


async def test_a_rewrite_goes_without_a_note_too(notifier: Start) -> None:
    async with notifier() as bed:
        card = await bed.ask(bed.peers.song())
        await bed.press(VERA, card, "✍️ Rewrite")
        menu = await bed.now(card, lambda message: "Without a note" in message.labels)
        await bed.press(VERA, menu, "Without a note")
        await bed.now(card, lambda message: not message.buttons)
        [request] = bed.peers.asked
        assert (request.verdict, request.reason) == (VERDICT_REGENERATE_BRIEF, "")


async def test_a_rejection_takes_a_quick_reason(notifier: Start) -> None:
    async with notifier() as bed:
        card = await bed.ask(bed.peers.song())
        await bed.press(VERA, card, "❌ Reject")
        menu = await bed.now(card, lambda message: "« Back" in message.labels)
        await bed.press(VERA, menu, "The melody does not stick")
        after = await bed.now(card, lambda message: not message.buttons)
        assert "❌ Rejected by Vera" in after.words
        assert "The melody does not stick" in after.words
        assert bed.peers.asked[0].reason == "The melody does not stick"
        assert bed.peers.asked[0].verdict == VERDICT_REJECTED


async def test_a_menu_leads_back(notifier: Start) -> None:
    async with notifier() as bed:
        card = await bed.ask(bed.peers.song())
        await bed.press(VERA, card, "❌ Reject")
        menu = await bed.now(card, lambda message: "« Back" in message.labels)
        await bed.press(VERA, menu, "« Back")
        again = await bed.now(card, lambda message: "✅ Approve" in message.labels)
        assert again.labels == card.labels
        assert bed.peers.asked == []


async def test_of_several_takes_one_is_picked(notifier: Start) -> None:
    async with notifier() as bed:
        card = await bed.ask(bed.peers.song(takes=3))
        audios = [message.title for message in bed.telegram.messages(CHAT) if message.audio]
        assert audios == ["Neon Rain (take 1)", "Neon Rain (take 2)", "Neon Rain (take 3)"]
        assert card.labels[:3] == ("✅ Take 1", "✅ Take 2", "✅ Take 3")
        await bed.press(VERA, card, "✅ Take 2")
        [request] = bed.peers.asked
        assert request.take_id == "tak_1_2"
        assert request.content_digest == bed.peers.takes["tak_1_2"].content_digest


async def test_a_second_press_is_told_that_it_was_decided(notifier: Start) -> None:
    async with notifier() as bed:
        card = await bed.ask(bed.peers.song())
        await bed.press(VERA, card, "✅ Approve")
        # The button was still on their screen.
        query = await bed.telegram.press_raw(
            VERA, card.button("❌ Reject").callback_data, chat=CHAT, message=card
        )
        told = (await bed.telegram.answer_of(query)).text
        assert told.startswith("You have decided already: ✅ Approved by Vera")
        assert len(bed.peers.asked) == 1


async def test_of_two_people_at_once_one_counts(notifier: Start) -> None:
    async with notifier() as bed:
        card = await bed.ask(bed.peers.song())
        first = await bed.telegram.press(VERA, CHAT, card, "✅ Approve")
        second = await bed.telegram.press(OLA, CHAT, card, "✅ Approve")
        answers = {(await bed.telegram.answer_of(query)).text for query in (first, second)}
        assert sum(answer.startswith("✅ Approved by") for answer in answers) == 1
        assert sum(answer.startswith("Somebody was quicker: ✅ Approved by") for answer in answers) == 1
        assert len(bed.peers.decided) == 1


async def test_a_decision_from_elsewhere_is_told_to_who_presses_too_late(notifier: Start) -> None:
    async with notifier() as bed:
        request = bed.peers.song()
        card = await bed.ask(request)
        bed.peers.decide(
            DecideRunRequest(
                request_id="cli",
                run_id=request.run_id,
                verdict=VERDICT_APPROVED,
                content_digest=request.content_digest,
                decided_by="cli:paul",
            )
        )
        told = await bed.press(VERA, card, "✅ Approve")
        assert told.startswith("Somebody was quicker: ✅ Approved by paul (command line)")
        after = await bed.now(card, lambda message: not message.buttons)
        assert "✅ Approved by paul (command line)" in after.words


async def test_a_stranger_decides_nothing(notifier: Start) -> None:
    async with notifier() as bed:
        card = await bed.ask(bed.peers.song())
        told = await bed.press(STRANGER, card, "✅ Approve")
        assert f"Your user id is {STRANGER}" in told
        assert bed.peers.asked == []


async def test_a_viewer_decides_nothing(notifier: Start) -> None:
    async with notifier() as bed:
        card = await bed.ask(bed.peers.song())
        told = await bed.press(PAUL, card, "✅ Approve")
        assert "role approver" in told
        assert bed.peers.asked == []


async def test_a_forwarded_copy_decides_nothing(notifier: Start) -> None:
    async with notifier() as bed:
        card = await bed.ask(bed.peers.song())
        data = card.button("✅ Approve").callback_data
        query = await bed.telegram.press_raw(VERA, data, chat=VERA, message=card, forwarded=True)
        assert "This is a copy" in (await bed.telegram.answer_of(query)).text
        assert bed.peers.asked == []


async def test_a_button_of_an_older_take_is_stale(notifier: Start) -> None:
    async with notifier() as bed:
        old = await bed.ask(bed.peers.song())
        await bed.ask(bed.peers.another_take("run_1"))
        data = old.button("✅ Approve").callback_data
        query = await bed.telegram.press_raw(VERA, data, chat=CHAT, message=old)
        assert "Decide about the newest message" in (await bed.telegram.answer_of(query)).text
        assert bed.peers.asked == []
        gone = await bed.now(old, lambda message: not message.buttons)
        assert "take 2 has taken its place" in gone.words
