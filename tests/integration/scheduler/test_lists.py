"""ListRuns: newest first, page by page, filtered, and tokens that fit their filters."""

import base64
import json
from typing import Any

import asyncpg
import grpc
import pytest

from aiartist.scheduler.v1 import scheduler_pb2 as pb
from services.chassis.errors import remote_error
from tests.support.scheduler_replica import CALL_S, Replica

SEED = """
INSERT INTO runs (id, artist_id, state, stage, place, autopilot, started_by, created_at)
SELECT 'run_' || lpad(n::text, 4, '0'), 'art_' || n % 3,
    (ARRAY['RELEASED', 'REJECTED', 'FAILED', 'AWAITING_APPROVAL'])[n % 4 + 1],
    'APPROVE', 'none', false, 'operator',
    timestamptz '2026-01-01 00:00:00+00' + (n / 5) * interval '1 second'
FROM generate_series(1, 60) AS n
"""
ALL = [f"run_{n:04}" for n in range(60, 0, -1)]


@pytest.fixture
async def filled(scheduler: Replica, sql: "asyncpg.Connection[asyncpg.Record]") -> Replica:
    """Sixty runs, five of them at each moment."""
    await sql.execute(SEED)
    return scheduler


async def page(replica: Replica, **fields: Any) -> tuple[list[str], str]:
    answer = await replica.stub.ListRuns(pb.ListRunsRequest(**fields), timeout=CALL_S)
    return [run.id for run in answer.runs], answer.next_page_token


async def all_pages(replica: Replica, **fields: Any) -> list[str]:
    found: list[str] = []
    token = ""
    while True:
        ids, token = await page(replica, page_token=token, **fields)
        found += ids
        if not token:
            return found


def number(run_id: str) -> int:
    return int(run_id.removeprefix("run_"))


async def test_runs_are_listed_newest_first(filled: Replica) -> None:
    ids, token = await page(filled)
    assert ids == ALL[:50]
    assert token


@pytest.mark.parametrize("size", [1, 7, 20, 60, 500])
async def test_pages_hold_every_run_once_whatever_their_size(filled: Replica, size: int) -> None:
    assert await all_pages(filled, page_size=size) == ALL


async def test_the_runs_of_one_artist(filled: Replica) -> None:
    expected = [run_id for run_id in ALL if number(run_id) % 3 == 1]
    assert await all_pages(filled, artist_id="art_1", page_size=7) == expected


async def test_runs_in_some_states(filled: Replica) -> None:
    states = [pb.RUN_STATE_FAILED, pb.RUN_STATE_AWAITING_APPROVAL]
    expected = [run_id for run_id in ALL if number(run_id) % 4 in (2, 3)]
    assert await all_pages(filled, states=states, page_size=7) == expected
    assert await all_pages(filled, states=[*states, *states][::-1], page_size=7) == expected


async def test_the_runs_of_one_artist_in_one_state(filled: Replica) -> None:
    expected = [run_id for run_id in ALL if number(run_id) % 3 == 1 and number(run_id) % 4 == 0]
    assert await all_pages(filled, artist_id="art_1", states=[pb.RUN_STATE_RELEASED]) == expected


async def test_a_list_of_nothing_is_empty(filled: Replica) -> None:
    assert await page(filled, artist_id="art_9") == ([], "")
    assert await page(filled, states=[pb.RUN_STATE_QUEUED]) == ([], "")


async def test_a_run_that_is_started_meanwhile_disturbs_no_page(filled: Replica) -> None:
    first, token = await page(filled, page_size=30)
    new = await filled.start(autopilot=False)
    second, _ = await page(filled, page_size=30, page_token=token)
    assert first + second == ALL
    assert (await page(filled, page_size=1))[0] == [new]


async def test_listed_runs_come_without_their_stages(scheduler: Replica) -> None:
    run = await scheduler.waiting()
    assert run.stages
    (listed,) = (await scheduler.stub.ListRuns(pb.ListRunsRequest(), timeout=CALL_S)).runs
    assert not listed.stages
    listed.stages.extend(run.stages)
    assert listed == run


@pytest.mark.parametrize(
    "other", [{}, {"artist_id": "art_2"}, {"artist_id": "art_1", "states": [pb.RUN_STATE_FAILED]}]
)
async def test_a_token_of_another_list_is_refused(filled: Replica, other: dict[str, Any]) -> None:
    _, token = await page(filled, artist_id="art_1", page_size=5)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await page(filled, page_token=token, **other)
    error = remote_error(caught.value)
    assert (error.remote_code, error.remote_reason) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "ERROR_REASON_PAGE_TOKEN",
    )


@pytest.mark.parametrize("time", ["yesterday", "2026-01-01", "2026-01-01T00:00:00", ""])
async def test_a_token_whose_time_was_tampered_with_is_refused(filled: Replica, time: str) -> None:
    _, token = await page(filled, page_size=5)
    filters, _, run_id = json.loads(base64.urlsafe_b64decode(token))
    forged = base64.urlsafe_b64encode(json.dumps([filters, time, run_id]).encode()).decode()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await page(filled, page_token=forged)
    assert remote_error(caught.value).remote_reason == "ERROR_REASON_PAGE_TOKEN"
