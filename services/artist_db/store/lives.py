"""What rules look at, and what they do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.artist_db.domain.lifecycle import Rule, State
from services.artist_db.domain.lives import DOWN_DAYS, WARNED_DAYS, Record, Rules, Ruling, rates_from, row_of
from services.artist_db.domain.outcomes import Blame
from services.artist_db.store import moves, news
from services.artist_db.store.moves import Standing
from services.chassis.database import Connection

MOST_AT_ONCE = 500
"""Artists that one review looks at closely; the next one goes on."""

# Literals, so that the indexes serve: see 0007_lives.sql.
_RATES = f"""
SELECT count(*) FILTER (WHERE blame = '{Blame.APPROVED}') AS approved,
       count(*) FILTER (WHERE blame = '{Blame.REJECTED}') AS rejected,
       count(*) FILTER (WHERE blame = '{Blame.ERROR}') AS errors
FROM run_outcomes WHERE artist_id = $1 AND blame <> '{Blame.NONE}' AND ended_at > $2
"""
_VERDICTS = f"""
SELECT blame FROM run_outcomes
WHERE artist_id = $1 AND blame IN ('{Blame.APPROVED}', '{Blame.REJECTED}') AND decided_at > $2
ORDER BY decided_at DESC LIMIT $3
"""

_LAST_SIGN = "greatest(created_at, judged_from, state_since, last_run_at)"
_IDLE = f"""
SELECT id FROM artists
WHERE state IN ('ACTIVE', 'EVOLVING') AND {_LAST_SIGN} <= now() - make_interval(days => $1)
  AND id <> ALL ($2::text[])
ORDER BY {_LAST_SIGN} LIMIT {MOST_AT_ONCE}
"""
_PAUSED = f"""
SELECT a.id FROM artists a JOIN moves m ON m.id = a.last_move
WHERE a.state = 'PAUSED' AND a.state_since <= now() - make_interval(days => $1)
  AND m.rule IN ('{Rule.APPROVAL}', '{Rule.ERRORS}')
  AND (m.warned_at IS NULL OR m.warned_at <= now() - make_interval(days => {WARNED_DAYS})
       AND m.warned_at < $3 AND a.state_since <= now() - make_interval(days => $2))
ORDER BY a.state_since LIMIT {MOST_AT_ONCE}
"""

_ACTED = """
SELECT greatest(
    (SELECT max(decided_at) FROM run_outcomes WHERE by_person),
    (SELECT max(moved_at) FROM moves WHERE moved_by <> ''),
    (SELECT max(updated_at) FROM persona_changes WHERE decided_by <> '')
)
"""

_REVIEWED = f"""
UPDATE roster SET reviewed_at = now(), back_at = CASE
    WHEN reviewed_at < now() - interval '{DOWN_DAYS} days' THEN now() ELSE back_at END
WHERE reviewed_at IS NULL OR reviewed_at < now() - interval '1 hour'
"""


@dataclass(frozen=True, slots=True)
class Clock:
    """The label's time, as reviews go by it."""

    acted_at: datetime | None
    """When a person did anything last; None: nobody has."""
    back_at: datetime | None
    """When the platform came back after it was down for days; None: it was not."""


async def record_of(
    connection: Connection, standing: Standing, rules: Rules, *, under_way: int = 0
) -> Record:
    """How a locked artist's songs did; `under_way`: approved ones whose outcome is not recorded yet."""
    life = standing.life
    since = rates_from(rules, life, standing.now)
    rates = await rates_of(connection, standing.artist_id, since)
    verdicts = await verdicts_of(
        connection, standing.artist_id, life.judged_from, limit=rules.rejections_in_a_row
    )
    return Record(
        approved=rates["approved"],
        rejected=rates["rejected"],
        errors=rates["errors"],
        row=row_of(verdicts),
        under_way=under_way,
    )


async def rates_of(connection: Connection, artist_id: str, since: datetime) -> Any:
    """How many songs were `approved`, `rejected`, and `errors` (no take passed its review), after `since`."""
    return await connection.fetchrow(_RATES, artist_id, since)


async def verdicts_of(
    connection: Connection, artist_id: str, since: datetime, *, limit: int
) -> Sequence[Blame]:
    """The last verdicts that were decided after `since`, newest first."""
    rows = await connection.fetch(_VERDICTS, artist_id, since, limit)
    return [Blame(row["blame"]) for row in rows]


async def clock(connection: Connection) -> Clock:
    """The label's time; notes that lives are reviewed now."""
    await connection.execute(_REVIEWED)
    back_at = await connection.fetchval("SELECT back_at FROM roster")
    return Clock(await acted_at(connection), back_at)


async def acted_at(connection: Connection) -> datetime | None:
    """When a person decided or moved anything last; None: nobody has."""
    time: datetime | None = await connection.fetchval(_ACTED)
    return time


async def maybe_idle(connection: Connection, rules: Rules, busy: Sequence[str]) -> list[str]:
    """Artists without a sign of life for long, but `busy` ones."""
    rows = await connection.fetch(_IDLE, rules.idle_days, list(busy))
    return [row["id"] for row in rows]


async def maybe_paused_too_long(connection: Connection, rules: Rules, acted_at: datetime) -> list[str]:
    """Artists whose pause may have to be warned about, or to end in retirement."""
    days = rules.retire_after_paused_days
    rows = await connection.fetch(_PAUSED, max(0, days - WARNED_DAYS), days, acted_at)
    return [row["id"] for row in rows]


async def carry_out(
    connection: Connection, standing: Standing, ruling: Ruling, run_id: str = ""
) -> moves.Row:
    """Moves a locked artist as a rule says, and tells people. `run_id`: whose end led to it, if any did."""
    moved = await moves.move(connection, standing, ruling.target, ruling.rule, ruling.reason)
    await news.add(
        connection,
        news.Topic.LIFE,
        f"{standing.name} is now {ruling.target.lower()}",
        f"Why: {ruling.reason}. To undo it: aiartist artist undo {standing.artist_id}",
        artist_id=standing.artist_id,
        run_id=run_id,
        subject_id=moved["id"],
        warning=ruling.target in (State.PAUSED, State.RETIRED) and ruling.rule is not Rule.IDLE,
    )
    return moved


async def warn(connection: Connection, standing: Standing) -> None:
    """Tells people, once, that a locked artist's pause ends in retirement."""
    await moves.warned(connection, standing.last_move)
    await news.add(
        connection,
        news.Topic.LIFE,
        f"{standing.name} retires in {WARNED_DAYS} days",
        f"Paused since: {standing.life.reason}. To keep the artist: "
        f"aiartist artist resume {standing.artist_id}",
        artist_id=standing.artist_id,
        subject_id=standing.last_move,
        warning=True,
    )
