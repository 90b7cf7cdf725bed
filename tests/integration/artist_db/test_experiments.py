"""Experiments over a real database: beginning, drawing, counting, ending."""

import asyncio
from typing import Any

import asyncpg
import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import experiment_pb2 as pb
from aiartist.artist_db.v1 import life_pb2
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.common.v1.experiment_pb2 import ARM_KIND_MODEL, ARM_KIND_PERSONA_FIELD, ARM_KIND_PROMPT
from services.artist_db.rpc import experiment_arms
from services.artist_db.store import experiments
from tests.integration.artist_db.experiments import (
    COVERS,
    MOODS,
    arms_of,
    begun,
    ended,
    experiment,
    looked_at,
)
from tests.integration.artist_db.races import held
from tests.integration.artist_db.samples import (
    EXISTS,
    INVALID,
    NOT_FOUND,
    REUSED,
    WRONG_STATE,
    artist,
    persona,
    refused,
    violations,
)

Connection = asyncpg.Connection


async def refusal(stub: ArtistDbServiceStub, **changes: Any) -> dict[str, str]:
    call = stub.CreateExperiment(pb.CreateExperimentRequest(experiment=experiment(**changes)))
    return violations(await refused(call, INVALID))


async def news(stub: ArtistDbServiceStub) -> list[life_pb2.News]:
    told = (await stub.ListNews(life_pb2.ListNewsRequest())).news
    return [entry for entry in told if entry.topic == life_pb2.News.TOPIC_EXPERIMENT]


async def test_an_experiment_begins_with_the_defaults_filled_in(stub: ArtistDbServiceStub):
    made = await begun(stub)
    assert made.id.startswith("exp_")
    assert made.state == pb.EXPERIMENT_STATE_RUNNING
    assert (made.metric, made.floor, made.min_outcomes) == (pb.OUTCOME_METRIC_APPROVAL, 0.02, 5)
    assert [(arm.name, arm.value) for arm in made.arms] == [("control", ""), ("dark", "write darker words")]
    assert not made.HasField("verdict")


async def test_a_new_experiment_has_not_enough_data_and_even_shares(stub: ArtistDbServiceStub):
    made = await begun(stub, arms=[("a", "x"), ("b", "y"), ("c", "z")])
    seen = await looked_at(stub, made.id)
    assert seen.verdict.kind == pb.Verdict.KIND_NOT_ENOUGH_DATA
    assert seen.verdict.text == (
        'not enough data: arm "a" has 0 outcomes, arm "b" has 0 outcomes, arm "c" has 0 outcomes of 5'
    )
    assert [round(arm.share, 6) for arm in seen.results] == [0.333333] * 3
    assert [(round(arm.low, 4), round(arm.high, 4)) for arm in seen.results] == [(0.025, 0.975)] * 3


async def test_everything_wrong_with_an_experiment_is_named_at_once(stub: ArtistDbServiceStub):
    found = await refusal(
        stub,
        name=" ",
        field="moods",
        arms=[("a", "x"), ("a", "x"), ("A b", "x" * 2_001)],
        artist_ids=["art_1", "art_1"],
        floor=0.21,
        min_outcomes=1,
    )
    assert set(found) == {
        "experiment.name",
        "experiment.field",
        "experiment.arms[1].name",
        "experiment.arms[1].value",
        "experiment.arms[2].name",
        "experiment.arms[2].value",
        "experiment.artist_ids[1]",
        "experiment.floor",
        "experiment.min_outcomes",
    }
    assert set(await refusal(stub, kind=0, metric=9)) == {"experiment.kind", "experiment.metric"}
    assert set(await refusal(stub, arms=[("a", "x")])) == {"experiment.arms"}
    assert set(await refusal(stub, floor=float("nan"))) == {"experiment.floor"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": COVERS["kind"], "arms": [("a", "rings"), ("b", "cubes")]}, "experiment.arms[1].value"),
        ({"kind": ARM_KIND_MODEL, "arms": [("a", ""), ("b", "big")]}, "experiment.arms[0].value"),
        ({**MOODS, "field": "name", "arms": [("a", '"A"'), ("b", '"B"')]}, "experiment.field"),
        ({**MOODS, "field": "preserve_core_identity"}, "experiment.field"),
        ({**MOODS, "field": "shoe_size"}, "experiment.field"),
        ({**MOODS, "arms": [("a", '["sad"]'), ("b", "[sad]")]}, "experiment.arms[1].value"),
        ({**MOODS, "arms": [("a", '["sad"]'), ("b", "3")]}, "experiment.arms[1].value"),
        ({**MOODS, "arms": [("a", '["sad"]'), ("b", '[ "sad" ]')]}, "experiment.arms[1].value"),
        (
            {**MOODS, "field": "tempo", "arms": [("a", "null"), ("b", '{"min_bpm": 9, "max_bpm": 90}')]},
            "experiment.arms[1].value",
        ),
        ({**MOODS, "field": "themes", "arms": [("a", '["x"]'), ("b", "[]")]}, "experiment.arms[1].value"),
    ],
)
async def test_a_value_that_can_not_be_followed_is_refused(
    stub: ArtistDbServiceStub, changes: dict[str, Any], field: str
):
    assert set(await refusal(stub, **changes)) == {field}


async def test_a_repeat_gives_the_first_experiment_and_another_request_is_refused(stub: ArtistDbServiceStub):
    request = pb.CreateExperimentRequest(request_id="r-1", experiment=experiment())
    first, again = [(await stub.CreateExperiment(request)).experiment for _ in range(2)]
    assert first == again
    request.experiment.name = "Another"
    await refused(stub.CreateExperiment(request), REUSED)


async def test_two_that_differ_in_the_same_for_the_same_artists_are_refused(stub: ArtistDbServiceStub):
    one, two = (await artist(stub, "One")).id, (await artist(stub, "Two")).id
    first = await begun(stub, "First", artist_ids=[one])
    for artist_ids in ([one, two], []):
        call = stub.CreateExperiment(
            pb.CreateExperimentRequest(experiment=experiment("Second", artist_ids=artist_ids))
        )
        error = await refused(call, WRONG_STATE)
        assert "'First'" in error.message
        assert error.metadata["id"] == first.id
    await begun(stub, "Of another artist", artist_ids=[two])
    await begun(stub, "Of another kind", **COVERS)
    await begun(stub, "Moods", **MOODS)
    voices = [("a", '"low"'), ("b", '"high"')]
    await begun(stub, "Of another field", **{**MOODS, "field": "voice.timbre", "arms": voices})
    call = stub.CreateExperiment(pb.CreateExperimentRequest(experiment=experiment("Moods again", **MOODS)))
    await refused(call, WRONG_STATE)


async def test_two_that_begin_at_once_can_not_both_begin(stub: ArtistDbServiceStub, database_url: str):
    async with held(
        database_url,
        "SELECT pg_advisory_xact_lock(hashtextextended('artist_db experiments', 0))",
        until=2,
    ):
        calls = [asyncio.ensure_future(begun(stub, name)) for name in ("One", "Two")]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(result, pb.Experiment) for result in results) == 1


async def test_a_name_is_taken_only_while_it_runs(stub: ArtistDbServiceStub):
    first = await begun(stub)
    await refused(stub.CreateExperiment(pb.CreateExperimentRequest(experiment=experiment(**COVERS))), EXISTS)
    await stub.StopExperiment(pb.StopExperimentRequest(experiment_id=first.id, reason="enough"))
    assert (await begun(stub)).id != first.id


async def test_what_there_is_not_is_not_found(stub: ArtistDbServiceStub):
    await refused(stub.GetExperiment(pb.GetExperimentRequest(experiment_id="exp_1")), NOT_FOUND)
    await refused(stub.StopExperiment(pb.StopExperimentRequest(experiment_id="exp_1")), NOT_FOUND)
    await refused(stub.PromoteExperiment(pb.PromoteExperimentRequest(experiment_id="exp_1")), NOT_FOUND)
    request = pb.CreateExperimentRequest(experiment=experiment(artist_ids=["art_1"]))
    await refused(stub.CreateExperiment(request), NOT_FOUND)
    await refused(stub.AssignArms(pb.AssignArmsRequest(run_id="run_1", artist_id="art_1")), NOT_FOUND)


async def test_pages_give_all_newest_first_by_state(stub: ArtistDbServiceStub):
    made = [await begun(stub, f"E{n}", artist_ids=[(await artist(stub, f"A{n}")).id]) for n in range(5)]
    await stub.StopExperiment(pb.StopExperimentRequest(experiment_id=made[0].id))
    request = pb.ListExperimentsRequest(page_size=2, states=[pb.EXPERIMENT_STATE_RUNNING])
    names = []
    while True:
        page = await stub.ListExperiments(request)
        names += [entry.name for entry in page.experiments]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert names == ["E4", "E3", "E2", "E1"]


async def test_a_run_gets_the_same_arm_again_whatever_became_of_the_experiment(stub: ArtistDbServiceStub):
    who = (await artist(stub)).id
    made = await begun(stub)
    (arm,) = await arms_of(stub, "1", who)
    assert (arm.experiment_id, arm.kind, arm.promoted) == (made.id, ARM_KIND_PROMPT, False)
    assert arm.value == {"control": "", "dark": "write darker words"}[arm.arm]
    await stub.StopExperiment(pb.StopExperimentRequest(experiment_id=made.id))
    assert await arms_of(stub, "1", who) == [arm]
    assert await arms_of(stub, "2", who) == []
    await begun(stub, "Later")
    assert await arms_of(stub, "2", who) == []
    other = (await artist(stub, "Other")).id
    call = stub.AssignArms(pb.AssignArmsRequest(run_id="run_1", artist_id=other))
    assert set(violations(await refused(call, INVALID))) == {"artist_id"}


async def test_a_call_that_was_cut_off_after_it_was_kept_gives_the_same_arm(
    stub: ArtistDbServiceStub, connection: "Connection[asyncpg.Record]", database_url: str
):
    who, made = (await artist(stub)).id, await begun(stub)
    async with held(database_url, f"SELECT FROM experiments WHERE id = '{made.id}' FOR UPDATE", until=1):
        call = stub.AssignArms(pb.AssignArmsRequest(run_id="run_1", artist_id=who))
        waiting = asyncio.ensure_future(call.initial_metadata())
    await waiting
    # It is kept; whoever asked never reads it.
    call.cancel()
    kept = await connection.fetch("SELECT position, shares FROM experiment_assignments")
    (arm,) = await arms_of(stub, "1", who)
    assert [made.arms[row["position"]].name for row in kept] == [arm.arm]
    assert await connection.fetchval("SELECT sum(assigned) FROM experiment_sums") == 1


async def test_two_calls_of_one_run_at_once_give_one_answer(
    stub: ArtistDbServiceStub, connection: "Connection[asyncpg.Record]", database_url: str
):
    who, made = (await artist(stub)).id, await begun(stub)
    async with held(database_url, f"SELECT FROM experiments WHERE id = '{made.id}' FOR UPDATE", until=2):
        calls = [asyncio.ensure_future(arms_of(stub, "1", who)) for _ in range(2)]
    first, second = await asyncio.gather(*calls)
    assert first == second
    assert await connection.fetchval("SELECT count(*) FROM experiment_assignments") == 1


async def test_runs_at_once_are_all_counted(stub: ArtistDbServiceStub):
    who = (await artist(stub)).id
    made, covers = await begun(stub), await begun(stub, "Covers", **COVERS)
    found = await asyncio.gather(*(arms_of(stub, str(n), who) for n in range(40)))
    assert [[arm.experiment_id for arm in arms] for arms in found] == [[made.id, covers.id]] * 40
    for experiment_id, place in ((made.id, 0), (covers.id, 1)):
        seen = await looked_at(stub, experiment_id)
        given = [arms[place].arm for arms in found]
        assert [arm.assigned for arm in seen.results] == [given.count(arm.arm) for arm in seen.results]
        assert sum(arm.expected for arm in seen.results) == pytest.approx(40)
        assert seen.without_outcome == 40
        assert not seen.verdict.ratio_mismatch


async def test_an_artist_that_an_experiment_is_not_for_gets_no_arm(stub: ArtistDbServiceStub):
    one, two = (await artist(stub, "One")).id, (await artist(stub, "Two")).id
    await begun(stub, artist_ids=[one])
    assert len(await arms_of(stub, "1", one)) == 1
    assert await arms_of(stub, "2", two) == []


async def test_arms_can_not_be_changed_under_way(
    stub: ArtistDbServiceStub, connection: "Connection[asyncpg.Record]"
):
    await begun(stub)
    for statement in ("UPDATE experiment_arms SET value = 'x'", "DELETE FROM experiment_arms"):
        with pytest.raises(asyncpg.RestrictViolationError):
            await connection.execute(statement)


async def test_a_promoted_arm_is_given_to_all_until_another_one_runs(stub: ArtistDbServiceStub):
    who = (await artist(stub)).id
    first = await begun(stub)
    request = pb.PromoteExperimentRequest(experiment_id=first.id)
    error = await refused(stub.PromoteExperiment(request), WRONG_STATE)
    assert "not enough data" in error.message
    request.arm = "bright"
    await refused(stub.PromoteExperiment(request), NOT_FOUND)
    request.arm, request.reason = "dark", "we like it"
    promoted = (await stub.PromoteExperiment(request)).experiment
    assert (promoted.state, promoted.promoted_arm) == (pb.EXPERIMENT_STATE_PROMOTED, "dark")
    assert promoted.reason == "we like it"
    assert [arm.share for arm in promoted.results] == [0.0, 1.0]
    (arm,) = await arms_of(stub, "1", who)
    assert (arm.arm, arm.value, arm.promoted) == ("dark", "write darker words", True)
    assert (await looked_at(stub, first.id)).without_outcome == 0
    second = await begun(stub, "Second", arms=[("a", "x"), ("b", "y")])
    (arm,) = await arms_of(stub, "2", who)
    assert (arm.experiment_id, arm.promoted) == (second.id, False)
    await stub.PromoteExperiment(pb.PromoteExperimentRequest(experiment_id=second.id, arm="b"))
    (arm,) = await arms_of(stub, "3", who)
    assert (arm.experiment_id, arm.value) == (second.id, "y")
    await stub.StopExperiment(pb.StopExperimentRequest(experiment_id=second.id))
    (arm,) = await arms_of(stub, "4", who)
    assert arm.experiment_id == first.id


async def test_what_was_ended_can_not_be_ended_again(stub: ArtistDbServiceStub):
    made = await begun(stub)
    stop = pb.StopExperimentRequest(experiment_id=made.id, reason="enough", request_id="s-1")
    stopped = (await stub.StopExperiment(stop)).experiment
    assert (stopped.state, stopped.reason) == (pb.EXPERIMENT_STATE_STOPPED, "enough")
    assert stopped.HasField("ended_at")
    assert stopped.verdict.text.startswith("not enough data")
    assert (await stub.StopExperiment(stop)).experiment == stopped
    await refused(stub.StopExperiment(pb.StopExperimentRequest(experiment_id=made.id)), WRONG_STATE)
    promote = pb.PromoteExperimentRequest(experiment_id=made.id, arm="dark")
    await stub.PromoteExperiment(promote)
    await refused(stub.PromoteExperiment(promote), WRONG_STATE)


async def test_a_protected_field_is_never_touched(stub: ArtistDbServiceStub):
    keeps = await stub.CreateArtist(
        db.CreateArtistRequest(persona=persona("Keeps", preserve_core_identity=["moods"]))
    )
    free = await artist(stub, "Free")
    made = await begun(stub, **MOODS)
    assert await arms_of(stub, "1", keeps.artist.id) == []
    assert [arm.field for arm in await arms_of(stub, "2", free.id)] == ["moods"]
    await stub.PromoteExperiment(pb.PromoteExperimentRequest(experiment_id=made.id, arm="new"))
    for before, moods, version in ((keeps.artist, ["wistful"], 1), (free, ["bright"], 2)):
        now = (await stub.GetArtist(db.GetArtistRequest(artist_id=before.id))).artist
        assert (list(now.persona.moods), now.persona_version) == (moods, version)
    request = db.ListPersonaVersionsRequest(artist_id=free.id)
    newest = (await stub.ListPersonaVersions(request)).versions[0]
    assert newest.reason == f'experiment "Darker words" ({made.id}): arm "new" was promoted'
    assert await arms_of(stub, "3", free.id) == []


async def test_a_promotion_changes_artists_in_several_parts_once_each(
    stub: ArtistDbServiceStub, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(experiment_arms, "_AT_ONCE", 2)
    sad = [await artist(stub, f"Sad {n}") for n in range(5)]
    bright = await stub.CreateArtist(db.CreateArtistRequest(persona=persona("Bright", moods=["bright"])))
    left = await artist(stub, "Left")
    await stub.RetireArtist(db.RetireArtistRequest(artist_id=left.id))
    left = (await stub.GetArtist(db.GetArtistRequest(artist_id=left.id))).artist
    made = await begun(stub, **MOODS)
    await stub.PromoteExperiment(pb.PromoteExperimentRequest(experiment_id=made.id, arm="new"))
    for before in sad:
        now = (await stub.GetArtist(db.GetArtistRequest(artist_id=before.id))).artist
        assert (list(now.persona.moods), now.persona_version) == (["bright"], 2)
        assert (now.persona.name, now.etag != before.etag) == (before.persona.name, True)
        assert now.updated_at.ToDatetime() > before.updated_at.ToDatetime()
    for before in (bright.artist, left):
        now = (await stub.GetArtist(db.GetArtistRequest(artist_id=before.id))).artist
        assert now == before


async def test_a_part_of_a_protected_field_is_protected_too(stub: ArtistDbServiceStub):
    keeps = await stub.CreateArtist(
        db.CreateArtistRequest(persona=persona("Keeps", preserve_core_identity=["voice"]))
    )
    voices = [("a", '"low"'), ("b", '"high"')]
    await begun(stub, kind=ARM_KIND_PERSONA_FIELD, field="voice.timbre", arms=voices)
    assert await arms_of(stub, "1", keeps.artist.id) == []


async def test_the_gauges_are_told_how_many_run(
    stub: ArtistDbServiceStub, connection: "Connection[asyncpg.Record]"
):
    assert await experiments.counts(connection) == (0, 0)
    first = await begun(stub)
    await begun(stub, "Covers", **COVERS)
    assert await experiments.counts(connection) == (2, 0)
    await connection.execute("UPDATE experiments SET mismatched = true")
    assert await experiments.counts(connection) == (2, 2)
    await stub.StopExperiment(pb.StopExperimentRequest(experiment_id=first.id))
    assert (await experiments.counts(connection))[0] == 1


async def test_the_first_arms_of_an_unfinished_run_are_no_outcome(stub: ArtistDbServiceStub):
    who, made = (await artist(stub)).id, await begun(stub)
    await arms_of(stub, "open", who)
    await ended(stub, "1", who)
    seen = await looked_at(stub, made.id)
    assert sum(arm.outcomes for arm in seen.results) == 1
    assert seen.without_outcome == 1
    assert await news(stub) == []
