"""What a run of an artist does when nobody answers: kept with the artist, hold where nobody said anything."""

from pathlib import Path
from typing import Any

import asyncpg
import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.common.v1 import decision_pb2
from services.artist_db import schema
from services.artist_db.schema import migrate_schema
from services.chassis.migrations import migrate, read_folder
from tests.integration.artist_db import seeds
from tests.integration.artist_db.samples import INVALID, NOT_FOUND, artist, persona, refused, violations

HOLD, EXPIRE, AUTOPILOT = (
    decision_pb2.SILENCE_ANSWER_HOLD,
    decision_pb2.SILENCE_ANSWER_EXPIRE,
    decision_pb2.SILENCE_ANSWER_AUTOPILOT,
)
MIGRATIONS = Path(schema.__file__).parent / "sql" / "migrations"


async def set_silence(stub: ArtistDbServiceStub, artist_id: str, on_silence: Any) -> pb.Artist:
    request = pb.SetSilenceAnswerRequest(artist_id=artist_id, on_silence=on_silence)
    return (await stub.SetSilenceAnswer(request)).artist


async def test_an_artist_holds_where_nobody_said_anything(stub: ArtistDbServiceStub) -> None:
    assert (await artist(stub)).on_silence == HOLD


@pytest.mark.parametrize("on_silence", [HOLD, EXPIRE, AUTOPILOT])
async def test_an_artist_is_taken_on_with_its_answer_to_silence(
    stub: ArtistDbServiceStub, on_silence: Any
) -> None:
    made = await artist(stub, on_silence=on_silence)
    found = (await stub.GetArtist(pb.GetArtistRequest(artist_id=made.id))).artist
    assert made.on_silence == found.on_silence == on_silence


async def test_the_answer_to_silence_is_changed_and_a_repeat_changes_nothing(
    stub: ArtistDbServiceStub,
) -> None:
    made = await artist(stub)
    expires = await set_silence(stub, made.id, EXPIRE)
    again = await set_silence(stub, made.id, EXPIRE)
    autopilot = await set_silence(stub, made.id, AUTOPILOT)
    assert (expires.on_silence, autopilot.on_silence) == (EXPIRE, AUTOPILOT)
    assert expires.etag != made.etag
    assert again == expires
    assert autopilot.etag != expires.etag
    (listed,) = (await stub.ListArtists(pb.ListArtistsRequest())).artists
    assert listed == autopilot


@pytest.mark.parametrize("on_silence", [0, 4])
async def test_an_answer_that_says_nothing_is_refused(stub: ArtistDbServiceStub, on_silence: Any) -> None:
    made = await artist(stub)
    error = await refused(set_silence(stub, made.id, on_silence), INVALID)
    assert violations(error) == {
        "on_silence": (
            "must be one of SILENCE_ANSWER_HOLD, SILENCE_ANSWER_EXPIRE, SILENCE_ANSWER_AUTOPILOT, "
            f"is {on_silence}"
        )
    }


async def test_nobody_is_taken_on_with_an_answer_that_is_not_known(stub: ArtistDbServiceStub) -> None:
    unknown: Any = 4
    request = pb.CreateArtistRequest(persona=persona(), on_silence=unknown)
    assert list(violations(await refused(stub.CreateArtist(request), INVALID))) == ["on_silence"]


async def test_an_artist_that_is_not_there_has_no_answer(stub: ArtistDbServiceStub) -> None:
    await refused(set_silence(stub, "art_1", EXPIRE), NOT_FOUND)
    missing = await refused(set_silence(stub, "", EXPIRE), INVALID)
    assert list(violations(missing)) == ["artist_id"]


async def test_artists_of_an_older_version_hold(empty_database_url: str, tmp_path: Path) -> None:
    for migration in read_folder(MIGRATIONS)[:2]:
        (tmp_path / f"{migration.name}.sql").write_text(migration.sql)
    await migrate(empty_database_url, schema="artist_db", folder=tmp_path)
    connection = await asyncpg.connect(empty_database_url, server_settings={"search_path": "artist_db"})
    await seeds.artists(connection, range(3))
    await migrate_schema(empty_database_url)
    found = await connection.fetch("SELECT on_silence FROM artists")
    # Its process may still be there, and take somebody on.
    await seeds.artists(connection, range(3, 4))
    newest = await connection.fetchval("SELECT on_silence FROM artists ORDER BY id DESC LIMIT 1")
    await connection.close()
    assert [row["on_silence"] for row in found] == ["HOLD"] * 3
    assert newest == "HOLD"
