-- What the gauges tell. Reads no run that is over ($1: the states of those that are not), and of the queue
-- no job that is done: PgQueuer moves these to its log.
SELECT
    (SELECT coalesce(jsonb_object_agg(state, runs), '{}') FROM (
        SELECT state, count(*) AS runs FROM runs WHERE state = ANY ($1::text[]) GROUP BY state
    ) AS open) AS runs,
    -- No retry waits for so long: these wait for room in their artist's week.
    (SELECT count(*) FROM runs
        WHERE place = 'wanted' AND not_before > now() + interval '15 minutes') AS postponed,
    waiting.waiting, waiting.waiting_s, queued.due, queued.later, queued.due_s, picked.picked
FROM (
    SELECT count(*) AS waiting,
        coalesce(extract(epoch FROM now() - min(updated_at)), 0)::float8 AS waiting_s
    FROM runs WHERE state = 'AWAITING_APPROVAL' AND place = 'none'
) AS waiting, (
    SELECT count(*) FILTER (WHERE execute_after <= now()) AS due,
        count(*) FILTER (WHERE execute_after > now()) AS later,
        greatest(coalesce(extract(epoch FROM now() - min(execute_after)), 0), 0)::float8 AS due_s
    FROM pgqueuer WHERE status = 'queued'
) AS queued, (
    SELECT count(*) AS picked FROM pgqueuer WHERE status = 'picked'
) AS picked
