"""People move artists, see every move with its reason, and undo the last one."""

import asyncio
from typing import Any

import grpc
import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1 import artist_state_pb2, life_pb2
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from services.chassis.errors import remote_error
from tests.integration.artist_db.lives import (
    REJECTED,
    moved,
    moves_of,
    name_of,
    news,
    pass_days,
    record_all,
    reviewed,
    state_of,
)
from tests.integration.artist_db.races import held
from tests.integration.artist_db.samples import (
    INVALID,
    NOT_FOUND,
    WRONG_STATE,
    artist,
    refused,
    violations,
)

Connection = Any


async def undo(stub: ArtistDbServiceStub, move_id: str, **fields: str) -> life_pb2.Move:
    request = life_pb2.UndoMoveRequest(**{"move_id": move_id, "moved_by": "cli:vera", **fields})
    return (await stub.UndoMove(request)).move


async def test_an_artist_that_is_taken_on_has_a_first_move(stub: ArtistDbServiceStub) -> None:
    made, candidate = await artist(stub), await artist(stub, "Ada", candidate=True)

    (first,) = await moves_of(stub, made.id)

    assert first.from_state == artist_state_pb2.ARTIST_STATE_UNSPECIFIED
    assert name_of(first.to_state) == name_of(made.state) == "ACTIVE"
    assert (first.rule, first.moved_by, first.can_undo) == ("person", "operator", False)
    assert first.moved_at == made.state_since == made.created_at
    assert name_of(candidate.state) == "CANDIDATE"
    await refused(undo(stub, first.id), WRONG_STATE)


async def test_a_person_moves_an_artist_with_a_reason(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    made = await artist(stub)

    move = await moved(stub, made.id, "EVOLVING", by="cli:vera", reason="a new sound")

    kept = (await stub.GetArtist(pb.GetArtistRequest(artist_id=made.id))).artist
    assert (name_of(move.from_state), name_of(move.to_state)) == ("ACTIVE", "EVOLVING")
    assert (move.rule, move.reason, move.moved_by) == ("person", "a new sound", "cli:vera")
    assert (name_of(kept.state), kept.state_reason) == ("EVOLVING", "a new sound")
    assert kept.state_since == move.moved_at
    assert kept.etag != made.etag
    assert await news(connection) == [], "who moved it knows"


@pytest.mark.parametrize(
    ("way", "state", "expected"),
    [
        (["EVOLVING", "CANDIDATE"], "EVOLVING", "ACTIVE"),
        (["CANDIDATE", "PAUSED"], "CANDIDATE", "ACTIVE or EVOLVING"),
        (["ACTIVE"], "ACTIVE", "CANDIDATE or EVOLVING or PAUSED"),
        (["RETIRED", "ACTIVE"], "RETIRED", "CANDIDATE or EVOLVING or PAUSED"),
        (["RETIRED", "RETIRED"], "RETIRED", "CANDIDATE or ACTIVE or EVOLVING or PAUSED"),
    ],
)
async def test_a_move_where_no_way_leads_is_refused(
    stub: ArtistDbServiceStub, way: list[str], state: str, expected: str
) -> None:
    made = await artist(stub)
    for step in way[:-1]:
        await moved(stub, made.id, step)

    error = await refused(moved(stub, made.id, way[-1]), WRONG_STATE)

    assert error.metadata == {"kind": "artist", "id": made.id, "state": state, "expected": expected}


async def test_the_verbs_leave_moves_too(stub: ArtistDbServiceStub) -> None:
    made = await artist(stub)
    await moved(stub, made.id, "EVOLVING")
    await stub.PauseArtist(pb.PauseArtistRequest(artist_id=made.id, reason="tour"))
    await stub.ResumeArtist(pb.ResumeArtistRequest(artist_id=made.id))
    await stub.RetireArtist(pb.RetireArtistRequest(artist_id=made.id, reason="the end"))

    told = [
        (name_of(move.from_state), name_of(move.to_state), move.rule, move.reason, move.moved_by)
        for move in await moves_of(stub, made.id)
    ]

    assert told[:3] == [
        ("ACTIVE", "RETIRED", "person", "the end", "operator"),
        ("PAUSED", "ACTIVE", "person", "", "operator"),
        ("EVOLVING", "PAUSED", "person", "tour", "operator"),
    ]


async def test_a_candidate_can_be_retired_at_once(stub: ArtistDbServiceStub) -> None:
    made = await artist(stub, candidate=True)

    retired = (await stub.RetireArtist(pb.RetireArtistRequest(artist_id=made.id))).artist

    assert name_of(retired.state) == "RETIRED"


async def test_the_last_move_is_undone_by_a_move_back(stub: ArtistDbServiceStub) -> None:
    made = await artist(stub)
    evolving = await moved(stub, made.id, "EVOLVING")
    paused = await moved(stub, made.id, "PAUSED")

    back = await undo(stub, paused.id, reason="a slip")
    moves = await moves_of(stub, made.id)

    assert (back.rule, back.reason, back.moved_by) == ("undo", "a slip", "cli:vera")
    assert (name_of(back.from_state), name_of(back.to_state)) == ("PAUSED", "EVOLVING")
    assert [(move.id, move.undone_by, move.can_undo) for move in moves[:3]] == [
        (back.id, "", True),
        (paused.id, back.id, False),
        (evolving.id, "", False),
    ]
    error = await refused(undo(stub, paused.id), WRONG_STATE)
    assert error.metadata["state"] == f"UNDONE BY {back.id}"
    error = await refused(undo(stub, evolving.id), WRONG_STATE)
    assert error.metadata["state"] == "NOT THE ARTIST'S LAST MOVE"
    assert name_of((await undo(stub, back.id)).to_state) == "PAUSED"


async def test_a_rules_retirement_can_be_undone_and_a_persons_is_for_good(stub: ArtistDbServiceStub) -> None:
    ruled, ended = await artist(stub, "Ruled"), await artist(stub, "Ended")
    (by_rule,) = await record_all(stub, ruled.id, *[REJECTED] * 5)
    by_person = await moved(stub, ended.id, "RETIRED")

    back = await undo(stub, by_rule.id)
    error = await refused(undo(stub, by_person.id), WRONG_STATE)

    assert (name_of(back.to_state), back.can_undo) == ("ACTIVE", False)
    assert error.metadata["state"] == "A PERSON'S RETIREMENT"
    assert not by_person.can_undo
    error = await refused(undo(stub, back.id), WRONG_STATE)
    assert error.metadata["state"] == "A WAY OUT OF RETIREMENT"


async def test_of_two_undos_at_once_one_wins(stub: ArtistDbServiceStub, database_url: str) -> None:
    made = await artist(stub)
    paused = await moved(stub, made.id, "PAUSED")

    async with held(database_url, "SELECT FROM artists FOR UPDATE", until=2):
        calls = [
            stub.UndoMove(life_pb2.UndoMoveRequest(move_id=paused.id, moved_by=f"cli:{who}"))
            for who in ("vera", "otto")
        ]
    results = await asyncio.gather(*calls, return_exceptions=True)

    lost = [remote_error(each) for each in results if isinstance(each, grpc.aio.AioRpcError)]
    assert [error.remote_reason for error in lost] == ["ERROR_REASON_WRONG_STATE"]
    assert await state_of(stub, made.id) == "ACTIVE"


@pytest.mark.parametrize("method", ["MoveArtist", "UndoMove"])
async def test_a_repeat_moves_once(stub: ArtistDbServiceStub, method: str) -> None:
    made = await artist(stub)
    if method == "MoveArtist":
        request: Any = life_pb2.MoveArtistRequest(
            request_id="once", artist_id=made.id, to_state=artist_state_pb2.ARTIST_STATE_PAUSED, moved_by="v"
        )
    else:
        paused = await moved(stub, made.id, "PAUSED")
        request = life_pb2.UndoMoveRequest(request_id="once", move_id=paused.id, moved_by="v")
    before = len(await moves_of(stub, made.id))

    first, again = [await getattr(stub, method)(request) for _ in range(2)]

    assert first == again
    assert len(await moves_of(stub, made.id)) == before + 1


@pytest.mark.parametrize("begins", ["CANDIDATE", "ACTIVE", "EVOLVING", "PAUSED", "RETIRED"])
async def test_a_move_that_is_asked_for_from_one_state_is_made_from_no_other(
    stub: ArtistDbServiceStub, begins: str
) -> None:
    made = await artist(stub)
    if begins != "ACTIVE":
        await moved(stub, made.id, begins)
    request = life_pb2.MoveArtistRequest(
        artist_id=made.id,
        from_state=artist_state_pb2.ARTIST_STATE_CANDIDATE,
        to_state=artist_state_pb2.ARTIST_STATE_RETIRED,
        moved_by="cli:vera",
    )

    if begins == "CANDIDATE":
        assert name_of((await stub.MoveArtist(request)).move.to_state) == "RETIRED"
    else:
        error = await refused(stub.MoveArtist(request), WRONG_STATE)
        assert (error.metadata["state"], error.metadata["expected"]) == (begins, "CANDIDATE")
        assert await state_of(stub, made.id) == begins


async def test_moves_of_nobody_and_wrong_ones_are_refused(stub: ArtistDbServiceStub) -> None:
    await refused(moved(stub, "art_none", "PAUSED"), NOT_FOUND)
    await refused(undo(stub, "mov_none"), NOT_FOUND)
    error = await refused(stub.MoveArtist(life_pb2.MoveArtistRequest(reason="r" * 501)), INVALID)
    assert list(violations(error)) == ["artist_id", "to_state", "reason", "moved_by"]
    unknown: Any = {"to_state": artist_state_pb2.ARTIST_STATE_ACTIVE, "from_state": 99}
    request = life_pb2.MoveArtistRequest(artist_id="art_1", moved_by="v", **unknown)
    assert list(violations(await refused(stub.MoveArtist(request), INVALID))) == ["from_state"]
    error = await refused(stub.UndoMove(life_pb2.UndoMoveRequest()), INVALID)
    assert list(violations(error)) == ["move_id", "moved_by"]


async def test_what_becomes_of_changes_is_set(stub: ArtistDbServiceStub) -> None:
    usual, made = await artist(stub), await artist(stub, "Ada", evolve=pb.EVOLVE_OFF)

    changed = (await stub.SetEvolve(pb.SetEvolveRequest(artist_id=made.id, evolve=pb.EVOLVE_AUTO))).artist
    again = (await stub.SetEvolve(pb.SetEvolveRequest(artist_id=made.id, evolve=pb.EVOLVE_AUTO))).artist

    assert (usual.evolve, made.evolve, changed.evolve) == (
        pb.EVOLVE_PROPOSE,
        pb.EVOLVE_OFF,
        pb.EVOLVE_AUTO,
    )
    assert changed.etag != made.etag
    assert again == changed
    error = await refused(stub.SetEvolve(pb.SetEvolveRequest(artist_id=made.id)), INVALID)
    assert list(violations(error)) == ["evolve"]


OLD_MOVE = (
    "UPDATE artists SET state = $2, state_reason = $3, etag = etag + 1, updated_at = now() WHERE id = $1"
)
"""As the version before moves an artist."""


async def test_what_the_version_before_moved_is_a_persons_move(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    made = await artist(stub)
    await record_all(stub, made.id, *[REJECTED] * 4)
    mine = await moved(stub, made.id, "PAUSED")
    await pass_days(connection, 100)
    await connection.execute(OLD_MOVE, made.id, "ACTIVE", "back")

    error = await refused(undo(stub, mine.id), WRONG_STATE)
    nothing = [*await reviewed(stub), *await record_all(stub, made.id, REJECTED)]

    assert error.metadata["state"] == "NOT THE ARTIST'S LAST MOVE"
    assert nothing == [], "judged anew, and not idle"
    (found, *_) = await moves_of(stub, made.id)
    assert (name_of(found.from_state), name_of(found.to_state)) == ("PAUSED", "ACTIVE")
    assert (found.rule, found.reason, found.moved_by) == ("person", "back", "operator")
    assert name_of((await undo(stub, found.id)).to_state) == "PAUSED"


async def test_an_artist_of_the_version_before_is_moved_like_any_other(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    """With the columns that it writes alone."""
    async with connection.transaction():
        await connection.execute(
            """
            INSERT INTO artists (id, name, name_key, persona_version, autopilot_enabled, state)
            VALUES ('art_old', 'Old', 'old', 1, false, 'ACTIVE')
            """
        )
        await connection.execute(
            "INSERT INTO persona_versions (artist_id, version, persona, persona_pb, reason) "
            "VALUES ('art_old', 1, '{}', '', 'created')"
        )
    old = (await stub.GetArtist(pb.GetArtistRequest(artist_id="art_old"))).artist

    moves = await record_all(stub, "art_old", *[REJECTED] * 5)

    assert (old.evolve, old.HasField("state_since")) == (pb.EVOLVE_PROPOSE, False)
    assert [name_of(move.to_state) for move in moves] == ["RETIRED"]
    assert [name_of(move.to_state) for move in await moves_of(stub, "art_old")] == ["RETIRED", "ACTIVE"]
    assert name_of((await undo(stub, moves[0].id)).to_state) == "ACTIVE"
