"""Who fetches what people do: one process at a time, another soon after its end, or Telegram itself."""

import asyncio

import aiohttp
import pytest

from services.chassis.database import Database
from services.chassis.errors import SetupError
from services.notifier.app import build
from services.notifier.store import updates
from services.notifier.telegram.poller import AT_MOST_EVERY_S, LEASE, LEASE_S
from tests.integration.notifier.telegram.conftest import CHAT, VERA, Bed, Start
from tests.support.fake_telegram import FakeTelegram, Status
from tests.support.metrics import metric

SECRET = "a-secret-of-telegram-0123"


async def answered(bed: Bed, text: str = "/help") -> None:
    """Somebody writes and the bot answers."""
    before = len(bed.telegram.messages(VERA))
    await bed.telegram.say(VERA, VERA, text)
    await bed.telegram.until(
        lambda: any(message.from_bot for message in bed.telegram.messages(VERA)[before:])
    )


async def holder(db: Database) -> str:
    async with db.acquire() as connection:
        return str(await connection.fetchval("SELECT holder FROM leases WHERE name = $1", LEASE))


async def test_of_two_replicas_one_polls_and_what_is_pressed_counts_once(notifier: Start) -> None:
    async with notifier() as bed, notifier():
        card = await bed.ask(bed.peers.song())
        await bed.press(VERA, card, "✅ Approve")
        await bed.now(card, lambda message: not message.buttons)
        await answered(bed)
        assert bed.telegram.most_polls_open == 1
        assert bed.telegram.conflicts == 0
        assert len(bed.peers.asked) == 1
        assert sum(message.audio is not None for message in bed.telegram.messages(CHAT)) == 1


async def test_when_the_poller_ends_the_other_goes_on_at_once(notifier: Start, db: Database) -> None:
    async with notifier() as first:
        await answered(first)
        before = await holder(db)
        async with notifier() as second:
            await first.app.close()
            await answered(second)
            assert await holder(db) != before


async def test_a_lease_that_is_not_renewed_is_free_within_15_seconds(db: Database) -> None:
    async with db.acquire() as connection:
        assert await updates.take_lease(connection, LEASE, "dead", LEASE_S)
        assert not await updates.take_lease(connection, LEASE, "heir", LEASE_S)
        left = await connection.fetchval("SELECT extract(epoch FROM until - clock_timestamp()) FROM leases")
        assert 0 < left <= 13
        await connection.execute("UPDATE leases SET until = clock_timestamp()")
        assert await updates.take_lease(connection, LEASE, "heir", LEASE_S)
        assert not await updates.take_lease(connection, LEASE, "dead", LEASE_S)


async def test_a_stranger_who_polls_with_our_token_does_not_stop_us(
    notifier: Start, telegram: FakeTelegram
) -> None:
    async with notifier() as bed:
        await answered(bed)
        telegram.fail("getUpdates", "409", 2)
        await answered(bed)


async def test_commands_are_registered(notifier: Start) -> None:
    async with notifier() as bed:
        await answered(bed)
        [names] = [{entry["command"] for entry in scope} for scope in bed.telegram.commands.values()]
        wanted = "start help status artists artist runs run releases errors budget autopilot pause resume new"
        assert set(wanted.split()) <= names


async def test_an_update_that_nobody_understands_stops_nothing(
    notifier: Start, telegram: FakeTelegram, db: Database
) -> None:
    async with notifier() as bed:
        async with db.transaction() as connection:
            odd = [
                {"update_id": 1},
                {"update_id": 2, "message": {"text": 7}},
                {"update_id": 3, "callback_query": []},
            ]
            await updates.keep(connection, [(update["update_id"], "odd", update) for update in odd])
        await answered(bed)
        async with db.acquire() as connection:
            # They are done beside each other; the answer's may be first.
            while await connection.fetchval("SELECT count(*) FROM updates WHERE done_at IS NULL"):
                await asyncio.sleep(0.02)


async def test_a_webhook_takes_what_telegram_brings(notifier: Start, unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}/telegram"
    async with notifier(
        telegram_webhook_url=url, telegram_webhook_port=unused_tcp_port, telegram_webhook_secret=SECRET
    ) as bed:
        card = await bed.ask(bed.peers.song())
        await bed.telegram.until(lambda: bed.telegram.webhook_url)
        await bed.press(VERA, card, "✅ Approve")
        assert bed.telegram.calls["getUpdates"] == 0
        assert len(bed.peers.decided) == 1


async def test_a_webhook_refuses_whoever_does_not_know_the_secret(
    notifier: Start, unused_tcp_port: int, db: Database
) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}/telegram"
    async with (
        notifier(
            telegram_webhook_url=url, telegram_webhook_port=unused_tcp_port, telegram_webhook_secret=SECRET
        ),
        aiohttp.ClientSession() as session,
    ):
        for headers in ({}, {"X-Telegram-Bot-Api-Secret-Token": "guess"}):
            async with session.post(url, json={"update_id": 1}, headers=headers) as response:
                assert response.status == 403
        async with session.post(
            url, data=b"{", headers={"X-Telegram-Bot-Api-Secret-Token": SECRET}
        ) as response:
            assert response.status == 400
        async with db.acquire() as connection:
            assert await connection.fetchval("SELECT count(*) FROM updates") == 0


async def test_a_webhook_whose_port_is_taken_says_which_setting(settings, unused_tcp_port: int) -> None:
    taken = {
        "telegram_webhook_url": f"http://127.0.0.1:{unused_tcp_port}/telegram",
        "telegram_webhook_port": unused_tcp_port,
        "telegram_webhook_secret": SECRET,
    }
    async with await build(settings(**taken)):
        with pytest.raises(SetupError, match="AIARTIST_TELEGRAM_WEBHOOK_PORT"):
            await build(settings(**taken))


async def test_a_server_that_knows_no_webhooks_is_polled(notifier: Start, telegram: FakeTelegram) -> None:
    telegram.fail("deleteWebhook", Status(404, "Not Found"))
    async with notifier() as bed:
        await answered(bed)


async def test_a_server_that_does_not_wait_is_not_asked_all_the_time(notifier: Start) -> None:
    async with notifier(telegram_poll_timeout_s=0) as bed:
        await answered(bed)
        loop = asyncio.get_running_loop()
        began, before = loop.time(), bed.telegram.calls["getUpdates"]
        await bed.telegram.until(lambda: bed.telegram.calls["getUpdates"] >= before + 4)
        # The pause is a quarter of a second; the first of the four may have been under way.
        assert loop.time() - began >= 3 * AT_MOST_EVERY_S


async def test_who_may_poll_and_who_does_is_told(notifier: Start) -> None:
    async with notifier() as bed, notifier():
        await answered(bed)
        # Two replicas share this process's registry: both may, and one of them does.
        assert metric("aiartist_notifier_may_poll") == 2
        assert metric("aiartist_notifier_polling") == 1
    assert metric("aiartist_notifier_may_poll") == 0
    assert metric("aiartist_notifier_polling") == 0
