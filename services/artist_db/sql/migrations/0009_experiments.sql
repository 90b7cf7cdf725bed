-- Experiments: their arms, the runs that were given one, and what became of those.

CREATE TABLE experiments (
    id            text PRIMARY KEY,
    name          text NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('PROMPT', 'MODEL', 'PROVIDER', 'PERSONA_FIELD', 'COVER_STYLE')),
    -- Of a persona field: which; else empty.
    field         text NOT NULL,
    -- Empty: all artists.
    artist_ids    text[] NOT NULL,
    metric        text NOT NULL CHECK (metric IN ('APPROVAL', 'REVIEW', 'SCORE')),
    floor         double precision NOT NULL CHECK (floor > 0 AND floor <= 0.2),
    min_outcomes  integer NOT NULL CHECK (min_outcomes >= 2),
    state         text NOT NULL CHECK (state IN ('RUNNING', 'STOPPED', 'PROMOTED')),
    promoted_arm  text NOT NULL DEFAULT '',
    reason        text NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL DEFAULT now(),
    ended_at      timestamptz,
    -- Releases that wait for a sure score are looked at every so often; null: never so far.
    scored_at     timestamptz,
    -- People were told, once.
    winner_told   boolean NOT NULL DEFAULT false,
    mismatch_told boolean NOT NULL DEFAULT false,
    -- Whether the numbers of runs are wrong as of the last look.
    mismatched    boolean NOT NULL DEFAULT false
);

CREATE INDEX experiments_newest ON experiments (created_at DESC, id DESC);
CREATE UNIQUE INDEX experiments_running_name ON experiments (name) WHERE state = 'RUNNING';
CREATE INDEX experiments_standing ON experiments (state, id) WHERE state IN ('RUNNING', 'PROMOTED');

CREATE TABLE experiment_arms (
    experiment_id  text NOT NULL REFERENCES experiments,
    -- 0, 1, 2, …: the order in which they were given.
    position       integer NOT NULL CHECK (position BETWEEN 0 AND 5),
    name           text NOT NULL,
    value          text NOT NULL,
    PRIMARY KEY (experiment_id, position),
    CONSTRAINT experiment_arms_name UNIQUE (experiment_id, name)
);

CREATE TRIGGER experiment_arms_are_immutable
    BEFORE UPDATE OR DELETE ON experiment_arms
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- What the rows of experiment_assignments come to, so that nobody has to read them all again.
CREATE TABLE experiment_sums (
    experiment_id  text NOT NULL,
    position       integer NOT NULL,
    assigned       bigint NOT NULL DEFAULT 0,
    -- Sums over all draws of this arm's share p, and of p (1 - p).
    expected       double precision NOT NULL DEFAULT 0,
    variance       double precision NOT NULL DEFAULT 0,
    outcomes       bigint NOT NULL DEFAULT 0,
    -- Sum of the outcomes; the failures are outcomes less this.
    successes      double precision NOT NULL DEFAULT 0,
    missing        bigint NOT NULL DEFAULT 0,
    -- The sums of p and of p (1 - p) once more: over the runs COUNTED or MISSING, and over the MISSING ones.
    over_expected     double precision NOT NULL DEFAULT 0,
    over_variance     double precision NOT NULL DEFAULT 0,
    missing_expected  double precision NOT NULL DEFAULT 0,
    missing_variance  double precision NOT NULL DEFAULT 0,
    PRIMARY KEY (experiment_id, position),
    FOREIGN KEY (experiment_id, position) REFERENCES experiment_arms
);

CREATE TABLE experiment_assignments (
    experiment_id  text NOT NULL,
    run_id         text NOT NULL,
    artist_id      text NOT NULL,
    position       integer NOT NULL,
    -- With which probability each arm would have been drawn.
    shares         double precision[] NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    -- PENDING: the run is not over. WAITING: for a sure score. COUNTED: it has an outcome. MISSING: it should have
    -- one. EXCUSED: it need not.
    state          text NOT NULL DEFAULT 'PENDING'
        CHECK (state IN ('PENDING', 'WAITING', 'COUNTED', 'MISSING', 'EXCUSED')),
    outcome        double precision CHECK (outcome BETWEEN 0 AND 1),
    -- Which end of the run this is of; 0: none.
    ending         integer NOT NULL DEFAULT 0,
    -- False: what it says is the last word.
    open           boolean NOT NULL DEFAULT true,
    -- Of an open one whose run ended: the last word after this.
    until          timestamptz,
    -- Of a WAITING one.
    release_id     text NOT NULL DEFAULT '',
    PRIMARY KEY (experiment_id, run_id),
    FOREIGN KEY (experiment_id, position) REFERENCES experiment_arms,
    CHECK ((outcome IS NOT NULL) = (state = 'COUNTED'))
);

-- Those whose runs may still end. What waits for a score has ended, and there may be many thousands of it.
CREATE INDEX experiment_assignments_open ON experiment_assignments (experiment_id, run_id)
    WHERE open AND state <> 'WAITING';
CREATE INDEX experiment_assignments_until ON experiment_assignments (experiment_id, until)
    WHERE open AND until IS NOT NULL;
CREATE INDEX experiment_assignments_waiting ON experiment_assignments (experiment_id, run_id)
    WHERE state = 'WAITING';

-- What each run was told, arms of promoted experiments included, and also where it was none.
CREATE TABLE run_arms (
    run_id      text PRIMARY KEY,
    artist_id   text NOT NULL,
    -- A serialised AssignArmsResponse.
    body        bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
