"""What doctor says about Telegram: each thing that can be wrong, and how to get it right."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from cli.checks import Check
from tests.support.command import Finished, invoke
from tests.support.fake_telegram import FakeTelegram

ANN, GROUP, NOBODY = 7, -1_000_000_000_042, 99
SECRET = "a-secret-of-32-characters-for-us"
IDS = "write to the bot: it answers with your user id and the chat's id"


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    """With Ann, who has pressed Start, and a group."""
    async with FakeTelegram() as fake:
        fake.person(ANN, "Ann")
        fake.chat(ANN)
        fake.chat(GROUP, title="Label")
        yield fake


async def doctor(telegram: FakeTelegram, **changes: str) -> tuple[Finished, list[Check]]:
    """Doctor with settings that are right but for the changes; its lines about Telegram."""
    settings = {
        "TELEGRAM_TOKEN": telegram.token,
        "TELEGRAM_API_BASE": telegram.url,
        "TELEGRAM_CHAT_IDS": f"{ANN},{GROUP}",
        "TELEGRAM_PEOPLE": f"{ANN}:operator:Ann",
    }
    env = {f"AIARTIST_{name}": value for name, value in {**settings, **changes}.items()}
    done = await invoke("doctor", "--json", env=env)
    assert telegram.token.partition(":")[2] not in done.stdout + done.stderr
    checks = [Check(**check) for check in json.loads(done.stdout)["checks"]]
    return done, [check for check in checks if check.name.startswith(("telegram", "notifier settings"))]


async def failed(telegram: FakeTelegram, **changes: str) -> Check:
    """The one line that fails."""
    done, checks = await doctor(telegram, **changes)
    assert done.code == 1
    (check,) = (check for check in checks if check.status == "fail")
    return check


async def warned(telegram: FakeTelegram, **changes: str) -> Check:
    """The one line that warns, where none fails."""
    _, checks = await doctor(telegram, **changes)
    assert {check.status for check in checks} == {"pass", "warn"}
    (check,) = (check for check in checks if check.status == "warn")
    return check


async def test_where_all_is_well_the_bot_its_chats_and_people_are_told(telegram: FakeTelegram):
    _, checks = await doctor(telegram)
    assert [(check.name, check.status, check.detail) for check in checks] == [
        ("telegram bot", "pass", f"@label_test_bot at {telegram.url}"),
        ("telegram updates", "pass", "long polling"),
        (f"telegram chat {ANN}", "pass", "private: Ann"),
        (f"telegram chat {GROUP}", "pass", "group: Label"),
        ("telegram people", "pass", "1 operator"),
    ]


async def test_without_a_token_decisions_come_from_the_command_line(telegram: FakeTelegram):
    empty = {"TELEGRAM_TOKEN": "", "TELEGRAM_CHAT_IDS": "", "TELEGRAM_PEOPLE": ""}
    _, checks = await doctor(telegram, **empty)
    (check,) = checks
    assert (check.status, check.detail) == (
        "pass",
        "no AIARTIST_TELEGRAM_TOKEN is set; decisions come from the command line: aiartist run approve",
    )
    assert not telegram.calls


async def test_chats_without_a_token_are_a_token_that_was_forgotten(telegram: FakeTelegram):
    _, (check,) = await doctor(telegram, TELEGRAM_TOKEN="")
    assert check.status == "warn"
    assert check.remedy == "set AIARTIST_TELEGRAM_TOKEN to the bot's token; @BotFather tells it"


async def test_with_the_console_a_token_is_not_used(telegram: FakeTelegram):
    _, (check,) = await doctor(telegram, NOTIFIER_CHANNEL="console")
    assert check.status == "pass"
    assert check.detail.startswith("not used: AIARTIST_NOTIFIER_CHANNEL is console")
    assert not telegram.calls


@pytest.mark.parametrize("token", ["4242424242:another-token", "nonsense", "1/../../x?y#z"])
async def test_a_wrong_token_fails_and_names_who_tells_the_right_one(telegram: FakeTelegram, token: str):
    done, checks = await doctor(telegram, TELEGRAM_TOKEN=token)
    bot = checks[0]
    assert (bot.name, bot.status, bot.detail) == ("telegram bot", "fail", "Telegram does not know the token")
    assert "AIARTIST_TELEGRAM_TOKEN" in bot.remedy
    assert "@BotFather" in bot.remedy
    assert token not in done.stdout
    assert [check.name for check in checks[1:]] == ["telegram people"]


async def test_an_api_that_cannot_be_reached_fails_and_names_its_variable(telegram: FakeTelegram):
    base = telegram.url
    await telegram.down()
    check = await failed(telegram)
    assert check.name == "telegram bot"
    assert check.detail.startswith(f"{base} cannot be reached: ")
    assert "AIARTIST_TELEGRAM_API_BASE" in check.remedy


@pytest.mark.parametrize("how", ["garbage", "502"])
async def test_what_is_no_bot_api_fails_and_names_its_variable(telegram: FakeTelegram, how: str):
    telegram.fail("getMe", how)
    check = await failed(telegram)
    assert "does not answer as the Bot API does" in check.detail
    assert "AIARTIST_TELEGRAM_API_BASE" in check.remedy


async def test_a_telegram_that_wants_fewer_calls_is_only_a_warning(telegram: FakeTelegram):
    telegram.fail("getMe", "429:30")
    _, checks = await doctor(telegram)
    assert (checks[0].status, checks[0].remedy) == ("warn", "try again later")
    assert "429" in checks[0].detail


async def test_a_person_who_never_wrote_to_the_bot_is_named(telegram: FakeTelegram):
    check = await failed(telegram, TELEGRAM_CHAT_IDS=f"{NOBODY}", TELEGRAM_PEOPLE=f"{NOBODY}:operator")
    assert (check.name, check.detail) == (f"telegram chat {NOBODY}", "Bad Request: chat not found")
    assert "open @label_test_bot there and press Start" in check.remedy
    assert "a group's id is negative" in check.remedy


async def test_a_group_without_the_bot_is_named(telegram: FakeTelegram):
    check = await failed(telegram, TELEGRAM_CHAT_IDS=f"{ANN},-5")
    assert check.name == "telegram chat -5"
    assert "add @label_test_bot to the group" in check.remedy
    assert "AIARTIST_TELEGRAM_CHAT_IDS" in check.remedy


async def test_no_chats_fail(telegram: FakeTelegram):
    check = await failed(telegram, TELEGRAM_CHAT_IDS="")
    assert check.detail == "nobody is told anything: AIARTIST_TELEGRAM_CHAT_IDS is empty"
    assert IDS in check.remedy


async def test_an_empty_allowlist_fails_with_an_example(telegram: FakeTelegram):
    check = await failed(telegram, TELEGRAM_PEOPLE="")
    assert check.detail == "nobody may decide: AIARTIST_TELEGRAM_PEOPLE is empty"
    assert "AIARTIST_TELEGRAM_PEOPLE=123456789:operator:Vera" in check.remedy


async def test_an_allowlist_of_viewers_fails(telegram: FakeTelegram):
    check = await failed(telegram, TELEGRAM_PEOPLE=f"{ANN}:viewer,8:viewer")
    assert check.detail == "nobody may decide: 2 viewer"
    assert "approver or operator" in check.remedy


async def test_approvers_alone_are_enough(telegram: FakeTelegram):
    _, checks = await doctor(telegram, TELEGRAM_PEOPLE=f"{ANN}:approver,8:viewer")
    assert (checks[-1].status, checks[-1].detail) == ("pass", "1 approver, 1 viewer")


async def test_a_person_who_is_asked_and_may_not_answer_is_a_warning(telegram: FakeTelegram):
    check = await warned(telegram, TELEGRAM_PEOPLE="8:operator")
    assert check.detail == f"asked, but nobody of AIARTIST_TELEGRAM_PEOPLE: {ANN}"


@pytest.mark.parametrize(
    ("name", "value", "detail", "remedy"),
    [
        ("TELEGRAM_PEOPLE", f"{ANN}:operator,x:boss", "entry 2 must be", "123456789:operator:Vera"),
        ("TELEGRAM_PEOPLE", f"{ANN}:operator,{ANN}:viewer", f"user {ANN} stands there twice", IDS),
        ("TELEGRAM_CHAT_IDS", f"{ANN},@label", "'@label' is no chat id", IDS),
        ("TELEGRAM_API_BASE", "ftp://example.org", "must be an http or https URL", "or unset it"),
        ("NOTIFIER_TIME_ZONE", "Mars/Base", "'Mars/Base' is no time zone", "Europe/Berlin"),
        ("NOTIFIER_QUIET_HOURS", "22-7", "must be two clock times", "22:00-07:30"),
        ("NOTIFIER_QUIET_HOURS", "22:00-22:00", "must begin and end at different times", "22:00-07:30"),
        ("NOTIFIER_PORT", "70000", "less than or equal to 65535", "or unset it"),
        ("DB_POOL_SIZE", "2", "greater than or equal to 4", "or unset it"),
        ("NOTIFIER_CHANNEL", "pigeon", "'auto', 'console' or 'telegram'", "or unset it"),
    ],
)
async def test_a_wrong_setting_fails_by_its_name(
    telegram: FakeTelegram, name: str, value: str, detail: str, remedy: str
):
    check = await failed(telegram, **{name: value})
    assert check.name == "notifier settings"
    assert check.detail.startswith(f"AIARTIST_{name}: ")
    assert detail in check.detail
    assert check.remedy.startswith(f"correct AIARTIST_{name}")
    assert remedy in check.remedy


async def test_with_one_setting_wrong_the_rest_is_still_checked(telegram: FakeTelegram):
    wrong = {"TELEGRAM_PEOPLE": "x", "NOTIFIER_TIME_ZONE": "x", "TELEGRAM_CHAT_IDS": f"{NOBODY}"}
    _, checks = await doctor(telegram, **wrong)
    assert [(check.name, check.status) for check in checks] == [
        ("notifier settings", "fail"),
        ("notifier settings", "fail"),
        ("telegram bot", "pass"),
        ("telegram updates", "pass"),
        (f"telegram chat {NOBODY}", "fail"),
    ]


async def test_settings_that_need_each_other_are_named(telegram: FakeTelegram):
    check = await failed(telegram, NOTIFIER_CHANNEL="telegram", TELEGRAM_TOKEN="")
    assert "set AIARTIST_TELEGRAM_TOKEN" in check.detail
    check = await failed(telegram, TELEGRAM_WEBHOOK_URL="https://label.example/hook")
    assert "set AIARTIST_TELEGRAM_WEBHOOK_SECRET too" in check.detail


async def test_what_every_service_is_set_to_is_told_once_and_not_here(telegram: FakeTelegram):
    _, checks = await doctor(telegram, HOST="0.0.0.0", TOKENS="a")
    assert {check.status for check in checks} == {"pass"}


async def set_webhook(telegram: FakeTelegram, url: str) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{telegram.url}/bot{telegram.token}/setWebhook", json={"url": url})
    assert answer.json()["ok"]


async def test_a_webhook_where_polling_is_configured_is_a_warning(telegram: FakeTelegram):
    await set_webhook(telegram, f"http://127.0.0.1:1/{telegram.token}")
    check = await warned(telegram)
    assert check.name == "telegram updates"
    assert check.detail == "a webhook is set at 127.0.0.1, but long polling is configured"
    assert "the notifier removes it when it starts" in check.remedy


async def test_a_webhook_that_fails_says_how_and_how_many_wait(telegram: FakeTelegram):
    url = "http://127.0.0.1:1/hook"
    await set_webhook(telegram, url)
    await telegram.say(ANN, ANN, "hello")
    webhook = {"TELEGRAM_WEBHOOK_URL": url, "TELEGRAM_WEBHOOK_SECRET": SECRET}
    async with asyncio.timeout(10):
        while not telegram.webhook_refused:
            await asyncio.sleep(0.01)
    check = await warned(telegram, **webhook)
    assert check.detail.startswith("the webhook at 127.0.0.1 fails; Connection failed: ")
    assert check.detail.endswith("; 1 updates wait")
    assert "port 8443" in check.remedy


async def test_a_webhook_that_works_passes_and_one_that_is_not_set_yet_warns(telegram: FakeTelegram):
    webhook = {"TELEGRAM_WEBHOOK_URL": "http://127.0.0.1:1/hook", "TELEGRAM_WEBHOOK_SECRET": SECRET}
    check = await warned(telegram, **webhook)
    assert check.detail == "no webhook is set yet at AIARTIST_TELEGRAM_WEBHOOK_URL"
    await set_webhook(telegram, "http://127.0.0.1:1/another")
    check = await warned(telegram, **webhook)
    assert check.detail == "the webhook is set at 127.0.0.1, not at AIARTIST_TELEGRAM_WEBHOOK_URL"
    await set_webhook(telegram, "http://127.0.0.1:1/hook")
    _, checks = await doctor(telegram, **webhook)
    assert (checks[1].status, checks[1].detail) == ("pass", "webhook at 127.0.0.1")
