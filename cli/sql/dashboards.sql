-- What Grafana may read: a schema of views, made anew by every `aiartist migrate`.
--
-- No view shows a token, a chat, a prompt, a model's answer, or who decided; only what a provider said of a
-- call that failed, secrets taken out, may quote a little of what it was asked. Errors are shown as
-- error_analyzer had them stored, which is redacted.

DROP SCHEMA IF EXISTS dashboards CASCADE;
CREATE SCHEMA dashboards;

-- The fields of a serialised protobuf message that have a length: texts, messages and maps, in their order.
-- Columns named `body` hold such messages, and the numbers of their fields never change. Of a message that
-- is cut off, the fields before the cut.
CREATE FUNCTION dashboards.fields_of(message bytea, OUT number bigint, OUT content bytea)
RETURNS SETOF record LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    size   bigint := length(message);
    place  bigint := 0;
    tag    bigint;
    value  bigint;
    shift  integer;
    byte   integer;
BEGIN
    WHILE place < size LOOP
        value := 0;
        shift := 0;
        LOOP
            IF place >= size THEN RETURN; END IF;
            byte := get_byte(message, place::integer);
            place := place + 1;
            -- Seven bits a byte, the lowest first. No tag and no length has more than 56.
            IF shift < 56 THEN value := value | ((byte & 127)::bigint << shift); END IF;
            shift := shift + 7;
            EXIT WHEN byte < 128;
        END LOOP;
        IF tag IS NULL THEN
            CASE value & 7
                WHEN 0, 2 THEN tag := value;
                WHEN 1 THEN place := place + 8;
                WHEN 5 THEN place := place + 4;
                ELSE RETURN;
            END CASE;
        ELSE
            IF tag & 7 = 2 THEN
                IF value > size - place THEN RETURN; END IF;
                number := tag >> 3;
                content := substring(message FROM place::integer + 1 FOR value::integer);
                place := place + value;
                RETURN NEXT;
            END IF;
            tag := NULL;
        END IF;
    END LOOP;
END;
$$;

-- A text that PostgreSQL can't hold, for it has U+0000 in it, is shown escaped.
CREATE FUNCTION dashboards.as_text(content bytea)
RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN position('\x00'::bytea IN content) = 0 THEN convert_from(content, 'UTF8')
            ELSE encode(content, 'escape') END;

-- The text in one field; empty where it is not set.
CREATE FUNCTION dashboards.text_in(message bytea, field integer)
RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce((array_agg(dashboards.as_text(content)))[count(*)], '')
    FROM dashboards.fields_of(message) WHERE number = field;
END;

-- A map of texts in one field.
CREATE FUNCTION dashboards.map_in(message bytea, field integer)
RETURNS jsonb LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(jsonb_object_agg(dashboards.text_in(content, 1), dashboards.text_in(content, 2)), '{}')
    FROM dashboards.fields_of(message) WHERE number = field;
END;

CREATE VIEW dashboards.artists AS
SELECT id, name, state, autopilot_enabled, persona_version, created_at, updated_at,
       coalesce(cadence_cron, 'every ' || cadence_interval_s * interval '1 second', '') AS cadence
FROM artist_db.artists;

CREATE VIEW dashboards.runs AS
SELECT run.id, run.artist_id, coalesce(artist.name, run.artist_id) AS artist, run.state, run.stage, run.place,
       run.autopilot, run.started_by, run.take_number, run.attempts, run.failures, run.title, run.release_id,
       run.decision ->> 'verdict' AS verdict, run.decided_at, run.error ->> 'reason' AS reason,
       run.error ->> 'message' AS message, run.created_at, run.updated_at, run.approval_expires_at
FROM scheduler.runs AS run LEFT JOIN artist_db.artists AS artist ON artist.id = run.artist_id;

CREATE VIEW dashboards.run_stages AS
SELECT run_id, stage, take_number, state, attempts, started_at, ended_at, error ->> 'reason' AS reason
FROM scheduler.run_stages;

CREATE VIEW dashboards.releases AS
SELECT release.id, release.artist_id, artist.name AS artist, release.run_id, release.title,
       isrc.code AS isrc, upc.code AS upc, release.created_at, admission.admitted_at
FROM artist_db.releases AS release
JOIN artist_db.artists AS artist ON artist.id = release.artist_id
LEFT JOIN artist_db.admissions AS admission ON admission.release_id = release.id
LEFT JOIN artist_db.codes AS isrc ON isrc.release_id = release.id AND isrc.kind = 'ISRC'
LEFT JOIN artist_db.codes AS upc ON upc.release_id = release.id AND upc.kind = 'UPC';

CREATE VIEW dashboards.publications AS
SELECT release_id, target, location, published_at, taken_down_at, take_down_reason
FROM artist_db.publications;

CREATE VIEW dashboards.model_calls AS
SELECT call_id, attempt, role, model, artist_id, run_id, outcome, prompt_tokens, completion_tokens,
       cost_micro_usd, latency_ms, detail, created_at
FROM artist_db.model_calls;

CREATE VIEW dashboards.spending AS
SELECT account.scope, account.subject, account.period, account.spent_micro_usd, account.held_micro_usd,
       own.limit_micro_usd
FROM artist_db.spend_accounts AS account
LEFT JOIN artist_db.budgets AS own ON (own.scope, own.subject) = (account.scope, account.subject);

CREATE VIEW dashboards.error_groups AS
SELECT found.fingerprint, found.title, found.culprit, found.count, found.services, found.first_seen,
       found.last_seen, coalesce(report.status, 'new') AS status, coalesce(report.severity, '') AS severity,
       found.code_versions, found.exception_type
FROM artist_db.error_groups AS found
LEFT JOIN LATERAL (
    SELECT status, severity FROM artist_db.error_reports
    WHERE fingerprint = found.fingerprint AND NOT merged ORDER BY id DESC LIMIT 1
) AS report ON true;

-- The numbers are those of aiartist.artist_db.v1.ErrorSample.
CREATE VIEW dashboards.error_samples AS
SELECT fingerprint, seen_at, dashboards.text_in(body, 1) AS service, dashboards.text_in(body, 2) AS message,
       dashboards.text_in(body, 3) AS text, dashboards.map_in(body, 4) AS context,
       dashboards.text_in(body, 5) AS code_version, dashboards.text_in(body, 7) AS error_id
FROM artist_db.error_samples;

-- The numbers are those of aiartist.artist_db.v1.ErrorReport.
CREATE VIEW dashboards.error_reports AS
SELECT id, fingerprint, status, severity, dashboards.text_in(body, 3) AS cause,
       dashboards.text_in(body, 11) AS reason, dashboards.text_in(body, 7) AS component,
       dashboards.text_in(body, 4) AS diff, dashboards.text_in(body, 12) AS test_path,
       dashboards.text_in(body, 13) AS test_code, dashboards.text_in(body, 14) AS explanation,
       dashboards.text_in(body, 15) AS branch, dashboards.text_in(body, 16) AS commit,
       dashboards.text_in(body, 18) AS proof, created_at
FROM artist_db.error_reports;

CREATE VIEW dashboards.error_hours AS
SELECT fingerprint, service, hour, count FROM artist_db.error_hours;

CREATE VIEW dashboards.error_steps AS
SELECT fingerprint, kind, due_at, reason, attempt_id <> '' AS begun, lease_until
FROM artist_db.error_steps;
