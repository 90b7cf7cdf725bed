-- Runs by state, and since when the one waits that has waited longest. What is over counts for a day.
SELECT state, count(*) AS runs, NULL::timestamptz AS waiting_since FROM runs
WHERE state IN ('QUEUED', 'COMPOSING', 'PRODUCING', 'AWAITING_APPROVAL', 'RELEASING')
GROUP BY state
UNION ALL
SELECT state, count(*), NULL FROM runs
WHERE state IN ('RELEASED', 'REJECTED', 'EXPIRED', 'FAILED', 'CANCELLED')
  AND coalesce(ended_at, updated_at) > now() - interval '24 hours'
GROUP BY state
UNION ALL
SELECT NULL, 0, min(updated_at) FROM runs WHERE state = 'AWAITING_APPROVAL' AND place = 'none'
