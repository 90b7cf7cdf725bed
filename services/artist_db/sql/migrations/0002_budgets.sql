-- Budgets: what may be spent on models, what is spent, and what is held for calls under way.
--
-- Amounts are millionths of a US dollar. Days are days of UTC, as `2026-11-22`, by this database's clock.

CREATE TABLE budgets (
    scope            text NOT NULL CHECK (scope IN ('artist', 'day', 'run')),
    -- The artist's or run's id; empty: all of the scope that have no limit of their own.
    subject          text NOT NULL,
    limit_micro_usd  bigint NOT NULL CHECK (limit_micro_usd BETWEEN 0 AND 1000000000000),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (scope, subject),
    CHECK (scope <> 'day' OR subject = '')
);

-- One call changes up to three of these, always in the order of their scopes: two never wait for each other.
CREATE TABLE spend_accounts (
    scope            text NOT NULL CHECK (scope IN ('artist', 'day', 'run')),
    subject          text NOT NULL,
    -- A day, or `all` for a run's.
    period           text NOT NULL,
    spent_micro_usd  bigint NOT NULL,
    held_micro_usd   bigint NOT NULL,
    PRIMARY KEY (scope, subject, period)
    -- Half of each page stays free for the next versions of its rows, which then need no index entries:
    -- the label's row of today changes with every call that costs something.
) WITH (fillfactor = 50);

-- Only what is held: a row goes when its attempt is recorded.
CREATE TABLE spend_holds (
    call_id           text NOT NULL,
    attempt           integer NOT NULL CHECK (attempt >= 1),
    amount_micro_usd  bigint NOT NULL CHECK (amount_micro_usd >= 1),
    -- On whose accounts; empty: on none of this scope.
    artist_id         text NOT NULL,
    run_id            text NOT NULL,
    -- On which day's accounts, also where it is settled after midnight.
    day               text NOT NULL,
    -- The process that makes the call. After `lease_until` another one may take the attempt over.
    holder            text NOT NULL,
    lease_until       timestamptz NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (call_id, attempt)
);

-- Ends the statement that asks for it, and with it all that the statement did.
CREATE FUNCTION refuse_spend(shortage jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a budget would be passed' USING ERRCODE = 'AIB01', DETAIL = shortage::text;
END;
$$;

ALTER TABLE model_calls ADD COLUMN image bytea;
-- Pictures are compressed already.
ALTER TABLE model_calls ALTER COLUMN image SET STORAGE EXTERNAL;
-- Under which number the record came, where another record had it: two replicas made the attempt.
ALTER TABLE model_calls ADD COLUMN asked_attempt integer;

-- Ends a statement that holds for an attempt, one of call $1 with the numbers $2 to $3, that was held and
-- recorded after the statement began: a function like this one sees what was committed since.
CREATE FUNCTION refuse_recorded(text, integer, integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM model_calls WHERE call_id = $1 AND attempt BETWEEN $2 AND $3) THEN
        RAISE EXCEPTION 'the attempt is recorded' USING ERRCODE = 'AIB02';
    END IF;
END;
$$;

-- Where a record belongs whose number is taken: the number under which this very record is kept, or the
-- next one after all of its call. Those who ask for the same number go on one after the other, and each
-- sees what the one before it kept.
CREATE FUNCTION place_of_record(
    call_id text, asked integer, model text, outcome text, prompt_tokens bigint, completion_tokens bigint,
    cost_micro_usd bigint, latency_ms bigint, answer bytea, image bytea,
    OUT number integer, OUT is_new boolean
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM FROM model_calls WHERE call_id = $1 AND attempt = asked FOR UPDATE;
    SELECT attempt INTO number FROM model_calls
    WHERE call_id = $1 AND coalesce(asked_attempt, attempt) = asked
        AND ROW (model, outcome, prompt_tokens, completion_tokens, cost_micro_usd, latency_ms, answer, image)
            IS NOT DISTINCT FROM ROW ($3, $4, $5, $6, $7, $8, $9, $10);
    is_new := number IS NULL;
    IF is_new THEN
        SELECT max(attempt) + 1 INTO number FROM model_calls WHERE call_id = $1;
    END IF;
END;
$$;

-- What was spent before there were budgets counts: today's for the label and its artists, a run's from its start.
INSERT INTO spend_accounts (scope, subject, period, spent_micro_usd, held_micro_usd)
SELECT scope, subject, period, sum(cost_micro_usd), 0
FROM model_calls CROSS JOIN LATERAL (
    VALUES ('artist', artist_id, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')),
           ('day', '', to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')),
           ('run', run_id, 'all')
) AS account (scope, subject, period)
WHERE cost_micro_usd > 0
  AND (scope = 'day' OR subject <> '')
  AND period IN ('all', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD'))
GROUP BY scope, subject, period;
