"""Which run was given which arm, and what became of it.

What the assignments come to is kept beside them (`experiment_sums`) and brought up to date by what changed:
the open ones are few, and what has had its last word is never read again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.artist_db.domain.experiment_outcomes import Stand
from services.chassis.database import Connection

Row = Any
SCORES_EVERY_S = 900
"""Seconds between two looks at the scores of releases that an experiment waits for."""

_OPEN = "a.run_id, a.position, a.shares, a.state AS stand, a.outcome, a.ending, a.until, a.release_id"


@dataclass(frozen=True, slots=True)
class Change:
    """What an assignment is from now on, and what it was when that was found out."""

    run_id: str
    position: int
    shares: Sequence[float]
    """With which its arm was drawn."""
    was: Stand
    was_outcome: float | None
    was_ending: int
    stand: Stand
    outcome: float | None
    ending: int
    open: bool
    until: datetime | None
    release_id: str = ""


@dataclass(slots=True)
class _Sums:
    """What changes add to an arm's row of `experiment_sums`, column by column."""

    outcomes: int = 0
    successes: float = 0.0
    missing: int = 0
    over_expected: float = 0.0
    over_variance: float = 0.0
    missing_expected: float = 0.0
    missing_variance: float = 0.0


async def lock_run(connection: Connection, run_id: str) -> None:
    """Nobody else gives arms to this run until the transaction ends."""
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ' arms ' || $1, 0))", run_id
    )


async def told(connection: Connection, run_id: str) -> Row | None:
    """Whose run it is and what it was told, as `artist_id` and `body`; None: nothing so far."""
    return await connection.fetchrow("SELECT artist_id, body FROM run_arms WHERE run_id = $1", run_id)


async def tell(connection: Connection, run_id: str, artist_id: str, body: bytes) -> None:
    """Keeps what a run is told, for good."""
    await connection.execute(
        "INSERT INTO run_arms (run_id, artist_id, body) VALUES ($1, $2, $3)", run_id, artist_id, body
    )


async def assign(
    connection: Connection,
    experiment_id: str,
    run_id: str,
    artist_id: str,
    position: int,
    shares: Sequence[float],
) -> None:
    """Gives a run an arm that was drawn with these shares. The caller holds the experiment's lock."""
    await connection.execute(
        """
        INSERT INTO experiment_assignments (experiment_id, run_id, artist_id, position, shares)
        VALUES ($1, $2, $3, $4, $5)
        """,
        experiment_id,
        run_id,
        artist_id,
        position,
        list(shares),
    )
    await connection.execute(
        """
        UPDATE experiment_sums AS s
        SET assigned = s.assigned + (s.position = $2)::int, expected = s.expected + d.share,
            variance = s.variance + d.share * (1 - d.share)
        FROM unnest($3::float8[]) WITH ORDINALITY AS d (share, place)
        WHERE s.experiment_id = $1 AND s.position = d.place - 1
        """,
        experiment_id,
        position,
        list(shares),
    )


async def ended(connection: Connection, experiment_id: str, limit: int) -> list[Row]:
    """Open assignments whose runs ended since they were looked at, with how they ended.

    Those that wait for a score are left out: a release is the end of a run.
    """
    return await connection.fetch(
        f"""
        SELECT {_OPEN}, o.state, o.blame, o.by_person, o.review, o.brief_id, o.ended_at, o.body,
            o.release_id AS released, o.ending AS now_ending
        FROM experiment_assignments AS a JOIN run_outcomes AS o ON o.run_id = a.run_id
        WHERE a.experiment_id = $1 AND a.open AND a.state <> 'WAITING' AND o.ending > a.ending
        ORDER BY a.run_id LIMIT $2
        """,
        experiment_id,
        limit,
    )


async def overdue(connection: Connection, experiment_id: str, limit: int) -> list[Row]:
    """Open assignments that have waited for long enough."""
    return await connection.fetch(
        f"""
        SELECT {_OPEN} FROM experiment_assignments AS a
        WHERE a.experiment_id = $1 AND a.open AND a.until < now() ORDER BY a.until LIMIT $2
        """,
        experiment_id,
        limit,
    )


async def claim_scores(connection: Connection, experiment_id: str) -> bool:
    """Whether it is time to look at scores again, and this caller is the one to do it."""
    return bool(
        await connection.fetchval(
            """
            UPDATE experiments SET scored_at = now()
            WHERE id = $1 AND (scored_at IS NULL OR scored_at < now() - make_interval(secs => $2))
            RETURNING true
            """,
            experiment_id,
            SCORES_EVERY_S,
        )
    )


async def waiting(connection: Connection, experiment_id: str, *, after: str, limit: int) -> list[Row]:
    """Assignments that wait for a sure score, by run, those after one."""
    return await connection.fetch(
        f"""
        SELECT {_OPEN} FROM experiment_assignments AS a
        WHERE a.experiment_id = $1 AND a.state = 'WAITING' AND a.run_id > $2 ORDER BY a.run_id LIMIT $3
        """,
        experiment_id,
        after,
        limit,
    )


async def apply(connection: Connection, experiment_id: str, changes: Sequence[Change]) -> None:
    """Makes changes, but of assignments that are no more what they were. The caller holds the lock."""
    rows = await connection.fetch(
        """
        UPDATE experiment_assignments AS a
        SET state = c.state, outcome = c.outcome, ending = c.ending, open = c.open, until = c.until,
            release_id = c.release_id
        FROM unnest($2::text[], $3::text[], $4::int[], $5::text[], $6::float8[], $7::int[], $8::bool[],
                    $9::timestamptz[], $10::text[])
            AS c (run_id, was, was_ending, state, outcome, ending, open, until, release_id)
        WHERE a.experiment_id = $1 AND a.run_id = c.run_id AND a.state = c.was AND a.ending = c.was_ending
            AND a.open
        RETURNING a.run_id
        """,
        experiment_id,
        [change.run_id for change in changes],
        [change.was for change in changes],
        [change.was_ending for change in changes],
        [change.stand for change in changes],
        [change.outcome for change in changes],
        [change.ending for change in changes],
        [change.open for change in changes],
        [change.until for change in changes],
        [change.release_id for change in changes],
    )
    made = {row["run_id"] for row in rows}
    sums: dict[int, _Sums] = {}
    for change in changes:
        if change.run_id in made:
            _add(sums, change)
    await connection.execute(
        """
        UPDATE experiment_sums AS s
        SET outcomes = s.outcomes + d.outcomes, successes = s.successes + d.successes,
            missing = s.missing + d.missing, over_expected = s.over_expected + d.over_expected,
            over_variance = s.over_variance + d.over_variance,
            missing_expected = s.missing_expected + d.missing_expected,
            missing_variance = s.missing_variance + d.missing_variance
        FROM unnest($2::int[], $3::bigint[], $4::float8[], $5::bigint[], $6::float8[], $7::float8[],
                    $8::float8[], $9::float8[])
            AS d (position, outcomes, successes, missing, over_expected, over_variance, missing_expected,
                  missing_variance)
        WHERE s.experiment_id = $1 AND s.position = d.position
        """,
        experiment_id,
        list(sums),
        [more.outcomes for more in sums.values()],
        [more.successes for more in sums.values()],
        [more.missing for more in sums.values()],
        [more.over_expected for more in sums.values()],
        [more.over_variance for more in sums.values()],
        [more.missing_expected for more in sums.values()],
        [more.missing_variance for more in sums.values()],
    )


def _add(sums: dict[int, _Sums], change: Change) -> None:
    """What a change adds to each arm's sums; its shares concern all of them."""
    counted = (change.stand is Stand.COUNTED) - (change.was is Stand.COUNTED)
    missing = (change.stand is Stand.MISSING) - (change.was is Stand.MISSING)
    own = sums.setdefault(change.position, _Sums())
    own.outcomes += counted
    own.successes += (change.outcome or 0.0) - (change.was_outcome or 0.0)
    own.missing += missing
    if counted or missing:
        for position, share in enumerate(change.shares):
            arm, spread = sums.setdefault(position, _Sums()), share * (1.0 - share)
            arm.over_expected += (counted + missing) * share
            arm.over_variance += (counted + missing) * spread
            arm.missing_expected += missing * share
            arm.missing_variance += missing * spread


async def briefs(connection: Connection, brief_ids: Sequence[str]) -> dict[str, bytes]:
    """Serialised briefs by id."""
    rows = await connection.fetch("SELECT id, body FROM briefs WHERE id = ANY ($1::text[])", list(brief_ids))
    return {row["id"]: row["body"] for row in rows}


async def takes(connection: Connection, run_ids: Sequence[str]) -> list[Row]:
    """All takes of these runs as `run_id` and `body`, oldest first."""
    return await connection.fetch(
        "SELECT run_id, body FROM takes WHERE run_id = ANY ($1::text[]) ORDER BY created_at, id",
        list(run_ids),
    )
