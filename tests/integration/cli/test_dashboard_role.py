"""The database role of Grafana: what it may read, and that it may do nothing else."""

import asyncio
import base64
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from filelock import FileLock

from aiartist.artist_db.v1.artist_db_pb2 import ErrorReport, ErrorSample
from cli.dashboards import ROLE, SCHEMA, put_up, scram_verifier, take_down
from cli.migrate import migrate_all
from services.chassis.errors import SetupError
from services.scheduler import schema

PASSWORD = "only'for$looking\\at it"
FINGERPRINT = "0123456789abcdef" * 2
VIEWS = {
    "artists", "error_groups", "error_hours", "error_reports", "error_samples", "error_steps", "model_calls",
    "publications", "releases", "run_stages", "runs", "spending",
}  # fmt: skip


FORBIDDEN = (
    "SELECT * FROM artist_db.artists",
    "SELECT body FROM artist_db.error_samples",
    "SELECT answer FROM artist_db.model_calls",
    "SELECT * FROM notifier.posts",
    "SELECT * FROM scheduler.runs",
    "SELECT rolpassword FROM pg_authid",
    "SELECT pg_read_file('postgresql.conf')",
    "CREATE TABLE dashboards.mine (id integer)",
    "UPDATE dashboards.artists SET name = 'Mallory'",
    "INSERT INTO dashboards.publications (release_id, target, location) VALUES ('rel', 'x', 'y')",
    "DELETE FROM dashboards.publications",
    "TRUNCATE artist_db.error_samples",
    "SET ROLE postgres",
)


@pytest.fixture(autouse=True)
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The role is the server's, not the database's: one test at a time may change it."""
    with FileLock(tmp_path_factory.getbasetemp().parent / "grafana-role.lock"):
        yield


async def _reader(database_url: str) -> "asyncpg.Connection[asyncpg.Record]":
    await put_up(database_url, PASSWORD)
    return await asyncpg.connect(database_url, user=ROLE, password=PASSWORD)


async def _owner_runs(database_url: str, statement: str, *values: object) -> None:
    owner = await asyncpg.connect(database_url)
    try:
        await owner.execute(statement, *values)
    finally:
        await owner.close()


async def test_it_reads_every_view_and_there_is_nothing_else(database_url: str) -> None:
    reader = await _reader(database_url)
    try:
        readable = await reader.fetch(
            """
            SELECT format('%s.%s', nspname, relname) AS name FROM pg_class
            JOIN pg_namespace AS schema ON schema.oid = relnamespace
            WHERE relkind IN ('r', 'v', 'm', 'p', 'f', 'S')
              AND nspname NOT IN ('pg_catalog', 'information_schema')
              AND has_schema_privilege(schema.oid, 'USAGE')
              AND has_any_column_privilege(pg_class.oid, 'SELECT')
            """
        )
        assert {row["name"] for row in readable} == {f"{SCHEMA}.{view}" for view in VIEWS}
        for view in VIEWS:
            await reader.fetch(f"SELECT * FROM {view} LIMIT 1")
    finally:
        await reader.close()


async def test_it_is_refused_everything_else_even_where_it_leaves_read_only_mode(database_url: str) -> None:
    reader = await _reader(database_url)
    allowed = []
    try:
        await reader.execute("SET default_transaction_read_only = off")
        for statement in FORBIDDEN:
            try:
                await reader.execute(statement)
            except asyncpg.InsufficientPrivilegeError:
                continue
            allowed.append(statement)
    finally:
        await reader.close()
    assert allowed == []


async def test_it_looks_only_and_not_for_long(database_url: str) -> None:
    reader = await _reader(database_url)
    try:
        assert await reader.fetchval("SHOW default_transaction_read_only") == "on"
        assert await reader.fetchval("SHOW statement_timeout") == "10s"
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await reader.execute("CREATE TEMP TABLE mine (id integer)")
    finally:
        await reader.close()


async def test_no_view_shows_what_nobody_should_see(database_url: str) -> None:
    reader = await _reader(database_url)
    try:
        columns = await reader.fetch(
            "SELECT column_name AS name FROM information_schema.columns WHERE table_schema = $1", SCHEMA
        )
        secret = {
            "answer",
            "body",
            "chat_id",
            "decided_by",
            "image",
            "note",
            "persona",
            "prompt_hash",
            "token",
        }
        assert {row["name"] for row in columns} & secret == set()
        assert len(columns) > 50
    finally:
        await reader.close()


async def test_a_stored_error_is_shown_field_by_field(database_url: str) -> None:
    sample = ErrorSample(
        service="release",
        message="a take could not be mixed: \N{SNOWMAN}",
        text="services.release.studio.mix:12\nValueError: \0 in a name",
        context={"run_id": "run_1", "take": "2", "empty": ""},
        code_version="0.1.0",
    )
    # A field between the texts, with numbers longer than a byte.
    sample.time.FromMilliseconds(1_790_000_000_123)
    sample.text += "x" * 5_000
    report = ErrorReport(
        fingerprint=FINGERPRINT,
        status="fix_suggested",
        cause="It mixes.",
        diff="-a\n+b\n",
        confidence=0.5,
        fixable=True,
        reason="proven",
        test_code="def test_it(): ...",
        branch=f"autofix/{FINGERPRINT}",
        commit="c0ffee",
        by="vera",
    )
    await _owner_runs(
        database_url,
        """
        INSERT INTO artist_db.error_groups VALUES
            ($1, 'ValueError', 'services.release', 3, '{release}', now(), now())
        """,
        FINGERPRINT,
    )
    await _owner_runs(
        database_url,
        "INSERT INTO artist_db.error_samples (fingerprint, seen_at, body) VALUES ($1, now(), $2)",
        FINGERPRINT,
        sample.SerializeToString(),
    )
    for status in ("analyzed", report.status):
        report.status = status
        await _owner_runs(
            database_url,
            "INSERT INTO artist_db.error_reports (fingerprint, status, body) VALUES ($1, $2, $3)",
            FINGERPRINT,
            status,
            report.SerializeToString(),
        )
    reader = await _reader(database_url)
    try:
        shown = await reader.fetchrow("SELECT *, context ->> 'take' AS take FROM error_samples")
        assert shown is not None
        assert (shown["service"], shown["message"]) == ("release", sample.message)
        assert shown["text"].endswith("x" * 5_000)
        assert "\\000 in a name" in shown["text"]
        assert (shown["take"], shown["code_version"], shown["error_id"]) == ("2", "0.1.0", "")
        newest = await reader.fetchrow("SELECT * FROM error_reports ORDER BY id DESC LIMIT 1")
        assert newest is not None
        assert (newest["cause"], newest["diff"]) == ("It mixes.", "-a\n+b\n")
        assert (newest["reason"], newest["test_code"]) == ("proven", "def test_it(): ...")
        assert (newest["branch"], newest["commit"]) == (f"autofix/{FINGERPRINT}", "c0ffee")
        assert "vera" not in newest.values()
        assert await reader.fetchval("SELECT status FROM error_groups") == "fix_suggested"
    finally:
        await reader.close()


async def test_a_message_that_is_cut_off_or_no_message_at_all_breaks_no_dashboard(database_url: str) -> None:
    whole = ErrorSample(service="release", message="lost", context={"run_id": "run_1"}).SerializeToString()
    connection = await asyncpg.connect(database_url)
    try:
        for end in range(len(whole)):
            shown = await connection.fetchval("SELECT dashboards.text_in($1, 1)", whole[:end])
            assert shown in ("", "release")
        for rubbish in (b"\xff" * 40, b"\x0f", b"\x80", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01a"):
            assert await connection.fetchval("SELECT dashboards.text_in($1, 1)", rubbish) == ""
    finally:
        await connection.close()


async def test_a_migration_may_change_what_a_view_shows(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = "ALTER TABLE scheduler.runs ALTER COLUMN take_number TYPE bigint"
    with pytest.raises(asyncpg.FeatureNotSupportedError, match="view"):
        await _owner_runs(database_url, change)
    known = schema.known_migrations()
    migrations = shutil.copytree(Path(schema.__file__).parent / "sql" / "migrations", tmp_path / "migrations")
    (migrations / f"{known + 1:04}_wider.sql").write_text(f"{change};")
    monkeypatch.setattr(schema, "_FOLDER", migrations)
    assert await migrate_all(database_url) == [f"scheduler: {known + 1:04}_wider"]
    assert await _views(database_url) == VIEWS


async def test_a_database_of_a_newer_version_keeps_its_views(database_url: str) -> None:
    await _owner_runs(
        database_url,
        """
        CREATE VIEW dashboards.of_tomorrow AS SELECT 1 AS one;
        INSERT INTO notifier.migrations (number, name, sha256) VALUES (9999, '9999_future', 'x');
        DELETE FROM scheduler.migrations;
        """,
    )
    with pytest.raises(SetupError, match="newer version"):
        await migrate_all(database_url)
    assert await _views(database_url) == VIEWS | {"of_tomorrow"}


async def _views(database_url: str) -> set[str]:
    owner = await asyncpg.connect(database_url)
    try:
        found = await owner.fetch("SELECT viewname FROM pg_views WHERE schemaname = $1", SCHEMA)
        return {row["viewname"] for row in found}
    finally:
        await owner.close()


async def test_a_new_password_takes_the_place_of_the_old_one(database_url: str) -> None:
    await migrate_all(database_url, grafana_password=PASSWORD)
    connection = await asyncpg.connect(database_url)
    try:
        stored = "SELECT rolpassword FROM pg_authid WHERE rolname = $1"
        first = await connection.fetchval(stored, ROLE)
        await migrate_all(database_url)
        assert await connection.fetchval(stored, ROLE) == first
        await migrate_all(database_url, grafana_password="another")
        assert await connection.fetchval(stored, ROLE) != first
    finally:
        await connection.close()


async def test_the_stored_form_of_a_password_is_the_one_that_postgresql_makes(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            await connection.execute("CREATE ROLE aiartist_scram LOGIN PASSWORD 'pencil'")
            made = await connection.fetchval(
                "SELECT rolpassword FROM pg_authid WHERE rolname = 'aiartist_scram'"
            )
            await connection.execute("DROP ROLE aiartist_scram")
        salt = base64.b64decode(made.split("$")[1].partition(":")[2])
        assert scram_verifier("pencil", salt) == made
    finally:
        await connection.close()


@pytest.mark.parametrize("password", ["pässword", "two\nlines"])
async def test_a_password_that_two_sides_could_read_differently_is_refused(
    database_url: str, password: str
) -> None:
    with pytest.raises(SetupError, match="AIARTIST_GRAFANA_PASSWORD"):
        await migrate_all(database_url, grafana_password=password)


async def _as_plain_owner(database_url: str, more: str = "") -> str:
    """The database's address for a user who owns what it needs and is no superuser."""
    database = urlsplit(database_url).path.removeprefix("/")
    user = f"plain_{database}"
    await _owner_runs(
        database_url,
        f"""
        CREATE ROLE {user} LOGIN;
        ALTER DATABASE {database} OWNER TO {user};
        ALTER SCHEMA dashboards OWNER TO {user};
        GRANT USAGE ON SCHEMA artist_db, scheduler TO {user};
        GRANT SELECT ON ALL TABLES IN SCHEMA artist_db, scheduler TO {user};
        {more.format(user=user)}
        """,
    )
    return urlsplit(database_url)._replace(netloc=f"{user}:@").geturl()


async def test_a_user_who_may_not_make_roles_is_told_so_and_migrates_without(database_url: str) -> None:
    await put_up(database_url, PASSWORD)
    address = await _as_plain_owner(database_url)
    with pytest.raises(SetupError, match="CREATEROLE"):
        await put_up(address, PASSWORD)
    await put_up(address, None)


async def test_a_user_who_may_make_roles_needs_to_be_no_superuser(database_url: str) -> None:
    await migrate_all(database_url, grafana_password=PASSWORD)
    membership = f"GRANT {ROLE} TO {{user}} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE"
    address = await _as_plain_owner(database_url, f"ALTER ROLE {{user}} CREATEROLE; {membership};")
    await take_down(address)
    await put_up(address, PASSWORD)
    reader = await asyncpg.connect(database_url, user=ROLE, password=PASSWORD)
    try:
        assert await reader.fetch("SELECT * FROM runs") == []
    finally:
        await reader.close()


async def test_a_role_that_may_do_more_is_not_given_to_grafana(database_url: str) -> None:
    await put_up(database_url, PASSWORD)
    await _owner_runs(database_url, f"ALTER ROLE {ROLE} CREATEDB")
    try:
        with pytest.raises(SetupError, match="more than read"):
            await put_up(database_url, PASSWORD)
    finally:
        await _owner_runs(database_url, f"ALTER ROLE {ROLE} NOCREATEDB")


async def test_tables_of_somebody_elses_in_a_schema_of_the_name_are_not_dropped(database_url: str) -> None:
    await _owner_runs(database_url, "CREATE TABLE dashboards.mine AS SELECT 1 AS kept")
    for change in (take_down(database_url), put_up(database_url, None)):
        with pytest.raises(SetupError, match="schema dashboards with more than views in it"):
            await change
    await _owner_runs(database_url, "SELECT kept FROM dashboards.mine")


async def test_views_are_made_anew_while_somebody_looks_at_two_of_them(database_url: str) -> None:
    await put_up(database_url, None)
    reader = await asyncpg.connect(database_url)
    try:
        # It is not the one that gives in.
        await reader.execute("SET deadlock_timeout = '1h'")
        async with reader.transaction():
            await reader.fetch("SELECT * FROM dashboards.publications")
            change = asyncio.create_task(put_up(database_url, None))
            while not await reader.fetchval(
                "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted "
                "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
            ):
                await asyncio.sleep(0)
            await reader.fetch("SELECT * FROM dashboards.artists")
        await change
    finally:
        await reader.close()
