"""Nothing that is to be said is lost, whatever happens to the channel, the process or the database."""

import asyncio

from services.chassis.database import Database
from services.chassis.metrics import REGISTRY
from services.notifier.delivery import DeliveryWorker, Pace
from services.notifier.domain import Draft, Kind, Message, Severity
from services.notifier.store import messages
from tests.integration.notifier.conftest import Notifier
from tests.integration.notifier.test_service import notice
from tests.support.channels import WatchedChannel

PACE = Pace(poll_interval_s=60, delivery_timeout_s=30, retry_base_s=2, retry_max_s=300)


def worker(db: Database, channel: WatchedChannel, pace: Pace = PACE) -> DeliveryWorker:
    return DeliveryWorker(db, channel, pace, asyncio.Event())


async def store_notices(db: Database, *titles: str) -> None:
    for title in titles:
        async with db.transaction() as connection:
            await messages.insert(connection, Draft(Kind.NOTICE, Severity.INFO, title, "", "", ""))


async def waiting(db: Database) -> list[str]:
    """Titles of what no channel took yet."""
    async with db.acquire() as connection:
        rows = await connection.fetch(
            "SELECT title FROM messages WHERE delivered_at IS NULL ORDER BY position"
        )
    return [row["title"] for row in rows]


async def let_the_waits_pass(db: Database) -> None:
    async with db.acquire() as connection:
        await connection.execute("UPDATE messages SET next_attempt_at = clock_timestamp()")


def failures() -> float:
    return REGISTRY.get_sample_value("aiartist_notifier_deliveries_total", {"outcome": "failed"}) or 0.0


async def test_messages_are_said_in_the_order_in_which_they_were_stored(db: Database):
    await store_notices(db, "one", "two", "three")
    channel = WatchedChannel()
    await worker(db, channel).deliver_due()
    assert channel.titles() == ["one", "two", "three"]
    assert await waiting(db) == []


async def test_a_message_that_the_channel_refuses_waits_and_the_next_ones_go_on(db: Database):
    await store_notices(db, "one", "two", "three")
    channel = WatchedChannel()
    channel.trouble = lambda m: ConnectionError("no route") if m.draft.title == "two" else None
    before = failures()
    await worker(db, channel).deliver_due()
    assert channel.titles() == ["one", "three"]
    assert await waiting(db) == ["two"]
    assert failures() - before == 1


async def test_a_refused_message_is_tried_again_when_its_wait_is_over(db: Database):
    await store_notices(db, "one")
    channel = WatchedChannel()
    channel.trouble = lambda _message: ConnectionError("no route")
    await worker(db, channel).deliver_due()
    channel.trouble = lambda _message: None
    await worker(db, channel).deliver_due()
    assert channel.titles() == []
    await let_the_waits_pass(db)
    await worker(db, channel).deliver_due()
    assert channel.titles() == ["one"]


async def test_a_refused_message_remembers_why_and_how_often(db: Database):
    await store_notices(db, "one")
    channel = WatchedChannel()
    channel.trouble = lambda _message: ConnectionError("https://bot:s3cret-token@api failed")
    for _ in range(2):
        await worker(db, channel).deliver_due()
        await let_the_waits_pass(db)
    async with db.acquire() as connection:
        row = await connection.fetchrow("SELECT failed_attempts, last_error FROM messages")
    assert row is not None
    assert row["failed_attempts"] == 2
    assert row["last_error"].startswith("ConnectionError: https://bot:")
    assert "s3cret-token" not in row["last_error"]


async def test_a_channel_that_hangs_counts_as_a_failure(db: Database):
    await store_notices(db, "one", "two")
    channel = WatchedChannel()
    channel.trouble = lambda m: asyncio.Event() if m.draft.title == "one" else None
    pace = Pace(poll_interval_s=60, delivery_timeout_s=0.05, retry_base_s=2, retry_max_s=300)
    await worker(db, channel, pace).deliver_due()
    assert channel.titles() == ["two"]
    assert await waiting(db) == ["one"]


async def test_two_workers_at_once_say_each_message_once(db: Database):
    titles = [f"{number:02}" for number in range(20)]
    await store_notices(db, *titles)
    channel = WatchedChannel()
    await asyncio.gather(worker(db, channel).deliver_due(), worker(db, channel).deliver_due())
    assert sorted(channel.titles()) == titles


async def test_a_worker_that_dies_while_the_channel_has_a_message_leaves_it_to_the_next(db: Database):
    await store_notices(db, "one")
    stuck = WatchedChannel()
    stuck.trouble = lambda _message: asyncio.Event()
    dying = asyncio.create_task(worker(db, stuck).deliver_due())
    await stuck.asked.get()
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    channel = WatchedChannel()
    await worker(db, channel).deliver_due()
    assert channel.titles() == ["one"]


async def test_while_one_worker_has_a_message_another_takes_the_next(db: Database):
    await store_notices(db, "one", "two")
    slow, release = WatchedChannel(), asyncio.Event()
    slow.trouble = lambda _message: release
    first = asyncio.create_task(worker(db, slow).deliver_due())
    await slow.asked.get()
    quick = WatchedChannel()
    await worker(db, quick).deliver_due()
    assert quick.titles() == ["two"]
    release.set()
    await first
    assert slow.titles() == ["one"]


async def test_what_was_stored_while_nobody_listened_is_said_at_the_start(notifier: Notifier, db: Database):
    await store_notices(db, "one")
    async with notifier() as running:
        taken = await running.channel.taken.get()
    assert taken.draft.title == "one"


async def test_a_stored_message_wakes_the_worker_before_it_looks_by_itself(notifier: Notifier):
    async with notifier() as running:
        for number in range(3):
            await running.stub.Notify(notice(number))
            taken: Message = await running.channel.taken.get()
            assert taken.draft.title == f"notice {number}"


async def test_a_missed_hint_costs_no_more_than_one_look(notifier: Notifier, db: Database):
    async with notifier(notifier_poll_interval_s=0.05) as running:
        async with db.acquire() as connection:
            # As stored by something that tells nobody.
            await connection.execute(
                "INSERT INTO messages (id, kind, severity, title, body, run_id, artist_id) "
                "VALUES ('msg_x', 'notice', 'info', 'quiet', '', '', '')"
            )
        taken = await running.channel.taken.get()
    assert taken.draft.title == "quiet"


async def test_the_worker_outlives_its_database_connections(notifier: Notifier, db: Database):
    async with notifier(notifier_poll_interval_s=0.05) as running:
        await running.stub.Notify(notice(1))
        await running.channel.taken.get()
        async with db.acquire() as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        await store_notices(db, "after the cut")
        # The first may come again: cut off between being said and being marked.
        titles = {(await running.channel.taken.get()).draft.title}
        while "after the cut" not in titles:
            titles.add((await running.channel.taken.get()).draft.title)
    assert titles <= {"notice 1", "after the cut"}


async def test_a_service_that_stops_waits_for_the_delivery_under_way(notifier: Notifier, db: Database):
    channel, release = WatchedChannel(), asyncio.Event()
    channel.trouble = lambda _message: release
    async with notifier(channel) as running:
        await running.stub.Notify(notice(1))
        await channel.asked.get()
        closing = asyncio.create_task(running.app.close())
        await running.app.closing.wait()
        release.set()
        await closing
    assert await waiting(db) == []
