"""The stages of a run. A new stage is one class here and one line in `pipeline`."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from services.scheduler.domain import Decision, Outcome, Run, RunState, StageName

Report = Callable[[str, int, int], Awaitable[None]]
"""Tells watchers how far a stage is: step, units done, units in all (0: unknown)."""


class Stage(Protocol):
    """One step of a run: an idempotent call under `run.request_id`."""

    name: StageName

    @property
    def state(self) -> RunState | None:
        """The state of a run that is in this stage; None: it comes after the run's end."""

    async def run(self, run: Run, report: Report) -> Outcome:
        """Does the step, or finds it done. RemoteError or StageFailed where it can't be done."""


class StageFailed(Exception):
    """A stage can't give its result, whatever the other services say."""

    def __init__(self, reason: str, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.reason = reason
        self.retryable = retryable


def decision_of(run: Run) -> Decision:
    """What was decided about the run's take; StageFailed where nobody did."""
    if run.decision is None:
        raise StageFailed("ERROR_REASON_WRONG_STATE", "nobody decided about this take", retryable=False)
    return run.decision


Stages = Sequence[Stage]
