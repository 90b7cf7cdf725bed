-- The label's memory.
--
-- A column of type bytea named persona_pb or body holds a serialised message of aiartist.*.v1. It
-- is what is given back: exact, quick to read, and with every field kept, also those of a newer
-- client. Columns beside it are what is filtered, sorted or must be unique.

CREATE TABLE artists (
    id                  text PRIMARY KEY,
    name                text NOT NULL,
    -- The name as names are compared: one artist is `Nova Vale` and `NOVA VALE`. Folded by the
    -- service, and "C", so that neither the comparison nor the order depends on a locale.
    name_key            text COLLATE "C" NOT NULL CONSTRAINT artists_name_taken UNIQUE,
    persona_version     integer NOT NULL,
    cadence_interval_s  integer CHECK (cadence_interval_s BETWEEN 60 AND 31536000),
    cadence_cron        text,
    autopilot_enabled   boolean NOT NULL,
    state               text NOT NULL CHECK (state IN ('CANDIDATE', 'ACTIVE', 'EVOLVING', 'PAUSED', 'RETIRED')),
    -- Why it is in this state, as an operator said.
    state_reason        text NOT NULL DEFAULT '',
    etag                bigint NOT NULL DEFAULT 1,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    CHECK (num_nonnulls(cadence_interval_s, cadence_cron) <= 1)
);

-- The scheduler asks for these again and again; most rosters also hold artists without a cadence.
CREATE INDEX artists_with_cadence ON artists (name_key)
    WHERE cadence_interval_s IS NOT NULL OR cadence_cron IS NOT NULL;

CREATE TABLE persona_versions (
    artist_id   text NOT NULL REFERENCES artists,
    -- 1, 2, 3, … without a gap; the artist's row points to the newest.
    version     integer NOT NULL CHECK (version >= 1),
    -- For people and for SQL.
    persona     jsonb NOT NULL,
    -- For the service; the same persona.
    persona_pb  bytea NOT NULL,
    reason      text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (artist_id, version)
);

-- Deferred: an artist and its first version are inserted in one transaction, and each needs the other.
ALTER TABLE artists ADD CONSTRAINT artists_persona_version
    FOREIGN KEY (id, persona_version) REFERENCES persona_versions DEFERRABLE INITIALLY DEFERRED;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is immutable: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END;
$$;

CREATE TRIGGER persona_versions_are_immutable
    BEFORE UPDATE OR DELETE ON persona_versions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER persona_versions_are_kept
    BEFORE TRUNCATE ON persona_versions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE briefs (
    id               text PRIMARY KEY,
    artist_id        text NOT NULL,
    run_id           text NOT NULL,
    persona_version  integer NOT NULL,
    title            text NOT NULL,
    request_digest   text NOT NULL,
    body             bytea NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT briefs_title_taken UNIQUE (artist_id, title),
    FOREIGN KEY (artist_id, persona_version) REFERENCES persona_versions
);

CREATE INDEX briefs_newest ON briefs (created_at DESC, id DESC);
CREATE INDEX briefs_of_artist ON briefs (artist_id, created_at DESC, id DESC);
CREATE INDEX briefs_of_run ON briefs (run_id, created_at DESC, id DESC);

CREATE TABLE takes (
    id              text PRIMARY KEY,
    brief_id        text NOT NULL CONSTRAINT takes_brief REFERENCES briefs,
    run_id          text NOT NULL,
    take_number     integer NOT NULL CHECK (take_number >= 1),
    request_digest  text NOT NULL,
    body            bytea NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX takes_newest ON takes (created_at DESC, id DESC);
CREATE INDEX takes_of_run ON takes (run_id, created_at DESC, id DESC);

CREATE TABLE releases (
    id              text PRIMARY KEY,
    artist_id       text NOT NULL CONSTRAINT releases_artist REFERENCES artists,
    run_id          text NOT NULL CONSTRAINT releases_one_a_run UNIQUE,
    take_id         text NOT NULL CONSTRAINT releases_take REFERENCES takes,
    title           text NOT NULL,
    package_digest  text NOT NULL,
    request_digest  text NOT NULL,
    body            bytea NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX releases_newest ON releases (created_at DESC, id DESC);
CREATE INDEX releases_of_artist ON releases (artist_id, created_at DESC, id DESC);

CREATE TABLE publications (
    release_id    text NOT NULL CONSTRAINT publications_release REFERENCES releases,
    target        text NOT NULL,
    location      text NOT NULL,
    published_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (release_id, target)
);

CREATE TABLE model_calls (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    call_id            text NOT NULL,
    attempt            integer NOT NULL CHECK (attempt >= 1),
    role               text NOT NULL,
    model              text NOT NULL,
    -- Empty: for the platform's account, of no run.
    artist_id          text NOT NULL,
    run_id             text NOT NULL,
    outcome            text NOT NULL,
    prompt_tokens      bigint NOT NULL,
    completion_tokens  bigint NOT NULL,
    cost_micro_usd     bigint NOT NULL,
    latency_ms         bigint NOT NULL,
    prompt_hash        text NOT NULL,
    request_digest     text NOT NULL,
    -- UTF-8. Not text, because a model may say U+0000, and its answer was paid for.
    answer             bytea NOT NULL,
    detail             text NOT NULL,
    created_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT model_calls_once UNIQUE (call_id, attempt)
);

CREATE INDEX model_calls_newest ON model_calls (created_at DESC, id DESC);
CREATE INDEX model_calls_of_run ON model_calls (run_id, created_at DESC, id DESC);
CREATE INDEX model_calls_of_artist ON model_calls (artist_id, created_at DESC);

CREATE TABLE error_groups (
    fingerprint  text PRIMARY KEY,
    title        text NOT NULL,
    culprit      text NOT NULL,
    count        bigint NOT NULL CHECK (count >= 1),
    services     text[] NOT NULL,
    first_seen   timestamptz NOT NULL,
    last_seen    timestamptz NOT NULL
);

CREATE INDEX error_groups_last_seen ON error_groups (last_seen DESC, fingerprint DESC);

CREATE TABLE error_samples (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fingerprint  text NOT NULL REFERENCES error_groups,
    seen_at      timestamptz NOT NULL,
    body         bytea NOT NULL
);

CREATE INDEX error_samples_of_group ON error_samples (fingerprint, seen_at DESC, id DESC);

CREATE TABLE error_reports (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fingerprint  text NOT NULL CONSTRAINT error_reports_group REFERENCES error_groups,
    status       text NOT NULL,
    body         bytea NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX error_reports_of_group ON error_reports (fingerprint, id DESC);
