"""Runs that ended, and time that passed, for tests of artists' lives."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeAlias

import asyncpg

from aiartist.artist_db.v1 import artist_db_pb2, artist_state_pb2, life_pb2
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.common.v1 import decision_pb2

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

APPROVED = {"state": "RELEASED", "verdict": decision_pb2.VERDICT_APPROVED}
AUTOPILOT = {"state": "RELEASED", "verdict": decision_pb2.VERDICT_AUTOPILOT_APPROVED}
REJECTED = {"state": "REJECTED", "verdict": decision_pb2.VERDICT_REJECTED}
EXPIRED = {"state": "EXPIRED", "verdict": decision_pb2.VERDICT_EXPIRED}
BAD_SONG = {"state": "FAILED", "failure_reason": "ERROR_REASON_REVIEW_FAILED", "failed_stage": "PRODUCE"}
PLATFORM = {"state": "FAILED", "failure_reason": "ERROR_REASON_DEPENDENCY_UNAVAILABLE"}
CANCELLED = {"state": "CANCELLED"}

_NUMBERS = count()
_TIMES = {
    "artists": ("created_at", "updated_at", "state_since", "judged_from", "last_run_at"),
    "moves": ("moved_at", "warned_at"),
    "run_outcomes": ("ended_at", "decided_at"),
    "persona_changes": ("created_at", "updated_at"),
    "vacancies": ("due_at", "lease_until", "opened_at", "ended_at"),
    "roster": ("reviewed_at", "back_at"),
}


def outcome(artist_id: str, *, state: str, verdict: Any = None, **fields: Any) -> life_pb2.RunOutcome:
    """How a run of its own ended, a moment ago."""
    told = life_pb2.RunOutcome(
        **{"run_id": f"run_{next(_NUMBERS)}", "artist_id": artist_id, "ending": 1, **fields}, state=state
    )
    if not told.HasField("ended_at"):
        told.ended_at.FromDatetime(datetime.now(UTC))
    if verdict is not None:
        told.decision.verdict = verdict
        told.decision.decided_at.CopyFrom(told.ended_at)
    return told


async def record(
    stub: ArtistDbServiceStub, artist_id: str, **fields: Any
) -> life_pb2.RecordRunOutcomeResponse:
    """Records one that ended as `fields` say."""
    request = life_pb2.RecordRunOutcomeRequest(outcome=outcome(artist_id, **fields))
    return await stub.RecordRunOutcome(request)


async def record_all(stub: ArtistDbServiceStub, artist_id: str, *ends: dict[str, Any]) -> list[life_pb2.Move]:
    """Records some, one after the other; the moves that they led to."""
    answers = [await record(stub, artist_id, **end) for end in ends]
    return [answer.move for answer in answers if answer.HasField("move")]


async def state_of(stub: ArtistDbServiceStub, artist_id: str) -> str:
    """An artist's state, as `ACTIVE`."""
    answer = await stub.GetArtist(artist_db_pb2.GetArtistRequest(artist_id=artist_id))
    return name_of(answer.artist.state)


def name_of(state: artist_state_pb2.ArtistState.ValueType) -> str:
    return artist_state_pb2.ArtistState.Name(state).removeprefix("ARTIST_STATE_")


async def moves_of(stub: ArtistDbServiceStub, artist_id: str) -> list[life_pb2.Move]:
    """An artist's moves, newest first."""
    return list((await stub.ListMoves(life_pb2.ListMovesRequest(artist_id=artist_id))).moves)


async def moved(
    stub: ArtistDbServiceStub, artist_id: str, state: str, *, by: str = "cli:vera", reason: str = ""
) -> life_pb2.Move:
    """A person moves an artist."""
    request = life_pb2.MoveArtistRequest(
        artist_id=artist_id,
        to_state=artist_state_pb2.ArtistState.Value(f"ARTIST_STATE_{state}"),
        moved_by=by,
        reason=reason,
    )
    return (await stub.MoveArtist(request)).move


async def reviewed(stub: ArtistDbServiceStub, *busy: str) -> list[life_pb2.Move]:
    """What a review of lives moves now."""
    return list((await stub.ReviewLives(life_pb2.ReviewLivesRequest(busy_artist_ids=busy))).moves)


async def pass_days(connection: Connection, days: float, *, reviews_go_on: bool = True) -> None:
    """Puts all that has happened so many days further into the past."""
    async with connection.transaction():
        for table, columns in _TIMES.items():
            shifts = ", ".join(f"{column} = {column} - $1::interval" for column in columns)
            await connection.execute(f"UPDATE {table} SET {shifts}", timedelta(days=days))
        if reviews_go_on:
            await connection.execute("UPDATE roster SET reviewed_at = now()")


async def news(connection: Connection) -> list[tuple[str, str, bool]]:
    """Topic, title and whether somebody should look, oldest first."""
    rows = await connection.fetch("SELECT topic, title, warning FROM news ORDER BY id")
    return [(row["topic"], row["title"], row["warning"]) for row in rows]
