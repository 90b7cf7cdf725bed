"""`once`: the effect happens once, and everybody gets its response."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.chassis.database import Database
from services.chassis.errors import InvalidInput, RequestIdReused
from services.chassis.idempotency import MAX_REQUEST_ID, once
from services.chassis.migrations import migrate
from tests.support.echo_service import EchoRequest, EchoResponse


@pytest.fixture
async def database(empty_database_url: str, tmp_path: Path) -> AsyncIterator[Database]:
    (tmp_path / "0001_songs.sql").write_text("CREATE TABLE songs (number serial, text text)")
    for schema in ("echo", "other"):
        await migrate(empty_database_url, schema=schema, folder=tmp_path)
    async with Database.open(empty_database_url, schema="echo") as opened:
        yield opened


class Songs:
    """An effect that leaves a row and tells its number."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sing(self, request_id: str = "r-1", text: str = "la", *, then_fail: bool = False) -> str:
        request = EchoRequest(request_id=request_id, text=text)
        async with self._database.transaction() as connection:

            async def effect() -> object:
                number = await connection.fetchval(
                    "INSERT INTO songs (text) VALUES ($1) RETURNING number", text
                )
                if then_fail:
                    raise ConnectionError("out of breath")
                return EchoResponse(text=f"song {number}")

            response = await once(connection, request, EchoResponse, effect)
            return str(response.text)

    async def count(self) -> int:
        async with self._database.acquire() as connection:
            return int(await connection.fetchval("SELECT count(*) FROM songs"))


@pytest.fixture
def songs(database: Database) -> Songs:
    return Songs(database)


async def test_the_same_request_again_gets_the_first_response(songs: Songs) -> None:
    assert [await songs.sing() for _ in range(3)] == ["song 1"] * 3
    assert await songs.count() == 1


async def test_the_same_id_with_another_request_is_refused(songs: Songs) -> None:
    await songs.sing(text="la")
    with pytest.raises(RequestIdReused) as refused:
        await songs.sing(text="la la")
    assert refused.value.metadata == {"request_id": "r-1"}
    assert await songs.count() == 1


async def test_another_id_is_another_call(songs: Songs) -> None:
    assert [await songs.sing("r-1"), await songs.sing("r-2")] == ["song 1", "song 2"]


async def test_without_an_id_no_call_is_taken_for_a_repeat(songs: Songs) -> None:
    assert [await songs.sing(""), await songs.sing("")] == ["song 1", "song 2"]


async def test_many_equal_calls_at_once_have_one_effect(songs: Songs) -> None:
    answers = await asyncio.gather(*(songs.sing() for _ in range(8)))
    assert (set(answers), await songs.count()) == ({"song 1"}, 1)


async def test_of_different_calls_with_one_id_at_once_one_wins(songs: Songs) -> None:
    outcomes = await asyncio.gather(*(songs.sing(text=str(n)) for n in range(5)), return_exceptions=True)
    assert sum(isinstance(o, str) for o in outcomes) == 1
    assert sum(isinstance(o, RequestIdReused) for o in outcomes) == 4
    assert await songs.count() == 1


async def test_a_call_that_failed_leaves_nothing_and_may_be_repeated(songs: Songs) -> None:
    with pytest.raises(ConnectionError):
        await songs.sing(then_fail=True)
    assert await songs.count() == 0
    assert await songs.sing() == "song 2"


async def test_a_call_that_failed_may_even_come_back_as_another(songs: Songs) -> None:
    with pytest.raises(ConnectionError):
        await songs.sing(text="la", then_fail=True)
    await songs.sing(text="la la")
    assert await songs.count() == 1


async def test_an_equal_call_waits_for_the_first_and_takes_its_place_where_it_fails(songs: Songs) -> None:
    outcomes = await asyncio.gather(songs.sing(then_fail=True), songs.sing(), return_exceptions=True)
    assert sum(isinstance(outcome, ConnectionError) for outcome in outcomes) == 1
    assert await songs.count() == 1


async def test_the_longest_id_is_taken_and_a_longer_one_refused(songs: Songs) -> None:
    await songs.sing("r" * MAX_REQUEST_ID)
    with pytest.raises(InvalidInput) as refused:
        await songs.sing("r" * (MAX_REQUEST_ID + 1))
    assert [v.field for v in refused.value.violations] == ["request_id"]
    assert await songs.count() == 1


async def test_a_service_may_pass_its_id_on_to_another_within_its_transaction(
    songs: Songs, database: Database, empty_database_url: str
) -> None:
    async with (
        Database.open(empty_database_url, schema="other") as other,
        database.transaction() as connection,
    ):

        async def call_the_other() -> object:
            return EchoResponse(text=await asyncio.wait_for(Songs(other).sing("r-1"), 20))

        answer = await once(connection, EchoRequest(request_id="r-1"), EchoResponse, call_the_other)
    assert answer.text == "song 1"
