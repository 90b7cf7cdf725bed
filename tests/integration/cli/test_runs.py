"""`aiartist run ...` against a server that keeps the contract."""

import json
from typing import Any

import pytest

from aiartist.common.v1.decision_pb2 import (
    VERDICT_APPROVED,
    VERDICT_REGENERATE_BRIEF,
    VERDICT_REGENERATE_TAKE,
    VERDICT_REJECTED,
    Verdict,
)
from aiartist.scheduler.v1 import scheduler_pb2 as sched
from services.chassis.ids import derived_id
from tests.support.command import invoke
from tests.support.fake_scheduler import NOON
from tests.support.fake_services import FakePlatform

WAITING = sched.RUN_STATE_AWAITING_APPROVAL


def waiting_run(platform: FakePlatform, **fields: Any) -> sched.Run:
    return platform.scheduler.add("waits", WAITING, title="Neon Rain", content_digest="sha256:aa", **fields)


@pytest.mark.parametrize(
    ("options", "autopilot"), [((), None), (("--autopilot",), True), (("--no-autopilot",), False)]
)
async def test_a_run_is_started_for_an_artist(
    platform: FakePlatform, options: tuple[str, ...], autopilot: bool | None
):
    artist = platform.artist_db.add("Nova Vale")
    done = await invoke("run", "start", "Nova Vale", "--note", "slower", *options, env=platform.environment)
    (run,) = platform.scheduler.runs.values()
    (request,) = platform.scheduler.requests
    assert (done.code, done.stdout) == (0, f"{run.id} started for Nova Vale\n")
    assert (request.artist_id, request.note) == (artist.id, "slower")
    assert (request.autopilot if request.HasField("autopilot") else None) == autopilot


async def test_a_run_for_an_unknown_artist_starts_nothing(platform: FakePlatform):
    done = await invoke("run", "start", "Nobody", env=platform.environment)
    assert done.code == 1
    assert not platform.scheduler.requests


async def test_runs_are_listed_with_titles_and_artists(platform: FakePlatform):
    artist = platform.artist_db.add("Nova Vale")
    platform.scheduler.add("old", sched.RUN_STATE_RELEASED, artist_id=artist.id, title="Neon Rain")
    new = platform.scheduler.add("new", sched.RUN_STATE_COMPOSING, artist_id=artist.id)
    done = await invoke("run", "list", env=platform.environment)
    lines = done.stdout.splitlines()
    assert lines[2].startswith(new.id)
    assert "composing" in lines[2]
    assert "Neon Rain" in lines[3]
    assert all("Nova Vale" in line for line in lines[2:])
    assert max(len(line) for line in lines) <= 100


async def test_the_widest_row_fits_100_columns_and_keeps_the_id_whole(platform: FakePlatform):
    artist = platform.artist_db.add("N" * 80)
    run = platform.scheduler.add("x", WAITING, artist_id=artist.id, title="T" * 80)
    done = await invoke("run", "list", env=platform.environment)
    assert run.id in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 100


async def test_a_list_asks_for_the_states_and_the_artist_that_are_wanted(platform: FakePlatform):
    artist = platform.artist_db.add("Nova Vale")
    options = ("--artist", "Nova Vale", "--state", "failed", "--state", "awaiting_approval")
    await invoke("run", "list", *options, env=platform.environment)
    (request,) = platform.scheduler.requests
    assert request.artist_id == artist.id
    assert list(request.states) == [sched.RUN_STATE_FAILED, WAITING]


async def test_titles_cannot_command_the_terminal(platform: FakePlatform):
    platform.scheduler.add("x", title="\x1b[2J\x1b]0;owned\x07[red]Rain[/red]")
    done = await invoke("run", "list", env=platform.environment)
    assert "\x1b" not in done.stdout
    assert "\x07" not in done.stdout
    assert "[red]" in done.stdout


async def test_a_list_for_scripts_has_every_run(platform: FakePlatform):
    for number in range(3):
        platform.scheduler.add(f"run {number}", title=f"song {number}")
    done = await invoke("run", "list", "--json", env=platform.environment)
    assert [run["title"] for run in json.loads(done.stdout)["runs"]] == ["song 2", "song 1", "song 0"]


async def test_a_run_is_shown_with_its_stages(platform: FakePlatform):
    run = waiting_run(platform, started_by="operator")
    stage = run.stages.add(
        stage=sched.STAGE_NAME_COMPOSE, take_number=1, state=sched.StageExecution.STATE_SUCCEEDED, attempts=2
    )
    stage.started_at.seconds, stage.ended_at.seconds = NOON, NOON + 72
    stage.error.message = "timeout"
    done = await invoke("run", "show", run.id, env=platform.environment)
    row = next(line for line in done.stdout.splitlines() if line.startswith("compose"))
    assert "1m 12s" in row
    assert "succeeded" in row
    assert "timeout" in row
    assert f"approve: aiartist run approve {run.id}" in done.stdout


@pytest.mark.parametrize("cut", [6, 12, 29])
async def test_a_run_is_found_by_the_beginning_of_its_id(platform: FakePlatform, cut: int):
    run = platform.scheduler.add("one", title="Neon Rain")
    done = await invoke("run", "show", run.id[:cut], "--json", env=platform.environment)
    assert json.loads(done.stdout)["id"] == run.id


async def test_the_beginning_needs_no_prefix(platform: FakePlatform):
    run = platform.scheduler.add("one")
    done = await invoke("run", "show", run.id[4:12], "--json", env=platform.environment)
    assert json.loads(done.stdout)["id"] == run.id


async def test_the_beginning_of_two_ids_is_refused_and_both_are_named(platform: FakePlatform):
    ids = []
    for number in range(40):
        ids.append(platform.scheduler.add(f"run {number}").id)
    first = next(i for i in ids if sum(other.startswith(i[:5]) for other in ids) == 2)
    done = await invoke("run", "show", first[:5], env=platform.environment)
    assert done.code == 2
    assert all(i in done.stderr for i in ids if i.startswith(first[:5]))


async def test_the_beginning_of_no_id_is_not_found(platform: FakePlatform):
    done = await invoke("run", "show", "run_zzz", env=platform.environment)
    assert done.code == 1
    assert done.stderr.startswith("aiartist: no run among the newest 2,000 begins with run_zzz\n")


async def test_what_cannot_be_an_id_is_bad_input(platform: FakePlatform):
    done = await invoke("run", "show", "Neon Rain", env=platform.environment)
    assert done.code == 2
    assert not platform.scheduler.requests


async def test_an_unknown_id_is_not_found(platform: FakePlatform):
    done = await invoke("run", "show", derived_id("run", "nobody's"), env=platform.environment)
    assert done.code == 1
    assert "there is no run" in done.stderr


@pytest.mark.parametrize(
    ("command", "wanted", "reason"),
    [
        (("approve",), VERDICT_APPROVED, ""),
        (("reject", "--reason", "too loud"), VERDICT_REJECTED, "too loud"),
        (("regenerate", "--note", "slower"), VERDICT_REGENERATE_TAKE, "slower"),
        (("regenerate", "--note", "sadder", "--rewrite"), VERDICT_REGENERATE_BRIEF, "sadder"),
    ],
)
async def test_a_decision_is_made_about_the_content_that_waits(
    platform: FakePlatform, command: tuple[str, ...], wanted: Verdict.ValueType, reason: str
):
    run = waiting_run(platform)
    verb, *options = command
    environment = {**platform.environment, "AIARTIST_OPERATOR": "vera"}
    done = await invoke("run", verb, run.id, *options, env=environment)
    (request,) = platform.scheduler.requests
    assert done.code == 0
    assert (request.verdict, request.reason, request.decided_by) == (wanted, reason, "cli:vera")
    assert request.content_digest == "sha256:aa"
    assert request.request_id


async def test_a_decision_may_be_bound_to_the_content_that_was_heard(platform: FakePlatform):
    run = waiting_run(platform)
    await invoke("run", "approve", run.id, "--digest", "sha256:heard", env=platform.environment)
    assert platform.scheduler.requests[-1].content_digest == "sha256:heard"


@pytest.mark.parametrize("verb", ["reject", "regenerate"])
async def test_a_no_needs_its_reason(platform: FakePlatform, verb: str):
    done = await invoke("run", verb, waiting_run(platform).id, env=platform.environment)
    assert done.code == 2
    assert not platform.scheduler.requests


async def test_a_decision_about_a_released_run_names_its_state(platform: FakePlatform):
    run = platform.scheduler.add("done", sched.RUN_STATE_RELEASED, content_digest="sha256:aa")
    done = await invoke("run", "approve", run.id, env=platform.environment)
    assert done.code == 1
    assert "is RELEASED; this needs AWAITING_APPROVAL" in done.stderr


async def test_a_decision_before_there_is_a_song_is_refused(platform: FakePlatform):
    run = platform.scheduler.add("early", sched.RUN_STATE_COMPOSING)
    done = await invoke("run", "approve", run.id, env=platform.environment)
    assert (done.code, done.stderr.splitlines()[0]) == (
        1,
        f"aiartist: run {run.id} is composing: there is nothing to decide about yet",
    )
    assert not platform.scheduler.requests


async def test_a_run_is_cancelled_with_its_reason(platform: FakePlatform):
    run = platform.scheduler.add("one")
    done = await invoke("run", "cancel", run.id, "--reason", "wrong artist", env=platform.environment)
    assert (done.code, done.stdout) == (0, f"{run.id} is cancelled\n")
    assert platform.scheduler.requests[-1].reason == "wrong artist"


async def test_a_failed_run_is_retried_and_another_is_not(platform: FakePlatform):
    failed = platform.scheduler.add("failed", sched.RUN_STATE_FAILED)
    done = await invoke("run", "retry", failed.id, "--json", env=platform.environment)
    assert json.loads(done.stdout)["state"] == "RUN_STATE_PRODUCING"
    again = await invoke("run", "retry", failed.id, env=platform.environment)
    assert again.code == 1
    assert "is PRODUCING; this needs FAILED" in again.stderr
