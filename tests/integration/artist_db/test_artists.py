"""Artists: taken on, found, changed, paused, retired."""

import asyncio

import asyncpg
import grpc
import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1 import artist_state_pb2
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.common.v1.persona_pb2 import Persona, TempoRange
from services.chassis.errors import remote_error
from tests.integration.artist_db.races import held
from tests.integration.artist_db.samples import (
    ETAG,
    EXISTS,
    INVALID,
    NOT_FOUND,
    WRONG_STATE,
    artist,
    persona,
    refused,
    violations,
)


async def test_a_new_artist_is_active_with_persona_version_1_and_found_by_id_and_name(
    stub: ArtistDbServiceStub,
) -> None:
    request = pb.CreateArtistRequest(
        persona=persona(), cadence=pb.Cadence(cron="0 9 * * 1"), autopilot_enabled=True
    )

    made = (await stub.CreateArtist(request)).artist

    assert made.id.startswith("art_")
    assert made.persona == persona()
    assert made.persona_version == 1
    assert made.cadence.cron == "0 9 * * 1"
    assert made.autopilot_enabled
    assert made.state == artist_state_pb2.ARTIST_STATE_ACTIVE
    assert made.etag
    assert made.created_at.seconds > 0
    assert made.created_at == made.updated_at
    assert (await stub.GetArtist(pb.GetArtistRequest(artist_id=made.id))).artist == made
    assert (await stub.GetArtist(pb.GetArtistRequest(name="Nova Vale"))).artist == made


async def test_defaults_are_filled_in(stub: ArtistDbServiceStub) -> None:
    least = Persona(name="Nova Vale", genre="lofi", style="Rain.", themes=["rain"])

    made = (await stub.CreateArtist(pb.CreateArtistRequest(persona=least))).artist

    assert made.persona.language == "en"
    assert made.persona.target_duration_ms == 150_000
    assert made.persona.voice.point_of_view == "first person"
    assert not made.HasField("cadence")


async def test_the_persona_is_kept_as_json_that_sql_can_read(
    stub: ArtistDbServiceStub, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    made = await artist(stub)

    told = await connection.fetchval(
        "SELECT persona #>> '{tempo,min_bpm}' FROM persona_versions WHERE artist_id = $1", made.id
    )

    assert told == "84"


async def test_a_wrong_persona_and_cadence_are_refused_with_every_field(stub: ArtistDbServiceStub) -> None:
    wrong = persona(name="", genre="jazz", tempo=TempoRange(min_bpm=300, max_bpm=90))

    error = await refused(
        stub.CreateArtist(pb.CreateArtistRequest(persona=wrong, cadence=pb.Cadence(interval_s=5))), INVALID
    )

    assert violations(error) == {
        "persona.name": "is required: 1 to 80 characters",
        "persona.genre": "must be one of synthwave, lofi, house, techno, drum_and_bass, trap, pop, ambient, "
        "is 'jazz'",
        "persona.tempo.min_bpm": "must be 40 to 220, is 300",
        "cadence.interval_s": "must be 60 to 31,536,000, is 5",
    }
    assert error.metadata["fields"] == (
        "persona.name, persona.genre, persona.tempo.min_bpm, cadence.interval_s"
    )


async def test_a_missing_persona_is_refused(stub: ArtistDbServiceStub) -> None:
    error = await refused(stub.CreateArtist(pb.CreateArtistRequest()), INVALID)

    assert violations(error) == {"persona": "is required"}


async def test_a_name_is_taken_in_every_spelling_of_its_letters(stub: ArtistDbServiceStub) -> None:
    await artist(stub, "Nova Vale")

    error = await refused(stub.CreateArtist(pb.CreateArtistRequest(persona=persona("NOVA vale"))), EXISTS)

    assert error.metadata == {"kind": "artist", "id": "NOVA vale"}


async def test_of_two_artists_of_one_name_at_once_one_is_taken_on(
    stub: ArtistDbServiceStub, database_url: str
) -> None:
    requests = [pb.CreateArtistRequest(persona=persona(name)) for name in ("Nova Vale", "nova vale")]

    async with held(database_url, "LOCK TABLE artists IN SHARE MODE", until=2):
        calls = [stub.CreateArtist(request) for request in requests]
    results = await asyncio.gather(*calls, return_exceptions=True)

    errors = [r for r in results if isinstance(r, grpc.aio.AioRpcError)]
    assert [remote_error(e).remote_reason for e in errors] == ["ERROR_REASON_ALREADY_EXISTS"]
    assert len((await stub.ListArtists(pb.ListArtistsRequest())).artists) == 1


@pytest.mark.parametrize(
    ("request_", "id"),
    [
        (pb.GetArtistRequest(artist_id="art_none"), "art_none"),
        (pb.GetArtistRequest(name="Nobody"), "Nobody"),
        (pb.GetArtistRequest(name="nova vale"), "nova vale"),
    ],
)
async def test_an_unknown_artist_is_not_found(
    stub: ArtistDbServiceStub, request_: pb.GetArtistRequest, id: str
) -> None:
    await artist(stub, "Nova Vale")

    error = await refused(stub.GetArtist(request_), NOT_FOUND)

    assert error.metadata == {"kind": "artist", "id": id}


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.GetArtistRequest(), "artist_id"),
        (pb.GetArtistRequest(artist_id="art\0"), "artist_id"),
        (pb.GetArtistRequest(name=""), "name"),
        (pb.GetArtistRequest(name="Nova\0"), "name"),
    ],
)
async def test_a_lookup_without_a_usable_key_is_refused(
    stub: ArtistDbServiceStub, request_: pb.GetArtistRequest, field: str
) -> None:
    error = await refused(stub.GetArtist(request_), INVALID)

    assert list(violations(error)) == [field]


async def test_artists_are_listed_by_name_state_and_cadence(stub: ArtistDbServiceStub) -> None:
    await artist(stub, "cora", cadence=pb.Cadence(interval_s=3600))
    await artist(stub, "Bo")
    retired = await artist(stub, "Ada", cadence=pb.Cadence(cron="0 9 * * 1"))
    await stub.RetireArtist(pb.RetireArtistRequest(artist_id=retired.id))

    async def names(**fields: object) -> list[str]:
        response = await stub.ListArtists(pb.ListArtistsRequest(**fields))
        return [each.persona.name for each in response.artists]

    assert await names() == ["Ada", "Bo", "cora"]
    assert await names(states=[artist_state_pb2.ARTIST_STATE_ACTIVE]) == ["Bo", "cora"]
    assert await names(with_cadence=True) == ["Ada", "cora"]
    assert await names(with_cadence=True, states=[artist_state_pb2.ARTIST_STATE_ACTIVE]) == ["cora"]
    assert await names(states=[artist_state_pb2.ARTIST_STATE_PAUSED]) == []


async def test_a_list_of_no_real_state_is_refused(stub: ArtistDbServiceStub) -> None:
    request = pb.ListArtistsRequest(
        states=[artist_state_pb2.ARTIST_STATE_ACTIVE, artist_state_pb2.ARTIST_STATE_UNSPECIFIED]
    )

    assert list(violations(await refused(stub.ListArtists(request), INVALID))) == ["states[1]"]


async def test_a_changed_persona_becomes_a_new_version(stub: ArtistDbServiceStub) -> None:
    made = await artist(stub)
    changed = persona("Nova Veil", bio="Back from the sea.")

    updated = (
        await stub.UpdateArtist(
            pb.UpdateArtistRequest(artist_id=made.id, etag=made.etag, persona=changed, reason="new bio")
        )
    ).artist

    assert updated.persona == changed
    assert updated.persona_version == 2
    assert updated.etag != made.etag
    assert updated.created_at == made.created_at
    assert updated.updated_at.ToDatetime() > made.updated_at.ToDatetime()
    assert (await stub.GetArtist(pb.GetArtistRequest(name="Nova Veil"))).artist == updated
    await refused(stub.GetArtist(pb.GetArtistRequest(name="Nova Vale")), NOT_FOUND)
    versions = (await stub.ListPersonaVersions(pb.ListPersonaVersionsRequest(artist_id=made.id))).versions
    assert [(v.version, v.reason) for v in versions] == [(2, "new bio"), (1, "created")]
    assert [v.persona for v in versions] == [changed, persona()]
    assert {v.artist_id for v in versions} == {made.id}


async def test_an_equal_persona_makes_no_new_version_and_changes_nothing(stub: ArtistDbServiceStub) -> None:
    made = await artist(stub)

    request = pb.UpdateArtistRequest(artist_id=made.id, etag=made.etag, persona=persona())

    assert (await stub.UpdateArtist(request)).artist == made


async def test_a_cadence_changes_without_a_new_persona_version(stub: ArtistDbServiceStub) -> None:
    made = await artist(stub)

    updated = (
        await stub.UpdateArtist(
            pb.UpdateArtistRequest(
                artist_id=made.id, etag=made.etag, cadence=pb.Cadence(interval_s=3_600), persona=persona()
            )
        )
    ).artist

    assert updated.cadence == pb.Cadence(interval_s=3_600)
    assert updated.persona_version == 1
    assert updated.etag != made.etag


async def test_an_empty_cadence_takes_it_away_and_an_absent_one_leaves_it(stub: ArtistDbServiceStub) -> None:
    made = await artist(stub, cadence=pb.Cadence(interval_s=3_600))

    kept = (
        await stub.UpdateArtist(
            pb.UpdateArtistRequest(artist_id=made.id, etag=made.etag, persona=persona(bio="Hello."))
        )
    ).artist
    taken = (
        await stub.UpdateArtist(
            pb.UpdateArtistRequest(artist_id=made.id, etag=kept.etag, cadence=pb.Cadence())
        )
    ).artist

    assert kept.cadence.interval_s == 3_600
    assert not taken.HasField("cadence")


async def test_an_update_with_an_old_etag_is_refused_with_the_current_one(stub: ArtistDbServiceStub) -> None:
    made = await artist(stub)
    now = (await stub.SetAutopilot(pb.SetAutopilotRequest(artist_id=made.id, enabled=True))).artist

    error = await refused(
        stub.UpdateArtist(pb.UpdateArtistRequest(artist_id=made.id, etag=made.etag, persona=persona("Nova"))),
        ETAG,
    )

    assert error.metadata == {"kind": "artist", "id": made.id, "current": now.etag}
    assert (await stub.GetArtist(pb.GetArtistRequest(artist_id=made.id))).artist == now


async def test_of_many_updates_with_one_etag_at_once_exactly_one_wins(
    stub: ArtistDbServiceStub, database_url: str
) -> None:
    made = await artist(stub)
    requests = [
        pb.UpdateArtistRequest(artist_id=made.id, etag=made.etag, persona=persona(bio=f"Bio {n}."))
        for n in range(8)
    ]

    async with held(database_url, "SELECT FROM artists FOR NO KEY UPDATE", until=8):
        calls = [stub.UpdateArtist(request) for request in requests]
    results = await asyncio.gather(*calls, return_exceptions=True)

    won = [r for r in results if isinstance(r, pb.UpdateArtistResponse)]
    lost = [remote_error(r) for r in results if isinstance(r, grpc.aio.AioRpcError)]
    assert len(won) == 1
    assert {e.remote_reason for e in lost} == {"ERROR_REASON_ETAG_MISMATCH"}
    assert {e.metadata["current"] for e in lost} == {won[0].artist.etag}
    versions = (await stub.ListPersonaVersions(pb.ListPersonaVersionsRequest(artist_id=made.id))).versions
    assert [v.version for v in versions] == [2, 1]


async def test_an_update_to_a_name_that_is_taken_is_refused_and_changes_nothing(
    stub: ArtistDbServiceStub,
) -> None:
    await artist(stub, "Nova Vale")
    other = await artist(stub, "Ada")

    error = await refused(
        stub.UpdateArtist(
            pb.UpdateArtistRequest(artist_id=other.id, etag=other.etag, persona=persona("nova vale"))
        ),
        EXISTS,
    )

    assert error.metadata == {"kind": "artist", "id": "nova vale"}
    assert (await stub.GetArtist(pb.GetArtistRequest(artist_id=other.id))).artist == other


async def test_an_update_of_nobody_is_not_found(stub: ArtistDbServiceStub) -> None:
    error = await refused(
        stub.UpdateArtist(pb.UpdateArtistRequest(artist_id="art_none", etag="1")), NOT_FOUND
    )

    assert error.metadata == {"kind": "artist", "id": "art_none"}


async def test_a_wrong_update_is_refused_with_every_field(stub: ArtistDbServiceStub) -> None:
    error = await refused(
        stub.UpdateArtist(
            pb.UpdateArtistRequest(
                persona=persona(genre="jazz"), cadence=pb.Cadence(cron="often"), reason="r" * 501
            )
        ),
        INVALID,
    )

    assert list(violations(error)) == ["artist_id", "etag", "persona.genre", "cadence.cron", "reason"]


async def test_autopilot_goes_on_and_off_and_a_repeat_changes_nothing(stub: ArtistDbServiceStub) -> None:
    made = await artist(stub)

    async def turn(enabled: bool) -> pb.Artist:
        request = pb.SetAutopilotRequest(artist_id=made.id, enabled=enabled)
        return (await stub.SetAutopilot(request)).artist

    on = await turn(True)
    again = await turn(True)
    off = await turn(False)

    assert (on.autopilot_enabled, off.autopilot_enabled) == (True, False)
    assert on.etag != made.etag
    assert again == on
    assert off.etag != on.etag


async def test_an_artist_is_paused_resumed_and_retired(
    stub: ArtistDbServiceStub, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    made = await artist(stub)

    paused = (await stub.PauseArtist(pb.PauseArtistRequest(artist_id=made.id, reason="tour"))).artist
    why = await connection.fetchval("SELECT state_reason FROM artists WHERE id = $1", made.id)
    resumed = (await stub.ResumeArtist(pb.ResumeArtistRequest(artist_id=made.id))).artist
    retired = (await stub.RetireArtist(pb.RetireArtistRequest(artist_id=made.id))).artist

    assert paused.state == artist_state_pb2.ARTIST_STATE_PAUSED
    assert why == "tour"
    assert resumed.state == artist_state_pb2.ARTIST_STATE_ACTIVE
    assert retired.state == artist_state_pb2.ARTIST_STATE_RETIRED
    assert len({made.etag, paused.etag, resumed.etag, retired.etag}) == 4
    assert (await stub.GetArtist(pb.GetArtistRequest(artist_id=made.id))).artist == retired


@pytest.mark.parametrize(
    ("before", "verb", "state", "expected"),
    [
        ([], "Resume", "ACTIVE", "PAUSED"),
        (["Pause"], "Pause", "PAUSED", "ACTIVE or EVOLVING"),
        (["Retire"], "Pause", "RETIRED", "ACTIVE or EVOLVING"),
        (["Retire"], "Resume", "RETIRED", "PAUSED"),
        (["Pause", "Retire"], "Retire", "RETIRED", "CANDIDATE or ACTIVE or EVOLVING or PAUSED"),
    ],
)
async def test_a_verb_in_the_wrong_state_is_refused_with_the_state(
    stub: ArtistDbServiceStub, before: list[str], verb: str, state: str, expected: str
) -> None:
    made = await artist(stub)

    def call(verb: str) -> "grpc.aio.UnaryUnaryCall":
        return getattr(stub, f"{verb}Artist")(getattr(pb, f"{verb}ArtistRequest")(artist_id=made.id))

    for earlier in before:
        await call(earlier)
    error = await refused(call(verb), WRONG_STATE)

    assert error.metadata == {"kind": "artist", "id": made.id, "state": state, "expected": expected}


@pytest.mark.parametrize("verb", ["PauseArtist", "ResumeArtist", "RetireArtist", "SetAutopilot"])
async def test_a_verb_for_nobody_is_not_found_and_for_no_id_refused(
    stub: ArtistDbServiceStub, verb: str
) -> None:
    call, message = getattr(stub, verb), getattr(pb, f"{verb}Request")

    assert (await refused(call(message(artist_id="art_none")), NOT_FOUND)).metadata["kind"] == "artist"
    assert list(violations(await refused(call(message()), INVALID))) == ["artist_id"]


async def test_a_reason_of_more_than_500_characters_is_refused(stub: ArtistDbServiceStub) -> None:
    error = await refused(
        stub.PauseArtist(pb.PauseArtistRequest(artist_id="art_1", reason="r" * 501)), INVALID
    )

    assert violations(error) == {"reason": "must have at most 500 characters, has 501"}
