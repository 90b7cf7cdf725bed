"""Places in the roster that new artists are invented for."""

from typing import Any

from services.artist_db.domain.vacancies import IN_ROSTER, MOST_TRIES, REST_DAYS, Roster
from services.artist_db.store import news
from services.chassis.database import Connection
from services.chassis.ids import new_id

Row = Any
"""A record of `vacancies`."""

_STATES = ", ".join(f"'{state}'" for state in IN_ROSTER)
_COUNT = f"SELECT count(*) FROM artists WHERE state IN ({_STATES})"
_OPEN = """
SELECT *, due_at <= now() AS is_due, coalesce(lease_until > now(), false) AS held
FROM vacancies WHERE state = 'OPEN'
"""
_CLAIM = """
UPDATE vacancies SET holder = $2, lease_until = now() + $3 * interval '1 millisecond', tries = tries + 1
WHERE id = $1 RETURNING *
"""
_GAVE_UP = """
SELECT EXISTS (
    SELECT FROM vacancies
    WHERE state = 'GIVEN_UP' AND day IS NULL AND ended_at > now() - make_interval(days => $1)
)
"""


async def claim(connection: Connection, roster: Roster, *, holder: str, lease_ms: int) -> Row | None:
    """Leases the open vacancy, which is opened where the roster wants one; None: none is open, or not due.

    Each lease is a try, whatever becomes of it; after the last one's the vacancy is given up.
    """
    # Who claims waits for each other: so no two open one, or lease the same.
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ' vacancies', 7))"
    )
    lack = roster.lack(await connection.fetchval(_COUNT)) if roster.target else ""
    vacancy = await connection.fetchrow(_OPEN)
    if vacancy is not None and vacancy["held"]:
        return None
    if vacancy is not None and vacancy["day"] is None and not lack:
        await _end(connection, vacancy["id"], "WITHDRAWN")
        vacancy = None
    if vacancy is None:
        vacancy = await _opened(connection, roster, lack)
    if vacancy is None:
        return None
    if vacancy["tries"] >= MOST_TRIES:
        await _give_up(connection, vacancy)
        return None
    if not vacancy["is_due"]:
        return None
    return await connection.fetchrow(_CLAIM, vacancy["id"], holder, lease_ms)


async def locked(connection: Connection, vacancy_id: str) -> Row | None:
    """One vacancy, unchanged by others until the transaction ends; None where there is none."""
    return await connection.fetchrow("SELECT * FROM vacancies WHERE id = $1 FOR UPDATE", vacancy_id)


async def filled(connection: Connection, vacancy_id: str, artist_id: str) -> None:
    """Notes who took the place."""
    await connection.execute(
        """
        UPDATE vacancies SET state = 'FILLED', artist_id = $2, lease_until = NULL, ended_at = now()
        WHERE id = $1
        """,
        vacancy_id,
        artist_id,
    )


async def failed(
    connection: Connection, vacancy_id: str, failure: str, *, again_s: int, no_try: bool
) -> None:
    """Keeps a locked vacancy open for a later try; one that was no try is not counted, once.

    The lease goes on until it ends: who tells of a failure may have lost it to somebody who works now, and
    must not let a third one in beside them, nor give up what they may fill.
    """
    await connection.execute(
        """
        UPDATE vacancies SET failure = $2, holder = '',
                             due_at = greatest(due_at, now() + make_interval(secs => $3)),
                             tries = tries - ($4 AND holder <> '')::integer
        WHERE id = $1
        """,
        vacancy_id,
        failure,
        again_s,
        no_try,
    )


async def _opened(connection: Connection, roster: Roster, lack: str) -> Row | None:
    """A vacancy that is opened now; None where the roster wants none."""
    if lack and not await connection.fetchval(_GAVE_UP, REST_DAYS):
        await _open(connection, lack, None)
    elif roster.new_probability:
        today: Row = await connection.fetchrow(
            "SELECT seed, (now() AT TIME ZONE 'UTC')::date AS day FROM roster"
        )
        luck = roster.luck(str(today["seed"]), today["day"])
        if luck:
            await _open(connection, luck, today["day"])
    return await connection.fetchrow(_OPEN)


async def _open(connection: Connection, reason: str, day: object) -> None:
    # A day's die opens one vacancy, whatever became of it.
    await connection.execute(
        """
        INSERT INTO vacancies (id, reason, day) VALUES ($1, $2, $3)
        ON CONFLICT ON CONSTRAINT vacancies_one_a_day DO NOTHING
        """,
        new_id("vac"),
        reason,
        day,
    )


async def _give_up(connection: Connection, vacancy: Row) -> None:
    await _end(connection, vacancy["id"], "GIVEN_UP")
    last = "it was left unfinished" if vacancy["holder"] else vacancy["failure"]
    await news.add(
        connection,
        news.Topic.CANDIDATE,
        f"No new artist could be invented in {MOST_TRIES} tries",
        f"The last try: {last}",
        subject_id=vacancy["id"],
        warning=True,
    )


async def _end(connection: Connection, vacancy_id: str, state: str) -> None:
    await connection.execute(
        "UPDATE vacancies SET state = $2, lease_until = NULL, ended_at = now() WHERE id = $1",
        vacancy_id,
        state,
    )
