-- What a run of the artist does when nobody answers its question. A version before this one, which does
-- not name it, takes artists on that hold.
ALTER TABLE artists ADD COLUMN on_silence text NOT NULL DEFAULT 'HOLD'
    CHECK (on_silence IN ('HOLD', 'EXPIRE', 'AUTOPILOT'));
