"""One bad message, update, chat or file stops nothing but itself."""

import asyncio
import itertools

import grpc
import pytest

from aiartist.notifier.v1 import notifier_pb2 as pb
from services.chassis.database import Database
from services.notifier.domain import Message as Stored
from services.notifier.telegram.post import Post
from services.notifier.telegram.writer import Writer
from tests.integration.notifier.telegram.conftest import CHAT, OLA, PAUL, STRANGER, VERA, Bed, Start
from tests.support.fake_telegram import FakeTelegram, Message, Status


async def notice(bed: Bed, title: str, **fields: object) -> None:
    await bed.stub.Notify(pb.NotifyRequest(request_id=f"n/{title}", title=title, **fields))


async def said(bed: Bed, title: str, chat: int = CHAT) -> Message:
    return await bed.telegram.wait_for(chat, lambda message: title in message.words, timeout=30)


async def asked_why(bed: Bed, card: Message) -> Message:
    """Vera wants to reject with a reason of her own; the message that asks her for it."""
    await bed.press(VERA, card, "❌ Reject")
    menu = await bed.now(card, lambda message: "📝 Another reason" in message.labels)
    await bed.press(VERA, menu, "📝 Another reason")
    return await bed.telegram.wait_for(
        CHAT, lambda message: message.markup and message.reply_to == card.message_id
    )


@pytest.mark.parametrize("topic", [pb.TOPIC_UNSPECIFIED, pb.TOPIC_FAILED, pb.TOPIC_RELEASED])
async def test_ids_that_fit_no_button_stop_nothing(notifier: Start, topic: pb.Topic.ValueType) -> None:
    async with notifier() as bed:
        await notice(bed, "long", run_id="run_" + "x" * 150, topic=topic)
        await notice(bed, "after")
        await said(bed, "after")
        assert not (await said(bed, "long")).buttons


async def test_a_message_that_cannot_be_written_is_given_up_and_the_next_goes_on(
    notifier: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Writer._notice

    def faulty(self: Writer, message: Stored, *, silent: bool) -> Post:
        if message.draft.title == "poison":
            raise ValueError("a fault of ours")
        return write(self, message, silent=silent)

    monkeypatch.setattr(Writer, "_notice", faulty)
    async with notifier(notifier_retry_max_s=0.05) as bed:
        await notice(bed, "poison")
        await notice(bed, "after")
        await said(bed, "after")
        _, poison = (await bed.stub.ListMessages(pb.ListMessagesRequest())).messages
        assert poison.deliveries[0].state == pb.Delivery.STATE_FAILED
        assert poison.deliveries[0].error.startswith("error err_")


async def test_facts_that_are_refused_do_not_keep_the_question_back(notifier: Start) -> None:
    async with notifier(notifier_retry_max_s=0.05) as bed:
        bed.peers.refused.add("GetBrief")
        await bed.stub.RequestApproval(bed.peers.song())
        assert (await bed.telegram.wait_for(CHAT, lambda message: message.buttons)).labels[0] == "✅ Approve"


@pytest.mark.parametrize("odd", ["q:ok:\x00:1", "q:\ud800", "p:\x00", "", "q::::", "x:" + "y" * 60])
async def test_odd_data_of_a_button_stops_nothing(notifier: Start, odd: str) -> None:
    async with notifier() as bed:
        card = await bed.ask(bed.peers.song())
        await bed.telegram.press_raw(STRANGER, odd, chat=CHAT, message=card)
        await bed.telegram.press_raw(OLA, odd, chat=CHAT, message=card)
        assert "Approved" in await bed.press(VERA, card, "✅ Approve")


async def test_odd_words_stop_nothing(notifier: Start) -> None:
    async with notifier() as bed:
        for text in ("/he\x00lp", "\ud83d", "/" + "a" * 4000, "/\u202e", "👍" * 2000):
            await bed.telegram.say(VERA, VERA, text)
        card = await bed.ask(bed.peers.song())
        assert "Approved" in await bed.press(VERA, card, "✅ Approve")


async def test_updates_of_another_form_stop_nothing(notifier: Start) -> None:
    async with notifier() as bed:
        card = await bed.ask(bed.peers.song())
        add = bed.telegram._updates.add
        for kind, body in (
            ("callback_query", ["odd"]),
            ("message", "odd"),
            ("message", {"message_id": 5, "chat": "odd", "from": "odd", "text": "x"}),
            ("message", {"message_id": 2**70, "chat": {"id": 2**70}, "from": {"id": 1}, "text": "x"}),
        ):
            add(kind, body)  # type: ignore[arg-type]
        assert "Approved" in await bed.press(VERA, card, "✅ Approve")


async def test_update_ids_may_start_anew(notifier: Start) -> None:
    async with notifier(telegram_poll_timeout_s=0) as bed:
        card = await bed.ask(bed.peers.song())
        await bed.telegram.say(OLA, OLA, "/help")
        await bed.telegram.wait_for(OLA, lambda message: message.from_bot)
        failing = bed.telegram.fail("getUpdates", "429:1", 1)
        await bed.telegram.until(lambda: failing.met)
        bed.telegram._updates._ids = itertools.count(5_000)
        assert "Approved" in await bed.press(VERA, card, "✅ Approve")


async def test_commands_that_cannot_be_registered_do_not_stop_the_polling(
    notifier: Start, telegram: FakeTelegram
) -> None:
    telegram.fail("setMyCommands", "429:3600")
    async with notifier() as bed:
        card = await bed.ask(bed.peers.song())
        assert "Approved" in await bed.press(VERA, card, "✅ Approve")


async def test_many_closed_chats_do_not_starve_an_open_one(notifier: Start) -> None:
    closed = [-1, -2, -3, -4, -5, -6, 501, 502, 503, -100600, -100700, -100800]
    async with notifier(telegram_chat_ids=(*closed, CHAT)) as bed:
        for number in range(4):
            await notice(bed, f"notice {number}")
        await said(bed, "notice 3")


async def test_a_group_that_takes_no_files_is_asked_in_words(notifier: Start, telegram: FakeTelegram) -> None:
    telegram.fail("sendPhoto", Status(400, "Bad Request: not enough rights to send photos to the chat"))
    telegram.fail("sendAudio", Status(400, "Bad Request: CHAT_SEND_AUDIOS_FORBIDDEN"))
    async with notifier() as bed:
        await bed.stub.RequestApproval(bed.peers.song())
        card = await bed.telegram.wait_for(CHAT, lambda message: message.buttons)
        assert "118 bpm" in card.words


async def test_in_a_busy_group_that_the_bot_does_not_hear_nothing_stands_twice(notifier: Start) -> None:
    async with notifier() as bed:
        await notice(bed, "zero")
        await said(bed, "zero")
        for number in range(30):
            await bed.telegram.say(PAUL, CHAT, f"chatter {number}")
        bed.telegram.fail("sendMessage", "lost_answer", 1)
        await notice(bed, "one")
        await notice(bed, "two")
        await said(bed, "two")
        assert sum("one" in message.words for message in bed.telegram.messages(CHAT)) == 1


async def test_a_file_that_is_not_to_be_had_keeps_nobody_from_the_panel(notifier: Start) -> None:
    async with notifier(notifier_retry_base_s=20, notifier_retry_max_s=60) as bed:
        bed.peers.away.add("ReadArtifact")
        await bed.stub.RequestApproval(bed.peers.song())
        await bed.telegram.say(OLA, CHAT, "/help")
        await said(bed, "/artists")


async def test_back_takes_back_that_a_reason_was_to_be_written(notifier: Start) -> None:
    async with notifier() as bed:
        card = await bed.ask(bed.peers.song())
        await asked_why(bed, card)
        menu = await bed.now(card, lambda message: "« Back" in message.labels)
        await bed.press(VERA, menu, "« Back")
        await bed.now(card, lambda message: "✅ Approve" in message.labels)
        await bed.telegram.say(VERA, CHAT, "@label_test_bot what a nice evening")
        await bed.telegram.say(OLA, CHAT, "/help")
        await said(bed, "/artists")
        assert bed.peers.asked == []


async def test_a_reply_is_about_the_question_that_it_answers(notifier: Start) -> None:
    async with notifier() as bed:
        one = await asked_why(bed, await bed.ask(bed.peers.song(1, title="One")))
        two = await asked_why(bed, await bed.ask(bed.peers.song(2, title="Two")))
        await bed.telegram.say(VERA, CHAT, "the first is dull", reply_to=one)
        await bed.telegram.until(lambda: len(bed.peers.asked) == 1)
        await bed.telegram.say(VERA, CHAT, "the second is loud", reply_to=two)
        await bed.telegram.until(lambda: len(bed.peers.asked) == 2)
        assert [(request.run_id, request.reason) for request in bed.peers.asked] == [
            ("run_1", "the first is dull"),
            ("run_2", "the second is loud"),
        ]


async def test_who_may_only_look_by_now_does_not_decide_by_writing(notifier: Start) -> None:
    async with notifier() as bed:
        prompt = await asked_why(bed, await bed.ask(bed.peers.song()))
    async with notifier(telegram_people=f"{VERA}:viewer:Vera") as bed:
        await bed.telegram.say(VERA, CHAT, "I do not like it", reply_to=prompt)
        await said(bed, "role approver")
        assert bed.peers.asked == []


async def test_a_question_is_asked_again_in_the_chats_of_today(
    notifier: Start, telegram: FakeTelegram
) -> None:
    telegram.chat(-2002, title="The new one")
    async with notifier() as bed:
        await bed.ask(bed.peers.song())
    async with notifier(telegram_chat_ids=(-2002,)) as bed:
        await bed.stub.ResendApproval(pb.ResendApprovalRequest(request_id="again", run_id="run_1"))
        card = await bed.telegram.wait_for(-2002, lambda message: message.buttons)
        await bed.press(VERA, card, "✅ Approve")
        for chat in (CHAT, -2002):
            await bed.telegram.wait_for(chat, lambda message: "Approved by Vera" in message.words)


async def test_a_question_without_an_open_one_cannot_be_asked_again(notifier: Start) -> None:
    async with notifier() as bed:
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await bed.stub.ResendApproval(pb.ResendApprovalRequest(request_id="again", run_id="run_9"))
        assert failure.value.code() is grpc.StatusCode.NOT_FOUND


async def test_what_the_console_asked_is_asked_again_on_telegram(notifier: Start) -> None:
    async with notifier(notifier_channel="console") as bed:
        await bed.stub.RequestApproval(bed.peers.song())
        while (
            not (await bed.stub.ListMessages(pb.ListMessagesRequest())).messages[0].HasField("delivered_at")
        ):
            continue
    async with notifier() as bed:
        await bed.stub.ResendApproval(pb.ResendApprovalRequest(request_id="again", run_id="run_1"))
        await bed.telegram.wait_for(CHAT, lambda message: message.buttons)


async def test_a_chat_that_is_not_named_any_more_owes_nobody_anything(
    notifier: Start, telegram: FakeTelegram
) -> None:
    telegram.block(VERA)
    telegram.chat(-2002, title="A third one")
    async with notifier(telegram_chat_ids=(CHAT, VERA)) as bed:
        await notice(bed, "old")
        await said(bed, "old")
    async with notifier(telegram_chat_ids=(CHAT, -2002)) as bed:
        await notice(bed, "new")
        await said(bed, "new", -2002)
        assert [message.words for message in bed.telegram.messages(-2002) if "old" in message.words] == []
        rows = (await bed.stub.ListMessages(pb.ListMessagesRequest())).messages
        assert [message.HasField("delivered_at") for message in rows if message.title == "old"] == [True]


async def test_a_question_that_an_older_version_stored_is_asked(notifier: Start, db: Database) -> None:
    async with notifier(telegram_chat_ids=()) as bed:
        request = bed.peers.song()
    async with db.acquire() as connection:
        await connection.execute(
            """
            INSERT INTO messages (id, kind, severity, title, body, run_id, artist_id, approval)
            VALUES ('msg_old', 'approval', 'info', 'Release?', '', $1, 'art_1', $2)
            """,
            request.run_id, request.SerializeToString(),
        )  # fmt: skip
    async with notifier() as bed:
        card = await bed.telegram.wait_for(CHAT, lambda message: message.buttons)
        assert "Approved by Vera" in await bed.press(VERA, card, "✅ Approve")
        assert bed.peers.asked[0].content_digest == request.content_digest


async def test_a_slow_look_of_one_keeps_nobody_elses_press_waiting(notifier: Start) -> None:
    async with notifier() as bed:
        card = await bed.ask(bed.peers.song())
        bed.peers.slow.add("ListRuns")
        await bed.telegram.say(PAUL, PAUL, "/runs")
        await bed.peers.slowed.wait()
        assert "Approved" in await bed.press(VERA, card, "✅ Approve")
        bed.peers.slow.clear()


async def test_who_waits_for_a_change_can_look_meanwhile(notifier: Start) -> None:
    async with notifier() as bed:
        bed.peers.away.add("GetRun")
        await bed.telegram.say(OLA, OLA, "/retry run_00000000000000000000000001")
        await bed.telegram.wait_for(
            OLA, lambda message: "is kept and done as soon as it does" in message.words
        )
        await bed.telegram.say(OLA, OLA, "/help")
        await bed.telegram.wait_for(OLA, lambda message: "/artists" in message.words)


async def test_a_change_that_is_waited_for_too_long_is_given_up(notifier: Start, db: Database) -> None:
    async with notifier() as bed:
        card = await bed.ask(bed.peers.song())
        bed.peers.away |= {"GetRun", "DecideRun"}
        await bed.telegram.say(OLA, OLA, "/retry run_00000000000000000000000001")
        await bed.telegram.wait_for(OLA, lambda message: "is kept" in message.words)
        await bed.press(VERA, card, "✅ Approve")
        async with db.acquire() as connection:
            await connection.execute(
                "UPDATE updates SET received_at = received_at - interval '1 hour', "
                "next_attempt_at = clock_timestamp() WHERE done_at IS NULL"
            )
        await bed.telegram.wait_for(OLA, lambda message: "was not done" in message.words)
        # A decision is kept, however long it takes.
        bed.peers.away.clear()
        await bed.now(card, lambda message: "Approved by Vera" in message.words)


async def test_the_search_for_a_double_that_fails_makes_no_third(notifier: Start) -> None:
    async with notifier(notifier_retry_max_s=0.2) as bed:
        await notice(bed, "zero")
        await said(bed, "zero")
        for number in range(30):
            await bed.telegram.say(PAUL, CHAT, f"chatter {number}")
        bed.telegram.fail("sendMessage", "lost_answer", 1)
        bed.telegram.fail("deleteMessage", "502")
        await notice(bed, "one")
        await notice(bed, "two")
        await said(bed, "two")
        assert sum("one" in message.words for message in bed.telegram.messages(CHAT)) == 2
        # What Telegram shows is recorded a moment later.
        rows = [(await recorded(bed, title)).deliveries[0].state for title in ("zero", "one", "two")]
        assert rows == [pb.Delivery.STATE_SENT] * 3


async def recorded(bed: Bed, title: str) -> pb.Message:
    """The message once it is settled."""
    while True:
        rows = (await bed.stub.ListMessages(pb.ListMessagesRequest())).messages
        message = next(row for row in rows if title in row.title)
        if message.deliveries and message.deliveries[0].state != pb.Delivery.STATE_WAITING:
            return message
        await asyncio.sleep(0.02)


async def test_what_may_have_been_sent_is_settled_before_anything_else_is(notifier: Start) -> None:
    async with notifier(notifier_retry_base_s=0.3, notifier_retry_max_s=0.4) as bed:
        card = await bed.ask(bed.peers.song())
        await bed.press(VERA, card, "❌ Reject")
        menu = await bed.now(card, lambda message: "📝 Another reason" in message.labels)
        bed.telegram.fail("sendMessage", "lost_answer", 2)
        await notice(bed, "notice")
        await said(bed, "notice")
        await bed.press(VERA, menu, "📝 Another reason")
        prompt = await said(bed, "Why is it rejected")
        await notice(bed, "after")
        await said(bed, "after")
        assert sum("notice" in message.words for message in bed.telegram.messages(CHAT)) == 1
        # The prompt may stand there twice; a reply to either is about its question.
        await bed.telegram.say(VERA, CHAT, "too dull", reply_to=prompt)
        await bed.now(card, lambda message: "too dull" in message.words)
