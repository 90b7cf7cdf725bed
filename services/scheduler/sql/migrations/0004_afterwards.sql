-- A run that is over changes once more, where its artist learns from it; what it was when it ended is kept.

-- Empty for runs that ended under a version before this one: these never change after their end.
ALTER TABLE runs
    ADD COLUMN ended_at      timestamptz,
    ADD COLUMN ended_version bigint,
    ADD COLUMN endings       integer NOT NULL DEFAULT 0,
    ADD COLUMN recorded      integer NOT NULL DEFAULT 0;

COMMENT ON COLUMN runs.ended_version IS 'The version that it ended with, by which its end is told once.';
COMMENT ON COLUMN runs.endings IS 'How often it has ended: one that failed and was retried ends again.';
COMMENT ON COLUMN runs.recorded IS 'Which of its endings artist_db knows, the last one.';

CREATE INDEX runs_over ON runs (coalesce(ended_at, updated_at), state)
    WHERE state IN ('RELEASED', 'REJECTED', 'EXPIRED', 'FAILED', 'CANCELLED');
-- Replaced by the one above.
DROP INDEX runs_ended;

CREATE INDEX runs_to_record ON runs (updated_at)
    WHERE recorded < endings AND state IN ('RELEASED', 'REJECTED', 'EXPIRED', 'FAILED', 'CANCELLED');
