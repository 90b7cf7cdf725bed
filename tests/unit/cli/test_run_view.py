"""What a watched run looks like, as lines and as a display."""

import io
import time
from typing import Any

import pytest
from rich.console import Console

from aiartist.common.v1.progress_pb2 import Progress
from aiartist.scheduler.v1 import scheduler_pb2 as sched
from aiartist.scheduler.v1.scheduler_pb2 import RunError, RunEvent
from cli.run_view import RunView
from tests.support.fake_scheduler import NOON, event

COMPOSE, PRODUCE, APPROVE = (
    sched.STAGE_NAME_COMPOSE,
    sched.STAGE_NAME_PRODUCE,
    sched.STAGE_NAME_APPROVE,
)
COMPOSING, PRODUCING = sched.RUN_STATE_COMPOSING, sched.RUN_STATE_PRODUCING
STARTED, SUCCEEDED, FAILED = (
    RunEvent.TYPE_STAGE_STARTED,
    RunEvent.TYPE_STAGE_SUCCEEDED,
    RunEvent.TYPE_STAGE_FAILED,
)
STATE, PROGRESS, DECIDED = RunEvent.TYPE_STATE_CHANGED, RunEvent.TYPE_PROGRESS, RunEvent.TYPE_DECIDED


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def lines_of(*events: RunEvent) -> list[str]:
    view = RunView("run_1")
    return [line for told in events for line in view.apply(told)]


def screen_of(*events: RunEvent, now: float = NOON + 60, connected: bool = True) -> list[str]:
    view = RunView("run_1", now=lambda: now)
    for told in events:
        view.apply(told)
    view.connected = connected
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)
    console.print(view)
    text: Any = console.file
    return [line.rstrip() for line in text.getvalue().splitlines()]


def progress(step: str, done: int, total: int, sequence: int = 3) -> RunEvent:
    told = Progress(step=step, done=done, total=total)
    return event(sequence, PROGRESS, PRODUCING, stage=PRODUCE, take_number=1, progress=told)


def test_a_stage_is_told_when_it_begins_and_how_long_it_took():
    assert lines_of(
        event(1, STARTED, COMPOSING, stage=COMPOSE, take_number=1, attempt=1),
        event(6, SUCCEEDED, COMPOSING, stage=COMPOSE, take_number=1, attempt=1, message='"Neon Rain"'),
        event(7, STATE, PRODUCING, stage=PRODUCE, take_number=1),
    ) == [
        "12:00:01  compose: started",
        '12:00:06  compose: done in 5.0 s: "Neon Rain"',
        "12:00:07  run is producing",
    ]


def test_a_failed_try_says_why_and_what_comes_next():
    error = RunError(message="no model answered")
    assert lines_of(
        event(1, STARTED, COMPOSING, stage=COMPOSE, take_number=1, attempt=1),
        event(
            2,
            FAILED,
            COMPOSING,
            stage=COMPOSE,
            take_number=1,
            attempt=1,
            error=error,
            message="next try in 1.0 s",
        ),
        event(3, STARTED, COMPOSING, stage=COMPOSE, take_number=1, attempt=2),
    )[1:] == [
        "12:00:02  compose: failed: no model answered; next try in 1.0 s",
        "12:00:03  compose: started, try 2",
    ]


def test_progress_is_a_line_where_the_step_is_new_or_another_tenth_is_done():
    lines = lines_of(*(progress("verse", done, 100) for done in range(100)), progress("chorus", 99, 100))
    assert [line.split(": ")[1] for line in lines] == [
        *(f"verse {tenth * 10}/100" for tenth in range(10)),
        "chorus 99/100",
    ]


def test_a_run_that_waits_says_how_to_decide():
    asked = event(2, STATE, sched.RUN_STATE_AWAITING_APPROVAL, stage=APPROVE, take_number=1)
    assert lines_of(asked) == [
        "12:00:02  run is awaiting approval",
        "12:00:02  approve: aiartist run approve run_1",
        "12:00:02  reject: aiartist run reject run_1 --reason WHY",
        "12:00:02  another: aiartist run regenerate run_1 --note WISH",
    ]


def test_what_comes_from_elsewhere_stays_on_its_line_and_commands_no_terminal():
    (line,) = lines_of(event(1, SUCCEEDED, COMPOSING, stage=COMPOSE, message="a\nb\x1b[2J"))
    assert "\x1b" not in line
    assert "\n" not in line


def test_the_display_shows_stage_elapsed_bar_and_step_of_what_runs():
    screen = screen_of(
        event(1, STARTED, COMPOSING, stage=COMPOSE, take_number=1, attempt=1),
        event(6, SUCCEEDED, COMPOSING, stage=COMPOSE, take_number=1, attempt=1, message="Neon Rain"),
        event(10, STARTED, PRODUCING, stage=PRODUCE, take_number=1, attempt=1),
        progress("mastering", 3, 4, sequence=11),
        now=NOON + 83,
    )
    assert screen[0] == "run_1  producing  1m 22s"
    assert screen[1].split() == ["✔", "compose", "5.0", "s", "Neon", "Rain"]
    mark, stage, *elapsed_and_bar = screen[2].split()
    assert mark not in ("✔", "✘")
    assert (stage, elapsed_and_bar[:2]) == ("produce", ["1m", "13s"])
    assert screen[2].count("━") >= 15
    assert screen[2].endswith("mastering 3/4")


def test_without_a_total_there_is_no_bar():
    screen = screen_of(
        event(1, STARTED, PRODUCING, stage=PRODUCE, take_number=1, attempt=1), progress("thinking", 0, 0)
    )
    assert "━" not in screen[1]
    assert screen[1].endswith("thinking")


def test_a_failed_run_shows_the_stage_that_failed_and_why():
    error = RunError(message="no model answered")
    screen = screen_of(
        event(1, STARTED, COMPOSING, stage=COMPOSE, take_number=1, attempt=3),
        event(2, FAILED, sched.RUN_STATE_FAILED, stage=COMPOSE, take_number=1, attempt=3, error=error),
        event(3, STATE, sched.RUN_STATE_FAILED, stage=COMPOSE, take_number=1, message="no model answered"),
    )
    assert screen[0] == "run_1  failed  2.0 s"
    assert screen[1].startswith("✘ compose")
    assert screen[1].endswith("try 3: no model answered")


def test_another_take_is_a_row_of_its_own():
    refused = RunError(message="the review refused the take: silence")
    screen = screen_of(
        event(1, STARTED, PRODUCING, stage=PRODUCE, take_number=1, attempt=1),
        event(
            2,
            FAILED,
            PRODUCING,
            stage=PRODUCE,
            take_number=1,
            attempt=1,
            error=refused,
            message="another take",
        ),
        event(3, STARTED, PRODUCING, stage=PRODUCE, take_number=2, attempt=1),
    )
    assert screen[1].startswith("✘ produce ")
    assert "produce (take 2)" in screen[2]


def test_a_waiting_run_shows_the_commands_and_a_decided_one_who_decided():
    waits = [
        event(1, STARTED, sched.RUN_STATE_AWAITING_APPROVAL, stage=APPROVE, take_number=1, attempt=1),
        event(2, STATE, sched.RUN_STATE_AWAITING_APPROVAL, stage=APPROVE, take_number=1),
    ]
    screen = screen_of(*waits)
    assert screen[1].startswith("? approve")
    assert "  approve: aiartist run approve run_1" in screen
    decided = event(
        3,
        DECIDED,
        sched.RUN_STATE_AWAITING_APPROVAL,
        stage=APPROVE,
        take_number=1,
        message="approved by cli:vera",
    )
    released = event(4, STATE, sched.RUN_STATE_RELEASING, stage=sched.STAGE_NAME_PACKAGE, take_number=1)
    screen = screen_of(*waits, decided, released)
    assert screen[1].startswith("✔ approve")
    assert screen[1].endswith("approved by cli:vera")


def test_a_cancelled_run_leaves_no_stage_running():
    screen = screen_of(
        event(1, STARTED, COMPOSING, stage=COMPOSE, take_number=1, attempt=1),
        event(5, STATE, sched.RUN_STATE_CANCELLED, stage=COMPOSE, take_number=1, message="wrong artist"),
    )
    assert screen[0] == "run_1  cancelled  4.0 s"
    assert screen[1].startswith("■ compose")
    assert screen[2] == "  wrong artist"


def test_a_run_that_was_retried_runs_again():
    error = RunError(message="no model answered")
    screen = screen_of(
        event(1, STARTED, COMPOSING, stage=COMPOSE, take_number=1, attempt=1),
        event(2, FAILED, sched.RUN_STATE_FAILED, stage=COMPOSE, take_number=1, attempt=1, error=error),
        event(3, STATE, sched.RUN_STATE_FAILED, stage=COMPOSE, take_number=1),
        event(4, STATE, COMPOSING, stage=COMPOSE, take_number=1, message="retried by an operator"),
        event(5, STARTED, COMPOSING, stage=COMPOSE, take_number=1, attempt=1),
    )
    assert screen[0].startswith("run_1  composing")
    assert not screen[1].startswith("✘")
    assert "no model answered" not in screen[1]


def test_a_lost_connection_is_shown():
    screen = screen_of(event(1, STARTED, COMPOSING, stage=COMPOSE, attempt=1), connected=False)
    assert screen[-1] == "  connection lost; trying again"


def test_the_display_fits_100_columns():
    screen = screen_of(
        event(1, STARTED, PRODUCING, stage=PRODUCE, take_number=12, attempt=12),
        progress("x" * 200, 1, 2),
        event(4, STATE, sched.RUN_STATE_REJECTED, stage=PRODUCE, message="y" * 200),
    )
    assert max(len(line) for line in screen) <= 100


REFLECT, RELEASED = sched.STAGE_NAME_REFLECT, sched.RUN_STATE_RELEASED


def test_what_comes_after_the_end_is_shown_though_the_watch_ends_before_it():
    told = [
        event(1, STATE, RELEASED, stage=sched.STAGE_NAME_PUBLISH, take_number=1),
        event(2, STARTED, RELEASED, stage=REFLECT, take_number=1, attempt=1),
    ]
    assert any(line.lstrip().startswith("… reflect") for line in screen_of(*told))
    done = event(3, SUCCEEDED, RELEASED, stage=REFLECT, take_number=1, message="no change: too few runs")
    assert any("✔ reflect" in line and "no change" in line for line in screen_of(*told, done))
    assert lines_of(*told, done)[-1].endswith("no change: too few runs")


def test_what_fails_after_the_end_is_marked_and_begins_anew_where_it_is_tried_again():
    begun = event(2, STARTED, RELEASED, stage=REFLECT, take_number=1, attempt=1)
    broken = RunError(reason="ERROR_REASON_INTERNAL", message="broken off")
    failed = event(3, FAILED, RELEASED, stage=REFLECT, take_number=1, attempt=1, error=broken)
    again = event(4, STARTED, RELEASED, stage=REFLECT, take_number=1, attempt=2)
    assert any("✘ reflect" in line for line in screen_of(begun, failed))
    assert not any("✘ reflect" in line for line in screen_of(begun, failed, again))
