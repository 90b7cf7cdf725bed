-- What a notice is about beside runs, artists and errors: a change of a persona, a move, an experiment.
--
-- The version before reads every topic that it finds and knows only its own, so that newer topics stand in
-- `subject_kind`, beside a `topic` that it shows as plain text.

ALTER TABLE messages
    ADD COLUMN subject_kind text NOT NULL DEFAULT '',
    ADD COLUMN subject_id text NOT NULL DEFAULT '';
