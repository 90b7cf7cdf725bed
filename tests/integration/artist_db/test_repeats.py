"""Every changing call can be repeated: the same `request_id` gives the first answer and changes nothing."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1 import artist_state_pb2, experiment_pb2, life_pb2, performance_pb2, trend_pb2
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.common.v1.decision_pb2 import SILENCE_ANSWER_AUTOPILOT, SILENCE_ANSWER_EXPIRE
from aiartist.common.v1.experiment_pb2 import ARM_KIND_COVER_STYLE, ARM_KIND_PROMPT
from services.chassis.ids import derived_id
from tests.integration.artist_db.races import held
from tests.integration.artist_db.samples import (
    ETAG,
    REUSED,
    artist,
    brief,
    film,
    persona,
    refused,
    release,
    take,
)

FINGERPRINT = "a" * 32
CHANGE, VACANCY = derived_id("chg", "0"), derived_id("vac", "0")


VACANT = """
INSERT INTO vacancies (id, reason, tries, holder, lease_until)
VALUES ($1, 'room for one more', 1, 'scheduler_1', now() + interval '1 hour')
"""


@dataclass(frozen=True)
class World:
    """What the calls below need to be there."""

    artist: pb.Artist
    paused: pb.Artist
    take: pb.StoredTake
    release: pb.StoredRelease
    attempt: pb.ErrorGroup
    """Its step is under way."""
    move: str
    """The last one of `paused`."""
    experiment: str
    """One that runs."""


def claim(holder: str) -> pb.ClaimErrorStepRequest:
    return pb.ClaimErrorStepRequest(holder=holder, lease_ms=60_000, analyses_per_hour=100)


def finish(world: World, status: str) -> pb.FinishErrorStepRequest:
    return pb.FinishErrorStepRequest(
        fingerprint=world.attempt.fingerprint,
        attempt_id=world.attempt.step.attempt_id,
        holder="worker_1",
        report=pb.ErrorReport(fingerprint=world.attempt.fingerprint, status=status),
    )


def moving(world: World, state: artist_state_pb2.ArtistState.ValueType) -> life_pb2.MoveArtistRequest:
    return life_pb2.MoveArtistRequest(artist_id=world.artist.id, to_state=state, moved_by="cli:vera")


def counted(world: World, streams: int) -> performance_pb2.RecordPerformanceRequest:
    entry = performance_pb2.PerformanceEntry(
        release_id=world.release.id,
        platform="spotify",
        metric=performance_pb2.METRIC_STREAMS,
        day="2026-03-01",
        value=streams,
    )
    return performance_pb2.RecordPerformanceRequest(entries=[entry])


def trying(name: str) -> experiment_pb2.CreateExperimentRequest:
    experiment = experiment_pb2.Experiment(
        name=name,
        kind=ARM_KIND_COVER_STYLE,
        arms=[experiment_pb2.Arm(name="a", value="rings"), experiment_pb2.Arm(name="b", value="tiles")],
    )
    return experiment_pb2.CreateExperimentRequest(experiment=experiment)


CALLS: dict[str, Callable[[World], tuple[Any, Any]]] = {
    # Method -> a request and another one that would also be accepted.
    "CreateArtist": lambda world: (
        pb.CreateArtistRequest(persona=persona("Cora")),
        pb.CreateArtistRequest(persona=persona("Dora")),
    ),
    "UpdateArtist": lambda world: (
        pb.UpdateArtistRequest(artist_id=world.artist.id, etag=world.artist.etag, persona=persona("Eva")),
        pb.UpdateArtistRequest(artist_id=world.artist.id, etag=world.artist.etag, persona=persona("Fay")),
    ),
    "SetAutopilot": lambda world: (
        pb.SetAutopilotRequest(artist_id=world.artist.id, enabled=True),
        pb.SetAutopilotRequest(artist_id=world.artist.id, enabled=False),
    ),
    "SetSilenceAnswer": lambda world: (
        pb.SetSilenceAnswerRequest(artist_id=world.artist.id, on_silence=SILENCE_ANSWER_EXPIRE),
        pb.SetSilenceAnswerRequest(artist_id=world.artist.id, on_silence=SILENCE_ANSWER_AUTOPILOT),
    ),
    "PauseArtist": lambda world: (
        pb.PauseArtistRequest(artist_id=world.artist.id, reason="tour"),
        pb.PauseArtistRequest(artist_id=world.artist.id, reason="rest"),
    ),
    "ResumeArtist": lambda world: (
        pb.ResumeArtistRequest(artist_id=world.paused.id, reason="back"),
        pb.ResumeArtistRequest(artist_id=world.paused.id, reason="again"),
    ),
    "RetireArtist": lambda world: (
        pb.RetireArtistRequest(artist_id=world.artist.id),
        pb.RetireArtistRequest(artist_id=world.paused.id),
    ),
    "RestorePersonaVersion": lambda world: (
        pb.RestorePersonaVersionRequest(artist_id=world.artist.id, etag=world.artist.etag, version=1),
        pb.RestorePersonaVersionRequest(artist_id=world.paused.id, etag=world.paused.etag, version=1),
    ),
    "SaveBrief": lambda world: (
        pb.SaveBriefRequest(brief=brief(world.artist.id, "8")),
        pb.SaveBriefRequest(brief=brief(world.artist.id, "9")),
    ),
    "SaveTake": lambda world: (
        pb.SaveTakeRequest(take=take(world.take.brief_id, "8")),
        pb.SaveTakeRequest(take=take(world.take.brief_id, "9")),
    ),
    "SaveFilm": lambda world: (
        pb.SaveFilmRequest(film=film(world.take.id, "8")),
        pb.SaveFilmRequest(film=film(world.take.id, "9")),
    ),
    "SaveRelease": lambda world: (
        pb.SaveReleaseRequest(release=release(world.artist.id, world.take.id, "8")),
        pb.SaveReleaseRequest(release=release(world.artist.id, world.take.id, "9")),
    ),
    "RecordPublication": lambda world: (
        pb.RecordPublicationRequest(release_id=world.release.id, target="folder", location="here"),
        pb.RecordPublicationRequest(release_id=world.release.id, target="folder", location="there"),
    ),
    "RecordTakeDown": lambda world: (
        pb.RecordTakeDownRequest(release_id=world.release.id, target="s3", reason="a sample"),
        pb.RecordTakeDownRequest(release_id=world.release.id, target="s3", reason="a name"),
    ),
    "RecordErrors": lambda world: (
        pb.RecordErrorsRequest(
            occurrences=[pb.ErrorOccurrences(fingerprint=FINGERPRINT, title="Boom", count=2)]
        ),
        pb.RecordErrorsRequest(
            occurrences=[pb.ErrorOccurrences(fingerprint=FINGERPRINT, title="Boom", count=3)]
        ),
    ),
    "SetBudget": lambda world: (
        pb.SetBudgetRequest(scope=pb.BUDGET_SCOPE_DAY, limit_micro_usd=7),
        pb.SetBudgetRequest(scope=pb.BUDGET_SCOPE_DAY, limit_micro_usd=8),
    ),
    "ChangeErrorGroup": lambda world: (
        pb.ChangeErrorGroupRequest(report=pb.ErrorReport(fingerprint="1" * 32, status="ignored")),
        pb.ChangeErrorGroupRequest(report=pb.ErrorReport(fingerprint="1" * 32, status="analyzed")),
    ),
    "ClaimErrorStep": lambda world: (claim("worker_2"), claim("worker_3")),
    "FinishErrorStep": lambda world: (finish(world, "analyzed"), finish(world, "analysis_failed")),
    "SetEvolve": lambda world: (
        pb.SetEvolveRequest(artist_id=world.artist.id, evolve=pb.EVOLVE_AUTO),
        pb.SetEvolveRequest(artist_id=world.artist.id, evolve=pb.EVOLVE_OFF),
    ),
    "MoveArtist": lambda world: (
        moving(world, artist_state_pb2.ARTIST_STATE_EVOLVING),
        moving(world, artist_state_pb2.ARTIST_STATE_CANDIDATE),
    ),
    "UndoMove": lambda world: (
        life_pb2.UndoMoveRequest(move_id=world.move, moved_by="cli:vera", reason="by mistake"),
        life_pb2.UndoMoveRequest(move_id=world.move, moved_by="cli:vera", reason="too early"),
    ),
    "DecideChange": lambda world: (
        life_pb2.DecideChangeRequest(change_id=CHANGE, accept=False, decided_by="cli:vera"),
        life_pb2.DecideChangeRequest(change_id=CHANGE, accept=False, decided_by="cli:ola"),
    ),
    "FillVacancy": lambda world: (
        life_pb2.FillVacancyRequest(vacancy_id=VACANCY, persona=persona("Nova")),
        life_pb2.FillVacancyRequest(vacancy_id=VACANCY, persona=persona("Vale")),
    ),
    "RecordPerformance": lambda world: (counted(world, 1), counted(world, 2)),
    "RequestTrendFetch": lambda world: (
        trend_pb2.RequestTrendFetchRequest(source="deezer"),
        trend_pb2.RequestTrendFetchRequest(),
    ),
    "CreateExperiment": lambda world: (trying("rings or tiles"), trying("tiles or rings")),
    "StopExperiment": lambda world: (
        experiment_pb2.StopExperimentRequest(experiment_id=world.experiment, reason="seen enough"),
        experiment_pb2.StopExperimentRequest(experiment_id=world.experiment, reason="too dear"),
    ),
    "PromoteExperiment": lambda world: (
        experiment_pb2.PromoteExperimentRequest(experiment_id=world.experiment, arm="a"),
        experiment_pb2.PromoteExperimentRequest(experiment_id=world.experiment, arm="b"),
    ),
    "SaveErrorReport": lambda world: (
        pb.SaveErrorReportRequest(report=pb.ErrorReport(fingerprint="0" * 32, status="analyzed")),
        pb.SaveErrorReportRequest(report=pb.ErrorReport(fingerprint="0" * 32, status="ignored")),
    ),
}

COUNTED = (
    "artists",
    "persona_versions",
    "briefs",
    "takes",
    "films",
    "releases",
    "publications",
    "error_groups",
    "error_reports",
    "error_steps",
    "error_attempts",
    "budgets",
    "moves",
    "performance",
    "experiments",
)


@pytest.fixture
async def world(stub: ArtistDbServiceStub, connection: "asyncpg.Connection[asyncpg.Record]") -> World:
    made = await artist(stub, "Ada")
    other = await artist(stub, "Bo")
    paused = (await stub.PauseArtist(pb.PauseArtistRequest(artist_id=other.id))).artist
    await stub.SaveBrief(pb.SaveBriefRequest(brief=brief(made.id)))
    kept = (await stub.SaveTake(pb.SaveTakeRequest(take=take(brief(made.id).id)))).take
    released = (await stub.SaveRelease(pb.SaveReleaseRequest(release=release(made.id, kept.id)))).release
    await stub.RecordPublication(
        pb.RecordPublicationRequest(release_id=released.id, target="s3", location="s3://label/1")
    )
    await stub.RecordErrors(
        pb.RecordErrorsRequest(
            occurrences=[pb.ErrorOccurrences(fingerprint=f * 32, title="Boom", count=1) for f in "01"]
        )
    )
    attempt = (await stub.ClaimErrorStep(claim("worker_1"))).group
    (move, *_) = (await stub.ListMoves(life_pb2.ListMovesRequest(artist_id=paused.id))).moves
    change = life_pb2.PersonaChange(
        id=CHANGE,
        artist_id=made.id,
        run_id="run_0",
        change=life_pb2.FieldChange(field="bio", to='"A clockmaker."', **{"from": '""'}),
        reason="it is told",
        persona_version=1,
    )
    await connection.execute(
        """
        INSERT INTO persona_changes (id, artist_id, run_id, state, outcome, body)
        VALUES ($1, $2, 'run_0', 'PROPOSED', '', $3)
        """,
        CHANGE,
        made.id,
        change.SerializeToString(),
    )
    await connection.execute(VACANT, VACANCY)
    await connection.execute(
        """
        INSERT INTO trend_charts (source, country, genre, due_at)
        VALUES ('deezer', '', '', now() + interval '1 hour')
        """
    )
    words = experiment_pb2.Experiment(
        name="words",
        kind=ARM_KIND_PROMPT,
        arms=[experiment_pb2.Arm(name="a"), experiment_pb2.Arm(name="b", value="darker words")],
    )
    begun = await stub.CreateExperiment(experiment_pb2.CreateExperimentRequest(experiment=words))
    return World(made, paused, kept, released, attempt, move.id, begun.experiment.id)


def with_id(request: Any, request_id: str) -> Any:
    copy = type(request)()
    copy.CopyFrom(request)
    copy.request_id = request_id
    return copy


async def state(connection: "asyncpg.Connection[asyncpg.Record]") -> list[Any]:
    counts = [await connection.fetchval(f"SELECT count(*) FROM {table}") for table in COUNTED]
    etags = await connection.fetchval("SELECT sum(etag) FROM artists")
    errors = await connection.fetchval("SELECT sum(count) FROM error_groups")
    gone = await connection.fetchval("SELECT count(taken_down_at) FROM publications")
    states = await connection.fetch(
        "SELECT id, state FROM persona_changes UNION SELECT id, state FROM experiments ORDER BY id"
    )
    due = await connection.fetchval("SELECT min(due_at) FROM trend_charts")
    return [*counts, etags, errors, gone, list(map(tuple, states)), due]


def test_every_changing_call_with_a_request_id_is_tried_here() -> None:
    methods = pb.DESCRIPTOR.services_by_name["ArtistDbService"].methods

    assert {m.name for m in methods if "request_id" in m.input_type.fields_by_name} == set(CALLS)


@pytest.mark.parametrize("method", CALLS)
async def test_a_repeat_gives_the_first_response_and_changes_nothing(
    stub: ArtistDbServiceStub,
    connection: "asyncpg.Connection[asyncpg.Record]",
    world: World,
    method: str,
) -> None:
    call = getattr(stub, method)
    request, other = (with_id(request, "r-1") for request in CALLS[method](world))

    before = await state(connection)
    first = await call(request)
    after = await state(connection)

    assert after != before
    assert await call(request) == first
    error = await refused(call(other), REUSED)
    assert error.metadata == {"request_id": "r-1"}
    assert await state(connection) == after


@pytest.mark.parametrize("method", CALLS)
async def test_equal_calls_at_once_have_one_effect_and_one_response(
    stub: ArtistDbServiceStub,
    connection: "asyncpg.Connection[asyncpg.Record]",
    database_url: str,
    world: World,
    method: str,
) -> None:
    call = getattr(stub, method)
    request = with_id(CALLS[method](world)[0], "r-1")

    async with held(database_url, "LOCK TABLE idempotency IN ACCESS EXCLUSIVE MODE", until=4):
        calls = [call(request) for _ in range(4)]
    responses = await asyncio.gather(*calls)
    after = await state(connection)

    assert all(response == responses[0] for response in responses)
    assert await call(request) == responses[0]
    assert await state(connection) == after


async def test_a_refused_call_leaves_its_request_id_free(stub: ArtistDbServiceStub) -> None:
    made = await artist(stub, "Ada")
    stale = pb.UpdateArtistRequest(
        request_id="r-1", artist_id=made.id, etag="0", cadence=pb.Cadence(interval_s=60)
    )
    fresh = pb.UpdateArtistRequest(
        request_id="r-1", artist_id=made.id, etag=made.etag, cadence=pb.Cadence(interval_s=60)
    )
    await refused(stub.UpdateArtist(stale), ETAG)

    assert (await stub.UpdateArtist(fresh)).artist.cadence.interval_s == 60


async def test_one_request_id_for_two_kinds_of_calls_is_refused(
    stub: ArtistDbServiceStub, world: World
) -> None:
    await stub.SetAutopilot(pb.SetAutopilotRequest(request_id="r-1", artist_id=world.artist.id))

    await refused(
        stub.RetireArtist(pb.RetireArtistRequest(request_id="r-1", artist_id=world.artist.id)), REUSED
    )
