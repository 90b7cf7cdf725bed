"""Reminders, quiet hours, notices with facts, strangers: what else happens in the chats."""

from datetime import UTC, datetime, timedelta

import pytest

from aiartist.common.v1.audio_pb2 import ReviewCheck
from aiartist.common.v1.decision_pb2 import (
    SILENCE_ANSWER_AUTOPILOT,
    VERDICT_APPROVED,
    VERDICT_AUTOPILOT_APPROVED,
    VERDICT_EXPIRED,
    Decision,
)
from aiartist.notifier.v1 import notifier_pb2 as pb
from aiartist.scheduler.v1 import scheduler_pb2 as sched
from services.chassis.database import Database
from services.notifier.hours import QuietHours
from tests.integration.notifier.telegram.conftest import CHAT, STRANGER, VERA, Bed, Start
from tests.support.fake_telegram import Message


def quiet_now(hours_left: int = 2) -> QuietHours:
    """Quiet hours around this moment, in UTC."""
    now = datetime.now(UTC)
    return QuietHours((now - timedelta(hours=1)).time(), (now + timedelta(hours=hours_left)).time())


async def make_due(db: Database) -> None:
    async with db.acquire() as connection:
        await connection.execute("UPDATE approvals SET remind_at = clock_timestamp() WHERE closed_at IS NULL")


async def test_people_are_reminded_of_all_that_waits_in_one_message(notifier: Start, db: Database) -> None:
    async with notifier() as bed:
        await bed.ask(bed.peers.song(1))
        await bed.ask(bed.peers.song(2, title="Glass Sea"))
        await make_due(db)
        reminder = await bed.telegram.wait_for(CHAT, lambda message: "🔔" in message.words)
        assert "2 songs wait for a decision" in reminder.words
        assert reminder.labels == ("🎧 Neon Rain", "🎧 Glass Sea")
        assert await bed.press(VERA, reminder, "🎧 Glass Sea") == "Here it comes."

        def cards() -> list[Message]:
            return [
                message for message in bed.telegram.messages(CHAT) if message.title == "Glass Sea (take 1)"
            ]

        await bed.telegram.until(lambda: len(cards()) == 2)
        await bed.press(VERA, cards()[1], "✅ Approve")
        for card in cards():
            await bed.now(card, lambda message: "Approved by Vera" in message.words and not message.buttons)


async def test_a_reminder_comes_again_only_after_its_while(notifier: Start, db: Database) -> None:
    async with notifier() as bed:
        await bed.ask(bed.peers.song())
        await make_due(db)
        await bed.telegram.wait_for(CHAT, lambda message: "🔔" in message.words)
        await bed.stub.Notify(pb.NotifyRequest(request_id="later", title="later"))
        await bed.telegram.wait_for(CHAT, lambda message: "later" in message.words)
        async with db.acquire() as connection:
            in_s = await connection.fetchval(
                "SELECT extract(epoch FROM remind_at - clock_timestamp()) FROM approvals"
            )
        assert 23 * 3600 < in_s <= 24 * 3600


async def test_in_quiet_hours_reminders_wait_and_questions_make_no_sound(
    notifier: Start, db: Database
) -> None:
    async with notifier(notifier_quiet_hours=quiet_now()) as bed:
        await bed.ask(bed.peers.song())
        await make_due(db)
        await bed.stub.Notify(pb.NotifyRequest(request_id="1", title="all is well"))
        await bed.stub.Notify(
            pb.NotifyRequest(request_id="2", title="the house burns", severity=pb.SEVERITY_ERROR)
        )
        loud = await bed.telegram.wait_for(CHAT, lambda message: "burns" in message.words)
        assert not loud.disable_notification
        others = [message for message in bed.telegram.messages(CHAT) if message != loud]
        assert len(others) == 3
        assert all(message.disable_notification for message in others)


async def test_a_question_makes_one_sound(notifier: Start) -> None:
    async with notifier() as bed:
        await bed.ask(bed.peers.song(takes=3))
        sounds = [message.disable_notification for message in bed.telegram.messages(CHAT)]
        assert sounds.count(False) == 1


async def test_a_question_says_what_silence_means(notifier: Start) -> None:
    async with notifier(notifier_time_zone="Europe/Berlin") as bed:
        request = bed.peers.song()
        request.on_silence = SILENCE_ANSWER_AUTOPILOT
        request.expires_at.FromDatetime(datetime(2026, 11, 29, 13, 0, tzinfo=UTC))
        card = await bed.ask(request)
        assert "⌛ Until Sun 29 Nov 14:00 CET, then autopilot approves it" in card.words


async def test_a_question_that_expired_says_so(notifier: Start) -> None:
    async with notifier() as bed:
        request = bed.peers.song()
        card = await bed.ask(request)
        decision = Decision(
            verdict=VERDICT_EXPIRED, decided_by="clock", content_digest=request.content_digest
        )
        close = pb.CloseApprovalRequest(
            request_id="c", run_id=request.run_id, content_digest=request.content_digest, decision=decision
        )
        assert (await bed.stub.CloseApproval(close)).closed == 1
        after = await bed.now(card, lambda message: not message.buttons)
        assert "⌛ Expired: nobody answered" in after.words


async def released(bed: Bed, verdict: int, decided_by: str) -> None:
    request = bed.peers.song()
    run = bed.peers.runs[request.run_id]
    run.state, run.location = sched.RUN_STATE_RELEASED, "/srv/catalog/nova-vale/neon-rain"
    run.decision.CopyFrom(
        Decision(verdict=verdict, decided_by=decided_by, content_digest=run.content_digest)  # type: ignore[arg-type]
    )
    await bed.stub.Notify(
        pb.NotifyRequest(
            request_id="r",
            title="“Neon Rain”: released",
            run_id=run.id,
            artist_id="art_1",
            topic=pb.TOPIC_RELEASED,
        )
    )


async def test_a_release_is_told_with_its_cover_facts_and_place(notifier: Start) -> None:
    async with notifier() as bed:
        await released(bed, VERDICT_APPROVED, "telegram:Vera")
        note = await bed.telegram.wait_for(CHAT, lambda message: "is out" in message.words)
        assert note.photo is not None
        assert "🚀 Neon Rain by Nova Vale is out" in note.words
        assert "✅ Approved by Vera" in note.words
        assert "/srv/catalog/nova-vale/neon-rain" in note.covered("code")
        assert "118 bpm" in note.words
        assert not note.buttons


async def test_autopilots_release_comes_with_the_song_and_a_way_to_turn_it_off(notifier: Start) -> None:
    async with notifier() as bed:
        await released(bed, VERDICT_AUTOPILOT_APPROVED, "autopilot")
        song = await bed.telegram.wait_for(CHAT, lambda message: message.audio)
        assert "118 bpm" in song.words
        assert song.labels == ("🛑 Turn autopilot off for Nova Vale",)
        assert song.button(song.labels[0]).callback_data == "x:autopilot.off:art_1"
        [note, _] = bed.telegram.messages(CHAT)
        assert "nobody was asked" in note.words


async def test_a_failure_is_told_with_its_reason_and_a_retry(notifier: Start) -> None:
    async with notifier() as bed:
        await bed.stub.Notify(
            pb.NotifyRequest(
                request_id="f",
                title="“Neon Rain”: failed",
                body="no model answers",
                run_id="run_1",
                topic=pb.TOPIC_FAILED,
                severity=pb.SEVERITY_ERROR,
            )
        )
        note = await bed.telegram.wait_for(CHAT, lambda message: "failed" in message.words)
        assert "no model answers" in note.words
        assert note.labels == ("🔁 Retry", "Show the run")


async def test_markup_in_names_titles_and_lyrics_is_shown_and_not_obeyed(notifier: Start) -> None:
    async with notifier() as bed:
        card = await bed.ask(
            bed.peers.song(
                title='</b><a href="https://evil.example">Win</a>',
                artist="*Nova* _Vale_ [x](https://evil.example) &lt;",
                lines=("<b>bold", "</blockquote>", "✅ Approved by Vera", "\u202edesrever"),
            )
        )
        for message in bed.telegram.messages(CHAT):
            assert message.covered("text_link") == ()
            assert "\u202e" not in message.words
        cover = bed.telegram.messages(CHAT)[0]
        assert '</b><a href="https://evil.example">Win</a>' in cover.covered("bold")
        lyrics, _checks = cover.covered("expandable_blockquote")
        assert "✅ Approved by Vera" in lyrics
        assert card.buttons


async def test_long_lyrics_come_in_a_message_of_their_own(notifier: Start) -> None:
    async with notifier() as bed:
        await bed.ask(bed.peers.song(lines=[f"line {number} of a very long song" for number in range(300)]))
        cover, lyrics, card = bed.telegram.messages(CHAT)
        assert cover.photo
        assert "line 0 of" in lyrics.words
        assert "the rest does not fit here" in lyrics.words
        assert card.audio


async def test_a_stranger_is_told_once_how_to_be_let_in(notifier: Start) -> None:
    async with notifier() as bed:
        for text in ("/start", "/status", "hello"):
            await bed.telegram.say(STRANGER, STRANGER, text)
        told = await bed.telegram.wait_for(STRANGER, lambda message: message.from_bot)
        assert told.covered("code") == (str(STRANGER), str(STRANGER))
        await bed.telegram.say(VERA, VERA, "/help")
        await bed.telegram.wait_for(VERA, lambda message: message.from_bot)
        assert sum(message.from_bot for message in bed.telegram.messages(STRANGER)) == 1


async def test_a_group_tells_its_id_to_who_starts_the_bot_there(notifier: Start) -> None:
    async with notifier() as bed:
        await bed.telegram.say(STRANGER, CHAT, "hello everybody")
        await bed.telegram.say(STRANGER, CHAT, "/start")
        told = await bed.telegram.wait_for(CHAT, lambda message: message.from_bot)
        assert told.covered("code") == (str(STRANGER), str(CHAT))
        await bed.telegram.say(VERA, CHAT, "/start")
        again = await bed.telegram.wait_for(CHAT, lambda m: m.from_bot and m.message_id != told.message_id)
        assert str(CHAT) in again.covered("code")


async def test_a_late_close_tells_who_decided_though_the_question_was_replaced(notifier: Start) -> None:
    async with notifier() as bed:
        first = bed.peers.song()
        old = await bed.ask(first)
        second = bed.peers.another_take("run_1")
        new = await bed.ask(second)
        decision = Decision(
            verdict=4, decided_by="cli:paul", reason="slower", content_digest=first.content_digest
        )
        close = pb.CloseApprovalRequest(
            request_id="c", run_id="run_1", content_digest=first.content_digest, decision=decision
        )
        assert (await bed.stub.CloseApproval(close)).closed == 1
        after = await bed.now(old, lambda message: "Another take wanted" in message.words)
        assert "by paul (command line)" in after.words
        assert "slower" in after.words
        assert new.buttons
        await bed.press(VERA, new, "✅ Take 2")
        assert bed.peers.asked[0].content_digest == second.content_digest


@pytest.mark.parametrize("whole_run", [False, True])
async def test_a_question_whose_end_came_before_it_is_never_asked(notifier: Start, whole_run: bool) -> None:
    async with notifier() as bed:
        request = bed.peers.song()
        close = pb.CloseApprovalRequest(
            request_id="c",
            run_id=request.run_id,
            content_digest="" if whole_run else request.content_digest,
            reason="cancelled: wrong artist",
        )
        assert (await bed.stub.CloseApproval(close)).closed == 0
        await bed.stub.RequestApproval(request)
        await bed.stub.Notify(pb.NotifyRequest(request_id="after", title="after"))
        await bed.telegram.wait_for(CHAT, lambda message: "after" in message.words)
        assert len(bed.telegram.messages(CHAT)) == 1
        [_, question] = (await bed.stub.ListMessages(pb.ListMessagesRequest())).messages
        assert question.HasField("delivered_at")


async def test_what_autopilot_approved_after_silence_says_that_nobody_answered(notifier: Start) -> None:
    async with notifier() as bed:
        await released(bed, VERDICT_AUTOPILOT_APPROVED, "autopilot after silence")
        note = await bed.telegram.wait_for(CHAT, lambda message: "is out" in message.words)
        assert "because nobody answered" in note.words
        assert not note.buttons


async def test_autopilots_note_has_the_lyrics_too(notifier: Start) -> None:
    async with notifier() as bed:
        await released(bed, VERDICT_AUTOPILOT_APPROVED, "autopilot")
        await bed.telegram.wait_for(CHAT, lambda message: "Rain on the wire" in message.words)


async def test_of_several_takes_the_message_says_which_was_approved(notifier: Start) -> None:
    async with notifier() as bed:
        card = await bed.ask(bed.peers.song(takes=3))
        assert (await bed.press(VERA, card, "✅ Take 2")).startswith("✅ Take 2 approved by Vera")
        await bed.now(card, lambda message: "✅ Take 2 approved by Vera" in message.words)


async def test_many_doubts_leave_room_for_cost_and_deadline(notifier: Start) -> None:
    async with notifier() as bed:
        request = bed.peers.song()
        for number in range(20):
            bed.peers.takes[request.take_id].review.checks.add(
                name=f"check_{number}", outcome=ReviewCheck.OUTCOME_WARN, message="x" * 200
            )
        request.on_silence = SILENCE_ANSWER_AUTOPILOT
        request.expires_at.FromDatetime(datetime(2026, 11, 29, 13, 0, tzinfo=UTC))
        card = await bed.ask(request)
        assert "openai/gpt-5" in card.words
        assert "⌛ Until" in card.words
        assert "⚠️ check_0" in card.words


async def test_questions_asked_minutes_apart_are_one_reminder(notifier: Start, db: Database) -> None:
    async with notifier() as bed:
        for number in range(1, 4):
            await bed.ask(bed.peers.song(number, title=f"Song {number}"))
        async with db.acquire() as connection:
            await connection.execute(
                """
                UPDATE approvals SET remind_at = clock_timestamp()
                    + make_interval(secs => 2 * right(run_id, 1)::integer - 2)
                """
            )
        first = await bed.telegram.wait_for(CHAT, lambda message: "🔔" in message.words)
        assert "3 songs wait" in first.words
        async with db.acquire() as connection:
            soonest = await connection.fetchval(
                "SELECT extract(epoch FROM min(remind_at) - clock_timestamp()) FROM approvals"
            )
        assert soonest > 3600
