"""Every statement about runs, in PostgreSQL. A step of a run, its stages and its events are one statement."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from services.chassis.database import Connection, Database
from services.chassis.errors import PageTokenError
from services.chassis.paging import Page
from services.scheduler import metrics
from services.scheduler.cadence import Past
from services.scheduler.domain import FINAL, REVIEW_FAILED, Change, Run, RunState, StageName
from services.scheduler.queue import RunQueue
from services.scheduler.records import (
    ClosingRecord,
    EventRecord,
    News,
    ProgressRecord,
    StageRecord,
    StatusRecord,
    closing_json,
    closing_of,
    decision_json,
    error_json,
    error_of,
    event_json,
    run_of,
    stage_json,
)

_SQL = Path(__file__).parent / "sql"
_SAVE = (_SQL / "save_run.sql").read_text(encoding="utf-8")
_ADMIT = (_SQL / "admit.sql").read_text(encoding="utf-8")
_STATUS = (_SQL / "status.sql").read_text(encoding="utf-8")
_ADMISSION_LOCK = 7_201_501


class Store:
    """Every statement about runs."""

    def __init__(self, database: Database, queue: RunQueue, max_active_runs: int) -> None:
        self._database = database
        self._queue = queue
        self._max_active_runs = max_active_runs

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with self._database.transaction() as connection:
            yield connection

    async def ping(self) -> None:
        await self._database.ping()

    async def now(self) -> datetime:
        """The time by which everything here happens."""
        async with self._database.acquire() as connection:
            time: datetime = await connection.fetchval("SELECT now()")
            return time

    async def insert(self, connection: Connection, run: Run, *, due_at: datetime | None = None) -> Run | None:
        """A new run that wants a place; None where the cadence's due time has its run already."""
        row = await connection.fetchrow(
            """
            WITH started AS (
                INSERT INTO runs
                    (id, artist_id, state, stage, place, autopilot, started_by, note, due_at, events,
                     takes_wanted, takes_left, traceparent)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $11, nullif($12, ''))
                ON CONFLICT (artist_id, due_at) WHERE due_at IS NOT NULL DO NOTHING
                RETURNING *
            ), told AS (
                INSERT INTO run_events (run_id, sequence, type, state, stage, take_number, message)
                SELECT id, 1, 'STATE_CHANGED', state, stage, take_number, 'started by ' || started_by
                FROM started
            )
            SELECT * FROM started
            """,
            run.id, run.artist_id, run.state, run.stage, run.place, run.autopilot, run.started_by, run.note,
            due_at, run.takes_wanted, run.takes_left, run.traceparent,
        )  # fmt: skip
        return None if row is None else run_of(row)

    async def read(self, run_id: str) -> Run | None:
        async with self._database.acquire() as connection:
            row = await connection.fetchrow("SELECT * FROM runs WHERE id = $1", run_id)
        return None if row is None else run_of(row)

    async def lock(self, connection: Connection, run_id: str) -> Run | None:
        """The run, kept from all others until the transaction ends."""
        row = await connection.fetchrow("SELECT * FROM runs WHERE id = $1 FOR UPDATE", run_id)
        return None if row is None else run_of(row)

    async def stages(self, run_id: str) -> list[StageRecord]:
        async with self._database.acquire() as connection:
            rows = await connection.fetch(
                """
                SELECT * FROM run_stages WHERE run_id = $1
                ORDER BY started_at, take_number, ended_at NULLS LAST
                """,
                run_id,
            )
        return [
            StageRecord(
                StageName(r["stage"]), r["take_number"], r["state"], r["attempts"], r["started_at"],
                r["ended_at"], error_of(r["error"]),
            )
            for r in rows
        ]  # fmt: skip

    async def page(self, page: Page, *, artist_id: str, states: Sequence[RunState]) -> tuple[list[Run], str]:
        """Runs, newest first."""
        after = None if page.after is None else (_page_time(page.after[0]), page.after[1])
        async with self._database.acquire() as connection:
            rows = await connection.fetch(
                """
                SELECT * FROM runs
                WHERE ($1 = '' OR artist_id = $1)
                  AND (cardinality($2::text[]) = 0 OR state = ANY ($2))
                  AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4))
                ORDER BY created_at DESC, id DESC
                LIMIT $5
                """,
                artist_id, list(states), after[0] if after else None, after[1] if after else "",
                page.size + 1,
            )  # fmt: skip
        kept, token = page.cut(rows, key=lambda row: (row["created_at"].isoformat(), row["id"]))
        return [run_of(row) for row in kept], token

    async def status(self) -> StatusRecord:
        """How the work stands, as of one moment."""
        async with self._database.acquire() as connection:
            rows = await connection.fetch(_STATUS)
        return StatusRecord(
            {RunState(row["state"]): row["runs"] for row in rows if row["state"] is not None},
            next(row["waiting_since"] for row in rows if row["state"] is None),
            self._max_active_runs,
        )

    async def save(self, change: Change) -> Run | None:
        """Commits one step; None where the run was changed by somebody else since it was read."""
        async with self._database.acquire() as connection:
            return await self.write(connection, change)

    async def write(self, connection: Connection, change: Change) -> Run | None:
        """The same within a transaction of the caller's."""
        run = change.run
        row = await connection.fetchrow(
            _SAVE,
            run.id, run.version, run.state, run.stage, run.place, run.take_number, run.attempts, run.failures,
            run.failed_takes, run.note, run.title, run.brief_id, run.take_id, run.content_digest,
            run.release_id, run.location, decision_json(run.decision), error_json(run.error),
            [stage_json(stage) for stage in change.stages], [event_json(event) for event in change.events],
            change.delay_s, change.expires_in_s, run.state.final, run.takes_left, run.on_silence or "",
            [closing_json(closing) for closing in change.closings], change.ends,
        )  # fmt: skip
        if row is not None and change.ends:
            metrics.RUNS_ENDED.labels(run.state.lower()).inc()
        return None if row is None else run_of(row)

    async def admit(self) -> int:
        """Gives out free places, a job with each in the same transaction; how many."""
        async with self._database.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _ADMISSION_LOCK)
            rows = await connection.fetch(_ADMIT, self._max_active_runs)
            if rows:
                await self._queue.drive(connection, [row["id"] for row in rows])
        return len(rows)

    async def unannounced(self, limit: int) -> list[Run]:
        """Ended runs of which people have not been told, the first ended first."""
        async with self._database.acquire() as connection:
            rows = await connection.fetch(
                "SELECT * FROM runs WHERE NOT announced ORDER BY updated_at LIMIT $1", limit
            )
        return [run_of(row) for row in rows]

    async def mark_announced(self, runs: Sequence[Run]) -> None:
        """People have been told of these ends, whatever has come after them."""
        async with self._database.acquire() as connection:
            await connection.execute(
                """
                UPDATE runs SET announced = true
                FROM unnest($1::text[], $2::bigint[]) AS told (id, version)
                WHERE runs.id = told.id AND coalesce(runs.ended_version, runs.version) = told.version
                """,
                [run.id for run in runs], [run.ended_version or run.version for run in runs],
            )  # fmt: skip

    async def unrecorded(self, limit: int) -> list[Run]:
        """Ended runs whose outcome artist_db does not know, the first ended first."""
        async with self._database.acquire() as connection:
            rows = await connection.fetch(
                """
                SELECT * FROM runs
                WHERE recorded < endings
                  AND state IN ('RELEASED', 'REJECTED', 'EXPIRED', 'FAILED', 'CANCELLED')
                ORDER BY updated_at LIMIT $1
                """,
                limit,
            )
        return [run_of(row) for row in rows]

    async def mark_recorded(self, run: Run) -> None:
        """Artist_db knows this end of the run."""
        async with self._database.acquire() as connection:
            await connection.execute(
                "UPDATE runs SET recorded = $2 WHERE id = $1 AND recorded < $2", run.id, run.endings
            )

    async def takes_made(self, run_id: str) -> int:
        """How many takes a run has, those that their review refused included."""
        async with self._database.acquire() as connection:
            takes: int = await connection.fetchval(
                """
                SELECT count(*) FROM run_stages
                WHERE run_id = $1 AND stage = 'PRODUCE' AND (state = 'SUCCEEDED' OR error->>'reason' = $2)
                """,
                run_id, REVIEW_FAILED,
            )  # fmt: skip
        return takes

    async def approved_under_way(self, run: Run) -> int:
        """The artist's other runs that were approved and whose outcome artist_db does not know yet."""
        async with self._database.acquire() as connection:
            runs: int = await connection.fetchval(
                """
                SELECT count(*) FROM runs
                WHERE artist_id = $1 AND id <> $2
                  AND (state = 'RELEASING' AND place <> 'none' OR state = 'RELEASED' AND recorded < endings)
                """,
                run.artist_id, run.id,
            )  # fmt: skip
        return runs

    async def busy_artists(self) -> list[str]:
        """Whose runs are not over, or are looked back on."""
        async with self._database.acquire() as connection:
            rows = await connection.fetch(
                """
                SELECT artist_id FROM runs WHERE state = ANY ($1::text[])
                UNION SELECT artist_id FROM runs WHERE place <> 'none'
                """,
                [state for state in RunState if state not in FINAL],
            )
        return [row["artist_id"] for row in rows]

    async def untold_closings(self, limit: int) -> list[ClosingRecord]:
        """Questions that are over and of which notifier has not been told, the first one first."""
        async with self._database.acquire() as connection:
            rows = await connection.fetch(
                """
                SELECT c.*, r.traceparent FROM run_closings c JOIN runs r ON r.id = c.run_id
                ORDER BY c.id LIMIT $1
                """,
                limit,
            )
        return [closing_of(row) for row in rows]

    async def forget_closings(self, closings: Sequence[ClosingRecord]) -> None:
        """Notifier has been told of these."""
        async with self._database.acquire() as connection:
            await connection.execute(
                "DELETE FROM run_closings WHERE id = ANY ($1)", [closing.id for closing in closings]
            )

    async def rescue(self) -> list[str]:
        """A job for each run that has held a place for a while, has none and shows no life; their ids."""
        async with self._database.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _ADMISSION_LOCK)
            rows = await connection.fetch(
                """
                SELECT r.id FROM runs r
                WHERE r.place = 'held' AND r.updated_at < now() - interval '5 seconds'
                  AND NOT EXISTS (
                      SELECT FROM pgqueuer q
                      WHERE q.entrypoint = 'drive' AND q.status IN ('queued', 'picked')
                        AND q.payload = convert_to(r.id, 'UTF8')
                  )
                  AND NOT EXISTS (
                      SELECT FROM run_progress p
                      WHERE p.run_id = r.id AND p.time > now() - interval '5 seconds'
                  )
                """
            )
            run_ids = [row["id"] for row in rows]
            if run_ids:
                await self._queue.drive(connection, run_ids)
        return run_ids

    async def expired(self, limit: int) -> list[Run]:
        """Waiting runs that nobody answered in time."""
        async with self._database.acquire() as connection:
            rows = await connection.fetch(
                """
                SELECT * FROM runs
                WHERE state = 'AWAITING_APPROVAL' AND approval_expires_at <= now()
                ORDER BY approval_expires_at LIMIT $1
                """,
                limit,
            )
        return [run_of(row) for row in rows]

    async def anybody_wants_a_place(self) -> bool:
        """True where a run could go on now."""
        async with self._database.acquire() as connection:
            # In the order of their index, which is small, or the planner might try all runs in a row.
            first = await connection.fetchval(
                """
                SELECT id FROM runs WHERE place = 'wanted' AND not_before <= now()
                ORDER BY (state = 'QUEUED'), (started_by = 'cadence'), created_at, id LIMIT 1
                """
            )
        return first is not None

    async def last_runs(self, artist_ids: Sequence[str], *, most_a_week: int = 0) -> dict[str, Past]:
        """By artist, where there is one: the last run, and how many of the last week, counted to the most."""
        async with self._database.acquire() as connection:
            rows = await connection.fetch(
                """
                SELECT a.artist_id, last.created_at,
                    EXISTS (
                        SELECT FROM runs WHERE artist_id = a.artist_id AND place <> 'none'
                    ) AS busy,
                    (SELECT count(*) FROM (
                        SELECT FROM runs
                        WHERE artist_id = a.artist_id AND created_at > now() - interval '7 days'
                        LIMIT $2
                    ) AS week) AS in_week
                FROM unnest($1::text[]) AS a (artist_id)
                CROSS JOIN LATERAL (
                    SELECT created_at FROM runs
                    WHERE artist_id = a.artist_id
                    ORDER BY created_at DESC, id DESC LIMIT 1
                ) AS last
                """,
                list(artist_ids), most_a_week,
            )  # fmt: skip
        return {row["artist_id"]: Past(row["created_at"], row["busy"], row["in_week"]) for row in rows}

    async def news(self, run_id: str, sequence: int) -> News | None:
        """What happened to a run after an event, as of one moment; None where there is no such run."""
        async with self._database.acquire() as connection:
            rows = await connection.fetch(
                """
                SELECT r.state AS run_state, r.events AS last_sequence, e.*,
                    p.step, p.done, p.total, p.time AS progress_time,
                    r.stage AS run_stage, r.take_number AS run_take_number
                FROM runs r
                LEFT JOIN run_events e ON e.run_id = r.id AND e.sequence > $2
                LEFT JOIN run_progress p
                    ON p.run_id = r.id AND p.stage = r.stage AND p.take_number = r.take_number
                WHERE r.id = $1 ORDER BY e.sequence
                """,
                run_id, sequence,
            )  # fmt: skip
        if not rows:
            return None
        events = [
            EventRecord(
                r["sequence"], r["type"], RunState(r["state"]), StageName(r["stage"]), r["take_number"],
                r["attempt"], error_of(r["error"]), r["message"], r["time"],
            )
            for r in rows
            if r["sequence"] is not None
        ]  # fmt: skip
        run = rows[0]
        progress = (
            ProgressRecord(
                StageName(run["run_stage"]), run["run_take_number"], run["step"], run["done"], run["total"],
                run["progress_time"],
            )
            if run["step"]
            else None
        )  # fmt: skip
        return News(events, RunState(run["run_state"]), run["last_sequence"], progress)

    async def report(self, run: Run, step: str, done: int, total: int) -> bool:
        """Notes how far the stage is; False where the run is no longer at this version."""
        async with self._database.acquire() as connection:
            row = await connection.fetchval(
                """
                INSERT INTO run_progress (run_id, stage, take_number, step, done, total)
                SELECT id, stage, take_number, $3, $4, $5 FROM runs WHERE id = $1 AND version = $2
                ON CONFLICT (run_id) DO UPDATE SET
                    stage = excluded.stage, take_number = excluded.take_number, step = excluded.step,
                    done = excluded.done, total = excluded.total, time = excluded.time
                RETURNING run_id
                """,
                run.id, run.version, step, done, total,
            )  # fmt: skip
        return row is not None


def _page_time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise PageTokenError from error
    if time.tzinfo is None:
        raise PageTokenError
    return time
