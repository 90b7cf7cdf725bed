"""Several takes of one run: asked for, shown, picked; and people asked once more."""

import json
from typing import Any

import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.common.v1.decision_pb2 import SILENCE_ANSWER_AUTOPILOT, SILENCE_ANSWER_EXPIRE, SilenceAnswer
from aiartist.scheduler.v1 import scheduler_pb2 as sched
from services.chassis.ids import derived_id
from tests.support.command import invoke
from tests.support.fake_scheduler import NOON
from tests.support.fake_services import FakePlatform


def take(platform: FakePlatform, run: sched.Run, number: int, *, passed: bool = True) -> db.StoredTake:
    made = db.StoredTake(
        id=derived_id("tak", f"{number}"),
        run_id=run.id,
        take_number=number,
        content_digest=f"sha256:{number}",
    )
    made.review.passed, made.review.duration_ms, made.review.loudness_lufs = passed, 93_000, -14.1
    made.preview.path = f"previews/{number}.mp3"
    platform.artist_db.takes.append(made)
    return made


def waiting_run(platform: FakePlatform, **fields: Any) -> sched.Run:
    """A run that waits, with takes 1 and 3; take 2 failed its review."""
    run = platform.scheduler.add(
        "waits", sched.RUN_STATE_AWAITING_APPROVAL, content_digest="sha256:3", takes_wanted=2, **fields
    )
    for number in (1, 2, 3):
        take(platform, run, number, passed=number != 2)
    return run


@pytest.mark.parametrize(("options", "takes"), [((), 0), (("--takes", "3"), 3)], ids=["default", "3"])
async def test_a_run_is_started_with_as_many_takes_as_are_wanted(
    platform: FakePlatform, options: tuple[str, ...], takes: int
):
    platform.artist_db.add("Nova Vale")
    done = await invoke("run", "start", "Nova Vale", *options, env=platform.environment)
    assert done.code == 0
    assert platform.scheduler.requests[-1].takes == takes


@pytest.mark.parametrize("takes", ["0", "6"])
async def test_a_run_has_one_to_five_takes(platform: FakePlatform, takes: str):
    platform.artist_db.add("Nova Vale")
    done = await invoke("run", "start", "Nova Vale", "--takes", takes, env=platform.environment)
    assert done.code == 2
    assert not platform.scheduler.requests


async def test_a_take_is_picked_by_its_number(platform: FakePlatform):
    run = waiting_run(platform)
    done = await invoke("run", "approve", run.id, "--take", "1", env=platform.environment)
    assert done.code == 0
    request = platform.scheduler.requests[-1]
    assert (request.take_id, request.content_digest) == (derived_id("tak", "1"), "sha256:1")


async def test_a_picked_take_may_be_bound_to_the_content_that_was_heard(platform: FakePlatform):
    run = waiting_run(platform)
    await invoke(
        "run", "approve", run.id, "--take", "1", "--digest", "sha256:heard", env=platform.environment
    )
    assert platform.scheduler.requests[-1].content_digest == "sha256:heard"


async def test_without_a_number_the_newest_take_is_meant(platform: FakePlatform):
    run = waiting_run(platform)
    await invoke("run", "approve", run.id, env=platform.environment)
    request = platform.scheduler.requests[-1]
    assert (request.take_id, request.content_digest) == ("", "sha256:3")


@pytest.mark.parametrize(("number", "why"), [("2", "failed its review"), ("9", "is not there")])
async def test_a_take_that_cannot_be_picked_is_refused_with_those_that_can(
    platform: FakePlatform, number: str, why: str
):
    run = waiting_run(platform)
    done = await invoke("run", "approve", run.id, "--take", number, env=platform.environment)
    assert (done.code, done.stderr) == (
        1,
        f"aiartist: take {number} of run {run.id} {why}\n  there are to pick from: 1, 3\n",
    )
    assert not platform.scheduler.requests


async def test_a_waiting_run_shows_the_takes_to_pick_from(platform: FakePlatform):
    run = waiting_run(platform)
    done = await invoke("run", "show", run.id, env=platform.environment)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["1", "1m", "33s", "-14.1", "LUFS", "–", "–", "previews/1.mp3"] in rows
    assert not any("previews/2.mp3" in row for row in rows)
    assert f"approve: aiartist run approve {run.id} --take NUMBER" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 100


async def test_a_run_with_one_take_shows_no_list_of_them(platform: FakePlatform):
    run = platform.scheduler.add("one", sched.RUN_STATE_AWAITING_APPROVAL, content_digest="sha256:1")
    take(platform, run, 1)
    done = await invoke("run", "show", run.id, env=platform.environment)
    assert "previews/1.mp3" not in done.stdout
    assert f"approve: aiartist run approve {run.id}\n" in done.stdout


@pytest.mark.parametrize(
    ("on_silence", "said"),
    [
        (SILENCE_ANSWER_EXPIRE, "expires on "),
        (SILENCE_ANSWER_AUTOPILOT, "autopilot approves on "),
        (None, "waits on where nobody answers"),
    ],
    ids=["expire", "autopilot", "hold"],
)
async def test_a_waiting_run_says_what_silence_does(
    platform: FakePlatform, on_silence: SilenceAnswer.ValueType | None, said: str
):
    run = waiting_run(platform)
    if on_silence is not None:
        run.on_silence, run.approval_expires_at.seconds = on_silence, NOON
    done = await invoke("run", "show", run.id, env=platform.environment)
    told = next(line for line in done.stdout.splitlines() if line.startswith("silence"))
    assert told.split(maxsplit=1)[1].startswith(said)


async def test_people_are_asked_once_more(platform: FakePlatform):
    run = waiting_run(platform)
    platform.notifier.open_questions[run.id] = "msg_1"
    done = await invoke("run", "ask", run.id[:12], env=platform.environment)
    assert (done.code, done.stdout) == (0, f"{run.id}: people are asked once more\n")
    (request,) = platform.notifier.requests
    assert request.run_id == run.id
    assert request.request_id
    told = await invoke("run", "ask", run.id, "--json", env=platform.environment)
    assert json.loads(told.stdout) == {"message_id": "msg_1"}


async def test_where_no_question_is_open_nobody_is_asked(platform: FakePlatform):
    run = platform.scheduler.add("released", sched.RUN_STATE_RELEASED)
    done = await invoke("run", "ask", run.id, env=platform.environment)
    assert (done.code, done.stderr) == (
        1,
        f"aiartist: there is no open question of run '{run.id}'\n"
        "  see which wait: aiartist run list --state awaiting_approval\n",
    )
