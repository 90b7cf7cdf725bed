"""`aiartist experiment ...` against the real artist_db."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from aiartist.artist_db.v1.artist_db_pb2 import ListArtistsRequest
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.artist_db.v1.experiment_pb2 import AssignArmsRequest
from aiartist.release.v1.release_pb2 import MusicProvider
from services.artist_db.app import build
from services.artist_db.settings import Settings
from tests.support.command import ROOT, invoke, run_command
from tests.support.fake_services import FakePlatform

ARTIST = str(ROOT / "examples" / "artists" / "nova-vale.yaml")
DARK = (
    *("create", "--name", "Darker words", "--kind", "prompt"),
    *("--arm", "control=", "--arm", "dark=write darker words=now"),
)


@pytest.fixture
async def env(database_url: str) -> AsyncIterator[dict[str, str]]:
    settings = Settings(port=0, metrics_port=0, database_url=database_url, ship_errors=False, stop_grace_s=1)
    async with await build(settings) as app:
        yield {"AIARTIST_ARTIST_DB_ADDR": f"127.0.0.1:{app.port}"}


async def test_an_experiment_is_begun_shown_promoted_and_ended(env: dict[str, str]):
    begun = await invoke("experiment", *DARK, env=env)
    assert (begun.code, begun.stderr) == (0, "")
    assert "Darker words runs (exp_" in begun.stdout

    shown = await invoke("experiment", "show", "Darker words", env=env)
    assert shown.code == 0
    assert "not enough data: " in shown.stdout
    (dark,) = [line.split() for line in shown.stdout.splitlines() if line.startswith("dark")]
    assert dark[:4] + dark[5:7] == ["dark", "0", "0", "–", "50%", "50%"]
    assert "write darker words=now" in shown.stdout

    promoted = await invoke("experiment", "promote", "Darker words", "--arm", "dark", "--yes", env=env)
    assert "Darker words is ended, 'dark' is used from now on\n" in promoted.stdout
    listed = await invoke("experiment", "list", "--state", "promoted", env=env)
    assert "Darker words" in listed.stdout
    stop = ("experiment", "stop", "Darker words", "--reason", "seen enough", "--yes")
    stopped = await invoke(*stop, env=env)
    assert "Darker words is ended: not enough data" in stopped.stdout
    again = await invoke("experiment", "stop", "Darker words", env=env)
    assert again.code == 1
    assert "STOPPED" in again.stderr


async def test_a_promotion_needs_a_yes_and_an_arm(env: dict[str, str]):
    await invoke("experiment", *DARK, env=env)
    refused = await run_command(
        "experiment", "promote", "Darker words", "--arm", "dark", stdin="no\n", env=env
    )
    assert refused.code == 1
    assert "no arm was promoted" in refused.stderr
    without = await invoke("experiment", "promote", "Darker words", "--yes", env=env)
    assert without.code == 1
    assert "not enough data" in without.stderr
    shown = await invoke("experiment", "show", "Darker words", "--json", env=env)
    assert json.loads(shown.stdout)["state"] == "EXPERIMENT_STATE_RUNNING"


async def test_an_end_needs_a_yes(env: dict[str, str]):
    await invoke("experiment", *DARK, env=env)
    refused = await run_command("experiment", "stop", "Darker words", stdin="no\n", env=env)
    assert refused.code == 1
    assert "End Darker words? It cannot be taken up again. [y/N]" in refused.stderr
    assert "nothing was ended" in refused.stderr
    agreed = await run_command("experiment", "stop", "Darker words", stdin="yes\n", env=env)
    assert (agreed.code, "Darker words is ended: " in agreed.stdout) == (0, True)


def _named(kind: str, value: str) -> tuple[str, ...]:
    return "experiment", "create", "--name", "x", "--kind", kind, "--arm", "a=one", "--arm", f"b={value}"


async def test_models_that_songs_are_not_written_with_are_refused(
    env: dict[str, str], platform: FakePlatform
):
    for name, available in (("one", True), ("two", True), ("three", False), ("four", True)):
        platform.orchestrator.add(name, available=available)
    platform.orchestrator.models.roles.add(name="songwriter", models=["one", "three", "two"])
    env = env | {"AIARTIST_ORCHESTRATOR_ADDR": platform.address}
    for unknown in ("tow", "three", "four"):
        done = await invoke(*_named("model", unknown), env=env)
        assert done.code == 2
        assert f"arms.b: '{unknown}' is no model that songs are written with" in done.stderr
        assert "there are: one, two\n" in done.stderr
    begun = await invoke(*_named("model", "two"), env=env)
    assert (begun.code, begun.stderr) == (0, "")


async def test_music_providers_that_are_not_set_up_are_refused(env: dict[str, str], platform: FakePlatform):
    for name, configured in (("one", True), ("two", True), ("three", False)):
        platform.release.music_providers.append(MusicProvider(name=name, configured=configured))
    env = env | {"AIARTIST_RELEASE_ADDR": platform.address}
    for unknown in ("tow", "three"):
        done = await invoke(*_named("provider", unknown), env=env)
        assert done.code == 2
        assert f"arms.b: '{unknown}' is no music provider that is set up" in done.stderr
        assert "there are: one, two\n" in done.stderr
    begun = await invoke(*_named("provider", "two"), env=env)
    assert (begun.code, begun.stderr) == (0, "")


@pytest.mark.parametrize(("kind", "service"), [("model", "orchestrator"), ("provider", "release")])
async def test_names_that_nobody_can_check_are_taken_with_a_note(
    env: dict[str, str], platform: FakePlatform, kind: str, service: str
):
    env = env | {f"AIARTIST_{service.upper()}_ADDR": platform.address}
    await platform.stop()
    begun = await invoke(*_named(kind, "two"), env=env)
    assert begun.code == 0
    assert f"{service} at {platform.address} does not answer" in begun.stderr


async def test_a_run_without_outcome_is_told_in_the_singular(env: dict[str, str]):
    await invoke("artist", "add", ARTIST, env=env)
    await invoke("experiment", *DARK, env=env)
    async with grpc.aio.insecure_channel(env["AIARTIST_ARTIST_DB_ADDR"]) as channel:
        stub = ArtistDbServiceStub(channel)
        (artist,) = (await stub.ListArtists(ListArtistsRequest())).artists
        await stub.AssignArms(AssignArmsRequest(run_id="run_1", artist_id=artist.id))
        shown = await invoke("experiment", "show", "Darker words", env=env)
        assert "\n1 run has no outcome, or none yet\n" in shown.stdout
        await stub.AssignArms(AssignArmsRequest(run_id="run_2", artist_id=artist.id))
        shown = await invoke("experiment", "show", "Darker words", env=env)
        assert "\n2 runs have no outcome, or none yet\n" in shown.stdout


async def test_the_defaults_are_told_in_words(env: dict[str, str]):
    told = " ".join((await invoke("experiment", "create", "--help", env=env)).stdout.split())
    assert "default 0.02" in told
    assert "default 5" in told


async def test_an_empty_file_says_what_an_experiment_needs(env: dict[str, str], tmp_path: Path):
    path = tmp_path / "empty.yaml"
    path.write_text("")
    done = await invoke("experiment", "create", str(path), env=env)
    assert done.code == 2
    assert "is empty; an experiment needs at least name, kind and arms" in done.stderr
    path.write_text("- a\n")
    done = await invoke("experiment", "create", str(path), env=env)
    assert "expected fields such as `name: Darker words`, was given a list" in done.stderr


async def test_an_experiment_comes_from_a_file(env: dict[str, str], tmp_path: Path):
    await invoke("artist", "add", ARTIST, env=env)
    path = tmp_path / "moods.yaml"
    path.write_text(
        "name: Brighter moods\n"
        "kind: persona\n"
        "field: moods\n"
        "artists: [Nova Vale]\n"
        "metric: review\n"
        "floor: 0.1\n"
        "min_outcomes: 5\n"
        "arms:\n"
        "  old: [wistful]\n"
        "  new: [bright, warm]\n"
    )
    begun = await run_command("experiment", "create", str(path), "--json", env=env)
    assert (begun.code, begun.stderr) == (0, "")
    made = json.loads(begun.stdout)
    assert made["arms"][1] == {"name": "new", "value": '["bright", "warm"]'}
    assert (made["metric"], made["floor"], made["min_outcomes"]) == ("OUTCOME_METRIC_REVIEW", 0.1, 5)
    shown = await invoke("experiment", "show", made["id"][:20], env=env)
    assert "Nova Vale" in shown.stdout


async def test_a_file_is_refused_with_all_that_is_wrong_in_it(env: dict[str, str], tmp_path: Path):
    path = tmp_path / "wrong.yaml"
    path.write_text("name: [x]\nkind: prompt\nfloor: much\ncolour: red\nartists: [3]\n")
    done = await invoke("experiment", "create", str(path), env=env)
    assert done.code == 2
    for what in (
        ":1: name: expected text",
        ":3: floor",
        ":4: colour: is not known",
        ":5: artists[0]",
        "arms",
    ):
        assert what in done.stderr


async def test_what_the_service_refuses_is_told_field_by_field(env: dict[str, str]):
    done = await invoke(
        *("experiment", "create", "--name", "Covers", "--kind", "cover", "--floor", "0.5"),
        *("--arm", "a=rings", "--arm", "b=cubes"),
        env=env,
    )
    assert done.code == 2
    assert "experiment.floor: must be 0 to 0.2" in done.stderr
    assert "experiment.arms[1].value: must be one of horizon" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("create", "--name", "x", "--kind", "prompt"),
        ("create", "--name", "x", "--kind", "prompt", "--arm", "dark"),
        ("create", "x.yaml", "--name", "x"),
    ],
)
async def test_half_an_experiment_is_no_command(env: dict[str, str], arguments: tuple[str, ...]):
    assert (await invoke("experiment", *arguments, env=env)).code == 2


async def test_an_unknown_experiment_leads_to_the_list(env: dict[str, str]):
    done = await invoke("experiment", "show", "Nothing", env=env)
    assert done.code == 1
    assert "aiartist experiment list" in done.stderr
