"""Artists' files against the real artist_db: its rules are the ones that count."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.artist_db.app import build
from services.artist_db.settings import Settings
from tests.support.command import ROOT, invoke, run_command

EXAMPLES = sorted((ROOT / "examples" / "artists").glob("*.yaml"))


@pytest.fixture
async def env(database_url: str) -> AsyncIterator[dict[str, str]]:
    settings = Settings(port=0, metrics_port=0, database_url=database_url, ship_errors=False, stop_grace_s=1)
    async with await build(settings) as app:
        yield {"AIARTIST_ARTIST_DB_ADDR": f"127.0.0.1:{app.port}"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
async def test_every_example_is_taken_on_and_can_be_brought_up_to_date(env: dict[str, str], path: Path):
    first = await invoke("artist", "add", str(path), env=env)
    assert (first.code, first.stderr) == (0, "")
    again = await invoke("artist", "add", str(path), env=env)
    assert again.code == 1
    assert "already" in again.stderr
    updated = await invoke("artist", "add", str(path), "--update", env=env)
    assert (updated.code, updated.stderr) == (0, "")


async def test_a_value_that_the_rules_refuse_is_shown_at_its_line(env: dict[str, str], tmp_path: Path):
    path = tmp_path / "artist.yaml"
    path.write_text(
        "name: Nova Vale\n"
        "genre: polka\n"
        "style: plain\n"
        "themes:\n"
        "  - rain\n"
        "  - ''\n"
        "tempo: {min_bpm: 300, max_bpm: 90}\n"
        "cadence:\n"
        "  cron: never\n"
    )
    done = await invoke("artist", "add", str(path), env=env)
    places = [
        line.removeprefix("aiartist: ").strip().removeprefix(str(path)) for line in done.stderr.splitlines()
    ]
    assert done.code == 2
    assert [": ".join(place.split(": ")[:2]) for place in places] == [
        ":2: genre",
        ":6: themes[1]",
        ":7: tempo.min_bpm",
        ":9: cadence.cron",
    ]


async def test_an_artist_goes_through_a_whole_career(env: dict[str, str]):
    await invoke("artist", "add", str(EXAMPLES[0]), env=env)
    listed = await invoke("artist", "list", env=env)
    name = listed.stdout.splitlines()[2].split("  ")[0]
    for verb, word in (("pause", "is paused"), ("resume", "is active"), ("retire", "is retired")):
        done = await invoke("artist", verb, name, *(["--yes"] if verb == "retire" else []), env=env)
        assert (done.code, done.stderr) == (0, "")
        assert word in done.stdout
    again = await invoke("artist", "resume", name, env=env)
    assert again.code == 1
    assert "RETIRED" in again.stderr


async def test_a_limit_that_was_set_is_shown_and_can_be_removed(env: dict[str, str]):
    await invoke("artist", "add", str(EXAMPLES[0]), env=env)
    listed = await invoke("artist", "list", env=env)
    name = listed.stdout.splitlines()[2].split("  ")[0]
    of_artist = ("--artist", name)
    for command in (("set", "day", "7.5"), ("set", "artist", "3"), ("set", "artist", "0.25", *of_artist)):
        done = await invoke("budget", *command, env=env)
        assert (done.code, done.stderr) == (0, "")
    shown = await run_command("budget", *of_artist, env=env)
    day, artist = (line.split() for line in shown.stdout.splitlines()[2:])
    assert "$7.50" in day
    assert "$0.25" in artist
    done = await run_command("budget", "unset", "artist", *of_artist, env=env)
    assert done.stdout == f"{name}: at most $3.00 a day again, as set for all\n"
