-- How many artists and releases there are by state, without reading them all.
--
-- Each change adds rows here and waits for nobody's; the sum is what there is. Whoever reads sums up what
-- has gathered. By triggers, so that a version before this one counts too.

CREATE TABLE tallies (
    what    text NOT NULL CHECK (what IN ('artists', 'releases')),
    state   text NOT NULL,
    change  bigint NOT NULL
);

COMMENT ON TABLE tallies IS 'A release is packaged, then published as long as it stands somewhere, else taken_down.';

CREATE FUNCTION tally_artist() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO tallies VALUES ('artists', OLD.state, -1);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO tallies VALUES ('artists', NEW.state, 1);
    END IF;
    RETURN NULL;
END;
$$;

CREATE FUNCTION tally_release() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO tallies VALUES ('releases', 'packaged', 1);
    RETURN NULL;
END;
$$;

CREATE FUNCTION tally_publication() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    others bigint;
    standing bigint;
    was text;
    becomes text;
BEGIN
    -- Two targets at once: the second sees the first one's row.
    PERFORM FROM releases WHERE id = NEW.release_id FOR NO KEY UPDATE;
    SELECT count(*), count(*) FILTER (WHERE taken_down_at IS NULL) INTO others, standing
    FROM publications WHERE release_id = NEW.release_id AND target <> NEW.target;
    was := CASE
        WHEN standing > 0 OR (TG_OP = 'UPDATE' AND OLD.taken_down_at IS NULL) THEN 'published'
        WHEN others > 0 OR TG_OP = 'UPDATE' THEN 'taken_down'
        ELSE 'packaged'
    END;
    becomes := CASE WHEN standing > 0 OR NEW.taken_down_at IS NULL THEN 'published' ELSE 'taken_down' END;
    IF was <> becomes THEN
        INSERT INTO tallies VALUES ('releases', was, -1), ('releases', becomes, 1);
    END IF;
    RETURN NULL;
END;
$$;

CREATE TRIGGER artists_are_tallied AFTER INSERT OR UPDATE OF state OR DELETE ON artists
    FOR EACH ROW EXECUTE FUNCTION tally_artist();

-- Releases and publications are never deleted.
CREATE TRIGGER releases_are_tallied AFTER INSERT ON releases
    FOR EACH ROW EXECUTE FUNCTION tally_release();

CREATE TRIGGER publications_are_tallied AFTER INSERT OR UPDATE OF taken_down_at ON publications
    FOR EACH ROW EXECUTE FUNCTION tally_publication();

-- After the triggers, which keep writers away until this is committed.
INSERT INTO tallies SELECT 'artists', state, count(*) FROM artists GROUP BY state;
INSERT INTO tallies
SELECT 'releases', state, count(*)
FROM releases CROSS JOIN LATERAL (
    SELECT CASE
        WHEN count(*) = 0 THEN 'packaged'
        WHEN count(*) > count(taken_down_at) THEN 'published'
        ELSE 'taken_down'
    END FROM publications WHERE release_id = releases.id
) AS found (state)
GROUP BY state;
