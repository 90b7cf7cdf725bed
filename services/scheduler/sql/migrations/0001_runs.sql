CREATE TABLE runs (
    id                   text PRIMARY KEY,
    artist_id            text NOT NULL,
    state                text NOT NULL,
    stage                text NOT NULL,
    place                text NOT NULL CHECK (place IN ('none', 'wanted', 'held')),
    autopilot            boolean NOT NULL,
    started_by           text NOT NULL,
    version              bigint NOT NULL DEFAULT 1,
    events               bigint NOT NULL DEFAULT 0,
    take_number          integer NOT NULL DEFAULT 1,
    attempts             integer NOT NULL DEFAULT 0,
    failures             integer NOT NULL DEFAULT 0,
    failed_takes         integer NOT NULL DEFAULT 0,
    note                 text NOT NULL DEFAULT '',
    title                text NOT NULL DEFAULT '',
    brief_id             text NOT NULL DEFAULT '',
    take_id              text NOT NULL DEFAULT '',
    content_digest       text NOT NULL DEFAULT '',
    release_id           text NOT NULL DEFAULT '',
    location             text NOT NULL DEFAULT '',
    decision             jsonb,
    decided_at           timestamptz,
    error                jsonb,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    not_before           timestamptz NOT NULL DEFAULT now(),
    approval_expires_at  timestamptz,
    due_at               timestamptz,
    announced            boolean NOT NULL DEFAULT true
) WITH (fillfactor = 80);

COMMENT ON COLUMN runs.events IS 'How many events the run has had; the last one''s sequence.';
COMMENT ON COLUMN runs.not_before IS 'A run that wants a place gets none before this time.';
COMMENT ON COLUMN runs.due_at IS 'When the artist''s cadence wanted this run; empty where somebody started it.';
COMMENT ON COLUMN runs.announced IS 'False: the run ended, and people have not been told yet.';

CREATE INDEX runs_newest ON runs (created_at DESC, id DESC);
CREATE INDEX runs_of_artist ON runs (artist_id, created_at DESC, id DESC);
CREATE INDEX runs_by_state ON runs (state, created_at DESC, id DESC);
CREATE INDEX runs_holding ON runs (id) WHERE place = 'held';
-- In the order of admission.
CREATE INDEX runs_wanting ON runs ((state = 'QUEUED'), (started_by = 'cadence'), created_at, id)
    WHERE place = 'wanted';
CREATE INDEX runs_busy ON runs (artist_id) WHERE place <> 'none';
CREATE INDEX runs_expiring ON runs (approval_expires_at) WHERE state = 'AWAITING_APPROVAL';
CREATE INDEX runs_to_announce ON runs (updated_at) WHERE NOT announced;
-- Two replicas that find the same artist due start one run.
CREATE UNIQUE INDEX runs_once_per_due_time ON runs (artist_id, due_at) WHERE due_at IS NOT NULL;

CREATE TABLE run_stages (
    run_id       text NOT NULL REFERENCES runs ON DELETE CASCADE,
    stage        text NOT NULL,
    take_number  integer NOT NULL,
    state        text NOT NULL,
    attempts     integer NOT NULL DEFAULT 0,
    started_at   timestamptz NOT NULL DEFAULT now(),
    ended_at     timestamptz,
    error        jsonb,
    PRIMARY KEY (run_id, stage, take_number)
);

CREATE TABLE run_events (
    run_id       text NOT NULL REFERENCES runs ON DELETE CASCADE,
    sequence     bigint NOT NULL,
    type         text NOT NULL,
    state        text NOT NULL,
    stage        text NOT NULL,
    take_number  integer NOT NULL,
    attempt      integer NOT NULL DEFAULT 0,
    error        jsonb,
    message      text NOT NULL DEFAULT '',
    time         timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (run_id, sequence)
);

-- How far the running stage is. Only for watchers: lost in a crash, and no loss.
CREATE UNLOGGED TABLE run_progress (
    run_id      text PRIMARY KEY,
    stage       text NOT NULL,
    take_number integer NOT NULL,
    step        text NOT NULL,
    done        bigint NOT NULL,
    total       bigint NOT NULL,
    time        timestamptz NOT NULL DEFAULT clock_timestamp()
);
