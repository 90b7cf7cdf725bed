-- What was said to people or waits to be said. `position` is the order of saying, and of listing.
CREATE TABLE messages (
    id               text PRIMARY KEY,
    position         bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    kind             text NOT NULL CHECK (kind IN ('approval', 'notice')),
    severity         text NOT NULL CHECK (severity IN ('info', 'warning', 'error')),
    title            text NOT NULL,
    body             text NOT NULL,
    run_id           text NOT NULL,
    artist_id        text NOT NULL,
    -- The whole RequestApprovalRequest, for channels that show more than text.
    approval         bytea CHECK ((approval IS NOT NULL) = (kind = 'approval')),
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    delivered_at     timestamptz,
    failed_attempts  integer NOT NULL DEFAULT 0,
    next_attempt_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_error       text
);

CREATE INDEX messages_undelivered ON messages (position) WHERE delivered_at IS NULL;
CREATE INDEX messages_of_run ON messages (run_id, position DESC) WHERE run_id <> '';
