-- What the error analyzer keeps: occurrences by hour, merged groups, steps and their attempts, applied fixes,
-- templates of log lines.

ALTER TABLE error_groups
    -- The releases of the code in which it was seen, the newest 20, in the order in which they came.
    ADD COLUMN code_versions   text[] NOT NULL DEFAULT '{}',
    ADD COLUMN code_as_of      timestamptz,
    ADD COLUMN exception_type  text NOT NULL DEFAULT '';

ALTER TABLE error_reports
    -- Copies of what is in the body, to search and to decide by.
    ADD COLUMN severity    text NOT NULL DEFAULT '',
    ADD COLUMN cause       text NOT NULL DEFAULT '',
    ADD COLUMN commit      text NOT NULL DEFAULT '',
    ADD COLUMN applied_at  timestamptz,
    -- True: of a group that was merged into another one, whose own reports speak for both.
    ADD COLUMN merged      boolean NOT NULL DEFAULT false;

CREATE TABLE error_hours (
    fingerprint  text NOT NULL REFERENCES error_groups,
    service      text NOT NULL,
    -- Its beginning.
    hour         timestamptz NOT NULL,
    count        bigint NOT NULL CHECK (count >= 1),
    PRIMARY KEY (fingerprint, hour, service)
);

-- What services did in the hours around a fix, over all groups; and the hours that are too old to keep.
CREATE INDEX error_hours_by_time ON error_hours (hour, service);

-- The fingerprints of groups that were merged into another one, which is never itself an alias.
CREATE TABLE error_aliases (
    fingerprint  text PRIMARY KEY,
    target       text NOT NULL REFERENCES error_groups CHECK (target <> fingerprint)
);

CREATE INDEX error_aliases_of_group ON error_aliases (target);

-- What is to be done about a group next.
CREATE TABLE error_steps (
    fingerprint   text PRIMARY KEY REFERENCES error_groups,
    -- ANALYZE, FIX, APPLY, WATCH or REVERT.
    kind          text NOT NULL,
    due_at        timestamptz NOT NULL DEFAULT now(),
    forced        boolean NOT NULL DEFAULT false,
    requested_by  text NOT NULL DEFAULT '',
    reason        text NOT NULL DEFAULT '',
    -- Empty: not begun.
    attempt_id    text NOT NULL DEFAULT '',
    -- How often the attempt was handed out again because a lease ended, and how often it was postponed.
    takeovers     integer NOT NULL DEFAULT 0,
    postponements integer NOT NULL DEFAULT 0,
    -- Empty: nobody's.
    holder        text NOT NULL DEFAULT '',
    -- Null: nobody's. Until then it is handed to nobody else.
    lease_until   timestamptz
);

CREATE INDEX error_steps_due ON error_steps (kind, forced, due_at, fingerprint);
-- Where a limit keeps new attempts from beginning, some of these still go on.
CREATE INDEX error_steps_begun ON error_steps (kind, forced, due_at, fingerprint) WHERE attempt_id <> '';
CREATE UNIQUE INDEX error_steps_attempt ON error_steps (attempt_id) WHERE attempt_id <> '';

-- Every attempt that was begun: what limits of an hour and of a group count.
CREATE TABLE error_attempts (
    id           text PRIMARY KEY,
    fingerprint  text NOT NULL,
    kind         text NOT NULL,
    -- False: a person has asked since then.
    counted      boolean NOT NULL DEFAULT true,
    -- Again where it was postponed and is claimed again.
    began_at     timestamptz NOT NULL
);

-- What limits of an hour count, and what is too old to keep.
CREATE INDEX error_attempts_begun ON error_attempts (began_at, kind);
CREATE INDEX error_attempts_counted ON error_attempts (fingerprint, kind) WHERE counted;

-- What errors there were when a group's fix was applied, in all other groups of the services that it was seen
-- in then. Until the fix is kept: one that is not here can't be judged any more.
CREATE TABLE error_fixes (
    fingerprint     text PRIMARY KEY REFERENCES error_groups,
    applied_at      timestamptz NOT NULL,
    services        text[] NOT NULL,
    -- Of the 24 hours before. Of the hour in which these began, in proportion.
    errors_before   bigint NOT NULL,
    -- How many were counted in the hour of the fix by then: these are not from after it.
    errors_in_hour  bigint NOT NULL
);

CREATE SEQUENCE error_templates_sequence;

CREATE TABLE error_templates (
    fingerprint  text PRIMARY KEY REFERENCES error_groups,
    template     text NOT NULL,
    -- Grows with every change.
    sequence     bigint NOT NULL CONSTRAINT error_templates_in_order UNIQUE
);
