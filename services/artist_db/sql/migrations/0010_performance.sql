-- What platforms counted.

CREATE TABLE performance (
    release_id   text NOT NULL CONSTRAINT performance_release REFERENCES releases,
    day          date NOT NULL,
    platform     text COLLATE "C" NOT NULL,
    metric       text COLLATE "C" NOT NULL CHECK (
        metric IN ('STREAMS', 'LISTENERS', 'SAVES', 'VIEWS', 'LIKES', 'SHARES', 'WATCH_SECONDS', 'EARNINGS', 'DOWNLOADS')
    ),
    -- Of EARNINGS millionths of a US dollar; these alone may be below 0.
    value        bigint NOT NULL CHECK (value >= 0 OR metric = 'EARNINGS'),
    -- Where it comes from, as the one who recorded it says.
    source       text NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT now(),
    -- In the order in which a release's numbers are listed, backwards, and summed up.
    PRIMARY KEY (release_id, day, platform, metric)
);

-- What a release is found by in the platforms' files. Made from the release when numbers are recorded next, not with
-- it: a version before this one keeps releases too.
CREATE TABLE release_keys (
    release_id  text PRIMARY KEY REFERENCES releases,
    artist_id   text NOT NULL,
    -- As titles are compared.
    title_key   text COLLATE "C" NOT NULL,
    -- Without hyphens; empty: none.
    isrc        text COLLATE "C" NOT NULL,
    -- Without leading zeros, in which a UPC and its EAN differ; empty: none.
    upc         text COLLATE "C" NOT NULL
);

CREATE INDEX release_keys_by_title ON release_keys (title_key);
CREATE INDEX release_keys_by_isrc ON release_keys (isrc) WHERE isrc <> '';
CREATE INDEX release_keys_by_upc ON release_keys (upc) WHERE upc <> '';

-- What the numbers of a release come to; a row is also the lock on them. See domain/scores.py.
CREATE TABLE release_marks (
    release_id  text PRIMARY KEY REFERENCES releases,
    -- Plays a day, newer days for more.
    rate        double precision NOT NULL DEFAULT 0,
    -- Days with a number of plays, newer ones for more, as of `last_day`.
    evidence    double precision NOT NULL DEFAULT 0,
    -- Its age at `last_heard`: 0 young, 1 grown, 2 old.
    band        smallint NOT NULL DEFAULT 0,
    -- Streams and views in all.
    plays       bigint NOT NULL DEFAULT 0,
    -- The last day with a number of plays that still counts, and with any number; null: none.
    last_heard  date,
    last_day    date
);
