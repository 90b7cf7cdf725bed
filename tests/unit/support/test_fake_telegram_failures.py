"""The double of Telegram: each way in which it can fail, hold an answer, or be gone."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, Message
from telegram.error import BadRequest, Forbidden, NetworkError, RetryAfter, TelegramError

from tests.support.fake_telegram import (
    Done,
    FakeTelegram,
    Garbage,
    Hang,
    LostAnswer,
    Refuse,
    Slow,
    Status,
    TelegramProcess,
    TooMany,
    small_mp3,
    telegram_process,
)


@pytest.fixture(autouse=True)
def retry_after_as_timedelta(monkeypatch: pytest.MonkeyPatch) -> None:
    """What python-telegram-bot will do by default; it warns of the change otherwise."""
    monkeypatch.setenv("PTB_TIMEDELTA", "true")


async def _give_up(sending: asyncio.Task[Message]) -> None:
    """The caller closes its connection without an answer."""
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)


def texts(fake: FakeTelegram, chat: int = 7) -> list[str]:
    return [message.text for message in fake.messages(chat)]


async def test_too_many_requests_tell_how_long_to_wait(fake: FakeTelegram, bot: Bot) -> None:
    failure = fake.fail("sendMessage", TooMany(7), times=2)
    for _ in range(2):
        with pytest.raises(RetryAfter) as refused:
            await bot.send_message(7, "x")
        assert refused.value.retry_after == timedelta(seconds=7)
    await bot.send_message(7, "taken")
    assert (texts(fake), failure.met, fake.calls["sendMessage"]) == (["taken"], 2, 3)


@pytest.mark.parametrize(
    ("how", "error", "words"),
    [
        (Status(500), NetworkError, "Internal Server Error"),
        (Status(502), NetworkError, "Bad Gateway"),
        (Status(403, "bot was blocked by the user"), Forbidden, "Forbidden: bot was blocked by the user"),
        (Status(400, "chat not found"), BadRequest, "Chat not found"),
        (Refuse(), NetworkError, "RemoteProtocolError|ReadError"),
        (Garbage(), TelegramError, "Invalid server response"),
    ],
)
async def test_a_failure_before_the_work_leaves_no_message(
    fake: FakeTelegram, bot: Bot, how: Status | Refuse | Garbage, error: type[TelegramError], words: str
) -> None:
    fake.fail("sendMessage", how, times=1)
    with pytest.raises(error, match=words):
        await bot.send_message(7, "x")
    assert texts(fake) == []
    await bot.send_message(7, "taken")
    assert texts(fake) == ["taken"]


@pytest.mark.parametrize("how", [LostAnswer(), Status(502, works=True)])
async def test_a_failure_after_the_work_leaves_the_message(
    fake: FakeTelegram, bot: Bot, how: LostAnswer | Status
) -> None:
    fake.fail("sendMessage", how, times=1)
    with pytest.raises(NetworkError):
        await bot.send_message(7, "x")
    assert texts(fake) == ["x"]
    assert (fake.calls["sendMessage"], fake.answered["sendMessage"]) == (1, 0)


async def test_a_bad_gateway_is_a_proxys_page(fake: FakeTelegram) -> None:
    fake.fail("*", "502", times=1)
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{fake.url}/bot{fake.token}/getMe")
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert "<h1>502 Bad Gateway</h1>" in answer.text


async def test_a_refused_upload_is_not_read(fake: FakeTelegram, bot: Bot) -> None:
    fake.fail("sendAudio", "refuse", times=1)
    with pytest.raises(NetworkError):
        await bot.send_audio(7, small_mp3(600))
    assert fake.messages(7) == []
    await bot.send_audio(7, small_mp3(600))


async def test_a_hanging_call_does_nothing_and_is_not_answered(fake: FakeTelegram, bot: Bot) -> None:
    failure = fake.fail("sendMessage", Hang(), times=1)
    sending = asyncio.create_task(bot.send_message(7, "x"))
    await fake.until(lambda: failure.held)
    assert not sending.done()
    await _give_up(sending)
    await fake.until(lambda: not failure.held)
    assert (texts(fake), failure.met) == ([], 1)


async def test_a_held_answer_comes_when_it_is_released_and_its_work_is_done_before(
    fake: FakeTelegram, bot: Bot
) -> None:
    failure = fake.hold("send*")
    sending = [asyncio.create_task(bot.send_message(7, text)) for text in ("one", "two")]
    await fake.until(lambda: failure.held == 2)
    assert (sorted(texts(fake)), fake.held) == (["one", "two"], 2)
    assert not any(task.done() for task in sending)
    failure.release()
    assert {message.text for message in await asyncio.gather(*sending)} == {"one", "two"}
    await bot.send_message(7, "three")
    assert fake.held == 0


async def test_a_held_call_ends_when_its_caller_goes_away(fake: FakeTelegram, bot: Bot) -> None:
    failure = fake.hold("sendMessage")
    sending = asyncio.create_task(bot.send_message(7, "x"))
    await fake.until(lambda: failure.held)
    await _give_up(sending)
    await fake.until(lambda: not failure.held)
    assert (texts(fake), failure.met) == (["x"], 1)


async def test_a_slow_answer_comes_by_itself(fake: FakeTelegram, bot: Bot) -> None:
    fake.fail("sendMessage", Slow(0.01), times=1)
    assert (await bot.send_message(7, "x")).text == "x"


async def test_failures_come_one_after_the_other_and_end_with_mending(fake: FakeTelegram, bot: Bot) -> None:
    fake.fail("sendMessage", "500", times=1)
    fake.fail("*", "403")
    with pytest.raises(NetworkError, match="Internal Server Error"):
        await bot.send_message(7, "x")
    for _ in range(2):
        with pytest.raises(Forbidden):
            await bot.send_message(7, "x")
    with pytest.raises(Forbidden):
        await bot.get_me()
    fake.mend()
    await bot.send_message(7, "taken")
    assert texts(fake) == ["taken"]


@pytest.mark.parametrize("told", ["nonsense", "429:soon", "slow:ly"])
def test_a_behaviour_that_is_not_understood_is_an_error(told: str) -> None:
    with pytest.raises(ValueError):
        FakeTelegram().fail("sendMessage", told)


async def test_floods_are_refused_until_there_is_room(fake: FakeTelegram, bot: Bot) -> None:
    fake.limits(per_group_per_min=2)
    for text in ("one", "two"):
        await bot.send_message(-100, text)
    with pytest.raises(RetryAfter) as refused:
        await bot.send_message(-100, "three")
    assert isinstance(refused.value.retry_after, timedelta)
    assert timedelta() < refused.value.retry_after <= timedelta(seconds=60)
    await bot.send_message(7, "another chat")
    fake.limits(all_per_s=0.001)
    await bot.send_message(7, "one in a long time")
    with pytest.raises(RetryAfter):
        await bot.send_message(-100, "another one")
    fake.limits()
    await bot.send_message(-100, "four")
    assert texts(fake, -100) == ["one", "two", "four"]


async def test_a_refused_flood_may_go_on_after_a_while(fake: FakeTelegram, bot: Bot) -> None:
    fake.limits(per_chat_per_s=1)
    await bot.send_message(7, "one")
    refused = 0
    while len(fake.messages(7)) < 2:
        try:
            await bot.send_message(7, "two")
        except RetryAfter:
            refused += 1
    assert refused > 0


async def test_telegram_may_be_gone_and_come_back_with_all_it_knew(fake: FakeTelegram, bot: Bot) -> None:
    await bot.send_message(7, "before")
    port = fake.port
    polling = asyncio.create_task(bot.get_updates(timeout=50))
    await fake.until(lambda: fake.polls_open)
    await fake.down()
    with pytest.raises(NetworkError):
        await asyncio.wait_for(polling, 10)
    # The first call may meet the connection of before, the second finds nobody.
    with pytest.raises(NetworkError):
        await bot.send_message(7, "lost")
    with pytest.raises(NetworkError, match="ConnectError"):
        await bot.send_message(7, "lost")
    await fake.say(7, 7, "said while it was gone")
    await fake.up()
    (update,) = await bot.get_updates()
    await bot.send_message(7, "after")
    assert update.message is not None
    assert update.message.text == "said while it was gone"
    assert (texts(fake), fake.port) == (["before", "said while it was gone", "after"], port)


async def test_a_hook_runs_between_work_and_answer(fake: FakeTelegram, bot: Bot) -> None:
    seen: list[tuple[list[str], bool]] = []

    async def look(done: Done) -> None:
        assert done.call.text("chat_id") == "7"
        seen.append((texts(fake), done.error is None))

    end = fake.on("sendMessage", look)
    await bot.send_message(7, "x")
    with pytest.raises(BadRequest):
        await bot.send_message(7, "")
    end()
    await bot.send_message(7, "unseen")
    assert seen == [(["x"], True), (["x"], False)]


async def test_a_hook_runs_to_its_end_though_the_caller_goes_away_in_it(fake: FakeTelegram, bot: Bot) -> None:
    begun, gone, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def wait_for_the_end(done: Done) -> None:
        begun.set()
        await gone.wait()
        ended.set()

    fake.on("sendMessage", wait_for_the_end)
    sending = asyncio.create_task(bot.send_message(7, "x"))
    await asyncio.wait_for(begun.wait(), 10)
    await _give_up(sending)
    await fake.until(lambda: fake.abandoned["sendMessage"])
    gone.set()
    await asyncio.wait_for(ended.wait(), 10)
    assert fake.answered["sendMessage"] == 0


async def _press_through(process: TelegramProcess, bot: Bot) -> None:
    asked = await process.do("wait_for", chat=7, contains="Release")
    assert (asked["text"], asked["media"], asked["from_bot"]) == ("Release it?", None, True)
    pressed = await process.do("press", person=7, chat=7, message_id=asked["message_id"], button="Yes")
    (update,) = await bot.get_updates(timeout=10)
    assert update.callback_query is not None
    await update.callback_query.answer("Released")
    assert (await process.do("answer", **pressed))["text"] == "Released"


async def test_another_process_is_driven_over_its_control_port() -> None:
    async with (
        telegram_process(["--chat", "7"], token="77:of-another-process") as process,
        Bot(process.token, base_url=f"{process.url}/bot") as bot,
    ):
        held = await process.do("fail", method="sendMessage", behaviour="slow", times=1)
        buttons = InlineKeyboardMarkup([[InlineKeyboardButton("Yes", callback_data="y")]])
        sending = asyncio.create_task(bot.send_message(7, "Release it?", reply_markup=buttons))
        assert (await process.do("until_held", **held))["held"] == 1
        assert not sending.done()
        await process.do("release", **held)
        await sending
        await _press_through(process, bot)
        with pytest.raises(LookupError, match="no button 'No'"):
            await process.do("press", person=7, chat=7, message_id=1, button="No")
        with pytest.raises(TimeoutError, match="Release it"):
            await process.do("wait_for", chat=7, contains="Rejected", timeout=0.01)
        with pytest.raises(ValueError, match="'text' is missing"):
            await process.do("say", person=7, chat=7)
        await process.do("down")
        with pytest.raises(NetworkError):
            await bot.get_me()
        await process.do("up")
        await bot.get_me()
        said = await process.do("say", person=7, chat=7, text="/status")
        assert said["entities"][0]["type"] == "bot_command"
        assert [message["message_id"] for message in await process.do("messages", chat=7)] == [1, 2]
        stats = await process.do("stats")
        assert (stats["calls"]["sendMessage"], stats["pending"], stats["held"]) == (1, 2, 0)
        assert await process.do("failures") == [{"failure": 0, "method": "sendMessage", "met": 1, "held": 0}]
