"""Songs are paid once: whatever breaks off, the next try goes on with what was ordered."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from services.chassis.errors import DependencyUnavailable, RemoteError, RequestIdReused
from services.release.providers.ledger import call_id
from tests.support.fake_music import Hang, ServedFile, Status, Task, song_file
from tests.support.fake_music.behaviours import Reset
from tests.support.music_desk import PRICE, MusicDesk, music_desk


@pytest.fixture
async def bed(tmp_path: Path) -> AsyncIterator[MusicDesk]:
    async with music_desk(tmp_path, providers=("suno", "builtin"), cooldown_s=0.01) as made:
        yield made


async def cancelled(making: "asyncio.Task[object]") -> None:
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making


async def test_a_take_that_broke_off_at_work_goes_on_with_its_task(bed: MusicDesk) -> None:
    bed.suno.ready_after = 10**9
    making = asyncio.create_task(bed.make())
    await bed.suno.polled.wait()
    await cancelled(making)
    bed.suno.ready_after = 0
    bed.desk = bed.another_desk()
    made = await bed.make()
    assert (made.provider, made.cost_micro_usd) == ("suno", PRICE)
    assert len(bed.suno.calls) == 1
    assert bed.artist_db.money.spent_micro_usd == PRICE
    assert (await bed.make()).reference == made.reference


async def test_a_take_that_broke_off_in_its_download_goes_on_with_its_task(bed: MusicDesk) -> None:
    stalled = bed.suno.files["song"] = ServedFile(song_file(), stall=asyncio.Event())
    making = asyncio.create_task(bed.make())
    await stalled.stalled.wait()
    await cancelled(making)
    assert list(bed.folder.iterdir()) == []
    bed.suno.files["song"] = ServedFile(song_file())
    bed.desk = bed.another_desk()
    assert (await bed.make()).take == "24 s"
    assert len(bed.suno.calls) == 1


async def test_an_order_goes_on_when_its_caller_goes_away(bed: MusicDesk) -> None:
    hang = Hang()
    bed.suno.submit.next.append(hang)
    making = asyncio.create_task(bed.make())
    await hang.started.wait()
    await cancelled(making)
    hang.release.set()
    await bed.desk.close()
    assert bed.recorded() == [("suno/V5", "ok", PRICE)]
    bed.desk = bed.another_desk()
    assert (await bed.make()).provider == "suno"
    assert len(bed.suno.calls) == 1


async def test_an_order_of_which_nobody_knows_is_repeated_under_its_key(bed: MusicDesk) -> None:
    bed.suno.submit.next.append(Reset())
    assert (await bed.make()).provider == "builtin"
    # It may be paid: so much stays held, and nothing is recorded.
    assert bed.artist_db.money.held_micro_usd == PRICE
    assert bed.recorded() == []
    await asyncio.sleep(0.02)
    assert (await bed.make()).provider == "suno"
    first, second = bed.suno.calls
    assert first.key == second.key != ""
    assert len(bed.suno.tasks) == 1
    assert bed.artist_db.money.held_micro_usd == 0
    assert bed.artist_db.money.spent_micro_usd == PRICE


async def test_an_order_that_was_refused_is_another_one_next_time(bed: MusicDesk) -> None:
    bed.suno.submit.next.append(Status(500))
    await bed.make()
    assert bed.artist_db.money.held_micro_usd == 0
    await asyncio.sleep(0.02)
    assert (await bed.make()).provider == "suno"
    assert bed.recorded() == [("suno/V5", "server_error", 0), ("suno/V5", "ok", PRICE)]


async def test_over_budget_the_next_provider_is_asked_and_people_are_told(bed: MusicDesk) -> None:
    bed.artist_db.money.limit_micro_usd = PRICE - 1
    assert (await bed.make()).provider == "builtin"
    assert bed.suno.calls == []
    assert bed.breaker("suno") == "closed"
    await bed.notifier.until_told(1)
    assert bed.notifier.titles == ["The budget is spent: artist art_00000000000000000000000001"]
    bed.artist_db.money.limit_micro_usd = PRICE
    assert (await bed.make("two")).provider == "suno"
    await bed.notifier.until_told(2)
    assert bed.notifier.titles[1].startswith("100 % of a budget is spent")


async def test_where_money_alone_is_lacking_the_budget_s_error_says_so(tmp_path: Path) -> None:
    async with music_desk(tmp_path, providers=("suno",)) as bed:
        bed.artist_db.money.limit_micro_usd = 0
        with pytest.raises(RemoteError) as caught:
            await bed.make()
        assert caught.value.remote_reason == "ERROR_REASON_BUDGET_SPENT"
        assert not caught.value.retryable


async def test_a_task_that_a_provider_forgot_is_ordered_again(bed: MusicDesk) -> None:
    bed.suno.ready_after = 10**9
    making = asyncio.create_task(bed.make())
    await bed.suno.polled.wait()
    await cancelled(making)
    bed.suno.tasks.clear()
    bed.suno.ready_after = 0
    bed.suno.remembers_keys = False
    bed.desk = bed.another_desk()
    made = await bed.make()
    assert (made.provider, made.cost_micro_usd) == ("suno", 2 * PRICE)
    assert [outcome for _, outcome, _ in bed.recorded()] == ["ok", "forgotten", "ok"]


async def test_a_song_that_was_ready_long_ago_is_taken_also_where_the_first_poll_fails(
    bed: MusicDesk,
) -> None:
    bed.suno.ready_after = 10**9
    making = asyncio.create_task(bed.make())
    await bed.suno.polled.wait()
    await cancelled(making)
    bed.suno.ready_after = 0
    bed.suno.poll.next.extend([Status(503), Status(503)])
    bed.desk = bed.another_desk(lambda: time.time() + 86_400)
    assert (await bed.make()).provider == "suno"
    assert len(bed.suno.calls) == 1


async def test_a_task_that_made_no_song_is_not_asked_for_again(bed: MusicDesk) -> None:
    bed.suno.ending = "empty"
    assert (await bed.make()).provider == "builtin"
    bed.suno.ending = "ok"
    await asyncio.sleep(0.02)
    made = await bed.make()
    assert (made.provider, made.reference, made.cost_micro_usd) == ("suno", "task-2", 2 * PRICE)
    assert bed.suno.tasks["task-1"].polls == bed.suno.ready_after + 1


async def test_one_call_orders_one_song_of_a_provider_however_many_fail(bed: MusicDesk) -> None:
    bed.suno.ending = "failed"
    for orders in (1, 2, 3):
        assert (await bed.make()).provider == "builtin"
        assert len(bed.suno.calls) == orders
        await asyncio.sleep(0.02)


async def test_another_take_is_another_order(bed: MusicDesk) -> None:
    assert (await bed.make("one")).reference == "task-1"
    assert (await bed.make("two")).reference == "task-2"
    assert bed.suno.calls[0].key != bed.suno.calls[1].key


async def test_an_order_belongs_to_its_request(bed: MusicDesk) -> None:
    await bed.make()
    with pytest.raises(RequestIdReused):
        await bed.make(request_digest="e" * 64)


async def test_the_song_that_another_replica_orders_is_taken(bed: MusicDesk) -> None:
    id = call_id(bed.order(), "suno", 1)
    bed.artist_db.money.held_by_others.add((id, 1))
    making = asyncio.create_task(bed.make())
    while "HoldSpend" not in bed.artist_db.calls:
        await asyncio.sleep(0.01)
    bed.suno.tasks["theirs"] = Task("theirs", {"title": "t", "style": "s"}, "")
    answer = json.dumps({"task": "theirs", "submitted_at": 1_900_000_000})
    call = db.ModelCall(
        call_id=id, attempt=1, role="music", model="suno/V5", outcome="ok", answer=answer,
        cost_micro_usd=PRICE, request_digest="d" * 64,
    )  # fmt: skip
    bed.artist_db.money.record(db.RecordModelCallRequest(call=call))
    made = await making
    assert (made.reference, made.cost_micro_usd) == ("theirs", PRICE)
    assert bed.suno.calls == []


async def test_who_is_at_work_on_the_take_is_asked_first(tmp_path: Path) -> None:
    async with music_desk(tmp_path) as bed:
        bed.suno.ready_after = 10**9
        making = asyncio.create_task(bed.make())
        await bed.suno.polled.wait()
        await cancelled(making)
        bed.suno.ready_after = 0
        assert (await bed.make(failed={"suno": 3})).provider == "suno"
        assert bed.acestep.calls == []


async def test_a_record_is_repeated_while_artist_db_is_away(bed: MusicDesk) -> None:
    bed.artist_db.fail_next["RecordModelCall"] = grpc.StatusCode.UNAVAILABLE
    assert (await bed.make()).provider == "suno"
    assert bed.recorded() == [("suno/V5", "ok", PRICE)]


async def test_without_artist_db_nothing_is_ordered(bed: MusicDesk) -> None:
    bed.artist_db.fail_next["HoldSpend"] = grpc.StatusCode.DEADLINE_EXCEEDED
    with pytest.raises(DependencyUnavailable):
        await bed.make()
    assert bed.suno.calls == []
    assert bed.breaker("suno") == "closed"
