"""What notifier asks again and again reads what is due, and not all questions that wait."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from services.notifier.store import approvals, updates

WAITING = 10_000
FILL = f"""
INSERT INTO messages (id, kind, severity, title, body, run_id, artist_id, approval, delivered_at)
SELECT 'msg_' || n, 'approval', 'info', 'Song', 'A song', 'run_' || n, 'art_1', '', now()
FROM generate_series(1, {WAITING}) AS n;
INSERT INTO approvals (message_id, run_id, artist_id, title, artist_name, take_number, content_digest,
    remind_at)
SELECT 'msg_' || n, 'run_' || n, 'art_1', 'Song', 'Artist', 1, 'sha256:1',
    now() + CASE WHEN n <= 5 THEN -1 ELSE n END * interval '1 minute'
FROM generate_series(1, {WAITING}) AS n;
INSERT INTO closings (run_id, content_digest, verdict, decided_by, reason, told_at)
SELECT 'run_' || n, '', '', '', '', now() - n * interval '1 minute' FROM generate_series(1, {WAITING}) AS n;
INSERT INTO updates (update_id, lane, body, done_at)
SELECT n, 'lane', '{{}}', now() - n * interval '10 seconds' FROM generate_series(1, {WAITING}) AS n;
ANALYZE
"""
Work = Callable[[Any], Awaitable[Any]]
PLANS: dict[str, tuple[Work, set[str]]] = {
    "reminders": (
        lambda c: approvals.remind_of_due(c, 86_400, 1),
        {"approvals_to_remind", "approvals_pkey", "messages_reminders"},
    ),
    "old closings": (approvals.forget_closings, {"closings_told"}),
    "old updates": (updates.forget_old, {"updates_done"}),
}


@pytest.fixture
async def filled(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(database_url, server_settings={"search_path": "notifier"})
    await connection.set_type_codec("jsonb", encoder=str, decoder=lambda _: [], schema="pg_catalog")
    await connection.execute(FILL)
    yield connection
    await connection.close()


@pytest.mark.parametrize("what", PLANS)
async def test_a_repeated_question_reads_only_what_is_due(filled: Any, what: str) -> None:
    work, expected = PLANS[what]
    sent: list[Any] = []
    transaction = filled.transaction()
    await transaction.start()
    with filled.query_logger(sent.append):
        await work(filled)
    await transaction.rollback()
    (statement,) = sent
    told = await filled.fetch(f"EXPLAIN {statement.query}", *statement.args)
    plan = "\n".join(row[0] for row in told)

    assert "Seq Scan" not in plan, plan
    assert {name for name in expected if name in plan} == expected, plan
    # Its bound is part of the search, not a filter over all that waits.
    assert plan.count("Index Cond") >= len(expected), plan


async def test_only_those_that_are_due_are_reminded(filled: Any) -> None:
    count, oldest = await approvals.remind_of_due(filled, 86_400, 1)
    assert count == len(oldest) == 5
    assert await filled.fetchval("SELECT count(*) FROM approvals WHERE reminders = 1") == 5
