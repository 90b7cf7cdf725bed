"""Stages that do what a test says."""

import asyncio
from collections.abc import Awaitable, Callable

from services.scheduler.domain import (
    AskPerson,
    Decided,
    Decision,
    Done,
    Outcome,
    Run,
    RunState,
    Silence,
    StageName,
    Verdict,
)
from services.scheduler.stages import Report

Act = Callable[[Run, Report], Awaitable[Outcome]]

COMPOSE, PRODUCE, APPROVE, PACKAGE, PUBLISH, REFLECT = (
    StageName.COMPOSE,
    StageName.PRODUCE,
    StageName.APPROVE,
    StageName.PACKAGE,
    StageName.PUBLISH,
    StageName.REFLECT,
)


class StubStage:
    """Gives what `act` gives, keeps every run that came, and counts how many are inside."""

    def __init__(self, name: StageName, state: RunState | None, act: Act) -> None:
        self.name = name
        self.state = state
        self.act = act
        self.calls: list[Run] = []
        self.called = asyncio.Event()
        """Set with each call; a test clears it."""
        self.inside = 0
        self.most_inside = 0
        self.cancelled = asyncio.Event()

    async def run(self, run: Run, report: Report) -> Outcome:
        self.calls.append(run)
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        self.called.set()
        try:
            return await self.act(run, report)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        finally:
            self.inside -= 1

    @property
    def request_ids(self) -> list[str]:
        return [run.request_id for run in self.calls]


class StubStages:
    """The stages of a good run; a test changes the `act` of some."""

    def __init__(self) -> None:
        self.compose = StubStage(COMPOSE, RunState.COMPOSING, _compose)
        self.produce = StubStage(PRODUCE, RunState.PRODUCING, _produce)
        self.on_silence = Silence.HOLD
        """What becomes of the next questions that nobody answers."""
        self.approve = StubStage(APPROVE, RunState.AWAITING_APPROVAL, self._approve)
        self.package = StubStage(PACKAGE, RunState.RELEASING, _package)
        self.publish = StubStage(PUBLISH, RunState.RELEASING, _publish)
        self.reflect = StubStage(REFLECT, None, _reflect)

    @property
    def all(self) -> list[StubStage]:
        """Those of a run that nobody looks back on."""
        return [self.compose, self.produce, self.approve, self.package, self.publish]

    @property
    def reflecting(self) -> list[StubStage]:
        """With the one after the run's end."""
        return [*self.all, self.reflect]

    async def _approve(self, run: Run, report: Report) -> Outcome:
        if run.autopilot:
            return Decided(Decision(Verdict.AUTOPILOT_APPROVED, run.content_digest, "autopilot"))
        return AskPerson(self.on_silence)


async def _compose(run: Run, report: Report) -> Outcome:
    return Done({"brief_id": f"brf_{run.take_number}", "title": "Harbour Lights"}, "Harbour Lights")


async def _produce(run: Run, report: Report) -> Outcome:
    return Done({"take_id": f"tak_{run.take_number}", "content_digest": f"sha256:{run.take_number}"})


async def _package(run: Run, report: Report) -> Outcome:
    return Done({"release_id": f"rel of {run.take_id}"})


async def _publish(run: Run, report: Report) -> Outcome:
    return Done({"location": f"/catalog/{run.release_id}"}, f"/catalog/{run.release_id}")


async def _reflect(run: Run, report: Report) -> Outcome:
    return Done(message="no change: too few runs")


class Gate:
    """Keeps runs inside a stage until it is opened."""

    def __init__(self, then: Act) -> None:
        self._then = then
        self._open = asyncio.Event()

    def open(self) -> None:
        self._open.set()

    async def __call__(self, run: Run, report: Report) -> Outcome:
        await self._open.wait()
        return await self._then(run, report)


class Failing:
    """Raises one error after another, and then does what it should."""

    def __init__(self, then: Act, *errors: BaseException) -> None:
        self._then = then
        self._errors = list(errors)

    async def __call__(self, run: Run, report: Report) -> Outcome:
        if self._errors:
            raise self._errors.pop(0)
        return await self._then(run, report)
