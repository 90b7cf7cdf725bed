"""How runs ended: kept once for each end, with what the service finds out itself."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1 import life_pb2
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.common.v1.audio_pb2 import Review, ReviewCheck
from tests.integration.artist_db.lives import (
    APPROVED,
    AUTOPILOT,
    BAD_SONG,
    CANCELLED,
    EXPIRED,
    PLATFORM,
    REJECTED,
    outcome,
    record,
    record_all,
    state_of,
)
from tests.integration.artist_db.races import held
from tests.integration.artist_db.samples import (
    EXISTS,
    INVALID,
    NOT_FOUND,
    artist,
    brief,
    model_call,
    refused,
    take,
    violations,
)

PASS, WARN, FAIL = ReviewCheck.OUTCOME_PASS, ReviewCheck.OUTCOME_WARN, ReviewCheck.OUTCOME_FAIL


@pytest.mark.parametrize(
    ("end", "blame", "by_person"),
    [
        (APPROVED, "APPROVED", True),
        (AUTOPILOT, "APPROVED", False),
        (REJECTED, "REJECTED", True),
        (EXPIRED, "NONE", False),
        (BAD_SONG, "ERROR", False),
        (PLATFORM, "NONE", False),
        (CANCELLED, "NONE", False),
        # Approved, and then the platform could not publish it.
        ({**APPROVED, "state": "FAILED", "failure_reason": "ERROR_REASON_STORAGE"}, "NONE", True),
    ],
)
async def test_an_outcome_says_what_it_says_about_the_artist(
    stub: ArtistDbServiceStub,
    connection: "asyncpg.Connection[asyncpg.Record]",
    end: dict[str, object],
    blame: str,
    by_person: bool,
) -> None:
    made = await artist(stub)

    answer = await record(stub, made.id, **end, run_id="run_1")

    assert life_pb2.Blame.Name(answer.outcome.blame) == f"BLAME_{blame}"
    row = await connection.fetchrow("SELECT blame, by_person FROM run_outcomes")
    assert (row["blame"], row["by_person"]) == (blame, by_person)


async def test_what_the_caller_says_of_blame_review_cost_and_score_is_not_believed(
    stub: ArtistDbServiceStub,
) -> None:
    made = await artist(stub)

    answer = await record(
        stub,
        made.id,
        **REJECTED,
        blame=life_pb2.BLAME_APPROVED,
        review=1.0,
        cost_micro_usd=7,
        score=1.0,
        score_sureness=1.0,
    )

    kept = answer.outcome
    assert kept.blame == life_pb2.BLAME_REJECTED
    assert not kept.HasField("review")
    assert not kept.HasField("score")
    assert (kept.cost_micro_usd, kept.score_sureness) == (0, 0.0)


async def test_review_is_of_the_first_take_and_cost_of_all_calls_of_the_run(
    stub: ArtistDbServiceStub,
) -> None:
    made = await artist(stub)
    written = brief(made.id)
    await stub.SaveBrief(pb.SaveBriefRequest(brief=written))
    for number, outcomes in enumerate([(PASS, PASS, WARN, FAIL), (PASS,)], start=1):
        checks = [ReviewCheck(name=f"check_{n}", outcome=each) for n, each in enumerate(outcomes)]
        kept = take(written.id, f"{number}", run_id="run_1", take_number=number, review=Review(checks=checks))
        await stub.SaveTake(pb.SaveTakeRequest(take=kept))
    for call_id, cost, run_id in (("a", 5, "run_1"), ("b", 7, "run_1"), ("c", 11, "run_2")):
        call = model_call(call_id, cost_micro_usd=cost, run_id=run_id)
        await stub.RecordModelCall(pb.RecordModelCallRequest(call=call))

    answer = await record(stub, made.id, **APPROVED, run_id="run_1")

    assert answer.outcome.review == pytest.approx((1 + 1 + 0.5 + 0) / 4)
    assert answer.outcome.cost_micro_usd == 12


async def test_the_same_end_again_changes_nothing_and_a_later_one_takes_its_place(
    stub: ArtistDbServiceStub,
) -> None:
    made = await artist(stub)
    failed = outcome(made.id, **BAD_SONG, run_id="run_1", ending=1)
    released = outcome(made.id, **APPROVED, run_id="run_1", ending=2, title="Neon Rain")

    async def keep(told: life_pb2.RunOutcome) -> life_pb2.RunOutcome:
        return (await stub.RecordRunOutcome(life_pb2.RecordRunOutcomeRequest(outcome=told))).outcome

    first = await keep(failed)
    again = await keep(outcome(made.id, **REJECTED, run_id="run_1", ending=1))
    second = await keep(released)
    late = await keep(failed)

    assert again == first
    assert (first.state, second.state) == ("FAILED", "RELEASED")
    assert late == second
    listed = (await stub.ListRunOutcomes(life_pb2.ListRunOutcomesRequest())).outcomes
    assert list(listed) == [second]


async def test_two_records_of_one_end_at_once_count_once(
    stub: ArtistDbServiceStub, database_url: str
) -> None:
    made = await artist(stub)
    await record_all(stub, made.id, *[REJECTED] * 3)
    told = outcome(made.id, **REJECTED, run_id="run_twice")
    request = life_pb2.RecordRunOutcomeRequest(outcome=told)

    async with held(database_url, "SELECT FROM artists FOR UPDATE", until=2):
        calls = [stub.RecordRunOutcome(request) for _ in range(2)]
    one, other = await asyncio.gather(*calls)

    assert one == other
    assert await state_of(stub, made.id) == "ACTIVE"


async def test_two_ends_at_once_that_each_complete_a_row_move_the_artist_once(
    stub: ArtistDbServiceStub, database_url: str, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    made = await artist(stub)
    await record_all(stub, made.id, *[REJECTED] * 4)
    requests = [
        life_pb2.RecordRunOutcomeRequest(outcome=outcome(made.id, **REJECTED, run_id=f"run_last_{n}"))
        for n in range(2)
    ]

    async with held(database_url, "SELECT FROM artists FOR UPDATE", until=2):
        calls = [stub.RecordRunOutcome(request) for request in requests]
    answers = await asyncio.gather(*calls)

    assert sorted(answer.HasField("move") for answer in answers) == [False, True]
    assert await connection.fetchval("SELECT count(*) FROM moves WHERE rule = 'rejections'") == 1
    assert await state_of(stub, made.id) == "RETIRED"


async def test_a_repeat_tells_the_move_again_that_the_end_led_to(stub: ArtistDbServiceStub) -> None:
    made = await artist(stub)
    await record_all(stub, made.id, *[REJECTED] * 4)
    request = life_pb2.RecordRunOutcomeRequest(outcome=outcome(made.id, **REJECTED))

    first = await stub.RecordRunOutcome(request)
    again = await stub.RecordRunOutcome(request)

    assert first.move.rule == "rejections"
    assert again == first


async def test_what_ended_ahead_of_this_clock_ended_now(stub: ArtistDbServiceStub) -> None:
    made = await artist(stub)
    ahead = datetime.now(UTC) + timedelta(days=1)
    told = outcome(made.id, **REJECTED)
    told.ended_at.FromDatetime(ahead)

    kept = (await stub.RecordRunOutcome(life_pb2.RecordRunOutcomeRequest(outcome=told))).outcome

    assert kept.ended_at.ToDatetime(tzinfo=UTC) < ahead - timedelta(hours=23)


async def test_outcomes_are_listed_by_artist_the_last_first(stub: ArtistDbServiceStub) -> None:
    one, other = await artist(stub, "One"), await artist(stub, "Other")
    for number, who in enumerate((one, other, one)):
        await record(stub, who.id, **APPROVED, run_id=f"run_l{number}")

    async def runs(**fields: str) -> list[str]:
        listed = await stub.ListRunOutcomes(life_pb2.ListRunOutcomesRequest(**fields))
        return [each.run_id for each in listed.outcomes]

    assert await runs() == ["run_l2", "run_l1", "run_l0"]
    assert await runs(artist_id=one.id) == ["run_l2", "run_l0"]


async def test_an_outcome_of_nobody_is_not_found_and_a_wrong_one_refused_with_every_field(
    stub: ArtistDbServiceStub,
) -> None:
    await refused(
        stub.RecordRunOutcome(life_pb2.RecordRunOutcomeRequest(outcome=outcome("art_none", **APPROVED))),
        NOT_FOUND,
    )
    wrong = life_pb2.RunOutcome(state="RUNNING", failure_text="x" * 1_001)
    error = await refused(stub.RecordRunOutcome(life_pb2.RecordRunOutcomeRequest(outcome=wrong)), INVALID)

    assert list(violations(error)) == [
        "outcome.run_id",
        "outcome.artist_id",
        "outcome.state",
        "outcome.failure_text",
        "outcome.ending",
        "outcome.ended_at",
    ]


async def test_a_run_stays_its_artists(stub: ArtistDbServiceStub) -> None:
    one, other = await artist(stub, "One"), await artist(stub, "Other")
    await record(stub, one.id, **APPROVED, run_id="run_1")

    told = outcome(other.id, **REJECTED, run_id="run_1", ending=2)

    await refused(stub.RecordRunOutcome(life_pb2.RecordRunOutcomeRequest(outcome=told)), EXISTS)
