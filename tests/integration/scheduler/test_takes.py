"""Several takes: so many are made before a person is asked, who may pick any that passed."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from aiartist.artist_db.v1 import artist_db_pb2
from aiartist.common.v1 import decision_pb2
from aiartist.notifier.v1 import notifier_pb2
from aiartist.release.v1 import release_pb2
from aiartist.scheduler.v1 import scheduler_pb2 as pb
from services.chassis.errors import DependencyUnavailable, RemoteError, remote_error
from tests.support.scheduler_peers import Peers
from tests.support.scheduler_replica import CALL_S, Replica, running_scheduler, state_name

APPROVED, REJECTED = decision_pb2.VERDICT_APPROVED, decision_pb2.VERDICT_REJECTED
TAKE, BRIEF = decision_pb2.VERDICT_REGENERATE_TAKE, decision_pb2.VERDICT_REGENERATE_BRIEF


@pytest.fixture
async def label(database_url: str, peers_address: str) -> AsyncIterator[Replica]:
    """A scheduler as it is shipped, with every peer in one place."""
    async with running_scheduler(database_url, peers_address) as replica:
        yield replica


async def refusal(replica: Replica, run: Any, verdict: Any, **fields: Any) -> RemoteError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await replica.decide(run, verdict, **fields)
    return remote_error(caught.value)


def produced(peers: Peers) -> list[tuple[int, str]]:
    """Number and brief of every take that was made."""
    requests = peers.of(release_pb2.ProduceTakeRequest)
    return [(request.take_number, request.brief_id) for request in requests]


def asked(peers: Peers) -> list[int]:
    return [request.take_number for request in peers.of(notifier_pb2.RequestApprovalRequest)]


def take_id(run: Any, number: int) -> str:
    return f"tak of {run.id}/produce/{number}"


async def test_as_many_takes_are_made_as_were_wanted_and_one_question_is_asked(
    label: Replica, peers: Peers
) -> None:
    run = await label.waiting(takes=3)
    assert (run.takes_wanted, run.take_number, run.take_id) == (3, 3, take_id(run, 3))
    assert run.content_digest == "sha256:3"
    stages = [(stage.stage, stage.take_number) for stage in run.stages]
    assert stages == [
        (pb.STAGE_NAME_COMPOSE, 1),
        (pb.STAGE_NAME_PRODUCE, 1),
        (pb.STAGE_NAME_PRODUCE, 2),
        (pb.STAGE_NAME_PRODUCE, 3),
        (pb.STAGE_NAME_APPROVE, 3),
    ]
    assert asked(peers) == [3]


async def test_a_take_that_its_review_refuses_does_not_count(label: Replica, peers: Peers) -> None:
    peers.failed_checks = [[], ["loudness"], ["loudness"]]
    run = await label.waiting(takes=2)
    assert [number for number, _ in produced(peers)] == [1, 2, 3, 4]
    assert run.take_id == take_id(run, 4)


async def test_takes_that_are_refused_in_a_row_fail_the_run_and_a_retry_makes_the_rest(
    label: Replica, peers: Peers
) -> None:
    peers.failed_checks = [[], ["loudness"], ["loudness"], ["loudness"]]
    run_id = await label.start(autopilot=False, takes=2)
    assert (await label.until(run_id, "FAILED")).error.reason == "ERROR_REASON_REVIEW_FAILED"
    await label.stub.RetryRun(pb.RetryRunRequest(run_id=run_id), timeout=CALL_S)
    run = await label.until(run_id, "AWAITING_APPROVAL")
    assert [number for number, _ in produced(peers)] == [1, 2, 3, 4, 5]
    assert run.take_id == take_id(run, 5)


async def test_autopilot_takes_the_first(label: Replica, peers: Peers) -> None:
    run = await label.until(await label.start(autopilot=True, takes=5), "RELEASED")
    assert (run.takes_wanted, len(produced(peers))) == (5, 1)


async def test_another_take_is_one_more_and_another_brief_gets_them_all(label: Replica, peers: Peers) -> None:
    run = await label.waiting(takes=2)
    await label.decide(run, TAKE)
    run = await label.until(run.id, "AWAITING_APPROVAL")
    assert [number for number, _ in produced(peers)] == [1, 2, 3]
    await label.decide(run, BRIEF)
    run = await label.until(run.id, "AWAITING_APPROVAL")
    first, second = f"brf of {run.id}/compose/1", f"brf of {run.id}/compose/4"
    assert produced(peers) == [(1, first), (2, first), (3, first), (4, second), (5, second)]
    assert asked(peers) == [2, 3, 5]


async def test_who_says_nothing_gets_what_the_settings_say(
    database_url: str, peers_address: str, peers: Peers
) -> None:
    async with running_scheduler(database_url, peers_address, scheduler_takes=2) as label:
        assert (await label.waiting()).takes_wanted == 2
        assert (await label.waiting(takes=1)).takes_wanted == 1
        peers.add_artist("art_2", cadence=artist_db_pb2.Cadence(interval_s=60))
    regular = {"scheduler_takes": 3, "scheduler_cadence_tick_s": 0.05}
    async with running_scheduler(database_url, peers_address, **regular) as label:
        runs: list[Any] = []
        while not runs:
            listed = await label.stub.ListRuns(pb.ListRunsRequest(artist_id="art_2"), timeout=CALL_S)
            runs = list(listed.runs)
    assert [run.takes_wanted for run in runs] == [3]


async def test_more_than_five_takes_are_refused(label: Replica) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await label.start(takes=6)
    error = remote_error(caught.value)
    assert error.remote_code is grpc.StatusCode.INVALID_ARGUMENT
    assert [(v.field, v.description) for v in error.violations] == [("takes", "must be 0 to 5, is 6")]


async def test_the_take_that_a_person_picks_is_the_one_that_is_released(label: Replica, peers: Peers) -> None:
    run = await label.waiting(takes=3)
    decided = await label.decide(run, APPROVED, take_id=take_id(run, 1), content_digest="sha256:1")
    assert (decided.take_id, decided.content_digest) == (take_id(run, 1), "sha256:1")
    assert decided.decision.content_digest == "sha256:1"
    released = await label.until(run.id, "RELEASED")
    (packaged,) = peers.of(release_pb2.PackageReleaseRequest)
    assert (packaged.take_id, packaged.decision) == (take_id(run, 1), released.decision)
    assert released.location.endswith(take_id(run, 1))


async def test_a_take_of_an_earlier_brief_brings_its_brief_and_title_back(
    label: Replica, peers: Peers
) -> None:
    peers.titles = ["Harbour Lights", "Neon Rain"]
    first = await label.waiting()
    await label.decide(first, BRIEF)
    run = await label.until(first.id, "AWAITING_APPROVAL")
    assert run.title == "Neon Rain"
    await label.decide(run, APPROVED, take_id=first.take_id, content_digest=first.content_digest)
    released = await label.until(run.id, "RELEASED")
    assert (released.title, released.brief_id) == ("Harbour Lights", first.brief_id)
    assert released.take_id == first.take_id


async def test_the_newest_take_may_be_picked_by_its_id(label: Replica) -> None:
    run = await label.waiting(takes=2)
    await label.decide(run, APPROVED, take_id=run.take_id)
    assert (await label.until(run.id, "RELEASED")).take_id == run.take_id


async def test_a_picked_take_is_approved_as_it_was_seen(label: Replica) -> None:
    run = await label.waiting(takes=2)
    error = await refusal(label, run, APPROVED, take_id=take_id(run, 1))
    assert error.remote_reason == "ERROR_REASON_STALE_DIGEST"
    assert error.metadata == {"run_id": run.id, "given": "sha256:2", "current": "sha256:1"}
    error = await refusal(label, run, APPROVED, content_digest="sha256:1")
    assert error.metadata == {"run_id": run.id, "given": "sha256:1", "current": "sha256:2"}
    assert state_name((await label.get(run.id)).state) == "AWAITING_APPROVAL"


async def no_take(label: Replica, peers: Peers, run: Any) -> str:
    return "tak_9"


async def a_refused_take(label: Replica, peers: Peers, run: Any) -> str:
    return take_id(run, 1)


async def another_runs_take(label: Replica, peers: Peers, run: Any) -> str:
    return str((await label.waiting()).take_id)


@pytest.mark.parametrize("which", [no_take, a_refused_take, another_runs_take])
async def test_nothing_else_can_be_picked(label: Replica, peers: Peers, which: Any) -> None:
    peers.failed_checks = [["loudness"]]
    run = await label.waiting()
    picked = await which(label, peers, run)
    error = await refusal(label, run, APPROVED, take_id=picked, content_digest="sha256:1")
    assert error.remote_code is grpc.StatusCode.INVALID_ARGUMENT
    assert [(v.field, v.description) for v in error.violations] == [
        ("take_id", "must be a take of this run that passed its review")
    ]
    assert state_name((await label.get(run.id)).state) == "AWAITING_APPROVAL"


@pytest.mark.parametrize("verdict", [REJECTED, TAKE, BRIEF])
async def test_only_an_approval_picks_another_take(label: Replica, verdict: Any) -> None:
    run = await label.waiting(takes=2)
    error = await refusal(label, run, verdict, take_id=take_id(run, 1), reason="r")
    assert [v.field for v in error.violations] == ["take_id"]
    decided = await label.decide(run, verdict, take_id=run.take_id, reason="r")
    assert decided.decision.verdict == verdict


async def test_where_artist_db_is_away_a_pick_is_refused_for_now_and_counts_later(
    label: Replica, peers: Peers
) -> None:
    run = await label.waiting(takes=2)
    pick = {"take_id": take_id(run, 1), "content_digest": "sha256:1", "request_id": "pick-1"}
    peers.failing["GetTake"] = DependencyUnavailable("database")
    assert (await refusal(label, run, APPROVED, **pick)).remote_code is grpc.StatusCode.UNAVAILABLE
    peers.failing.clear()
    first = await label.decide(run, APPROVED, **pick)
    await label.until(run.id, "RELEASED")
    assert await label.decide(run, APPROVED, **pick) == first
