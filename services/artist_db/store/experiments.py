"""Experiments, their arms, and how those stand."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from services.artist_db.domain.experiment_posteriors import Tally
from services.artist_db.domain.experiment_verdicts import Standing
from services.artist_db.domain.experiments import Kind, Metric, State, overlap
from services.artist_db.store.query import Query
from services.chassis.database import Connection
from services.chassis.errors import AlreadyExists, NotFound

Row = Any
"""A record of `experiments`, or of `experiment_arms`."""


async def lock_all(connection: Connection) -> None:
    """Nobody else begins an experiment until this transaction ends: which overlap can be looked at."""
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ' experiments', 0))"
    )


async def insert(
    connection: Connection,
    experiment_id: str,
    *,
    name: str,
    kind: Kind,
    field: str,
    artist_ids: Sequence[str],
    metric: Metric,
    floor: float,
    min_outcomes: int,
    arms: Sequence[tuple[str, str]],
) -> None:
    """Begins an experiment; `arms` are names and values. AlreadyExists where one of this name runs."""
    try:
        await connection.execute(
            """
            INSERT INTO experiments (id, name, kind, field, artist_ids, metric, floor, min_outcomes, state)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            """,
            experiment_id,
            name,
            kind,
            field,
            list(artist_ids),
            metric,
            floor,
            min_outcomes,
            State.RUNNING,
        )
    except asyncpg.UniqueViolationError as error:
        raise AlreadyExists("experiment", name) from error
    for position, (arm, value) in enumerate(arms):
        await connection.execute(
            "INSERT INTO experiment_arms (experiment_id, position, name, value) VALUES ($1, $2, $3, $4)",
            experiment_id,
            position,
            arm,
            value,
        )
        await connection.execute(
            "INSERT INTO experiment_sums (experiment_id, position) VALUES ($1, $2)", experiment_id, position
        )


async def unknown_artists(connection: Connection, artist_ids: Sequence[str]) -> list[str]:
    """Those of them that there are not."""
    rows = await connection.fetch("SELECT id FROM artists WHERE id = ANY ($1::text[])", list(artist_ids))
    known = {row["id"] for row in rows}
    return [artist_id for artist_id in artist_ids if artist_id not in known]


async def in_the_way(connection: Connection, kind: Kind, field: str, artist_ids: Sequence[str]) -> Row | None:
    """One that runs and differs in the same for some of the same artists; None: there is none."""
    rows = await connection.fetch(
        """
        SELECT * FROM experiments
        WHERE state = 'RUNNING' AND kind = $1
            AND (artist_ids = '{}' OR $2::text[] = '{}' OR artist_ids && $2::text[])
        ORDER BY created_at, id
        """,
        kind,
        list(artist_ids),
    )
    return next((row for row in rows if overlap(row["field"], field)), None)


async def by_id(connection: Connection, experiment_id: str) -> Row:
    """One experiment; NotFound where there is none."""
    return _there(
        await connection.fetchrow("SELECT * FROM experiments WHERE id = $1", experiment_id), experiment_id
    )


async def lock(connection: Connection, experiment_id: str) -> Row:
    """One experiment, which nobody else draws from or changes until the transaction ends; NotFound."""
    row = await connection.fetchrow(
        "SELECT * FROM experiments WHERE id = $1 FOR NO KEY UPDATE", experiment_id
    )
    return _there(row, experiment_id)


async def page(
    connection: Connection,
    *,
    states: Sequence[State],
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[Row]:
    """Experiments, newest first."""
    query = Query("SELECT * FROM experiments")
    if states:
        query.where("state = ANY ({})", list(states))
    if after is not None:
        query.where("(created_at, id) < ({}, {})", *after)
    return await query.page(connection, order="created_at DESC, id DESC", limit=limit)


async def standing(connection: Connection, artist_id: str) -> list[Row]:
    """Those that run or were promoted and concern an artist, by id."""
    return await connection.fetch(
        """
        SELECT * FROM experiments
        WHERE state IN ('RUNNING', 'PROMOTED') AND (artist_ids = '{}' OR $1 = ANY (artist_ids))
        ORDER BY id
        """,
        artist_id,
    )


async def arms(connection: Connection, experiment_ids: Sequence[str]) -> dict[str, list[Row]]:
    """Their arms in order, by experiment."""
    rows = await connection.fetch(
        """
        SELECT * FROM experiment_arms WHERE experiment_id = ANY ($1::text[])
        ORDER BY experiment_id, position
        """,
        list(experiment_ids),
    )
    found: dict[str, list[Row]] = {experiment_id: [] for experiment_id in experiment_ids}
    for row in rows:
        found[row["experiment_id"]].append(row)
    return found


async def standings(connection: Connection, experiment_id: str) -> list[Standing]:
    """How its arms stand, in order."""
    rows = await connection.fetch(
        """
        SELECT a.name, s.* FROM experiment_arms a JOIN experiment_sums s USING (experiment_id, position)
        WHERE experiment_id = $1 ORDER BY position
        """,
        experiment_id,
    )
    return [
        Standing(
            name=row["name"],
            # Added to and taken from many times: rounding must not carry either below 0.
            tally=Tally(max(row["successes"], 0.0), max(row["outcomes"] - row["successes"], 0.0)),
            outcomes=row["outcomes"],
            assigned=row["assigned"],
            expected=row["expected"],
            variance=row["variance"],
            over=row["outcomes"] + row["missing"],
            missing=row["missing"],
            over_expected=row["over_expected"],
            over_variance=row["over_variance"],
            missing_expected=row["missing_expected"],
            missing_variance=row["missing_variance"],
        )
        for row in rows
    ]


async def end(
    connection: Connection, experiment_id: str, state: State, *, reason: str, promoted_arm: str = ""
) -> Row:
    """Ends it, or what became of it before. The caller holds its lock."""
    return await connection.fetchrow(
        """
        UPDATE experiments SET state = $2, reason = $3, promoted_arm = $4, ended_at = clock_timestamp()
        WHERE id = $1 RETURNING *
        """,
        experiment_id,
        state,
        reason,
        promoted_arm,
    )


async def note(
    connection: Connection, experiment_id: str, *, winner_told: bool, mismatch_told: bool, mismatched: bool
) -> None:
    """Keeps what people have been told of it. The caller holds its lock."""
    await connection.execute(
        "UPDATE experiments SET winner_told = $2, mismatch_told = $3, mismatched = $4 WHERE id = $1",
        experiment_id,
        winner_told,
        mismatch_told,
        mismatched,
    )


async def counts(connection: Connection) -> tuple[int, int]:
    """How many experiments run, and of how many of those the numbers of runs are wrong."""
    row: Any = await connection.fetchrow(
        """
        SELECT count(*) AS running, count(*) FILTER (WHERE mismatched) AS mismatched
        FROM experiments WHERE state = 'RUNNING'
        """
    )
    return row["running"], row["mismatched"]


def _there(row: Row | None, experiment_id: str) -> Row:
    if row is None:
        raise NotFound("experiment", experiment_id)
    return row
