-- Charts, and when each is to be fetched next.

-- The charts that artists want, and how each is.
CREATE TABLE trend_charts (
    source       text COLLATE "C" NOT NULL,
    -- Empty: the source knows no countries.
    country      text COLLATE "C" NOT NULL,
    -- Empty: all.
    genre        text COLLATE "C" NOT NULL,
    -- When an orchestrator last said that artists want it.
    wanted_at    timestamptz NOT NULL DEFAULT now(),
    due_at       timestamptz NOT NULL DEFAULT now(),
    -- Who fetches it now, until when; empty and null: nobody.
    holder       text NOT NULL DEFAULT '',
    lease_until  timestamptz,
    ok_at        timestamptz,
    -- Why the last try failed; empty: it did not.
    error        text NOT NULL DEFAULT '',
    failed_at    timestamptz,
    -- In a row.
    failures     integer NOT NULL DEFAULT 0,
    PRIMARY KEY (source, country, genre)
);

-- Kept when the chart itself is forgotten: briefs name them as what they were made from.
CREATE TABLE trend_snapshots (
    id          text COLLATE "C" PRIMARY KEY,
    source      text COLLATE "C" NOT NULL,
    country     text COLLATE "C" NOT NULL,
    genre       text COLLATE "C" NOT NULL,
    -- Of the items: the same chart is kept once in a row.
    digest      text NOT NULL,
    item_count  integer NOT NULL CHECK (item_count BETWEEN 1 AND 100),
    -- A serialised TrendSnapshot with nothing but its items.
    body        bytea NOT NULL,
    fetched_at  timestamptz NOT NULL DEFAULT now(),
    seen_at     timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX trend_snapshots_newest ON trend_snapshots (fetched_at DESC, id DESC);
CREATE INDEX trend_snapshots_of_chart ON trend_snapshots (source, country, genre, fetched_at DESC, id DESC);
CREATE INDEX trend_snapshots_seen ON trend_snapshots (seen_at);
