"""A thousand rows for each list, put in past the service, many with the same time."""

from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import asyncpg

from aiartist.artist_db.v1.life_pb2 import PersonaChange, RunOutcome
from services.artist_db.domain.persona import name_key
from services.chassis.ids import derived_id
from tests.integration.artist_db.samples import brief, persona, release, take

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
START = datetime(2024, 1, 1, tzinfo=UTC)
ARTIST = "art_0"
BRIEF = derived_id("brf", "0")
TAKE = derived_id("tak", "0")
RELEASE = derived_id("rel", "0")


def time(number: int) -> datetime:
    """Ten rows share a moment, so that an order by time alone would not do."""
    return START + timedelta(seconds=number // 10)


def artist_of(number: int) -> str:
    """Whose a song is: fifty artists take turns."""
    return f"art_{number % 50}"


async def artists(connection: Connection, numbers: range) -> None:
    ids = [f"art_{number}" for number in numbers]
    async with connection.transaction():
        await connection.executemany(
            """
            INSERT INTO artists (id, name, name_key, persona_version, autopilot_enabled, state, created_at,
                                 cadence_interval_s)
            VALUES ($1, $2, $3, 1, false, 'ACTIVE', $4, $5)
            """,
            [
                (
                    id,
                    f"Artist {n:05}",
                    name_key(f"Artist {n:05}"),
                    time(n),
                    3600 if n % 20 == 0 else None,
                )
                for id, n in zip(ids, numbers, strict=True)
            ],
        )
        await connection.executemany(
            """
            INSERT INTO persona_versions (artist_id, version, persona, persona_pb, reason)
            VALUES ($1, 1, '{}', $2, 'created')
            """,
            [(id, persona(f"Artist {n:05}").SerializeToString()) for id, n in zip(ids, numbers, strict=True)],
        )


async def versions(connection: Connection, numbers: range) -> None:
    await connection.executemany(
        """
        INSERT INTO persona_versions (artist_id, version, persona, persona_pb, reason)
        VALUES ($1, $2, '{}', $3, 'updated')
        """,
        [(ARTIST, n + 2, persona(bio=f"Version {n + 2}.").SerializeToString()) for n in numbers],
    )


async def briefs(connection: Connection, numbers: range) -> None:
    await connection.executemany(
        """
        INSERT INTO briefs (id, artist_id, run_id, persona_version, title, request_digest, body, created_at)
        VALUES ($1, $2, $3, 1, $4, 'x', $5, $6)
        """,
        [
            (b.id, b.artist_id, b.run_id, b.brief.title, b.SerializeToString(), time(n))
            for n, b in ((n, brief(artist_of(n), str(n))) for n in numbers)
        ],
    )


async def takes(connection: Connection, numbers: range) -> None:
    await connection.executemany(
        """
        INSERT INTO takes (id, brief_id, run_id, take_number, request_digest, body, created_at)
        VALUES ($1, $2, $3, 1, 'x', $4, $5)
        """,
        [
            (t.id, BRIEF, t.run_id, t.SerializeToString(), time(n))
            for n, t in ((n, take(BRIEF, str(n))) for n in numbers)
        ],
    )


async def releases(connection: Connection, numbers: range) -> None:
    await connection.executemany(
        """
        INSERT INTO releases (id, artist_id, run_id, take_id, title, package_digest, request_digest, body,
                              created_at)
        VALUES ($1, $2, $3, $4, $5, $6, 'x', $7, $8)
        """,
        [
            (r.id, r.artist_id, r.run_id, TAKE, r.title, r.package_digest, r.SerializeToString(), time(n))
            for n, r in ((n, release(artist_of(n), TAKE, str(n))) for n in numbers)
        ],
    )


async def model_calls(connection: Connection, numbers: range) -> None:
    await connection.executemany(
        """
        INSERT INTO model_calls (call_id, attempt, role, model, artist_id, run_id, outcome, prompt_tokens,
                                 completion_tokens, cost_micro_usd, latency_ms, prompt_hash, request_digest,
                                 answer, detail, created_at)
        VALUES ($1, 1, 'songwriter', 'local', $2, $3, 'ok', 1, 1, 1, 1, '', '', 'la', '', $4)
        """,
        [(f"call-{n}", artist_of(n), f"run_{n % 50}", time(n)) for n in numbers],
    )


async def spend_accounts(connection: Connection, numbers: range) -> None:
    await connection.executemany(
        """
        INSERT INTO spend_accounts (scope, subject, period, spent_micro_usd, held_micro_usd)
        VALUES ('run', $1, 'all', 1, 0)
        """,
        [(f"run_{n}",) for n in numbers],
    )
    await connection.executemany(
        "INSERT INTO budgets (scope, subject, limit_micro_usd) VALUES ('run', $1, 1000000)",
        [(f"run_{n}",) for n in numbers],
    )


async def spend_holds(connection: Connection, numbers: range) -> None:
    await connection.executemany(
        """
        INSERT INTO spend_holds (call_id, attempt, amount_micro_usd, artist_id, run_id, day, holder,
                                 lease_until)
        VALUES ($1, 1, 1, 'art_1', 'run_1', '2024-01-01', $2, $3)
        """,
        [(f"held-{n}", f"holder-{n % 50}", time(n)) for n in numbers],
    )


async def error_groups(connection: Connection, numbers: range) -> None:
    await connection.executemany(
        """
        INSERT INTO error_groups (fingerprint, title, culprit, count, services, first_seen, last_seen)
        VALUES ($1, 'Boom', 'here', 1, '{scheduler}', $2, $2)
        """,
        [(f"{n:032x}", time(n)) for n in numbers],
    )


async def error_reports(connection: Connection, numbers: range) -> None:
    await connection.executemany(
        "INSERT INTO error_reports (fingerprint, status, body) VALUES ($1, 'analyzed', '')",
        [(f"{n:032x}",) for n in numbers],
    )


async def error_samples(connection: Connection, numbers: range) -> None:
    await connection.executemany(
        "INSERT INTO error_samples (fingerprint, seen_at, body) VALUES ($1, $2, '')",
        [(f"{n:032x}", time(n)) for n in numbers],
    )


async def error_steps(connection: Connection, numbers: range) -> None:
    """A step, an hour, a fix and an attempt of each group."""
    await connection.executemany(
        """
        INSERT INTO error_steps (fingerprint, kind, due_at, attempt_id)
        VALUES ($1, 'FIX', $2, CASE WHEN $3 % 20 = 0 THEN 'eat_' || $3 ELSE '' END)
        """,
        [(f"{n:032x}", time(n), n) for n in numbers],
    )
    await connection.executemany(
        """
        INSERT INTO error_hours (fingerprint, service, hour, count)
        VALUES ($1, 'scheduler', date_trunc('hour', now()) - $2 * interval '1 hour', 1)
        """,
        [(f"{n:032x}", n) for n in numbers],
    )
    await connection.executemany(
        """
        INSERT INTO error_fixes (fingerprint, applied_at, services, errors_before, errors_in_hour)
        VALUES ($1, now() - $2 * interval '1 hour', '{scheduler}', 1, 0)
        """,
        [(f"{n:032x}", n) for n in numbers],
    )
    await connection.executemany(
        "INSERT INTO error_attempts (id, fingerprint, kind, began_at) VALUES ($1, $2, 'FIX', $3)",
        [(f"eat_{n}", f"{n:032x}", time(n)) for n in numbers],
    )


async def error_templates(connection: Connection, numbers: range) -> None:
    await connection.executemany(
        "INSERT INTO error_templates (fingerprint, template, sequence) VALUES ($1, 'get <*>', $2)",
        [(f"{n:032x}", n) for n in numbers],
    )


async def run_outcomes(connection: Connection, numbers: range) -> None:
    """Of fifty artists in turns, whose songs all count."""
    await connection.executemany(
        """
        INSERT INTO run_outcomes (run_id, artist_id, state, blame, by_person, decided_at, cost_micro_usd,
                                  brief_id, release_id, ending, ended_at, body)
        VALUES ($1, $2, 'REJECTED', 'REJECTED', true, $4, 0, '', '', 1, $4, $3)
        """,
        [
            (f"run_{n:05}", artist_of(n), RunOutcome(run_id=f"run_{n:05}").SerializeToString(), time(n))
            for n in numbers
        ],
    )


async def moves(connection: Connection, numbers: range) -> None:
    """Of fifty artists in turns."""
    await connection.executemany(
        """
        INSERT INTO moves (id, artist_id, from_state, to_state, rule, reason, moved_by, moved_at)
        VALUES ($1, $2, 'ACTIVE', 'EVOLVING', 'person', '', 'cli:vera', $3)
        """,
        [(f"mov_{n:05}", artist_of(n), time(n)) for n in numbers],
    )


async def persona_changes(connection: Connection, numbers: range) -> None:
    await connection.executemany(
        """
        INSERT INTO persona_changes (id, artist_id, run_id, state, outcome, created_at, body)
        VALUES ($1, $2, $3, 'NO_CHANGE', '', $4, $5)
        """,
        [
            (
                f"chg_{n:05}",
                artist_of(n),
                f"run_{n}",
                time(n),
                PersonaChange(id=f"chg_{n:05}").SerializeToString(),
            )
            for n in numbers
        ],
    )


async def performance(connection: Connection, numbers: range) -> None:
    """Of one release: ten platforms a day."""
    await connection.executemany(
        """
        INSERT INTO performance (release_id, day, platform, metric, value, source)
        VALUES ($1, $2, $3, 'STREAMS', 1, '')
        """,
        [(RELEASE, (START + timedelta(days=n // 10)).date(), f"platform_{n % 10}") for n in numbers],
    )


async def trend_charts(connection: Connection, numbers: range) -> None:
    await connection.executemany(
        "INSERT INTO trend_charts (source, country, genre) VALUES ($1, $2, $3)",
        [(f"source_{n % 10}", "us", f"genre {n}") for n in numbers],
    )


async def trend_snapshots(connection: Connection, numbers: range) -> None:
    await connection.executemany(
        """
        INSERT INTO trend_snapshots (id, source, country, genre, digest, item_count, body, fetched_at)
        VALUES ($1, 'deezer', '', '', '', 1, '', $2)
        """,
        [(f"trd_{n:05}", time(n)) for n in numbers],
    )


async def experiments(connection: Connection, numbers: range) -> None:
    """Ended ones."""
    await connection.executemany(
        """
        INSERT INTO experiments (id, name, kind, field, artist_ids, metric, floor, min_outcomes, state,
                                 created_at, ended_at)
        VALUES ($1, $1, 'PROMPT', '', '{}', 'APPROVAL', 0.05, 10, 'STOPPED', $2, $2)
        """,
        [(f"exp_{n:05}", time(n)) for n in numbers],
    )
