-- Gives free places ($1 in all) to runs that want one: those under way first, then those that a
-- person started, then those of the cadence, the oldest first in each.
WITH free AS (
    SELECT greatest($1::bigint - count(*), 0) AS places FROM runs WHERE place = 'held'
), chosen AS (
    SELECT id FROM runs
    WHERE place = 'wanted' AND not_before <= now()
    ORDER BY (state = 'QUEUED'), (started_by = 'cadence'), created_at, id
    LIMIT (SELECT places FROM free)
    FOR UPDATE SKIP LOCKED
)
-- As an array: of a limit that it does not know the planner would expect a tenth of all runs.
UPDATE runs SET place = 'held', version = version + 1, updated_at = now()
WHERE id = ANY (ARRAY(SELECT id FROM chosen))
RETURNING id
