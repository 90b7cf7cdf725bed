"""Reflections' changes: judged by artist_db, once a run, as the artist is set."""

import asyncio
from typing import Any

import asyncpg
import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1 import life_pb2 as life
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from services.artist_db.rpc import changes
from tests.integration.artist_db.races import held
from tests.integration.artist_db.reflections import (
    STATE,
    current,
    decide,
    ended,
    evolves,
    later,
    propose,
    step,
    told,
)
from tests.integration.artist_db.samples import (
    INVALID,
    NOT_FOUND,
    WRONG_STATE,
    artist,
    persona,
    refused,
    violations,
)

Connection = asyncpg.Connection
FIVE = ("1", "2", "3", "4", "5")
COLDER = ["wistful", "cold"]


@pytest.fixture
async def nova(stub: ArtistDbServiceStub, connection: "Connection[asyncpg.Record]") -> pb.Artist:
    """An artist with five decided songs."""
    made = await artist(stub)
    await ended(connection, made.id, *FIVE)
    return made


async def restore(stub: ArtistDbServiceStub, made: pb.Artist, version: int) -> pb.Artist:
    etag = (await current(stub, made)).etag
    request = pb.RestorePersonaVersionRequest(artist_id=made.id, etag=etag, version=version)
    return (await stub.RestorePersonaVersion(request)).artist


async def test_a_change_waits_for_a_person_and_they_are_told_the_difference(
    stub: ArtistDbServiceStub, nova: pb.Artist
) -> None:
    change = await propose(stub, nova, "5", step(nova.persona, "moods", COLDER))

    assert change.state == STATE.STATE_PROPOSED
    assert await current(stub, nova) == nova
    (news,) = await told(stub)
    assert (news.subject_id, news.artist_id, news.run_id) == (change.id, nova.id, "run_5")
    assert news.title == "Nova Vale: moods waits for you"
    assert "moods\n- wistful\n+ wistful, cold\n\nWhy: cold songs were liked" in news.body
    assert "this song ended RELEASED" in news.body


async def test_a_person_s_yes_makes_a_version_that_names_the_change(
    stub: ArtistDbServiceStub, nova: pb.Artist
) -> None:
    change = await propose(stub, nova, "5", step(nova.persona, "moods", COLDER))

    made = await decide(stub, change, request_id="d-1")

    assert (made.state, made.version, made.decided_by) == (STATE.STATE_APPLIED, 2, "cli:vera")
    now = await current(stub, nova)
    assert now.persona == persona(moods=COLDER)
    assert now.etag != nova.etag
    versions = (await stub.ListPersonaVersions(pb.ListPersonaVersionsRequest(artist_id=nova.id))).versions
    assert versions[0].reason == f"reflection {change.id} on run_5: moods"
    assert await decide(stub, change, request_id="d-1") == made, "a repeat gives the same answer"
    await refused(decide(stub, change), WRONG_STATE)
    assert (await current(stub, nova)).persona_version == 2


async def test_a_declined_change_changes_nothing_and_the_same_is_not_wanted_again(
    stub: ArtistDbServiceStub, nova: pb.Artist, connection: "Connection[asyncpg.Record]"
) -> None:
    change = await propose(stub, nova, "5", step(nova.persona, "moods", COLDER))
    assert (await decide(stub, change, accept=False)).state == STATE.STATE_DECLINED
    await ended(connection, nova.id, "6", "7", "8", "9", "10", "11")

    again = await propose(stub, nova, "10", step(nova.persona, "moods", ["wistful", "tender", "cold"]))
    other = await propose(stub, nova, "11", step(nova.persona, "moods", ["wistful", "tender"]))

    assert (again.state, again.outcome) == (
        STATE.STATE_REFUSED,
        "moods: a person declined the same in the last 30 days",
    )
    assert other.state == STATE.STATE_PROPOSED
    assert await current(stub, nova) == nova


@pytest.mark.parametrize("how", ["AUTO", "PROPOSE"])
async def test_nothing_changes_where_nothing_is_wanted(
    stub: ArtistDbServiceStub, nova: pb.Artist, connection: "Connection[asyncpg.Record]", how: str
) -> None:
    await evolves(connection, nova.id, how)

    change = await propose(stub, nova, "5")

    assert (change.state, change.outcome) == (
        STATE.STATE_NO_CHANGE,
        "the reflector found nothing to change",
    )
    assert await told(stub) == []


async def test_a_change_is_made_at_once_where_the_artist_evolves_by_itself(
    stub: ArtistDbServiceStub, nova: pb.Artist, connection: "Connection[asyncpg.Record]"
) -> None:
    await evolves(connection, nova.id, "AUTO")

    change = await propose(stub, nova, "5", step(nova.persona, "tempo", {"min_bpm": 80, "max_bpm": 104}))

    assert (change.state, change.version) == (STATE.STATE_APPLIED, 2)
    (news,) = await told(stub)
    assert "tempo\n- 84 to 112 bpm\n+ 80 to 104 bpm" in news.body
    assert 'aiartist artist restore "Nova Vale" 1' in news.body


async def test_restoring_undoes_a_change_byte_by_byte_and_it_is_not_made_again(
    stub: ArtistDbServiceStub, nova: pb.Artist, connection: "Connection[asyncpg.Record]"
) -> None:
    await evolves(connection, nova.id, "AUTO")
    await propose(stub, nova, "5", step(nova.persona, "moods", COLDER))

    restored = await restore(stub, nova, 1)

    assert restored.persona.SerializeToString(deterministic=True) == nova.persona.SerializeToString(
        deterministic=True
    )
    await ended(connection, nova.id, "6", "7", "8", "9", "10", "11")
    again = await propose(stub, nova, "10", step(nova.persona, "moods", ["wistful", "Cold", "slow"]))
    assert again.state == STATE.STATE_REFUSED
    assert again.outcome == "moods: it goes back on what a person set in the last 30 days"
    await later(connection, 31)
    await ended(connection, nova.id, "12", "13", "14", "15", "16")
    after_a_month = await propose(stub, nova, "11", step(nova.persona, "moods", COLDER))
    assert after_a_month.state == STATE.STATE_APPLIED


async def test_an_artist_that_does_not_evolve_keeps_what_was_wanted_and_stays(
    stub: ArtistDbServiceStub, nova: pb.Artist, connection: "Connection[asyncpg.Record]"
) -> None:
    await evolves(connection, nova.id, "OFF")

    change = await propose(stub, nova, "5", step(nova.persona, "moods", COLDER))

    assert (change.state, change.outcome) == (STATE.STATE_NO_CHANGE, "the artist does not evolve")
    assert change.change.field == "moods"
    assert (await current(stub, nova)).persona_version == 1


async def test_thin_evidence_changes_nothing_whatever_is_wanted(
    stub: ArtistDbServiceStub, connection: "Connection[asyncpg.Record]"
) -> None:
    made = await artist(stub)
    await evolves(connection, made.id, "AUTO")
    await ended(connection, made.id, "1", "2")
    await ended(connection, made.id, "3", "4", by_person=False)
    await ended(connection, made.id, "5", "6", blame="NONE")

    change = await propose(stub, made, "6", step(made.persona, "moods", COLDER))

    assert change.state == STATE.STATE_NO_CHANGE
    assert change.outcome == "the evidence is thin: 2 of 5 decided songs"
    assert (await current(stub, made)).persona_version == 1


async def test_songs_from_before_the_last_change_are_no_evidence_for_the_next(
    stub: ArtistDbServiceStub, nova: pb.Artist, connection: "Connection[asyncpg.Record]"
) -> None:
    await evolves(connection, nova.id, "AUTO")
    await propose(stub, nova, "4", step(nova.persona, "moods", COLDER))

    change = await propose(stub, nova, "5", step(nova.persona, "themes", ["neon", "leaving", "ice"]))

    assert change.outcome == "the evidence is thin: 0 of 5 decided songs"


async def test_a_run_has_one_reflection_whatever_the_repeat_says(
    stub: ArtistDbServiceStub, nova: pb.Artist, connection: "Connection[asyncpg.Record]"
) -> None:
    await evolves(connection, nova.id, "AUTO")
    first = await propose(stub, nova, "5")

    assert await propose(stub, nova, "5", step(nova.persona, "moods", COLDER)) == first
    assert (await current(stub, nova)).persona_version == 1


async def test_two_reflections_at_once_on_one_run_are_one(
    stub: ArtistDbServiceStub,
    nova: pb.Artist,
    connection: "Connection[asyncpg.Record]",
    database_url: str,
) -> None:
    await evolves(connection, nova.id, "AUTO")
    async with asyncio.TaskGroup() as group, held(database_url, "SELECT FROM artists FOR UPDATE", until=2):
        one = group.create_task(propose(stub, nova, "5", step(nova.persona, "moods", COLDER)))
        two = group.create_task(propose(stub, nova, "5", step(nova.persona, "themes", ["neon", "ice"])))

    assert one.result() == two.result()
    assert (await current(stub, nova)).persona_version == 2


async def test_the_week_s_cap_holds_for_changes_at_once(
    stub: ArtistDbServiceStub,
    nova: pb.Artist,
    connection: "Connection[asyncpg.Record]",
    database_url: str,
) -> None:
    await evolves(connection, nova.id, "AUTO")
    await propose(stub, nova, "1", step(nova.persona, "moods", COLDER))
    now = await current(stub, nova)
    await ended(connection, nova.id, "6", "7", "8", "9", "10")
    async with asyncio.TaskGroup() as group, held(database_url, "SELECT FROM artists FOR UPDATE", until=3):
        tasks = [
            group.create_task(
                propose(stub, now, str(run), step(now.persona, "bio", f"From the north, {run}."))
            )
            for run in (6, 7, 8)
        ]

    states = sorted(task.result().state for task in tasks)
    assert states == [STATE.STATE_NO_CHANGE, STATE.STATE_NO_CHANGE, STATE.STATE_APPLIED]
    assert {task.result().outcome for task in tasks} >= {"2 of 2 changes in 7 days were made"}
    assert (await current(stub, nova)).persona_version == 3


async def test_an_evolving_artist_may_change_twice_as_often_and_a_week_ends(
    stub: ArtistDbServiceStub, nova: pb.Artist, connection: "Connection[asyncpg.Record]"
) -> None:
    await evolves(connection, nova.id, "AUTO")
    await connection.execute("UPDATE artists SET state = 'EVOLVING'")
    outcomes = []
    for number in range(6):
        names = [f"{number}-{run}" for run in range(5)]
        await ended(connection, nova.id, *names)
        if number == 5:
            await later(connection, 7.1)
            await ended(connection, nova.id, *(f"late-{run}" for run in range(5)))
        now = await current(stub, nova)
        bio = step(now.persona, "bio", f"From the north, number {number}.")
        outcomes.append((await propose(stub, now, names[0], bio)).outcome)

    made = "made by the reflection itself"
    assert outcomes == [made] * 4 + ["4 of 4 changes in 7 days were made", made]


async def test_a_later_reflection_takes_the_place_of_one_that_waits(
    stub: ArtistDbServiceStub, nova: pb.Artist, connection: "Connection[asyncpg.Record]"
) -> None:
    first = await propose(stub, nova, "5", step(nova.persona, "moods", COLDER))
    await ended(connection, nova.id, "6", "7", "8", "9", "10")
    second = await propose(stub, nova, "10", step(nova.persona, "themes", ["neon", "ice"]))

    listed = (await stub.ListChanges(life.ListChangesRequest(artist_id=nova.id))).changes

    assert [(change.id, change.state) for change in listed] == [
        (second.id, STATE.STATE_PROPOSED),
        (first.id, STATE.STATE_LAPSED),
    ]
    only = life.ListChangesRequest(states=[STATE.STATE_LAPSED])
    assert [change.id for change in (await stub.ListChanges(only)).changes] == [first.id]


async def test_a_change_of_a_field_that_changed_in_the_meantime_lapses(
    stub: ArtistDbServiceStub, nova: pb.Artist
) -> None:
    change = await propose(stub, nova, "5", step(nova.persona, "moods", COLDER))
    by_hand = pb.UpdateArtistRequest(artist_id=nova.id, etag=nova.etag, persona=persona(moods=["bright"]))
    await stub.UpdateArtist(by_hand)

    error = await refused(decide(stub, change), WRONG_STATE)

    assert error.metadata["state"] == "LAPSED"
    listed = (await stub.ListChanges(life.ListChangesRequest())).changes
    assert [(c.state, c.outcome) for c in listed] == [
        (STATE.STATE_LAPSED, "moods was changed otherwise in the meantime")
    ]
    assert list((await current(stub, nova)).persona.moods) == ["bright"]


async def test_a_yes_that_meets_another_change_of_the_field_is_refused_and_the_next_one_ends_it(
    stub: ArtistDbServiceStub, nova: pb.Artist, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = await propose(stub, nova, "5", step(nova.persona, "moods", COLDER))
    by_hand = pb.UpdateArtistRequest(artist_id=nova.id, etag=nova.etag, persona=persona(moods=["bright"]))
    waiting, looks = changes._waiting, 0

    async def changed_between(connection: Any, change_id: str) -> Any:
        nonlocal looks
        looks += 1
        if looks == 2:
            await stub.UpdateArtist(by_hand)
        return await waiting(connection, change_id)

    monkeypatch.setattr(changes, "_waiting", changed_between)

    error = await refused(decide(stub, change), WRONG_STATE)

    assert "moods is stale" in error.metadata["state"]
    assert (await refused(decide(stub, change), WRONG_STATE)).metadata["state"] == "LAPSED"
    assert list((await current(stub, nova)).persona.moods) == ["bright"]


async def test_a_yes_counts_though_another_field_changed_in_the_meantime(
    stub: ArtistDbServiceStub, nova: pb.Artist
) -> None:
    change = await propose(stub, nova, "5", step(nova.persona, "moods", COLDER))
    by_hand = pb.UpdateArtistRequest(artist_id=nova.id, etag=nova.etag, persona=persona(bio="Of the north."))
    await stub.UpdateArtist(by_hand)

    await decide(stub, change)

    now = (await current(stub, nova)).persona
    assert (list(now.moods), now.bio) == (COLDER, "Of the north.")


async def test_identity_that_was_fixed_after_the_question_holds_against_a_yes(
    stub: ArtistDbServiceStub, nova: pb.Artist
) -> None:
    change = await propose(stub, nova, "5", step(nova.persona, "moods", COLDER))
    fixed = persona(preserve_core_identity=["moods"])
    await stub.UpdateArtist(pb.UpdateArtistRequest(artist_id=nova.id, etag=nova.etag, persona=fixed))

    error = await refused(decide(stub, change), WRONG_STATE)

    assert error.metadata["state"] == "REFUSED"
    assert (await current(stub, nova)).persona == fixed


async def test_a_yes_over_the_week_s_cap_waits_on(
    stub: ArtistDbServiceStub, nova: pb.Artist, connection: "Connection[asyncpg.Record]"
) -> None:
    change = await propose(stub, nova, "5", step(nova.persona, "moods", COLDER))
    await ended(connection, nova.id, "other-1", "other-2")
    await connection.executemany(
        """
        INSERT INTO persona_changes (id, artist_id, run_id, state, outcome, version, body)
        VALUES ($1, $2, $3, 'APPLIED', '', 1, '')
        """,
        [(f"chg_{name}", nova.id, f"run_other-{name}") for name in "12"],
    )

    error = await refused(decide(stub, change), WRONG_STATE)
    assert "2 of 2 changes in 7 days were made" in error.message

    await later(connection, 8)
    assert (await decide(stub, change)).state == STATE.STATE_APPLIED


@pytest.mark.parametrize(
    ("days", "outcome"), [(29, ""), (31, "nobody answered in 30 days")], ids=["in time", "too late"]
)
async def test_a_question_is_open_for_thirty_days(
    stub: ArtistDbServiceStub,
    nova: pb.Artist,
    connection: "Connection[asyncpg.Record]",
    days: int,
    outcome: str,
) -> None:
    change = await propose(stub, nova, "5", step(nova.persona, "moods", COLDER))
    await later(connection, days)
    if not outcome:
        assert (await decide(stub, change)).state == STATE.STATE_APPLIED
        return
    await refused(decide(stub, change), WRONG_STATE)
    (kept,) = (await stub.ListChanges(life.ListChangesRequest())).changes
    assert (kept.state, kept.outcome) == (STATE.STATE_LAPSED, outcome)


async def test_a_retired_artist_changes_no_more(
    stub: ArtistDbServiceStub, nova: pb.Artist, connection: "Connection[asyncpg.Record]"
) -> None:
    waiting = await propose(stub, nova, "5", step(nova.persona, "moods", COLDER))
    await connection.execute("UPDATE artists SET state = 'RETIRED', evolve = 'AUTO'")
    await ended(connection, nova.id, "6", "7", "8", "9", "10")

    change = await propose(stub, nova, "6", step(nova.persona, "moods", COLDER))

    assert (change.state, change.outcome) == (STATE.STATE_NO_CHANGE, "the artist is retired")
    await refused(decide(stub, waiting), WRONG_STATE)
    assert (await current(stub, nova)).persona_version == 1


async def test_a_reflection_needs_a_run_of_this_artist_that_is_over(
    stub: ArtistDbServiceStub, nova: pb.Artist
) -> None:
    other = await artist(stub, "Another")
    await refused(propose(stub, nova, "unknown"), NOT_FOUND)
    await refused(propose(stub, other, "5"), NOT_FOUND)
    request = life.GetReflectionRequest(run_id="run_5", artist_id=other.id)
    await refused(stub.GetReflection(request), NOT_FOUND)
    await refused(decide(stub, life.PersonaChange(id="chg_none")), NOT_FOUND)


async def test_whoever_is_to_ask_learns_what_may_change_and_what_was_kept(
    stub: ArtistDbServiceStub, connection: "Connection[asyncpg.Record]"
) -> None:
    made = (
        await stub.CreateArtist(
            pb.CreateArtistRequest(persona=persona(preserve_core_identity=["voice", "moods"], tempo=None))
        )
    ).artist
    await ended(connection, made.id, *FIVE)
    request = life.GetReflectionRequest(run_id="run_5", artist_id=made.id)

    before = await stub.GetReflection(request)
    kept = await propose(stub, made, "5")
    after = await stub.GetReflection(request)

    fields = {field.field: field for field in before.fields}
    assert {"style", "themes", "keys", "visual.motif", "trend_alignment"} <= set(fields)
    assert not {"voice.delivery", "moods", "tempo", "name", "genre", "visual.palette"} & set(fields)
    assert fields["themes"].value == '["neon", "leaving"]'
    assert (before.obstacle, before.HasField("change")) == ("", False)
    assert after.change == kept


async def test_what_could_not_be_kept_is_refused_by_field(stub: ArtistDbServiceStub, nova: pb.Artist) -> None:
    request = life.ProposeChangeRequest(
        run_id="run_5",
        artist_id=nova.id,
        reason=" ",
        evidence=["fact"] * 21,
        change=life.FieldChange(field="", to="x" * 20_001),
        model="a\nb",
    )
    error = await refused(stub.ProposeChange(request), INVALID)
    expected = {"persona_version", "reason", "evidence", "change.field", "change.to", "model"}
    assert set(violations(error)) == expected
