"""Persona versions: never changed, never lost, always restorable."""

import asyncpg
import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from tests.integration.artist_db.samples import (
    ETAG,
    EXISTS,
    INVALID,
    NOT_FOUND,
    artist,
    persona,
    refused,
    violations,
)


async def rename(stub: ArtistDbServiceStub, made: pb.Artist, name: str) -> pb.Artist:
    request = pb.UpdateArtistRequest(artist_id=made.id, etag=made.etag, persona=persona(name))
    return (await stub.UpdateArtist(request)).artist


async def restore(stub: ArtistDbServiceStub, made: pb.Artist, version: int) -> pb.Artist:
    request = pb.RestorePersonaVersionRequest(artist_id=made.id, etag=made.etag, version=version)
    return (await stub.RestorePersonaVersion(request)).artist


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE persona_versions SET reason = 'other'",
        "UPDATE persona_versions SET version = 9",
        "DELETE FROM persona_versions",
        "TRUNCATE persona_versions CASCADE",
    ],
)
async def test_the_database_refuses_to_change_or_remove_a_version(
    stub: ArtistDbServiceStub, connection: "asyncpg.Connection[asyncpg.Record]", change: str
) -> None:
    made = await artist(stub)

    with pytest.raises(asyncpg.RestrictViolationError, match="persona_versions is immutable"):
        await connection.execute(change)

    assert (await stub.GetArtist(pb.GetArtistRequest(artist_id=made.id))).artist == made


async def test_restoring_makes_a_new_version_with_the_old_content(stub: ArtistDbServiceStub) -> None:
    first = await artist(stub, "Nova One")
    second = await rename(stub, first, "Nova Two")

    restored = await restore(stub, second, 1)

    assert restored.persona == first.persona
    assert restored.persona_version == 3
    assert restored.etag not in {first.etag, second.etag}
    versions = (await stub.ListPersonaVersions(pb.ListPersonaVersionsRequest(artist_id=first.id))).versions
    assert [(v.version, v.persona.name, v.reason) for v in versions] == [
        (3, "Nova One", "restored version 1"),
        (2, "Nova Two", "updated"),
        (1, "Nova One", "created"),
    ]
    assert (await stub.GetArtist(pb.GetArtistRequest(name="Nova One"))).artist == restored


async def test_restoring_with_an_old_etag_is_refused(stub: ArtistDbServiceStub) -> None:
    first = await artist(stub)
    second = await rename(stub, first, "Nova Two")

    error = await refused(
        stub.RestorePersonaVersion(
            pb.RestorePersonaVersionRequest(artist_id=first.id, etag=first.etag, version=1)
        ),
        ETAG,
    )

    assert error.metadata["current"] == second.etag


async def test_restoring_a_name_that_somebody_else_has_by_now_is_refused(stub: ArtistDbServiceStub) -> None:
    first = await artist(stub, "Nova Vale")
    second = await rename(stub, first, "Nova Two")
    await artist(stub, "Nova Vale")

    error = await refused(
        stub.RestorePersonaVersion(
            pb.RestorePersonaVersionRequest(artist_id=first.id, etag=second.etag, version=1)
        ),
        EXISTS,
    )

    assert error.metadata == {"kind": "artist", "id": "Nova Vale"}


async def test_an_unknown_version_is_not_found(stub: ArtistDbServiceStub) -> None:
    made = await artist(stub)

    error = await refused(
        stub.RestorePersonaVersion(
            pb.RestorePersonaVersionRequest(artist_id=made.id, etag=made.etag, version=2)
        ),
        NOT_FOUND,
    )

    assert error.metadata == {"kind": "persona version", "id": f"{made.id}/2"}


async def test_a_restore_without_its_fields_is_refused_with_all_of_them(stub: ArtistDbServiceStub) -> None:
    error = await refused(stub.RestorePersonaVersion(pb.RestorePersonaVersionRequest()), INVALID)

    assert list(violations(error)) == ["artist_id", "version", "etag"]


async def test_versions_of_nobody_are_not_found(stub: ArtistDbServiceStub) -> None:
    error = await refused(
        stub.ListPersonaVersions(pb.ListPersonaVersionsRequest(artist_id="art_none")), NOT_FOUND
    )

    assert error.metadata == {"kind": "artist", "id": "art_none"}
