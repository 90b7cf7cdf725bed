"""A run as it happens: on a terminal a display that lives, elsewhere a line for each event."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, aclosing, nullcontext
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from aiartist.common.v1.progress_pb2 import Progress
from aiartist.scheduler.v1.scheduler_pb2 import (
    RUN_STATE_AWAITING_APPROVAL,
    RUN_STATE_CANCELLED,
    RUN_STATE_FAILED,
    RUN_STATE_QUEUED,
    RUN_STATE_RELEASED,
    STAGE_NAME_APPROVE,
    Run,
    RunEvent,
    RunState,
    StageName,
)
from aiartist.scheduler.v1.scheduler_pb2_grpc import SchedulerServiceStub
from cli.output import state_cell
from cli.texts import clock, duration, plain, run_state, seconds_of, shortened, stage_name
from cli.watching import FINAL, Watch

REFRESHES_A_SECOND = 8
_BAR_WIDTH = 20
_MAX_TEXT = 60
_MARKS = {
    "succeeded": ("✔", "green"),
    "failed": ("✘", "red"),
    "cancelled": ("■", "dim"),
    "waiting": ("?", "yellow"),
}


_ENDINGS = {RUN_STATE_CANCELLED: "cancelled", RUN_STATE_FAILED: "failed"}


async def follow(stub: SchedulerServiceStub, run_id: str, console: Console) -> Run:
    """Shows a run until it is final, through restarts of the scheduler, and gives it.

    AioRpcError where the run can't be watched.
    """
    view = RunView(run_id)
    live = console.is_terminal and not console.is_dumb_terminal

    def on_contact(connected: bool) -> None:
        view.connected = connected
        if not live:
            console.print("connected again" if connected else "connection lost; trying again", soft_wrap=True)

    watch = Watch(stub, run_id, on_contact=on_contact)
    shown: AbstractContextManager[object] = (
        Live(view, console=console, refresh_per_second=REFRESHES_A_SECOND) if live else nullcontext()
    )
    with shown:
        async with aclosing(watch.responses()) as responses:
            async for response in responses:
                for line in view.apply(response.event):
                    if not live:
                        console.print(Text(line), soft_wrap=True)
    return watch.run


@dataclass(slots=True)
class _Row:
    """One stage for one take, as far as it is known. Times in seconds since 1970; 0: not yet."""

    stage: StageName.ValueType
    take_number: int
    state: str = "running"
    attempt: int = 1
    began: float = 0.0
    ended: float = 0.0
    progress: Progress | None = None
    text: str = ""

    def end(self, state: str, at: float) -> None:
        self.state, self.ended, self.progress = state, at, None


class RunView:
    """What is known of a run from its events. A rich renderable."""

    def __init__(self, run_id: str, *, now: Callable[[], float] = time.time) -> None:
        self.connected = True
        self.state: RunState.ValueType = RUN_STATE_QUEUED
        self._run_id = run_id
        self._now = now
        self._rows: dict[tuple[StageName.ValueType, int], _Row] = {}
        self._began = 0.0
        self._changed = 0.0
        self._message = ""
        self._told_progress: tuple[object, ...] = ()
        self._spinner = Spinner("dots", style="cyan")

    def apply(self, event: RunEvent) -> list[str]:
        """Takes an event in; the lines that tell it where no display lives.

        A progress line is given where its step is new or another tenth is done: a log wants no more.
        """
        at = seconds_of(event.time)
        self._began = self._began or at
        self._changed = max(self._changed, at)
        self.state = event.state
        return [f"{clock(event.time)}  {line}" for line in self._take_in(event, at)]

    def _take_in(self, event: RunEvent, at: float) -> Iterator[str]:
        message = plain(event.message)
        name = _stage_words(event.stage, event.take_number)
        match event.type:
            case RunEvent.TYPE_STAGE_STARTED:
                self._start(event, at)
                yield f"{name}: started" + (f", try {event.attempt}" if event.attempt > 1 else "")
            case RunEvent.TYPE_STAGE_SUCCEEDED:
                row = self._row(event, at)
                row.end("succeeded", at)
                row.text = message
                yield f"{name}: done in {duration(at - row.began)}" + (f": {message}" if message else "")
            case RunEvent.TYPE_STAGE_FAILED:
                reason = plain(event.error.message)
                self._fail(event, at, reason)
                yield f"{name}: failed: {reason}" + (f"; {message}" if message else "")
            case RunEvent.TYPE_PROGRESS:
                self._row(event, at).progress = event.progress
                if line := self._progress_line(event):
                    yield f"{name}: {line}"
            case RunEvent.TYPE_DECIDED:
                if asked := self._rows.get((event.stage, event.take_number)):
                    asked.end("succeeded", at)
                    asked.text = message
                yield f"decided: {message}"
            case RunEvent.TYPE_STATE_CHANGED:
                self._message = message
                self._change_state(event, at)
                yield f"run is {run_state(event.state)}" + (f": {message}" if message else "")
                if event.state == RUN_STATE_AWAITING_APPROVAL:
                    yield from self._how_to_decide()

    def _start(self, event: RunEvent, at: float) -> None:
        for row in self._rows.values():
            # A stage follows: what was still under way is over, or gave up this take.
            if row.state == "running" and (row.stage, row.take_number) != (event.stage, event.take_number):
                row.end("failed" if row.text else "succeeded", at)
        row = self._row(event, at)
        row.state, row.attempt, row.ended, row.text = "running", max(1, event.attempt), 0.0, ""
        if row.attempt == 1:
            row.began = at

    def _fail(self, event: RunEvent, at: float, reason: str) -> None:
        row = self._row(event, at)
        row.progress, row.text = None, reason
        # What comes after a run's end may be tried again; then it begins anew.
        if event.state in FINAL:
            row.end("failed", at)

    def _change_state(self, event: RunEvent, at: float) -> None:
        if event.state == RUN_STATE_AWAITING_APPROVAL and event.stage == STAGE_NAME_APPROVE:
            self._row(event, at).state = "waiting"
        if event.state in FINAL:
            for row in self._rows.values():
                if row.state in ("running", "waiting"):
                    row.end(_ENDINGS.get(event.state, "succeeded"), at)

    def _row(self, event: RunEvent, at: float) -> _Row:
        key = (event.stage, event.take_number)
        if key not in self._rows:
            self._rows[key] = _Row(event.stage, event.take_number, began=at)
        return self._rows[key]

    def _progress_line(self, event: RunEvent) -> str:
        progress = event.progress
        tenth = progress.done * 10 // progress.total if progress.total else 0
        told = (event.stage, event.take_number, progress.step, tenth)
        if told == self._told_progress:
            return ""
        self._told_progress = told
        count = f" {progress.done}/{progress.total}" if progress.total else ""
        return f"{plain(progress.step) or 'under way'}{count}"

    def _how_to_decide(self) -> Iterator[str]:
        yield f"approve: aiartist run approve {self._run_id}"
        yield f"reject: aiartist run reject {self._run_id} --reason WHY"
        yield f"another: aiartist run regenerate {self._run_id} --note WISH"

    def __rich__(self) -> RenderableType:
        parts: list[RenderableType] = [self._head(), self._stages()]
        if self.state == RUN_STATE_AWAITING_APPROVAL:
            parts += [Text(f"  {line}", style="yellow") for line in self._how_to_decide()]
        elif self.state in FINAL and self.state != RUN_STATE_RELEASED and self._message:
            parts.append(Text(f"  {shortened(self._message, 90)}"))
        if not self.connected:
            parts.append(Text("  connection lost; trying again", style="yellow"))
        return Group(*parts)

    def _head(self) -> Text:
        head = Text.assemble((self._run_id, "bold"), "  ", state_cell(run_state(self.state)))
        if self._began:
            until = self._changed if self.state in FINAL else self._now()
            head.append(f"  {duration(until - self._began)}", style="dim")
        return head

    def _stages(self) -> Table:
        table = Table.grid(padding=(0, 1))
        for _ in range(5):
            table.add_column(no_wrap=True, overflow="ellipsis")
        for row in self._rows.values():
            # The watch ends with the run; what comes after its end may be under way.
            mark: RenderableType = Text("…", style="dim") if self.state in FINAL else self._spinner
            if row.state in _MARKS:
                sign, style = _MARKS[row.state]
                mark = Text(sign, style=style)
            until = row.ended or self._now()
            table.add_row(
                mark,
                _stage_words(row.stage, row.take_number),
                Text(duration(until - row.began), style="dim", justify="right"),
                _bar(row.progress),
                _status(row),
            )
        return table


def _bar(progress: Progress | None) -> RenderableType:
    if progress is None or not progress.total:
        return Text("")
    return ProgressBar(total=progress.total, completed=min(progress.done, progress.total), width=_BAR_WIDTH)


def _status(row: _Row) -> Text:
    text = row.text
    if row.progress is not None:
        count = f" {row.progress.done}/{row.progress.total}" if row.progress.total else ""
        text = f"{plain(row.progress.step)}{count}"
    if row.attempt > 1:
        text = f"try {row.attempt}" + (f": {text}" if text else "")
    return Text(shortened(text, _MAX_TEXT), style="red" if row.state == "failed" else "")


def _stage_words(stage: StageName.ValueType, take_number: int) -> str:
    return stage_name(stage) + (f" (take {take_number})" if take_number > 1 else "")
