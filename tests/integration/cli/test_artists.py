"""`aiartist artist ...` against a server that keeps the contract."""

import json
from pathlib import Path

import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import artist_state_pb2
from aiartist.common.v1.decision_pb2 import (
    SILENCE_ANSWER_AUTOPILOT,
    SILENCE_ANSWER_EXPIRE,
    SILENCE_ANSWER_HOLD,
    SilenceAnswer,
)
from services.chassis.errors import FieldViolation
from tests.support.command import invoke
from tests.support.fake_services import FakePlatform

FILE = """\
name: Nova Vale
genre: synthwave
style: plain words
themes: [night drives]
"""


def file_of(folder: Path, text: str = FILE) -> str:
    path = folder / "artist.yaml"
    path.write_text(text)
    return str(path)


async def test_an_artist_is_taken_on_from_a_file(platform: FakePlatform, tmp_path: Path):
    done = await invoke("artist", "add", file_of(tmp_path), env=platform.environment)
    (artist,) = platform.artist_db.artists.values()
    assert (done.code, done.stdout) == (0, f"Nova Vale was taken on ({artist.id})\n")
    assert list(artist.persona.themes) == ["night drives"]


async def test_a_new_request_id_goes_with_every_command(platform: FakePlatform, tmp_path: Path):
    for _ in range(2):
        await invoke("artist", "add", file_of(tmp_path), env=platform.environment)
    ids = [request.request_id for request in platform.artist_db.requests]
    assert len(set(ids)) == 2
    assert all(ids)


async def test_a_known_name_is_refused_and_the_way_out_named(platform: FakePlatform, tmp_path: Path):
    platform.artist_db.add("Nova Vale")
    done = await invoke("artist", "add", file_of(tmp_path), env=platform.environment)
    assert done.code == 1
    what, what_to_do = done.stderr.splitlines()
    assert "'Nova Vale' exists already" in what
    assert what_to_do == "  to bring them up to date: aiartist artist add FILE --update"


async def test_update_brings_a_known_artist_up_to_date(platform: FakePlatform, tmp_path: Path):
    artist = platform.artist_db.add("Nova Vale")
    text = f"{FILE}bio: new\nautopilot_enabled: true\ncadence: {{interval_s: 3600}}\n"
    done = await invoke("artist", "add", file_of(tmp_path, text), "--update", env=platform.environment)
    assert (done.code, done.stdout) == (
        0,
        f"Nova Vale is as the file says, persona version 2 ({artist.id})\n",
    )
    assert (artist.persona.bio, artist.cadence.interval_s, artist.autopilot_enabled) == ("new", 3600, True)


async def test_update_leaves_alone_what_the_file_leaves_out(platform: FakePlatform, tmp_path: Path):
    artist = platform.artist_db.add("Nova Vale", autopilot_enabled=True, cadence=db.Cadence(interval_s=60))
    await invoke("artist", "add", file_of(tmp_path), "--update", env=platform.environment)
    assert (artist.cadence.interval_s, artist.autopilot_enabled) == (60, True)


async def test_update_of_an_unknown_artist_takes_them_on(platform: FakePlatform, tmp_path: Path):
    done = await invoke("artist", "add", file_of(tmp_path), "--update", env=platform.environment)
    assert done.code == 0
    assert "was taken on" in done.stdout


async def test_a_broken_file_is_refused_before_anybody_is_asked(platform: FakePlatform, tmp_path: Path):
    path = file_of(tmp_path, "genre: 5\nstile: x\n")
    done = await invoke("artist", "add", path, env=platform.environment)
    assert done.code == 2
    assert done.stdout == ""
    assert f"{path}:1: genre: expected text, was given the number 5; put it in quotes" in done.stderr
    assert f"{path}:2: stile: is not a field; did you mean style?" in done.stderr
    assert f"{path}: name: is missing" in done.stderr
    assert not platform.artist_db.requests


async def test_what_the_server_refuses_has_the_file_and_its_line(platform: FakePlatform, tmp_path: Path):
    path = file_of(tmp_path)
    platform.artist_db.violations = [
        FieldViolation("persona.genre", "must be one of house, pop, is synthwave")
    ]
    done = await invoke("artist", "add", path, env=platform.environment)
    assert (done.code, done.stderr) == (
        2,
        f"aiartist: {path}:2: genre: must be one of house, pop, is synthwave\n",
    )


async def test_artists_are_listed_by_name(platform: FakePlatform):
    for name in ("Nova Vale", "Delta Arcade"):
        platform.artist_db.add(name)
    done = await invoke("artist", "list", env=platform.environment)
    lines = done.stdout.splitlines()
    assert [line.split("  ")[0] for line in lines[2:]] == ["Delta Arcade", "Nova Vale"]
    assert max(len(line) for line in lines) <= 100


async def test_a_list_for_scripts_is_one_document_over_all_pages(platform: FakePlatform):
    for number in range(600):
        platform.artist_db.add(f"artist {number:03}")
    done = await invoke("--json", "artist", "list", "--limit", "550", env=platform.environment)
    document = json.loads(done.stdout)
    assert len(document["artists"]) == 550
    assert document["artists"][549]["persona"]["name"] == "artist 549"
    assert document["next_page_token"]
    sizes = [request.page_size for request in platform.artist_db.requests]
    assert sizes == [500, 50]


async def test_a_list_may_be_of_some_states_only(platform: FakePlatform):
    platform.artist_db.add("Nova Vale").state = artist_state_pb2.ARTIST_STATE_PAUSED
    platform.artist_db.add("Delta Arcade")
    done = await invoke("artist", "list", "--state", "paused", "--json", env=platform.environment)
    assert [artist["persona"]["name"] for artist in json.loads(done.stdout)["artists"]] == ["Nova Vale"]


async def test_an_empty_roster_says_how_to_begin(platform: FakePlatform):
    done = await invoke("artist", "list", env=platform.environment)
    assert (done.code, done.stdout) == (0, "no artists; take one on: aiartist artist add FILE\n")


@pytest.mark.parametrize("by", ["name", "id"])
async def test_an_artist_is_shown_by_name_or_id(platform: FakePlatform, by: str):
    artist = platform.artist_db.add("Nova Vale", cadence=db.Cadence(cron="0 9 * * 1"))
    artist.persona.themes.extend(["night drives", "rain"])
    done = await invoke(
        "artist", "show", "Nova Vale" if by == "name" else artist.id, env=platform.environment
    )
    shown = dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if len(line.split()) > 1)
    assert shown["name"] == "Nova Vale"
    assert shown["starts"] == "0 9 * * 1 UTC"
    assert shown["themes"] == "night drives, rain"
    assert shown["state"] == "active"


async def test_an_unknown_artist_is_not_found(platform: FakePlatform):
    done = await invoke("artist", "show", "Nobody", env=platform.environment)
    assert (done.code, done.stderr) == (
        1,
        "aiartist: there is no artist 'Nobody'\n  see who there is: aiartist artist list\n",
    )


async def test_autopilot_is_switched(platform: FakePlatform):
    artist = platform.artist_db.add("Nova Vale")
    done = await invoke("artist", "autopilot", "Nova Vale", "on", env=platform.environment)
    assert done.code == 0
    assert artist.autopilot_enabled
    await invoke("artist", "autopilot", "Nova Vale", "off", env=platform.environment)
    assert not artist.autopilot_enabled


async def test_autopilot_knows_on_and_off_only(platform: FakePlatform):
    done = await invoke("artist", "autopilot", "Nova Vale", "maybe", env=platform.environment)
    assert done.code == 2
    assert "maybe" in done.stderr


@pytest.mark.parametrize(
    ("word", "value", "said"),
    [
        ("hold", SILENCE_ANSWER_HOLD, "waits on where nobody answers"),
        ("expire", SILENCE_ANSWER_EXPIRE, "lets songs expire where nobody answers"),
        ("autopilot", SILENCE_ANSWER_AUTOPILOT, "has autopilot approve where nobody answers"),
    ],
)
async def test_what_silence_means_is_set_and_shown(
    platform: FakePlatform, word: str, value: SilenceAnswer.ValueType, said: str
):
    artist = platform.artist_db.add("Nova Vale")
    done = await invoke("artist", "silence", "Nova Vale", word, env=platform.environment)
    assert (done.code, done.stdout) == (0, f"Nova Vale {said} ({artist.id})\n")
    assert artist.on_silence == value
    assert platform.artist_db.requests[-1].request_id
    shown = await invoke("artist", "show", "Nova Vale", env=platform.environment)
    assert ["on", "silence", word] in [line.split() for line in shown.stdout.splitlines()]


async def test_silence_is_never_a_rejection(platform: FakePlatform):
    platform.artist_db.add("Nova Vale")
    done = await invoke("artist", "silence", "Nova Vale", "reject", env=platform.environment)
    assert done.code == 2
    assert not platform.artist_db.requests


async def test_a_file_may_say_what_silence_means(platform: FakePlatform, tmp_path: Path):
    expires = file_of(tmp_path, f"{FILE}on_silence: expire\n")
    await invoke("artist", "add", expires, env=platform.environment)
    (artist,) = platform.artist_db.artists.values()
    assert artist.on_silence == SILENCE_ANSWER_EXPIRE
    await invoke("artist", "add", file_of(tmp_path), "--update", env=platform.environment)
    assert artist.on_silence == SILENCE_ANSWER_EXPIRE
    holds = file_of(tmp_path, f"{FILE}on_silence: hold\n")
    await invoke("artist", "add", holds, "--update", env=platform.environment)
    assert artist.on_silence == SILENCE_ANSWER_HOLD


async def test_an_artist_is_paused_and_resumed(platform: FakePlatform):
    artist = platform.artist_db.add("Nova Vale")
    await invoke("artist", "pause", "Nova Vale", "--reason", "on tour", env=platform.environment)
    assert artist.state == artist_state_pb2.ARTIST_STATE_PAUSED
    assert platform.artist_db.requests[-1].reason == "on tour"
    await invoke("artist", "resume", "Nova Vale", env=platform.environment)
    assert artist.state == artist_state_pb2.ARTIST_STATE_ACTIVE


async def test_all_artists_whom_it_concerns_are_paused_and_resumed(platform: FakePlatform):
    active = [platform.artist_db.add(name) for name in ("Nova Vale", "Delta Arcade")]
    retired = platform.artist_db.add("Old Hand")
    retired.state = artist_state_pb2.ARTIST_STATE_RETIRED
    done = await invoke("artist", "pause", "--all", "--reason", "on tour", env=platform.environment)
    assert (done.code, done.stdout.splitlines()) == (
        0,
        [f"Delta Arcade is paused ({active[1].id})", f"Nova Vale is paused ({active[0].id})"],
    )
    assert {artist.state for artist in active} == {artist_state_pb2.ARTIST_STATE_PAUSED}
    assert retired.state == artist_state_pb2.ARTIST_STATE_RETIRED
    done = await invoke("artist", "resume", "--all", "--json", env=platform.environment)
    names = [artist["persona"]["name"] for artist in json.loads(done.stdout)["artists"]]
    assert names == ["Delta Arcade", "Nova Vale"]
    assert {artist.state for artist in active} == {artist_state_pb2.ARTIST_STATE_ACTIVE}
    done = await invoke("artist", "resume", "--all", env=platform.environment)
    assert (done.code, done.stdout) == (0, "no artist is paused\n")


@pytest.mark.parametrize("arguments", [(), ("Nova Vale", "--all")], ids=["neither", "both"])
async def test_one_artist_is_paused_or_all(platform: FakePlatform, arguments: tuple[str, ...]):
    platform.artist_db.add("Nova Vale")
    done = await invoke("artist", "pause", *arguments, env=platform.environment)
    assert done.code == 2
    assert "give an artist, or --all" in done.stderr
    assert not [r for r in platform.artist_db.requests if isinstance(r, db.PauseArtistRequest)]


async def test_a_wrong_state_is_named(platform: FakePlatform):
    artist = platform.artist_db.add("Nova Vale")
    done = await invoke("artist", "resume", "Nova Vale", env=platform.environment)
    assert (done.code, done.stderr.splitlines()) == (
        1,
        [
            f"aiartist: artist '{artist.id}' is ACTIVE; this needs PAUSED",
            f"  see how it stands: aiartist artist show {artist.id}",
        ],
    )


@pytest.mark.parametrize("state", ["CANDIDATE", "EVOLVING", "PAUSED"])
async def test_an_artist_is_retired_from_every_state(platform: FakePlatform, state: str):
    artist = platform.artist_db.add("Nova Vale")
    artist.state = artist_state_pb2.ArtistState.Value(f"ARTIST_STATE_{state}")
    done = await invoke("artist", "retire", "Nova Vale", "--yes", env=platform.environment)
    assert (done.code, artist.state) == (0, artist_state_pb2.ARTIST_STATE_RETIRED)


@pytest.mark.parametrize(("answer", "retired"), [("y\n", True), ("yes\n", True), ("n\n", False), ("", False)])
async def test_retiring_asks_first(platform: FakePlatform, answer: str, retired: bool):
    artist = platform.artist_db.add("Nova Vale")
    done = await invoke("artist", "retire", "Nova Vale", env=platform.environment, stdin=answer)
    assert "Retire Nova Vale for good?" in done.stderr
    assert (artist.state == artist_state_pb2.ARTIST_STATE_RETIRED) is retired
    assert done.code == (0 if retired else 1)


async def test_retiring_with_yes_asks_nobody(platform: FakePlatform):
    artist = platform.artist_db.add("Nova Vale")
    done = await invoke("artist", "retire", "Nova Vale", "--yes", env=platform.environment)
    assert (done.code, done.stderr) == (0, "")
    assert artist.state == artist_state_pb2.ARTIST_STATE_RETIRED


async def test_restore_makes_an_old_version_the_current_one(platform: FakePlatform, tmp_path: Path):
    artist = platform.artist_db.add("Nova Vale")
    artist.persona.bio = "first"
    platform.artist_db.versions[artist.id][0].persona.bio = "first"
    text = f"{FILE}bio: second\n"
    await invoke("artist", "add", file_of(tmp_path, text), "--update", env=platform.environment)
    done = await invoke("artist", "restore", "Nova Vale", "1", "--yes", env=platform.environment)
    assert done.stdout == f"Nova Vale is as in version 1, now version 3 ({artist.id})\n"
    assert artist.persona.bio == "first"


async def test_an_artist_for_scripts_is_the_proto_as_json(platform: FakePlatform):
    artist = platform.artist_db.add("Nova Vale")
    done = await invoke("artist", "show", "Nova Vale", "--json", env=platform.environment)
    document = json.loads(done.stdout)
    assert document["id"] == artist.id
    assert document["state"] == "ARTIST_STATE_ACTIVE"
    assert document["persona_version"] == 1
    assert document["autopilot_enabled"] is False
