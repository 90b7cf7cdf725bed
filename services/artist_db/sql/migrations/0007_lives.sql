-- How runs ended, artists' moves, vacancies, and what people are to be told.

ALTER TABLE artists
    -- What becomes of the changes that reflections want.
    ADD COLUMN evolve       text NOT NULL DEFAULT 'PROPOSE' CHECK (evolve IN ('OFF', 'PROPOSE', 'AUTO')),
    -- Since when it is in its state; null: since before this was kept.
    ADD COLUMN state_since  timestamptz,
    -- What rules judge is what happened after this: a person moved the artist then. The default is when this was
    -- added: how runs ended before it is not known, and an artist must not be idle for that.
    ADD COLUMN judged_from  timestamptz DEFAULT now(),
    -- When a run of it ended last; null: none that is known.
    ADD COLUMN last_run_at  timestamptz,
    -- Its newest row in moves; null: it was never moved by a version that keeps them.
    ADD COLUMN last_move    text;

-- Who may be idle, the longest first.
CREATE INDEX artists_quiet ON artists (greatest(created_at, judged_from, state_since, last_run_at))
    WHERE state IN ('ACTIVE', 'EVOLVING');
CREATE INDEX artists_paused ON artists (state_since) WHERE state = 'PAUSED';
-- How many the roster has.
CREATE INDEX artists_in_roster ON artists (state) WHERE state IN ('CANDIDATE', 'ACTIVE', 'EVOLVING');

-- Why artists are in their states. Their order is that of moved_at: an artist's row is locked for each.
CREATE TABLE moves (
    id          text PRIMARY KEY,
    artist_id   text NOT NULL REFERENCES artists,
    -- Null: the artist was taken on.
    from_state  text CHECK (from_state IN ('CANDIDATE', 'ACTIVE', 'EVOLVING', 'PAUSED', 'RETIRED')),
    to_state    text NOT NULL CHECK (to_state IN ('CANDIDATE', 'ACTIVE', 'EVOLVING', 'PAUSED', 'RETIRED')),
    rule        text NOT NULL,
    reason      text NOT NULL,
    -- Empty: a rule.
    moved_by    text NOT NULL,
    moved_at    timestamptz NOT NULL,
    -- Empty: it stands.
    undone_by   text NOT NULL DEFAULT '',
    -- Of a pause: when people were told that it ends in retirement.
    warned_at   timestamptz
);

CREATE INDEX moves_newest ON moves (moved_at DESC, id DESC);
CREATE INDEX moves_of_artist ON moves (artist_id, moved_at DESC, id DESC);
-- When a person did something last.
CREATE INDEX moves_by_people ON moves (moved_at) WHERE moved_by <> '';

CREATE TABLE run_outcomes (
    run_id          text PRIMARY KEY,
    artist_id       text NOT NULL CONSTRAINT run_outcomes_artist REFERENCES artists,
    state           text NOT NULL CHECK (state IN ('RELEASED', 'REJECTED', 'EXPIRED', 'FAILED', 'CANCELLED')),
    blame           text NOT NULL CHECK (blame IN ('APPROVED', 'REJECTED', 'ERROR', 'NONE')),
    -- True: a person decided, not autopilot and not the clock.
    by_person       boolean NOT NULL,
    -- When it was decided; null: nobody did.
    decided_at      timestamptz,
    -- The share of the checks of the first take that passed; null: no take was made.
    review          double precision CHECK (review BETWEEN 0 AND 1),
    cost_micro_usd  bigint NOT NULL,
    brief_id        text NOT NULL,
    release_id      text NOT NULL,
    ending          integer NOT NULL,
    -- By the scheduler, and never later than when it was recorded.
    ended_at        timestamptz NOT NULL,
    -- The move that it led to; empty: none.
    move_id         text NOT NULL DEFAULT '',
    -- A serialised RunOutcome.
    body            bytea NOT NULL
);

CREATE INDEX run_outcomes_newest ON run_outcomes (ended_at DESC, run_id DESC);
CREATE INDEX run_outcomes_of_artist ON run_outcomes (artist_id, ended_at DESC, run_id DESC);
-- What rules count.
CREATE INDEX run_outcomes_judged ON run_outcomes (artist_id, ended_at DESC) INCLUDE (blame)
    WHERE blame <> 'NONE';
-- A row of rejections: in the order of decisions, for an approval is recorded only when its song is released.
CREATE INDEX run_outcomes_verdicts ON run_outcomes (artist_id, decided_at DESC) INCLUDE (blame)
    WHERE blame IN ('APPROVED', 'REJECTED');
CREATE INDEX run_outcomes_by_people ON run_outcomes (decided_at) WHERE by_person;

-- Places that new artists are to be invented for.
CREATE TABLE vacancies (
    id           text PRIMARY KEY,
    -- WITHDRAWN: the roster was full before it was filled. GIVEN_UP: tried too often.
    state        text NOT NULL DEFAULT 'OPEN' CHECK (state IN ('OPEN', 'FILLED', 'WITHDRAWN', 'GIVEN_UP')),
    reason       text NOT NULL,
    -- The day of UTC whose die opened it; null: the roster was below its target.
    day          date CONSTRAINT vacancies_one_a_day UNIQUE,
    -- Leases, without those in which nobody could have invented anybody.
    tries        integer NOT NULL DEFAULT 0,
    -- Why the last try failed.
    failure      text NOT NULL DEFAULT '',
    due_at       timestamptz NOT NULL DEFAULT now(),
    -- Who has the lease and has not told of a failure.
    holder       text NOT NULL DEFAULT '',
    lease_until  timestamptz,
    -- Who filled it.
    artist_id    text REFERENCES artists,
    opened_at    timestamptz NOT NULL DEFAULT now(),
    ended_at     timestamptz
);

CREATE UNIQUE INDEX vacancies_one_open ON vacancies ((true)) WHERE state = 'OPEN';
CREATE INDEX vacancies_given_up ON vacancies (ended_at) WHERE state = 'GIVEN_UP';

-- The one row that all replicas share.
CREATE TABLE roster (
    singleton    boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    -- What each day's die is thrown with.
    seed         uuid NOT NULL DEFAULT gen_random_uuid(),
    -- When lives were reviewed last, to the hour or so.
    reviewed_at  timestamptz,
    -- When reviews went on after the platform was down for days: artists were not idle meanwhile. Null: never down.
    back_at      timestamptz
);

INSERT INTO roster DEFAULT VALUES;

-- What people are to be told: a row until notifier has it.
CREATE TABLE news (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic       text NOT NULL CHECK (topic IN ('PERSONA', 'LIFE', 'CANDIDATE', 'EXPERIMENT')),
    warning     boolean NOT NULL,
    title       text NOT NULL,
    body        text NOT NULL,
    artist_id   text NOT NULL,
    run_id      text NOT NULL,
    subject_id  text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
