"""No migration breaks the version before it, which works on while it is rolled out (docs/kubernetes.md)."""

from pathlib import Path

import pytest

from tests.support.migration_rules import breaks_old_code, statements

SERVICES = Path(__file__).parents[3] / "services"

SAFE = {
    (
        "artist_db/0005_tallies",
        "CREATE TRIGGER artists_are_tallied",
    ): "it counts what is written, and refuses nothing",
    (
        "artist_db/0005_tallies",
        "CREATE TRIGGER releases_are_tallied",
    ): "it counts what is written, and refuses nothing",
    (
        "artist_db/0005_tallies",
        "CREATE TRIGGER publications_are_tallied",
    ): "it counts what is written, and refuses nothing",
    (
        "notifier/0002_telegram",
        "ALTER TABLE messages DROP CONSTRAINT messages_kind_check",
    ): "the next statement puts it back, and allows more",
    (
        "notifier/0002_telegram",
        "ALTER TABLE messages ADD CONSTRAINT messages_kind_check",
    ): "allows what the one before allowed, and more",
}
"""What is safe nonetheless, by how it begins, and why."""


def test_every_migration_suits_the_version_before_it() -> None:
    unused = set(SAFE)
    broken = []
    for path in sorted(SERVICES.glob("*/sql/migrations/*.sql")):
        name = f"{path.relative_to(SERVICES).parts[0]}/{path.stem}"
        if path.stem.startswith("0001_"):
            continue
        for statement, why in breaks_old_code(path.read_text(encoding="utf-8")):
            listed = {
                (where, begin) for where, begin in SAFE if where == name and statement.startswith(begin)
            }
            unused -= listed
            if not listed:
                broken.append(f"{name}: {statement}: {why}")
    assert broken == []
    assert unused == set(), "what is listed as safe is not there any more"


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE songs",
        "DROP FUNCTION reckon(integer)",
        "DROP VIEW IF EXISTS best_songs",
        "ALTER TABLE songs DROP COLUMN title",
        "ALTER TABLE songs DROP CONSTRAINT songs_kind",
        "ALTER TABLE songs RENAME TO tracks",
        "ALTER TABLE songs RENAME COLUMN title TO name",
        "ALTER TABLE IF EXISTS ONLY songs RENAME title TO name",
        "ALTER TABLE songs ALTER COLUMN tempo TYPE bigint",
        "ALTER TABLE songs ALTER tempo SET DATA TYPE bigint",
        "ALTER TABLE songs ALTER COLUMN title SET NOT NULL",
        "ALTER TABLE songs ALTER COLUMN title DROP DEFAULT",
        "ALTER TABLE songs ADD COLUMN mood text NOT NULL",
        "ALTER TABLE songs ADD mood text NOT NULL",
        "ALTER TABLE songs ADD COLUMN mood text UNIQUE",
        "ALTER TABLE songs ADD COLUMN a text, ADD COLUMN price numeric(4, 2) NOT NULL",
        "ALTER TABLE songs ADD CONSTRAINT one UNIQUE (title)",
        "ALTER TABLE songs ADD CHECK (tempo > 0)",
        "ALTER TABLE songs ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE songs SET SCHEMA archive",
        "ALTER FUNCTION reckon RENAME TO count",
        "ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'",
        "CREATE OR REPLACE FUNCTION reckon() RETURNS void LANGUAGE sql AS ''",
        "CREATE UNIQUE INDEX one_title ON songs (title)",
        "CREATE TRIGGER t BEFORE INSERT ON songs FOR EACH ROW EXECUTE FUNCTION f()",
        "CREATE RULE r AS ON INSERT TO songs DO INSTEAD NOTHING",
        "TRUNCATE songs",
        "DELETE FROM songs WHERE title = ''",
        "/* a */ drop  table\n-- another\nsongs",
        "CREATE TABLE covers (id text); ALTER TABLE songs DROP COLUMN cover",
    ],
)
def test_what_breaks_old_code_is_found(sql: str) -> None:
    assert len(list(breaks_old_code(sql))) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE covers (id text PRIMARY KEY, CHECK (id <> ''), UNIQUE (id))",
        "CREATE TABLE IF NOT EXISTS covers (id text NOT NULL)",
        "CREATE INDEX by_title ON songs (title)",
        "DROP INDEX by_title",
        "ALTER TABLE songs ADD COLUMN mood text",
        "ALTER TABLE songs ADD COLUMN mood text NOT NULL DEFAULT '' CHECK (mood IN ('', 'sad, or blue'))",
        "ALTER TABLE songs ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY NOT NULL",
        "ALTER TABLE songs ALTER COLUMN title DROP NOT NULL",
        "ALTER TABLE songs ALTER COLUMN title SET DEFAULT ''",
        "ALTER TABLE songs ALTER COLUMN body SET STORAGE EXTERNAL",
        "ALTER TYPE mood ADD VALUE 'blue'",
        "INSERT INTO songs (title) VALUES ('DROP TABLE songs; -- no')",
        "CREATE TABLE c (id text); CREATE UNIQUE INDEX one ON c (id); ALTER TABLE c ADD CHECK (true)",
        "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DROP TABLE songs; END $$",
        "COMMENT ON TABLE songs IS 'DROP it; RENAME it'",
        "-- DROP TABLE songs\nSELECT 1",
    ],
)
def test_what_old_code_does_not_notice_is_let_through(sql: str) -> None:
    assert list(breaks_old_code(sql)) == []


def test_statements_are_told_apart_by_semicolons_outside_of_quotes() -> None:
    sql = "SELECT ';', $a$ ; $a$; -- one; two\nSELECT 2;"
    assert statements(sql) == ["SELECT '', ''", "SELECT 2"]
