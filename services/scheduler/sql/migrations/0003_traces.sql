-- The trace that a run belongs to, so that whichever replica goes on with it goes on with its trace, too.

-- Empty for runs that were started without tracing, or by a version before this one.
ALTER TABLE runs ADD COLUMN traceparent text;

COMMENT ON COLUMN runs.traceparent IS 'W3C traceparent of the span that started the run.';
