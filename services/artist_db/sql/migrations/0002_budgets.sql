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
    state             text NOT NULL DEFAULT 'held' CHECK (state IN ('held', 'settled')),
    -- What it cost in the end; absent while it is held.
    cost_micro_usd    bigint,
    created_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (call_id, attempt),
    CHECK ((state = 'settled') = (cost_micro_usd IS NOT NULL))
);

CREATE INDEX spend_holds_of_holder ON spend_holds (holder) WHERE state = 'held';

-- Ends the statement that asks for it, and with it all that the statement did.
CREATE FUNCTION refuse_spend(shortage jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a budget would be passed' USING ERRCODE = 'AIB01', DETAIL = shortage::text;
END;
$$;

ALTER TABLE model_calls ADD COLUMN image bytea;
-- Pictures are compressed already.
ALTER TABLE model_calls ALTER COLUMN image SET STORAGE EXTERNAL;

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
