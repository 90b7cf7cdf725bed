"""The database: how it is opened, what it gives, and what happens when it goes away."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import pytest

from services.chassis.database import DATABASE_TROUBLE, Database, public_address
from services.chassis.errors import SetupError, remote_error
from services.chassis.migrations import migrate
from tests.support.echo_service import EchoRequest, running_echo


@pytest.fixture
async def url(empty_database_url: str, tmp_path: Path) -> str:
    (tmp_path / "0001_songs.sql").write_text("CREATE TABLE songs (id text PRIMARY KEY, facts jsonb)")
    await migrate(empty_database_url, schema="echo", folder=tmp_path)
    return empty_database_url


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    async with Database.open(url, schema="echo", pool_size=4) as opened:
        yield opened


async def cut_all_connections(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    finally:
        await connection.close()


async def test_a_service_finds_its_own_tables_first(database: Database) -> None:
    async with database.acquire() as connection:
        assert await connection.fetch("SELECT * FROM songs") == []
        assert await connection.fetchval("SELECT current_schema()") == "echo"


async def test_jsonb_arrives_as_plain_values(database: Database) -> None:
    facts = {"tempo": 92.5, "keys": ["A minor", None], "ü": True}
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO songs VALUES ('a', $1)", facts)
        assert await connection.fetchval("SELECT facts FROM songs") == facts


async def test_times_are_utc(database: Database) -> None:
    async with database.acquire() as connection:
        assert await connection.fetchval("SHOW timezone") == "UTC"
        assert (await connection.fetchval("SELECT now()")).tzinfo == UTC


async def test_a_transaction_commits_whole_or_not_at_all(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO songs VALUES ('a')")

    async def fail_in_the_middle() -> None:
        async with database.transaction() as connection:
            await connection.execute("INSERT INTO songs VALUES ('b')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_in_the_middle()
    async with database.acquire() as connection:
        assert [row["id"] for row in await connection.fetch("SELECT id FROM songs")] == ["a"]


async def test_a_transaction_that_is_cancelled_leaves_a_usable_connection(url: str) -> None:
    async with Database.open(url, schema="echo", pool_size=1) as database:

        async def sleepy() -> None:
            async with database.transaction() as connection:
                await connection.execute("INSERT INTO songs VALUES ('a')")
                await connection.execute("SELECT pg_sleep(60)")

        task = asyncio.create_task(sleepy())
        await until_asleep(url)
        task.cancel()
        await asyncio.wait([task])
        async with database.acquire() as connection:
            assert await connection.fetch("SELECT * FROM songs") == []


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://label:hunter2@127.0.0.1:1/label",
        "postgresql://label:hunter2@no.such.host.invalid/label",
        "postgresql://label:hunt/er2@127.0.0.1/label",
        "postgresql://label:hunter2@127.0.0.1:many/label",
        "postgresql://label:hunter2@127.0.0.1:99999/label",
        "mysql://label:hunter2@127.0.0.1/label",
        "nonsense",
    ],
)
async def test_a_database_that_cannot_be_opened_is_told_without_its_password(dsn: str) -> None:
    with pytest.raises(SetupError, match="AIARTIST_DATABASE_URL") as refused:
        async with Database.open(dsn, schema="echo"):
            pass
    assert "hunt" not in str(refused.value)
    assert "\n" not in str(refused.value)


async def test_a_database_without_the_schema_says_how_to_make_it(empty_database_url: str) -> None:
    with pytest.raises(SetupError, match="no schema echo yet; make it with: aiartist migrate"):
        async with Database.open(empty_database_url, schema="echo"):
            pass


async def test_a_database_that_does_not_exist_is_told_by_its_name(empty_database_url: str) -> None:
    missing = empty_database_url.replace("/test_", "/missing_")
    with pytest.raises(SetupError, match=r'database "missing_.*" does not exist'):
        async with Database.open(missing, schema="echo"):
            pass


@pytest.mark.parametrize(
    ("dsn", "public"),
    [
        ("postgresql://user:pass@host:5432/name", "host:5432/name"),
        ("postgresql://host/name", "host/name"),
        ("postgresql://user:p%40ss@host/name?sslmode=require", "host/name?sslmode=require"),
        ("postgresql:///name?host=/tmp/x&user=u&password=pass", "/name?host=/tmp/x"),
        ("postgresql:///name?password=pass&host=/tmp/x", "/name?host=/tmp/x"),
    ],
)
def test_a_public_address_has_neither_user_nor_password(dsn: str, public: str) -> None:
    assert public_address(dsn) == public


async def test_calls_are_unavailable_while_the_database_is_cut_off_and_go_on_afterwards(
    database: Database, url: str
) -> None:
    asleep = asyncio.Event()

    async def act(request: Any, context: Any) -> str:
        async with database.acquire() as connection:
            if request.text == "sleep":
                asleep.set()
                await connection.execute("SELECT pg_sleep(60)")
            return str(await connection.fetchval("SELECT 'awake'"))

    async with running_echo(act) as running:
        assert await running.stub.call("Say", EchoRequest()) == ["awake"]
        sleeping = asyncio.create_task(running.stub.call("GetEcho", EchoRequest(text="sleep")))
        await asleep.wait()
        await until_asleep(url)
        asleep.clear()
        await cut_all_connections(url)
        # The client repeats what was cut off.
        await asyncio.wait_for(asleep.wait(), 30)
        sleeping.cancel()
        assert await running.stub.call("Say", EchoRequest()) == ["awake"]


async def until_asleep(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        while not await connection.fetchval(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' "
            "AND datname = current_database() AND state = 'active' AND pid <> pg_backend_pid())"
        ):
            await asyncio.sleep(0)
    finally:
        await connection.close()


async def test_a_call_that_is_cut_off_for_good_is_told_so(database: Database, url: str) -> None:
    async def act(request: Any, context: Any) -> str:
        async with database.acquire() as connection:
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return ""

    async with running_echo(act) as running:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await running.stub.call("Say", EchoRequest(), timeout=60)
    told = remote_error(caught.value)
    assert (told.remote_code, told.metadata) == (grpc.StatusCode.UNAVAILABLE, {"dependency": "database"})


async def test_more_work_than_connections_waits_its_turn(database: Database) -> None:
    async def work(number: int) -> int:
        async with database.acquire() as connection:
            return int(await connection.fetchval("SELECT $1::int FROM pg_sleep(0.01)", number))

    assert await asyncio.gather(*(work(n) for n in range(20))) == list(range(20))


async def test_a_ping_goes_to_the_server_and_back(database: Database, url: str) -> None:
    await database.ping()
    await cut_all_connections(url)
    async with asyncio.timeout(10):
        while True:
            try:
                await database.ping()
                break
            except DATABASE_TROUBLE:
                await asyncio.sleep(0)


async def test_a_database_that_is_older_than_the_code_is_refused(url: str) -> None:
    with pytest.raises(SetupError, match="older than this version: echo has 1 of 2 migrations"):
        async with Database.open(url, schema="echo", migrations=2):
            pytest.fail("code that needs a table must not meet a database without it")


async def test_a_database_that_a_newer_version_migrated_is_taken(url: str, tmp_path: Path) -> None:
    (tmp_path / "0002_titles.sql").write_text("ALTER TABLE songs ADD COLUMN title text")
    await migrate(url, schema="echo", folder=tmp_path)
    async with Database.open(url, schema="echo", migrations=1) as opened:
        await opened.ping()


async def test_calls_go_on_through_a_migration_that_adds_a_column(
    database: Database, url: str, tmp_path: Path
) -> None:
    async def act(request: Any, context: Any) -> str:
        async with database.transaction() as connection:
            row = await connection.fetchrow("INSERT INTO songs VALUES ($1, NULL) RETURNING *", request.text)
        assert row is not None
        return str(row["id"])

    async with running_echo(act) as running:
        assert await running.stub.call("Say", EchoRequest(text="before")) == ["before"]
        (tmp_path / "0002_titles.sql").write_text("ALTER TABLE songs ADD COLUMN title text")
        await migrate(url, schema="echo", folder=tmp_path)
        assert await running.stub.call("Say", EchoRequest(text="after")) == ["after"]
