"""What becomes of the runs of an experiment, over a real database."""

from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import experiment_pb2 as pb
from aiartist.artist_db.v1 import life_pb2
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from services.artist_db.domain.scores import Score
from services.artist_db.store import experiment_refresh, experiment_runs, experiments
from services.chassis.ids import derived_id
from tests.integration.artist_db.experiments import (
    APPROVED,
    COVERS,
    EXPIRED,
    PROVIDERS,
    REJECTED,
    arms_of,
    begun,
    ended,
    filled,
    looked_at,
    over,
    song,
)
from tests.integration.artist_db.samples import WRONG_STATE, artist, brief, refused

Connection = asyncpg.Connection
TOLD = life_pb2.News.TOPIC_EXPERIMENT


async def numbers(stub: ArtistDbServiceStub, experiment_id: str) -> tuple[int, int, float]:
    """Assigned runs, outcomes, and the sum of the outcomes, of all arms."""
    seen = await looked_at(stub, experiment_id)
    return (
        sum(arm.assigned for arm in seen.results),
        sum(arm.outcomes for arm in seen.results),
        round(sum(arm.outcomes * arm.mean for arm in seen.results), 6),
    )


async def news(stub: ArtistDbServiceStub) -> list[life_pb2.News]:
    told = (await stub.ListNews(life_pb2.ListNewsRequest())).news
    return [entry for entry in told if entry.topic == TOLD]


async def crowd(stub: ArtistDbServiceStub) -> str:
    """An artist, with the brief that takes put in past the service belong to."""
    who = (await artist(stub)).id
    await stub.SaveBrief(db.SaveBriefRequest(brief=brief(who, "0")))
    return who


@pytest.mark.parametrize("kind", [{}, COVERS, PROVIDERS], ids=["prompt", "cover", "provider"])
async def test_runs_that_followed_their_arm_count_as_people_decided(
    stub: ArtistDbServiceStub, kind: dict[str, Any]
):
    who, made = (await artist(stub)).id, await begun(stub, **kind)
    await ended(stub, "1", who, APPROVED)
    await ended(stub, "2", who, REJECTED)
    await ended(stub, "3", who, EXPIRED)
    assert await numbers(stub, made.id) == (3, 2, 1.0)
    arms = await arms_of(stub, "4", who)
    await song(stub, "4", who, arms, followed=False)
    await over(stub, "4", who, APPROVED)
    assert await numbers(stub, made.id) == (4, 2, 1.0)


async def test_a_run_that_failed_and_was_taken_up_again_counts_as_it_ends_then(stub: ArtistDbServiceStub):
    who, made = (await artist(stub)).id, await begun(stub)
    await ended(stub, "1", who, None)
    assert await numbers(stub, made.id) == (1, 0, 0.0)
    await over(stub, "1", who, None, ending=2, failure_reason="ERROR_REASON_REVIEW_FAILED")
    assert await numbers(stub, made.id) == (1, 1, 0.0)
    await over(stub, "1", who, APPROVED, ending=3)
    assert await numbers(stub, made.id) == (1, 1, 1.0)


async def test_the_shares_of_runs_that_are_over_are_added_up_as_they_end(
    stub: ArtistDbServiceStub, connection: "Connection[asyncpg.Record]"
):
    who, made = (await artist(stub)).id, await begun(stub)
    for n, end in enumerate((APPROVED, REJECTED, EXPIRED, None, None, APPROVED)):
        await ended(stub, str(n), who, end)
        await looked_at(stub, made.id)
    await _sums_are_those_of_the_rows(connection)
    await over(stub, "3", who, APPROVED, ending=2)
    await looked_at(stub, made.id)
    await _sums_are_those_of_the_rows(connection)
    assert await connection.fetchval("SELECT sum(missing_expected) FROM experiment_sums") == pytest.approx(2)


async def _sums_are_those_of_the_rows(connection: "Connection[asyncpg.Record]") -> None:
    rows = await connection.fetch(
        """
        SELECT s.over_expected, s.over_variance, s.missing_expected, s.missing_variance,
            sum(p) FILTER (WHERE a.state IN ('COUNTED', 'MISSING')),
            sum(p * (1 - p)) FILTER (WHERE a.state IN ('COUNTED', 'MISSING')),
            sum(p) FILTER (WHERE a.state = 'MISSING'), sum(p * (1 - p)) FILTER (WHERE a.state = 'MISSING')
        FROM experiment_sums AS s JOIN experiment_assignments AS a USING (experiment_id),
            LATERAL (SELECT a.shares[s.position + 1] AS p) AS drawn
        GROUP BY s.experiment_id, s.position
        """
    )
    for row in rows:
        kept, found = tuple(row)[:4], tuple(row)[4:]
        assert kept == pytest.approx(found)
        assert all(kept)


async def test_what_had_its_last_word_is_not_open_any_more(
    stub: ArtistDbServiceStub, connection: "Connection[asyncpg.Record]"
):
    who, made = (await artist(stub)).id, await begun(stub)
    await ended(stub, "1", who, APPROVED)
    await ended(stub, "2", who, None)
    await looked_at(stub, made.id)
    still = "SELECT run_id FROM experiment_assignments WHERE open"
    assert [row["run_id"] for row in await connection.fetch(still)] == ["run_2"]
    await connection.execute(
        "UPDATE experiment_assignments SET until = until - $1::interval", experiment_refresh.RETRY_WAIT
    )
    await looked_at(stub, made.id)
    assert await connection.fetch(still) == []


async def test_the_next_run_sees_what_the_last_one_came_to(
    stub: ArtistDbServiceStub, connection: "Connection[asyncpg.Record]"
):
    who, made = (await artist(stub)).id, await begun(stub)
    (arm,) = await ended(stub, "1", who, APPROVED)
    await arms_of(stub, "2", who)
    shares = await connection.fetchval("SELECT shares FROM experiment_assignments WHERE run_id = 'run_2'")
    place = [entry.name for entry in made.arms].index(arm.arm)
    # Beta(2, 1) against Beta(1, 1): 2 in 3.
    assert shares[place] == pytest.approx(2 / 3, abs=1e-3)


async def test_what_reviews_found_can_be_the_measure(stub: ArtistDbServiceStub):
    who, made = (await artist(stub)).id, await begun(stub, metric=pb.OUTCOME_METRIC_REVIEW)
    await ended(stub, "1", who, EXPIRED)
    assert await numbers(stub, made.id) == (1, 1, 1.0)


async def test_a_score_counts_once_it_is_sure_and_stays_as_it_was(
    stub: ArtistDbServiceStub, connection: "Connection[asyncpg.Record]", monkeypatch: pytest.MonkeyPatch
):
    known = Score(0.9, experiment_refresh.SURE_ENOUGH - 0.01, 10, None)

    async def of_releases(_: object, release_ids: list[str]) -> dict[str, Score]:
        return dict.fromkeys(release_ids, known)

    async def later() -> None:
        await connection.execute(
            "UPDATE experiments SET scored_at = scored_at - $1::interval",
            timedelta(seconds=experiment_runs.SCORES_EVERY_S),
        )

    monkeypatch.setattr(experiment_refresh.scores, "of_releases", of_releases)
    who, made = (await artist(stub)).id, await begun(stub, metric=pb.OUTCOME_METRIC_SCORE)
    release_id = derived_id("rel", "1")
    await ended(stub, "1", who, APPROVED, release_id=release_id)
    await ended(stub, "2", who, REJECTED)
    assert await numbers(stub, made.id) == (2, 0, 0.0)
    known = Score(0.75, experiment_refresh.SURE_ENOUGH, 50, None)
    assert await numbers(stub, made.id) == (2, 0, 0.0)
    await later()
    assert await numbers(stub, made.id) == (2, 1, 0.75)
    known = Score(0.1, 1.0, 60, None)
    await later()
    assert await numbers(stub, made.id) == (2, 1, 0.75)


async def test_thousands_that_wait_for_a_score_are_asked_for_together(
    stub: ArtistDbServiceStub, connection: "Connection[asyncpg.Record]", monkeypatch: pytest.MonkeyPatch
):
    asked: list[int] = []

    async def of_releases(_: object, release_ids: list[str]) -> dict[str, Score]:
        asked.append(len(release_ids))
        return dict.fromkeys(release_ids, Score(0.75, 1.0, 50, None))

    monkeypatch.setattr(experiment_refresh.scores, "of_releases", of_releases)
    who, made = (await artist(stub)).id, await begun(stub, metric=pb.OUTCOME_METRIC_SCORE)
    waiting = 2 * experiment_refresh.AT_ONCE + 1
    await connection.execute(
        """
        INSERT INTO experiment_assignments (experiment_id, run_id, artist_id, position, shares, state, ending,
            until, release_id)
        SELECT $1, 'run_' || n, $2, n % 2, '{0.5,0.5}', 'WAITING', 1, now() + interval '90 days', 'rel_' || n
        FROM generate_series(1, $3::int) AS n
        """,
        made.id,
        who,
        waiting,
    )
    await connection.execute(
        "UPDATE experiment_sums SET assigned = $1::int, expected = $1::int, variance = $1::int",
        waiting // 2 + 1,
    )

    seen = await looked_at(stub, made.id)

    assert sum(arm.outcomes for arm in seen.results) == waiting
    assert [count for count in asked if count] == [waiting]


async def test_a_release_that_never_gets_sure_is_missing_in_the_end(
    stub: ArtistDbServiceStub, connection: "Connection[asyncpg.Record]"
):
    who, made = (await artist(stub)).id, await begun(stub, metric=pb.OUTCOME_METRIC_SCORE)
    await ended(stub, "1", who, APPROVED, release_id=derived_id("rel", "1"))
    await looked_at(stub, made.id)
    state = "SELECT state FROM experiment_assignments"
    assert await connection.fetchval(state) == "WAITING"
    await connection.execute(
        "UPDATE experiment_assignments SET until = until - $1::interval", experiment_refresh.SCORE_WAIT
    )
    await looked_at(stub, made.id)
    assert await connection.fetchval(state) == "MISSING"
    assert await connection.fetchval("SELECT sum(missing) FROM experiment_sums") == 1


async def test_a_winner_is_told_once_and_is_what_is_promoted(
    stub: ArtistDbServiceStub, connection: "Connection[asyncpg.Record]"
):
    who = await crowd(stub)
    made = await begun(stub, **COVERS)
    await filled(connection, made.id, who, {0: (8, 32, 0), 1: (32, 8, 0)})
    for _ in range(2):
        seen = await looked_at(stub, made.id)
        assert (seen.verdict.kind, seen.verdict.arm) == (pb.Verdict.KIND_WINNER, "silk")
    assert [arm.outcomes for arm in seen.results] == [40, 40]
    (told,) = await news(stub)
    assert (told.title, told.warning) == ('experiment "Darker words" has a winner: silk', False)
    assert told.subject_id == made.id
    request = pb.PromoteExperimentRequest(experiment_id=made.id)
    promoted = (await stub.PromoteExperiment(request)).experiment
    assert promoted.promoted_arm == "silk"
    assert [arm.value for arm in await arms_of(stub, "1", who)] == ["silk"]


async def test_arms_that_are_alike_are_not_told_apart(
    stub: ArtistDbServiceStub, connection: "Connection[asyncpg.Record]"
):
    who = await crowd(stub)
    made = await begun(stub, **COVERS)
    await filled(connection, made.id, who, {0: (12, 8, 3), 1: (11, 9, 4)})
    verdict = (await looked_at(stub, made.id)).verdict
    assert verdict.kind == pb.Verdict.KIND_NO_DIFFERENCE
    assert verdict.text.startswith("no difference yet")
    assert (verdict.ratio_mismatch, await news(stub)) == ("", [])


async def test_runs_of_one_arm_that_vanish_are_an_alarm_once_and_no_winner_is_named(
    stub: ArtistDbServiceStub, connection: "Connection[asyncpg.Record]"
):
    who = await crowd(stub)
    made = await begun(stub, **COVERS)
    await filled(connection, made.id, who, {0: (8, 42, 0), 1: (32, 2, 16)})
    assert (await looked_at(stub, made.id)).verdict.kind == pb.Verdict.KIND_WINNER
    await filled(connection, made.id, who, {0: (10, 20, 0), 1: (0, 0, 30)}, name="s")
    for _ in range(2):
        verdict = (await looked_at(stub, made.id)).verdict
        assert verdict.kind == pb.Verdict.KIND_NO_DIFFERENCE
        assert 'arm "silk" has no outcome in 46 of 80 runs' in verdict.ratio_mismatch
    assert [entry.warning for entry in await news(stub)] == [False, True]
    assert await experiments.counts(connection) == (1, 1)
    promote = pb.PromoteExperimentRequest(experiment_id=made.id)
    await refused(stub.PromoteExperiment(promote), WRONG_STATE)


async def test_assignments_that_were_not_drawn_so_are_an_alarm(
    stub: ArtistDbServiceStub, connection: "Connection[asyncpg.Record]"
):
    who = await crowd(stub)
    made = await begun(stub, **COVERS)
    await filled(connection, made.id, who, {0: (20, 20, 0), 1: (2, 2, 0)})
    # Who draws the next arm finds it: nobody has to look.
    await arms_of(stub, "1", who)
    (told,) = await news(stub)
    assert told.warning
    assert 'arm "rings" has 40 runs where 22 were drawn' in told.body
    assert (await looked_at(stub, made.id)).verdict.ratio_mismatch
