"""Very many rows, quickly: as many artists as runs and songs, with ids that are as random as real ones."""

import hashlib

import asyncpg

from tests.support.label import persona

# Bodies are short here: what is asked for is how queries find rows, not how long reading one takes.
_BODY = "decode(repeat(md5(n::text), 8), 'hex')"
_FILL = """
SET session_replication_role = replica;
INSERT INTO artist_db.artists (id, name, name_key, persona_version, cadence_interval_s, autopilot_enabled,
    state, created_at)
SELECT {art}, 'Artist ' || lpad(n::text, 7, '0'), 'artist ' || lpad(n::text, 7, '0'), 1, 302400, n % 2 = 0,
    'ACTIVE', now() - n * interval '30 seconds'
FROM {numbers};
INSERT INTO artist_db.persona_versions (artist_id, version, persona, persona_pb, reason)
SELECT {art}, 1, '{{}}', {persona}, 'created' FROM {numbers};
INSERT INTO artist_db.takes (id, brief_id, run_id, take_number, request_digest, body, created_at)
SELECT {tak}, {brf}, {run}, 1, md5(n::text), {body}, now() - n * interval '30 seconds' FROM {numbers};
INSERT INTO artist_db.releases (id, artist_id, run_id, take_id, title, package_digest, request_digest, body,
    created_at)
SELECT {rel}, {art}, {run}, {tak}, 'Song ' || n, md5(n::text), md5(n::text), {body},
    now() - n * interval '30 seconds'
FROM {numbers};
INSERT INTO artist_db.admissions (release_id, artist_id, admitted_at)
SELECT {rel}, {art}, now() - n * interval '30 seconds' FROM {numbers};
INSERT INTO artist_db.model_calls (call_id, attempt, role, model, artist_id, run_id, outcome, prompt_tokens,
    completion_tokens, cost_micro_usd, latency_ms, prompt_hash, request_digest, answer, detail, created_at)
SELECT {cal}, 1, 'songwriter', 'a-model', {art}, {run}, 'ok', 200, 40, 100, 900, md5(n::text), md5(n::text),
    {body}, '', now() - n * interval '30 seconds'
FROM {numbers};
INSERT INTO artist_db.error_groups (fingerprint, title, culprit, count, services, first_seen, last_seen)
SELECT md5(n::text), 'ValueError: ' || n, 'somewhere', 1, ARRAY['scheduler'],
    now() - n * interval '30 seconds', now() - n * interval '30 seconds'
FROM {numbers};
INSERT INTO scheduler.runs (id, artist_id, state, stage, place, autopilot, started_by, events, created_at,
    updated_at, not_before, approval_expires_at, announced)
SELECT {run}, {art}, kind.state, 'APPROVE', kind.place, false, 'cadence', 9, at.time, at.time, at.time,
    CASE WHEN kind.state = 'AWAITING_APPROVAL' THEN now() + n * interval '30 seconds' END, true
FROM {numbers}
CROSS JOIN LATERAL (SELECT now() - n * interval '30 seconds') AS at (time)
CROSS JOIN LATERAL (
    SELECT CASE WHEN n % 1000 = 1 THEN 'QUEUED' WHEN n % 10 = 3 THEN 'AWAITING_APPROVAL'
            WHEN n % 10 = 4 THEN 'REJECTED' ELSE 'RELEASED' END,
        CASE WHEN n % 1000 = 1 THEN 'wanted' ELSE 'none' END
) AS kind (state, place);
INSERT INTO notifier.messages (id, kind, severity, title, body, run_id, artist_id, approval, delivered_at,
    created_at)
SELECT {msg}, 'approval', 'info', 'Song ' || n, 'A song', {run}, {art}, {body}, now(),
    now() - n * interval '30 seconds'
FROM {numbers} WHERE n % 10 IN (3, 4);
INSERT INTO notifier.approvals (message_id, run_id, artist_id, title, artist_name, take_number,
    content_digest, asked_at, remind_at, closed_at)
SELECT {msg}, {run}, {art}, 'Song ' || n, 'Artist ' || n, 1, md5(n::text), now() - n * interval '30 seconds',
    now() + n * interval '30 seconds', CASE WHEN n % 10 = 4 THEN now() END
FROM {numbers} WHERE n % 10 IN (3, 4)
"""
_TABLES = (
    "artist_db.artists, artist_db.persona_versions, artist_db.takes, artist_db.releases, "
    "artist_db.admissions, artist_db.model_calls, artist_db.error_groups, scheduler.runs, "
    "notifier.messages, notifier.approvals"
)


async def fill(dsn: str, size: int) -> None:
    """Adds what is missing to `size` of each; one run of ten waits for a person."""
    connection = await asyncpg.connect(dsn)
    try:
        there = await connection.fetchval("SELECT count(*) FROM scheduler.runs", timeout=60)
        numbers = f"generate_series({there}, {size - 1}) AS n"
        readable = f"decode('{persona().SerializeToString().hex()}', 'hex')"
        names = {kind: f"'{kind}_' || left(md5('{kind}' || n), 26)" for kind in
                 ("art", "brf", "cal", "msg", "rel", "run", "tak")}  # fmt: skip
        await connection.execute(
            _FILL.format(numbers=numbers, body=_BODY, persona=readable, **names), timeout=1800
        )
        await connection.execute(f"VACUUM ANALYZE {_TABLES}", timeout=1800)
    finally:
        await connection.close()


def artist_id(number: int) -> str:
    """That of an artist that was filled in."""
    return _id("art", number)


def run_id(number: int) -> str:
    """That of a run; those with a 3 at the end wait."""
    return _id("run", number)


def _id(kind: str, number: int) -> str:
    return f"{kind}_{hashlib.md5(f'{kind}{number}'.encode()).hexdigest()[:26]}"
