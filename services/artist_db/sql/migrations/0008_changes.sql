-- What reflections wanted of personas, and what became of it.

CREATE TABLE persona_changes (
    id          text PRIMARY KEY,
    artist_id   text NOT NULL CONSTRAINT persona_changes_artist REFERENCES artists,
    -- One reflection a run.
    run_id      text NOT NULL CONSTRAINT persona_changes_run UNIQUE,
    state       text NOT NULL CHECK (
        state IN ('NO_CHANGE', 'REFUSED', 'PROPOSED', 'DECLINED', 'APPLIED', 'LAPSED')
    ),
    -- Why it has this state.
    outcome     text NOT NULL,
    -- The persona version that it became; 0: none.
    version     integer NOT NULL DEFAULT 0,
    decided_by  text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    -- When it got its state.
    updated_at  timestamptz NOT NULL DEFAULT now(),
    -- A serialised PersonaChange: what never changes of it.
    body        bytea NOT NULL
);

CREATE INDEX persona_changes_newest ON persona_changes (created_at DESC, id DESC);
CREATE INDEX persona_changes_of_artist ON persona_changes (artist_id, created_at DESC, id DESC);
-- What waits for a person: of each artist one at most.
CREATE INDEX persona_changes_proposed ON persona_changes (artist_id) WHERE state = 'PROPOSED';
-- When a person answered last.
CREATE INDEX persona_changes_by_people ON persona_changes (updated_at) WHERE decided_by <> '';
