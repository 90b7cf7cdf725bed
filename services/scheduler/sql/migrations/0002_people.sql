-- What people in charge need: an answer to silence, several takes to pick from, questions that are closed.

-- The defaults are what a version before this one, which does not name these, does.
ALTER TABLE runs
    ADD COLUMN on_silence   text NOT NULL DEFAULT '',
    ADD COLUMN takes_wanted integer NOT NULL DEFAULT 1,
    ADD COLUMN takes_left   integer NOT NULL DEFAULT 1;

COMMENT ON COLUMN runs.on_silence IS 'As the artist was set when the question was asked; empty until then.';
COMMENT ON COLUMN runs.takes_left IS 'Takes that must still pass their review before a person is asked.';

-- Not a mark on the run: before one closing is told, the next question may be over too.
CREATE TABLE run_closings (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id          text NOT NULL REFERENCES runs ON DELETE CASCADE,
    request_id      text NOT NULL,
    content_digest  text NOT NULL,
    decision        jsonb,
    decided_at      timestamptz,
    reason          text NOT NULL
);

COMMENT ON TABLE run_closings IS 'Questions that are over, until notifier knows.';
COMMENT ON COLUMN run_closings.content_digest IS 'What was asked about; empty: all of the run''s questions.';

-- A run that is over does not change any more: when it changed last is when it ended.
CREATE INDEX runs_ended ON runs (updated_at, state)
    WHERE state IN ('RELEASED', 'REJECTED', 'EXPIRED', 'FAILED', 'CANCELLED');
-- Nor does one that waits.
CREATE INDEX runs_waiting ON runs (updated_at) WHERE state = 'AWAITING_APPROVAL' AND place = 'none';
