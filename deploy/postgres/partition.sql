-- Splits the three tables that grow fastest into 16 parts each, by what their rows are found by. Once, with the
-- services stopped; docs/scaling.md says when it is worth it. All or nothing:
--
--   psql "$AIARTIST_DATABASE_URL" -v ON_ERROR_STOP=1 --single-transaction -f deploy/postgres/partition.sql
--   aiartist migrate        # puts up Grafana's views again, which stand on these tables
--
-- By hash, not by time: a run's events are asked for by its id, and `once` by a model call's id must hold over the
-- whole table, which PostgreSQL promises only where the key of the parts is in the unique index.

DROP SCHEMA IF EXISTS dashboards CASCADE;

DO $$
DECLARE
    part    record;
    highest bigint;
BEGIN
    FOR part IN
        SELECT * FROM (VALUES
            ('scheduler', 'run_events', 'run_id', true),
            ('scheduler', 'run_stages', 'run_id', true),
            ('artist_db', 'model_calls', 'call_id', false)
        ) AS parts (place, name, key, keeps_indexes)
    LOOP
        IF (SELECT relkind FROM pg_class WHERE oid = format('%I.%I', part.place, part.name)::regclass) = 'p' THEN
            RAISE EXCEPTION '%.% is split already', part.place, part.name;
        END IF;
        EXECUTE format('ALTER TABLE %I.%I RENAME TO %I', part.place, part.name, part.name || '_whole');
        EXECUTE format(
            'CREATE TABLE %1$I.%2$I (LIKE %1$I.%3$I INCLUDING ALL %5$s) PARTITION BY HASH (%4$I)',
            part.place, part.name, part.name || '_whole', part.key,
            CASE WHEN part.keeps_indexes THEN '' ELSE 'EXCLUDING INDEXES' END
        );
        FOR number IN 0..15 LOOP
            EXECUTE format(
                'CREATE TABLE %I.%I PARTITION OF %1$I.%3$I FOR VALUES WITH (MODULUS 16, REMAINDER %4$s)',
                part.place, part.name || '_' || lpad(number::text, 2, '0'), part.name, number
            );
        END LOOP;
    END LOOP;
    INSERT INTO scheduler.run_events SELECT * FROM scheduler.run_events_whole;
    INSERT INTO scheduler.run_stages SELECT * FROM scheduler.run_stages_whole;
    INSERT INTO artist_db.model_calls OVERRIDING SYSTEM VALUE SELECT * FROM artist_db.model_calls_whole;
    SELECT max(id) INTO highest FROM artist_db.model_calls_whole;
    PERFORM setval(pg_get_serial_sequence('artist_db.model_calls', 'id'), coalesce(highest, 0) + 1, false);
END;
$$;

DROP TABLE scheduler.run_events_whole, scheduler.run_stages_whole, artist_db.model_calls_whole;

ALTER TABLE scheduler.run_events ADD FOREIGN KEY (run_id) REFERENCES scheduler.runs ON DELETE CASCADE;
ALTER TABLE scheduler.run_stages ADD FOREIGN KEY (run_id) REFERENCES scheduler.runs ON DELETE CASCADE;

-- As they were, but for the primary key: `id` comes from one sequence, and alone it can't be unique over parts.
ALTER TABLE artist_db.model_calls ADD PRIMARY KEY (call_id, id);
ALTER TABLE artist_db.model_calls ADD CONSTRAINT model_calls_once UNIQUE (call_id, attempt);
CREATE INDEX model_calls_newest ON artist_db.model_calls (created_at DESC, id DESC);
CREATE INDEX model_calls_of_run ON artist_db.model_calls (run_id, created_at DESC, id DESC);
CREATE INDEX model_calls_of_artist ON artist_db.model_calls (artist_id, created_at DESC);

ANALYZE scheduler.run_events, scheduler.run_stages, artist_db.model_calls;
