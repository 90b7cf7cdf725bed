"""Watching a run, through broken connections and restarts."""

import asyncio
import io
import json
import signal

import grpc
import pytest
from rich.console import Console

from aiartist.common.v1.progress_pb2 import Progress
from aiartist.scheduler.v1 import scheduler_pb2 as sched
from aiartist.scheduler.v1.scheduler_pb2 import RunEvent
from aiartist.scheduler.v1.scheduler_pb2_grpc import SchedulerServiceStub
from cli.run_view import follow
from cli.watching import Watch
from tests.support.command import end_of, invoke, run_command, start_command
from tests.support.fake_scheduler import event
from tests.support.fake_services import FakePlatform

COMPOSE = sched.STAGE_NAME_COMPOSE
COMPOSING = sched.RUN_STATE_COMPOSING


def released_run(platform: FakePlatform) -> sched.Run:
    run = platform.scheduler.add(
        "one", sched.RUN_STATE_RELEASED, location="label/neon-rain", title="Neon Rain"
    )
    platform.scheduler.events[run.id] = [
        event(1, RunEvent.TYPE_STAGE_STARTED, COMPOSING, stage=COMPOSE, take_number=1, attempt=1),
        event(
            0,
            RunEvent.TYPE_PROGRESS,
            COMPOSING,
            stage=COMPOSE,
            take_number=1,
            progress=Progress(step="verse 2", done=2, total=4),
        ),
        event(2, RunEvent.TYPE_STAGE_SUCCEEDED, COMPOSING, stage=COMPOSE, take_number=1, attempt=1),
        event(3, RunEvent.TYPE_STATE_CHANGED, sched.RUN_STATE_RELEASED, message="label/neon-rain"),
    ]
    return run


def watches(platform: FakePlatform) -> list[str]:
    """The resume tokens of all watches so far."""
    return [r.resume_token for r in platform.scheduler.requests if isinstance(r, sched.WatchRunRequest)]


async def test_away_from_a_terminal_every_event_is_a_plain_line(platform: FakePlatform):
    run = released_run(platform)
    done = await run_command("run", "watch", run.id, env=platform.environment)
    assert done.code == 0
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert [line.split("  ", 1)[-1] for line in done.stdout.splitlines()] == [
        "compose: started",
        "compose: verse 2 2/4",
        "compose: done in 1.0 s",
        "run is released: label/neon-rain",
        "released: label/neon-rain",
    ]


async def test_for_scripts_every_event_is_one_json_line(platform: FakePlatform):
    run = released_run(platform)
    done = await invoke("run", "watch", run.id, "--json", env=platform.environment)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["event"]["type"] for line in told] == [
        "TYPE_STAGE_STARTED",
        "TYPE_PROGRESS",
        "TYPE_STAGE_SUCCEEDED",
        "TYPE_STATE_CHANGED",
    ]
    assert told[-1]["resume_token"] == "3"


async def test_a_broken_watch_goes_on_after_the_last_event(platform: FakePlatform):
    run = released_run(platform)
    # Once within the stream, once before its first event.
    platform.scheduler.cuts = [3, 0]
    done = await invoke("run", "watch", run.id, "--json", env=platform.environment)
    sequences = [json.loads(line)["event"]["sequence"] for line in done.stdout.splitlines()]
    assert [number for number in sequences if number != "0"] == ["1", "2", "3"]
    assert watches(platform) == ["", "2", "2"]
    assert done.code == 0


async def test_a_server_that_stops_in_order_is_watched_again(platform: FakePlatform):
    run = released_run(platform)
    run.state = COMPOSING
    platform.scheduler.ends_early = True
    async with grpc.aio.insecure_channel(platform.address) as channel:
        watch = Watch(SchedulerServiceStub(channel), run.id)
        told = []
        async for response in watch.responses():
            told.append(response.event.sequence)
            # The run goes on behind the server that stops.
            if told == [1]:
                continue
            run.state = sched.RUN_STATE_RELEASED
    assert [number for number in told if number] == [1, 2, 3]
    assert watches(platform) == ["", "1"]
    assert watch.run.state == sched.RUN_STATE_RELEASED


async def test_a_watch_outlives_a_restart_of_the_scheduler(platform: FakePlatform):
    run = released_run(platform)
    events = platform.scheduler.events[run.id]
    platform.scheduler.events[run.id], platform.scheduler.stays_open = events[:1], True
    contacts: list[bool] = []
    back = asyncio.Event()

    def on_contact(connected: bool) -> None:
        contacts.append(connected)
        if not connected:
            back.set()

    async def restart() -> None:
        await platform.scheduler.silent.wait()
        await platform.stop()
        await back.wait()
        platform.scheduler.events[run.id], platform.scheduler.stays_open = events, False
        await platform.start()

    async with grpc.aio.insecure_channel(platform.address) as channel:
        watch = Watch(SchedulerServiceStub(channel), run.id, on_contact=on_contact)
        restarting = asyncio.create_task(restart())
        told = [response.event.sequence async for response in watch.responses()]
        await restarting
    assert [number for number in told if number] == [1, 2, 3]
    assert contacts == [False, True]


async def test_a_scheduler_that_stays_away_ends_the_watch(platform: FakePlatform):
    run = released_run(platform)
    platform.scheduler.cuts = [1]
    async with grpc.aio.insecure_channel(platform.address) as channel:
        watch = Watch(SchedulerServiceStub(channel), run.id, patience_s=-1)
        with pytest.raises(grpc.aio.AioRpcError) as error:
            async for _ in watch.responses():
                pass
    assert error.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_an_unknown_run_cannot_be_watched(platform: FakePlatform):
    done = await invoke("run", "watch", "run_" + "0" * 26, env=platform.environment)
    assert done.code == 1
    assert "there is no run" in done.stderr


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (sched.RUN_STATE_RELEASED, 0),
        (sched.RUN_STATE_REJECTED, 1),
        (sched.RUN_STATE_EXPIRED, 1),
        (sched.RUN_STATE_CANCELLED, 1),
        (sched.RUN_STATE_FAILED, 1),
    ],
)
async def test_the_exit_status_of_a_watch_is_the_end_of_the_run(
    platform: FakePlatform, state: sched.RunState.ValueType, code: int
):
    run = platform.scheduler.add("one", state)
    done = await invoke("run", "watch", run.id, env=platform.environment)
    assert done.code == code


async def test_a_failed_run_says_why_and_how_to_go_on(platform: FakePlatform):
    run = platform.scheduler.add("one", sched.RUN_STATE_FAILED)
    run.error.message = "no model answered"
    done = await invoke("run", "watch", run.id, env=platform.environment)
    assert done.stderr == f"aiartist: no model answered\n  try again: aiartist run retry {run.id}\n"


@pytest.mark.parametrize("command", ["watch", "show"])
@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("MODELS_EXHAUSTED", "see which models can be called: aiartist llm status"),
        ("BUDGET_SPENT", "see which budget is spent: aiartist budget --artist {artist} --run {run}"),
    ],
)
async def test_a_run_that_failed_for_its_models_names_the_remedy(
    platform: FakePlatform, command: str, reason: str, remedy: str
):
    artist = platform.artist_db.add("Nova Vale")
    run = platform.scheduler.add("one", sched.RUN_STATE_FAILED, artist_id=artist.id)
    run.error.message, run.error.reason = "no song", f"ERROR_REASON_{reason}"
    done = await invoke("run", command, run.id, env=platform.environment)
    shown = (done.stderr if command == "watch" else done.stdout).splitlines()
    assert [line.strip() for line in shown[-2:]] == [
        remedy.format(artist=artist.id, run=run.id),
        f"try again: aiartist run retry {run.id}",
    ]


async def test_a_started_run_can_be_watched_at_once(platform: FakePlatform):
    platform.artist_db.add("Nova Vale")
    platform.scheduler.ends_as = sched.RUN_STATE_RELEASED
    done = await invoke("run", "start", "Nova Vale", "--watch", env=platform.environment)
    (run,) = platform.scheduler.runs.values()
    assert done.code == 0
    assert done.stdout.startswith(f"{run.id} started for Nova Vale\n")
    assert watches(platform) == [""]


async def test_ctrl_c_stops_watching_and_says_that_the_run_goes_on(platform: FakePlatform):
    run = released_run(platform)
    run.state = COMPOSING
    platform.scheduler.events[run.id] = platform.scheduler.events[run.id][:1]
    platform.scheduler.stays_open = True
    process = await start_command("run", "watch", run.id, env=platform.environment)
    await platform.scheduler.silent.wait()
    assert process.stdout is not None
    assert b"compose: started" in await process.stdout.readline()
    process.send_signal(signal.SIGINT)
    done = await end_of(process)
    assert done.code == 130
    assert done.stderr == f"aiartist: stopped watching; the run goes on: aiartist run watch {run.id}\n"


async def test_on_a_terminal_the_run_is_a_display_that_lives(platform: FakePlatform):
    run = released_run(platform)
    screen = Console(file=io.StringIO(), force_terminal=True, width=100)
    async with grpc.aio.insecure_channel(platform.address) as channel:
        final = await follow(SchedulerServiceStub(channel), run.id, screen)
    written = screen.file.getvalue()  # type: ignore[attr-defined]
    assert final.state == sched.RUN_STATE_RELEASED
    assert "\x1b" in written
    assert "✔" in written
    assert "compose" in written
