"""`aiartist artist accept|decline|move|moves|undo` against the real artist_db."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from cli import finding
from services.artist_db.app import build
from services.artist_db.settings import Settings
from services.chassis.clients import open_channel
from tests.integration.artist_db.lives import REJECTED, moved, name_of, record_all, state_of
from tests.integration.artist_db.samples import artist
from tests.support.command import Finished, invoke


@dataclass
class Label:
    """The service, and the command beside it."""

    stub: ArtistDbServiceStub
    env: dict[str, str]

    async def run(self, *command: str, stdin: str = "") -> Finished:
        return await invoke("artist", *command, env=self.env, stdin=stdin)

    async def says(self, *command: str, stdin: str = "") -> str:
        """What a command prints that succeeds; not what the service logs meanwhile, in the same process."""
        done = await self.run(*command, stdin=stdin)
        assert done.code == 0, done.stderr
        return "".join(line for line in done.stdout.splitlines(keepends=True) if "component=" not in line)


@pytest.fixture
async def label(database_url: str) -> AsyncIterator[Label]:
    settings = Settings(port=0, metrics_port=0, database_url=database_url, ship_errors=False, stop_grace_s=1)
    async with (
        await build(settings) as app,
        open_channel(f"127.0.0.1:{app.port}", settings) as channel,
    ):
        env = {"AIARTIST_ARTIST_DB_ADDR": f"127.0.0.1:{app.port}", "AIARTIST_OPERATOR": "vera"}
        yield Label(ArtistDbServiceStub(channel), env)


async def test_a_candidate_is_taken_on(label: Label):
    made = await artist(label.stub, candidate=True)

    told = await label.says("accept", "Nova Vale", "--reason", "what a voice")

    assert told == f"Nova Vale was taken on ({made.id})\n"
    kept = (await label.stub.GetArtist(pb.GetArtistRequest(artist_id=made.id))).artist
    assert (name_of(kept.state), kept.state_reason) == ("ACTIVE", "what a voice")


@pytest.mark.parametrize(("answer", "state"), [("y\n", "RETIRED"), ("n\n", "CANDIDATE"), ("", "CANDIDATE")])
async def test_declining_a_candidate_asks_first(label: Label, answer: str, state: str):
    made = await artist(label.stub, candidate=True)

    done = await label.run("decline", "Nova Vale", stdin=answer)

    assert "Decline Nova Vale for good? There is no way back." in done.stderr
    assert (done.code == 0) is (state == "RETIRED")
    assert await state_of(label.stub, made.id) == state


async def test_declining_with_yes_asks_nobody(label: Label):
    made = await artist(label.stub, candidate=True)

    assert await label.says("decline", made.id, "--yes") == f"Nova Vale was not taken on ({made.id})\n"
    assert await state_of(label.stub, made.id) == "RETIRED"


@pytest.mark.parametrize("command", [("accept",), ("decline", "--yes")], ids=lambda command: command[0])
async def test_who_is_no_candidate_is_neither_taken_on_nor_declined(label: Label, command: tuple[str, ...]):
    made = await artist(label.stub)

    done = await label.run(*command, "Nova Vale")

    assert done.code == 1
    assert "Nova Vale is no candidate, but active" in done.stderr
    assert await state_of(label.stub, made.id) == "ACTIVE"


@pytest.mark.parametrize("command", [("accept",), ("decline", "--yes")], ids=lambda command: command[0])
async def test_a_candidate_that_somebody_else_decides_about_meanwhile_is_left_as_it_is(
    label: Label, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
):
    made = await artist(label.stub, candidate=True)
    seen = (await label.stub.GetArtist(pb.GetArtistRequest(artist_id=made.id))).artist
    for state in ("ACTIVE", "PAUSED"):
        await moved(label.stub, made.id, state)

    async def as_it_was(*_: object) -> pb.Artist:
        return seen

    monkeypatch.setattr(finding, "artist", as_it_was)
    done = await label.run(*command, "Nova Vale")

    assert done.code == 1
    assert "is PAUSED; this needs CANDIDATE" in done.stderr
    assert await state_of(label.stub, made.id) == "PAUSED"


async def test_an_artist_is_moved_and_its_state_shown_with_the_reason(label: Label):
    made = await artist(label.stub)

    told = await label.says("move", "Nova Vale", "evolving", "--reason", "a new sound")
    shown = await label.says("show", "Nova Vale")

    assert told == f"Nova Vale is evolving ({made.id})\n"
    lines = [line.split(maxsplit=1) for line in shown.splitlines()]
    assert ["state", "evolving"] in lines
    assert ["why", "a new sound"] in lines
    assert [name for name, *_ in lines].count("since") == 1


async def test_moving_into_retirement_asks_first(label: Label):
    made = await artist(label.stub)

    done = await label.run("move", "Nova Vale", "retired", stdin="n\n")

    assert done.code == 1
    assert "Retire Nova Vale for good?" in done.stderr
    assert await state_of(label.stub, made.id) == "ACTIVE"
    await label.says("move", "Nova Vale", "retired", "--yes")
    assert await state_of(label.stub, made.id) == "RETIRED"


async def test_a_move_where_no_way_leads_is_explained(label: Label):
    await artist(label.stub, candidate=True)

    done = await label.run("move", "Nova Vale", "paused")

    assert done.code == 1
    assert "is CANDIDATE; this needs ACTIVE or EVOLVING" in done.stderr


async def test_moves_are_listed_with_who_or_which_rule_and_why(label: Label):
    nova, ada = await artist(label.stub), await artist(label.stub, "Ada")
    await label.says("move", "Ada", "paused", "--reason", "on tour")
    await record_all(label.stub, nova.id, *[REJECTED] * 5)
    await label.says("undo", "Nova Vale")

    listed = (await label.says("moves")).splitlines()
    of_ada = (await label.says("moves", "Ada")).splitlines()
    document = json.loads(await label.says("moves", ada.id, "--json"))

    assert [line.split()[2:] for line in of_ada[2:]] == [
        ["active", "paused", "cli:vera", "on", "tour"],
        ["–", "active", "operator"],
    ]
    assert len(listed) == 2 + 5
    assert max(map(len, listed)) <= 100
    assert [line.split()[2:] for line in listed if "undone" in line] == [
        ["Nova", "Vale", "active", "retired", "rejections", "(undone)", "5", "rejections", "in", "a", "row"]
    ]
    assert [move["to_state"] for move in document["moves"]] == ["ARTIST_STATE_PAUSED", "ARTIST_STATE_ACTIVE"]


async def test_the_last_move_is_undone_and_told(label: Label):
    made = await artist(label.stub)
    await record_all(label.stub, made.id, *[REJECTED] * 5)

    told = await label.says("undo", "Nova Vale", "--reason", "too strict")

    assert told == (
        "Nova Vale is active again; undone: active to retired by rule rejections: 5 rejections in a row "
        f"({made.id})\n"
    )
    kept = (await label.stub.GetArtist(pb.GetArtistRequest(artist_id=made.id))).artist
    assert (name_of(kept.state), kept.state_reason) == ("ACTIVE", "too strict")


async def test_what_has_no_way_back_is_not_undone(label: Label):
    made = await artist(label.stub)
    await label.says("move", made.id, "retired", "--yes")

    done = await label.run("undo", "Nova Vale")

    assert done.code == 1
    assert "A PERSON'S RETIREMENT" in done.stderr
    assert "see how it stands: aiartist artist moves" in done.stderr


async def test_an_artist_that_was_never_moved_has_nothing_to_undo(label: Label):
    await artist(label.stub)

    done = await label.run("undo", "Nova Vale")

    assert done.code == 1
    assert done.stderr.splitlines()[-1].endswith("Nova Vale has not been moved yet")


async def test_pausing_all_pauses_evolving_artists_too(label: Label):
    active, evolving = await artist(label.stub), await artist(label.stub, "Ada")
    await label.says("move", "Ada", "evolving")

    await label.says("pause", "--all")

    assert [await state_of(label.stub, each.id) for each in (active, evolving)] == ["PAUSED", "PAUSED"]
    assert await label.says("pause", "--all") == "no artist is active or evolving\n"
