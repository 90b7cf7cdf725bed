-- Deletes what nobody needs any more, at most 10,000 rows of each kind. For cron, while the services run:
--
--   psql "$AIARTIST_DATABASE_URL" -v ON_ERROR_STOP=1 -f deploy/postgres/retention.sql
--
-- docs/scaling.md says what each is kept for, and what is not deleted here.

-- The first time only: rows are found by their age. Building them keeps writers out.
CREATE INDEX IF NOT EXISTS idempotency_by_age ON artist_db.idempotency (created_at);
CREATE INDEX IF NOT EXISTS idempotency_by_age ON notifier.idempotency (created_at);
CREATE INDEX IF NOT EXISTS idempotency_by_age ON scheduler.idempotency (created_at);

-- The queue's own journal.
DELETE FROM scheduler.pgqueuer_log WHERE id = ANY (ARRAY(
    SELECT id FROM scheduler.pgqueuer_log WHERE created < now() - interval '7 days' ORDER BY created LIMIT 10000
));

-- Answers to requests that were repeated: a caller tries again for minutes, Telegram for a day.
DELETE FROM artist_db.idempotency WHERE request_id = ANY (ARRAY(
    SELECT request_id FROM artist_db.idempotency
    WHERE created_at < now() - interval '30 days' ORDER BY created_at LIMIT 10000
));
DELETE FROM notifier.idempotency WHERE request_id = ANY (ARRAY(
    SELECT request_id FROM notifier.idempotency
    WHERE created_at < now() - interval '30 days' ORDER BY created_at LIMIT 10000
));
DELETE FROM scheduler.idempotency WHERE request_id = ANY (ARRAY(
    SELECT request_id FROM scheduler.idempotency
    WHERE created_at < now() - interval '30 days' ORDER BY created_at LIMIT 10000
));

-- Events of runs that ended long ago: the run, its stages and its decision stay. What a run that failed and is
-- tried again adds to them goes on counting.
DELETE FROM scheduler.run_events WHERE run_id = ANY (ARRAY(
    SELECT id FROM scheduler.runs AS r
    WHERE state IN ('RELEASED', 'REJECTED', 'EXPIRED', 'CANCELLED') AND updated_at < now() - interval '90 days'
      AND EXISTS (SELECT FROM scheduler.run_events AS e WHERE e.run_id = r.id)
    ORDER BY updated_at LIMIT 500
));
