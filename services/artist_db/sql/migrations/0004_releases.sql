-- Films, stock clips, ISRC and UPC, the cap of a week, take-downs.

CREATE TABLE films (
    id              text PRIMARY KEY,
    take_id         text NOT NULL CONSTRAINT films_take REFERENCES takes,
    request_digest  text NOT NULL,
    body            bytea NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT films_one_a_take UNIQUE (take_id)
);

-- Whose a stock clip is. Never given back: the same picture under two artists looks like one farm.
CREATE TABLE stock_clips (
    source      text NOT NULL,
    clip_id     text NOT NULL,
    artist_id   text NOT NULL CONSTRAINT stock_clips_artist REFERENCES artists,
    claimed_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, clip_id)
);

-- The last number that was given out: of an ISRC for each registrant prefix and year, of a UPC for
-- each company prefix (its year is 0).
CREATE TABLE code_counters (
    kind    text NOT NULL CHECK (kind IN ('ISRC', 'UPC')),
    prefix  text NOT NULL,
    year    integer NOT NULL,
    last    bigint NOT NULL CHECK (last >= 0),
    PRIMARY KEY (kind, prefix, year)
);

-- Every code that was ever given out. A row stays for good, also where its release never came to be.
CREATE TABLE codes (
    code          text PRIMARY KEY,
    kind          text NOT NULL CHECK (kind IN ('ISRC', 'UPC')),
    release_id    text NOT NULL,
    allocated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT codes_one_of_a_kind UNIQUE (release_id, kind)
);

CREATE TRIGGER codes_are_immutable
    BEFORE UPDATE OR DELETE ON codes
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER codes_are_kept
    BEFORE TRUNCATE ON codes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE admissions (
    release_id   text PRIMARY KEY CONSTRAINT admissions_release REFERENCES releases,
    artist_id    text NOT NULL,
    admitted_at  timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX admissions_of_artist ON admissions (artist_id, admitted_at DESC);

-- Null: it stands.
ALTER TABLE publications
    ADD COLUMN taken_down_at     timestamptz,
    ADD COLUMN take_down_reason  text NOT NULL DEFAULT '';
