"""The double of Telegram: what people do, and how the bot is told of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from telegram import Bot, ForceReply, InlineKeyboardButton, InlineKeyboardMarkup, Message
from telegram.error import BadRequest, Conflict

from tests.support.fake_telegram import Answer, FakeTelegram, Update


async def ask(bot: Bot, chat: int = 7) -> Message:
    buttons = [
        [
            InlineKeyboardButton("Approve", callback_data="a:1"),
            InlineKeyboardButton("Listen", "https://label.example"),
        ]
    ]
    return await bot.send_message(chat, "Release it?", reply_markup=InlineKeyboardMarkup(buttons))


async def poll(bot: Bot, offset: int = 0, timeout: int = 0, **more: Any) -> list[Any]:
    return [*await bot.get_updates(offset=offset, timeout=timeout, **more)]


async def test_what_a_person_says_comes_with_commands_and_what_it_replies_to(
    fake: FakeTelegram, bot: Bot
) -> None:
    asked = await ask(bot)
    await fake.say(7, 7, "/run@label_test_bot now, see t.me/label", reply_to=asked.message_id)
    (update,) = await poll(bot)
    assert [entity.type for entity in update.message.entities] == ["bot_command", "url"]
    assert update.message.from_user.username == "ann_of_the_label"
    assert update.message.reply_to_message.text == "Release it?"
    with pytest.raises(LookupError, match="no message 99"):
        await fake.say(7, 7, "x", reply_to=99)


async def test_in_a_group_the_bot_is_told_only_what_is_for_it(fake: FakeTelegram, bot: Bot) -> None:
    asked = await bot.send_message(-100, "Why?", reply_markup=ForceReply(selective=True))
    said = await fake.say(7, -100, "between us")
    await fake.say(7, -100, "/status")
    await fake.say(7, -100, "hey @label_test_bot")
    await fake.say(7, -100, "too quiet", reply_to=asked.message_id)
    await fake.say(7, -100, "agreed", reply_to=said)
    assert [update.message.text for update in await poll(bot)] == [
        "/status",
        "hey @label_test_bot",
        "too quiet",
    ]
    assert len(fake.messages(-100)) == 6


async def test_without_privacy_the_bot_is_told_all() -> None:
    async with FakeTelegram(privacy=False) as fake, Bot(fake.token, base_url=f"{fake.url}/bot") as bot:
        await fake.say(7, -100, "between us")
        assert [update.message.text for update in await poll(bot)] == ["between us"]
        assert (await bot.get_me()).can_read_all_group_messages


async def test_a_press_brings_the_whole_message_and_its_answer_reaches_the_person(
    fake: FakeTelegram, bot: Bot
) -> None:
    asked = await ask(bot)
    query_id = await fake.press(7, 7, asked.message_id, "Approve")
    (update,) = await poll(bot)
    query = update.callback_query
    assert (query.id, query.data, query.from_user.first_name) == (query_id, "a:1", "Ann")
    assert (query.message.text, query.message.reply_markup) == ("Release it?", asked.reply_markup)
    waiting = asyncio.create_task(fake.answer_of(query_id))
    await bot.answer_callback_query(query_id, "Approved", show_alert=True)
    assert await waiting == Answer("Approved", show_alert=True)


async def test_a_press_is_answered_once_and_not_too_late(fake: FakeTelegram, bot: Bot) -> None:
    asked = await ask(bot)
    first, second = [await fake.press(7, 7, asked.message_id, "a:1") for _ in range(2)]
    await bot.answer_callback_query(first)
    fake.expire(second)
    for query_id in (first, second, "77"):
        with pytest.raises(
            BadRequest, match="Query is too old and response timeout expired or query id is invalid"
        ):
            await bot.answer_callback_query(query_id)
    with pytest.raises(BadRequest, match="Message_too_long"):
        await bot.answer_callback_query(await fake.press(7, 7, asked.message_id, "a:1"), "x" * 201)


async def test_only_a_button_that_is_there_can_be_pressed(fake: FakeTelegram, bot: Bot) -> None:
    asked = await ask(bot)
    for button, error in (("Reject", "no button 'Reject'"), ("Listen", "opens https://label.example/")):
        with pytest.raises(LookupError, match=error):
            await fake.press(7, 7, asked.message_id, button)
    await bot.edit_message_reply_markup(7, asked.message_id)
    with pytest.raises(LookupError, match="no button 'Approve'"):
        await fake.press(7, 7, asked.message_id, "Approve")
    await bot.delete_message(7, asked.message_id)
    with pytest.raises(LookupError, match="no message 1"):
        await fake.press(7, 7, asked.message_id, "Approve")
    assert fake.updates == ()


async def test_a_raw_press_may_be_old_forged_forwarded_or_of_nothing(fake: FakeTelegram, bot: Bot) -> None:
    asked = await ask(bot, -100)
    (shown,) = fake.messages(-100)
    await bot.delete_message(-100, asked.message_id)
    await fake.press_raw(7, "a:1", chat=-100, message=shown)
    await fake.press_raw(7, "forged", chat=-100)
    await fake.press_raw(9, "a:1", chat=9, message=shown, forwarded=True)
    await fake.press_raw(
        7, "a:1", chat=-100, message={"chat": {"id": -100, "type": "group"}, "message_id": 1, "date": 0}
    )
    old, forged, forwarded, inaccessible = [update.callback_query for update in await poll(bot)]
    assert (old.message.message_id, old.message.text) == (1, "Release it?")
    assert (forged.message, forged.data) == (None, "forged")
    assert (forwarded.message.chat.id, forwarded.message.from_user.id) == (9, 9)
    assert forwarded.message.forward_origin.sender_user.id == fake.bot.id
    assert forwarded.message.reply_markup == asked.reply_markup
    assert not inaccessible.message.is_accessible


async def test_an_update_stays_until_it_is_acknowledged(fake: FakeTelegram, bot: Bot) -> None:
    for text in ("one", "two", "three"):
        await fake.say(7, 7, text)
    first, second = await poll(bot, limit=2)
    assert [*await poll(bot, limit=2)] == [first, second]
    (third,) = await poll(bot, offset=second.update_id + 1)
    assert (third.message.text, third.update_id) == ("three", first.update_id + 2)
    assert await poll(bot, offset=third.update_id + 1) == []
    assert fake.pending == ()


async def test_only_updates_of_the_allowed_kinds_are_made(fake: FakeTelegram, bot: Bot) -> None:
    asked = await ask(bot)
    assert await poll(bot, allowed_updates=["callback_query"]) == []
    await fake.say(7, 7, "unheard")
    await fake.press(7, 7, asked.message_id, "Approve")
    assert [update.callback_query.data for update in await poll(bot)] == ["a:1"]
    await poll(bot, allowed_updates=[])
    await fake.say(7, 7, "heard")
    assert [update.message.text for update in (await poll(bot))[1:]] == ["heard"]


async def test_a_long_poll_is_answered_when_something_happens(fake: FakeTelegram, bot: Bot) -> None:
    polling = asyncio.create_task(poll(bot, timeout=50))
    await fake.until(lambda: fake.polls_open)
    assert not polling.done()
    await fake.say(7, 7, "hello")
    assert [update.message.text for update in await asyncio.wait_for(polling, 10)] == ["hello"]
    await fake.until(lambda: not fake.polls_open)


async def test_a_second_poller_ends_the_first(fake: FakeTelegram, bot: Bot) -> None:
    async with Bot(fake.token, base_url=f"{fake.url}/bot") as other:
        first = asyncio.create_task(poll(bot, timeout=50))
        await fake.until(lambda: fake.polls_open)
        second = asyncio.create_task(poll(other, timeout=50))
        with pytest.raises(
            Conflict, match="terminated by other getUpdates request; make sure that only one bot"
        ):
            await asyncio.wait_for(first, 10)
        await fake.say(7, 7, "hello")
        assert len(await asyncio.wait_for(second, 10)) == 1
    assert (fake.conflicts, fake.most_polls_open, fake.polls_open) == (1, 2, 0)


async def test_a_poller_that_went_away_is_no_poller(fake: FakeTelegram, bot: Bot) -> None:
    async with Bot(fake.token, base_url=f"{fake.url}/bot") as other:
        polling = asyncio.create_task(poll(other, timeout=50))
        await fake.until(lambda: fake.polls_open)
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)
    await fake.until(lambda: not fake.polls_open)
    await fake.say(7, 7, "hello")
    assert len(await poll(bot, timeout=50)) == 1
    assert (fake.conflicts, fake.most_polls_open) == (0, 1)


async def test_a_forgotten_acknowledgement_brings_an_update_once_more(fake: FakeTelegram, bot: Bot) -> None:
    asked = await ask(bot)
    said = await fake.say(7, 7, "hello")
    query_id = await fake.press(7, 7, asked.message_id, "Approve")
    message, press = await poll(bot)
    after = press.update_id + 1
    assert await poll(bot, offset=after) == []
    for what, update in ((said, message), (query_id, press), (fake.updates[0], message)):
        await fake.redeliver(what)
        assert await poll(bot, offset=after) == [update]
        assert await poll(bot, offset=after) == []
    with pytest.raises(LookupError, match="no update was made"):
        await fake.redeliver("77")


@asynccontextmanager
async def receiver(refusals: int) -> AsyncIterator[tuple[str, list[tuple[str | None, Any]]]]:
    """A webhook that first answers 500 so many times."""
    taken: list[tuple[str | None, Any]] = []
    left = refusals

    async def take(request: web.Request) -> web.Response:
        nonlocal left
        left -= 1
        if left >= 0:
            return web.Response(status=500)
        taken.append((request.headers.get("X-Telegram-Bot-Api-Secret-Token"), await request.json()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook", taken
    finally:
        await runner.cleanup()


async def test_a_webhook_gets_each_update_until_it_takes_it(fake: FakeTelegram, bot: Bot) -> None:
    await fake.say(7, 7, "dropped")
    async with receiver(refusals=2) as (url, taken):
        await bot.set_webhook(url, secret_token="not-told-to-all", drop_pending_updates=True)
        for text in ("one", "two"):
            await fake.say(7, 7, text)
        await fake.until(lambda: not fake.pending)
        assert [(secret, told["message"]["text"]) for secret, told in taken] == [
            ("not-told-to-all", "one"),
            ("not-told-to-all", "two"),
        ]
        assert fake.webhook_refused == 2
        info = await bot.get_webhook_info()
        assert (info.url, info.pending_update_count) == (url, 0)
        assert info.last_error_message == "Wrong response from the webhook: 500 Internal Server Error"
        await fake.redeliver(fake.updates[1])
        await fake.until(lambda: not fake.pending)
        assert [told["update_id"] for _, told in taken].count(fake.updates[1].update_id) == 2


async def test_a_webhook_and_polling_exclude_each_other(fake: FakeTelegram, bot: Bot) -> None:
    with pytest.raises(BadRequest, match="Secret token contains unallowed characters"):
        await bot.set_webhook("http://127.0.0.1:9/hook", secret_token="no spaces")
    with pytest.raises(BadRequest, match="Invalid webhook url specified"):
        await bot.set_webhook("nonsense")
    polling = asyncio.create_task(poll(bot, timeout=50))
    await fake.until(lambda: fake.polls_open)
    await bot.set_webhook("http://127.0.0.1:9/hook")
    with pytest.raises(Conflict, match="terminated by setWebhook request"):
        await asyncio.wait_for(polling, 10)
    with pytest.raises(
        Conflict, match="can't use getUpdates method while webhook is active; use deleteWebhook"
    ):
        await poll(bot)
    await fake.say(7, 7, "kept")
    await bot.delete_webhook()
    assert [update.message.text for update in await poll(bot)] == ["kept"]


async def test_waiting_for_a_message_sees_edits_and_tells_what_was_there_instead(
    fake: FakeTelegram, bot: Bot
) -> None:
    asked = await ask(bot)
    waiting = asyncio.create_task(fake.wait_for(7, lambda message: message.text == "Approved by Ann"))
    await bot.send_message(-100, "Approved by Ann")
    await bot.edit_message_text("Approved by Ann", 7, asked.message_id)
    assert ((await waiting).edits, (await waiting).chat_id) == (1, 7)
    assert (await fake.wait_for(7, lambda message: message.text == "Approved by Ann")).edits == 1
    with pytest.raises(TimeoutError, match="Approved by Ann"):
        await fake.wait_for(7, lambda message: message.text == "Rejected", timeout=0.01)


async def test_an_update_is_json_of_the_bot_api(fake: FakeTelegram) -> None:
    said = await fake.say(7, 7, "/start")
    (update,) = fake.updates
    assert isinstance(update, Update)
    person = {"id": 7, "is_bot": False, "first_name": "Ann", "username": "ann_of_the_label"}
    assert update.json == {
        "update_id": update.update_id,
        "message": {
            "message_id": 1,
            "from": person,
            "chat": {"id": 7, "type": "private", "first_name": "Ann", "username": "ann_of_the_label"},
            "date": said.date,
            "text": "/start",
            "entities": [{"type": "bot_command", "offset": 0, "length": 6}],
        },
    }
