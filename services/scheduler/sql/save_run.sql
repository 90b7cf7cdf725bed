-- One step of a run, whole: the run where it is still at version $2, its stages ($19), events ($20) and
-- the questions that are over with it ($26). $23: it is over after this step; $27: it ends with this step.
WITH saved AS (
    UPDATE runs SET
        version = version + 1,
        events = events + jsonb_array_length($20::jsonb),
        state = $3,
        stage = $4,
        place = $5,
        take_number = $6,
        attempts = $7,
        failures = $8,
        failed_takes = $9,
        note = $10,
        title = $11,
        brief_id = $12,
        take_id = $13,
        content_digest = $14,
        release_id = $15,
        location = $16,
        decision = $17::jsonb,
        decided_at = CASE WHEN $17::jsonb IS NOT DISTINCT FROM decision THEN decided_at ELSE now() END,
        error = $18::jsonb,
        updated_at = now(),
        -- Left alone where there is no delay: a change of an indexed column costs every index.
        not_before = CASE WHEN $21 > 0 THEN now() + make_interval(secs => $21) ELSE not_before END,
        -- What comes after its end leaves alone what is still to be told of it.
        announced = NOT $27 AND (announced OR NOT $23),
        ended_at = CASE WHEN $27 THEN now() WHEN $23 THEN ended_at END,
        ended_version = CASE WHEN $27 THEN version + 1 WHEN $23 THEN ended_version END,
        endings = endings + ($27::boolean)::integer,
        takes_left = $24,
        on_silence = $25,
        approval_expires_at = CASE
            WHEN $22::float8 IS NOT NULL THEN now() + make_interval(secs => $22)
            WHEN $3 = 'AWAITING_APPROVAL' THEN approval_expires_at
        END
    WHERE id = $1 AND version = $2
    RETURNING *
), staged AS (
    INSERT INTO run_stages (run_id, stage, take_number, state, attempts, ended_at, error)
    SELECT saved.id, s.stage, s.take_number, s.state, s.begins::integer,
        CASE WHEN s.state NOT IN ('RUNNING', 'WAITING') THEN now() END, s.error
    FROM saved, jsonb_to_recordset($19::jsonb)
        AS s (stage text, take_number integer, state text, begins boolean, error jsonb)
    ON CONFLICT (run_id, stage, take_number) DO UPDATE SET
        state = excluded.state,
        attempts = run_stages.attempts + excluded.attempts,
        ended_at = excluded.ended_at,
        error = coalesce(excluded.error, run_stages.error)
), told AS (
    INSERT INTO run_events (run_id, sequence, type, state, stage, take_number, attempt, error, message)
    SELECT saved.id, saved.events - jsonb_array_length($20::jsonb) + e.number,
        e.event->>'type', e.event->>'state', e.event->>'stage', (e.event->>'take_number')::integer,
        (e.event->>'attempt')::integer, nullif(e.event->'error', 'null'::jsonb), e.event->>'message'
    FROM saved, jsonb_array_elements($20::jsonb) WITH ORDINALITY AS e (event, number)
), closed AS (
    INSERT INTO run_closings (run_id, request_id, content_digest, decision, decided_at, reason)
    SELECT saved.id, c.request_id, c.content_digest, CASE WHEN c.decided THEN saved.decision END,
        CASE WHEN c.decided THEN saved.decided_at END, c.reason
    FROM saved, jsonb_to_recordset($26::jsonb)
        AS c (request_id text, content_digest text, decided boolean, reason text)
)
SELECT * FROM saved
