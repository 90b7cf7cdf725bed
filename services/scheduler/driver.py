"""Takes a run from stage to stage for as long as it holds its place."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from services.chassis import logs
from services.chassis.database import DATABASE_TROUBLE
from services.chassis.errors import RemoteError
from services.chassis.ids import new_id
from services.scheduler import metrics, traces
from services.scheduler.admission import Admission
from services.scheduler.domain import Change, Machine, Outcome, Place, Postponed, Run, RunError, StageName
from services.scheduler.queue import HandBack
from services.scheduler.stages import Stage, StageFailed
from services.scheduler.store import Store
from services.scheduler.waiting import Bell

REPORT_INTERVAL_S = 0.3
"""At most so often progress is written."""
WATCH_INTERVAL_S = 1.0
"""How often a running stage asks whether its run was cancelled or taken over."""

_log = logs.get_logger("scheduler.driver")


class _TakenAway(Exception):
    """Somebody else changed the run while its stage ran: it is theirs now."""


class Driver:
    """What a job does with its run."""

    def __init__(
        self,
        store: Store,
        machine: Machine,
        stages: Mapping[StageName, Stage],
        admission: Admission,
        over: Bell,
        *,
        closing: asyncio.Event,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._machine = machine
        self._stages = stages
        self._admission = admission
        self._over = over
        self._closing = closing
        self._jitter = jitter

    async def drive(self, run_id: str) -> None:
        """Runs stage after stage until the run waits, ends, or belongs to somebody else.

        A crash anywhere repeats the running stage's call under the same request id. HandBack where
        the service stops: the run keeps its place, and another replica goes on with it.
        """
        run = await self._store.read(run_id)
        if run is None or run.place is not Place.HELD:
            return
        if self._closing.is_set():
            # Before a try begins that would end at once, and count.
            raise HandBack
        with (
            logs.bind_context(run_id=run.id, artist_id=run.artist_id),
            metrics.RUNS_IN_HAND.track_inprogress(),
        ):
            step: Run | None = await self._save(run, self._machine.begin(run))
            while step is not None and step.place is Place.HELD:
                if self._closing.is_set():
                    raise HandBack
                if step.attempts == 0:
                    # It has just ended, and is told as that before anybody looks back on it.
                    step = await self._save(step, self._machine.begin(step))
                    continue
                try:
                    with traces.tried(step):
                        change = await self._one_stage(step)
                    step = await self._save(step, change)
                except _TakenAway:
                    # Whoever changed it made a job where it goes on; a second one would only disturb.
                    _log.info("the run was changed while its stage ran; leaving it to them")
                    return

    async def _one_stage(self, run: Run) -> Change:
        """Runs the current stage and gives the step that follows, the next stage's begin included."""
        began = time.monotonic()
        try:
            outcome = await self._guarded(run)
        except (HandBack, _TakenAway):
            raise
        except Exception as error:  # noqa: BLE001 - it is the run's error, never the worker's
            metrics.STAGE_SECONDS.labels(run.stage.lower(), "failed").observe(time.monotonic() - began)
            return self._machine.fail(run, _explain(run.stage, error), jitter=self._jitter())
        if isinstance(outcome, Postponed):
            _log.info("the run waits", stage=run.stage, until=outcome.until)
        else:
            metrics.STAGE_SECONDS.labels(run.stage.lower(), "succeeded").observe(time.monotonic() - began)
        change = self._machine.finish(run, outcome)
        goes_on = change.run.place is Place.HELD and not change.ends and not self._closing.is_set()
        return change.then(self._machine.begin(change.run)) if goes_on else change

    async def _guarded(self, run: Run) -> Outcome:
        """The stage's outcome; ends the stage when the run is taken away or the service stops."""
        reporter = _Reporter(self._store, run)
        stage = asyncio.ensure_future(self._stages[run.stage].run(run, reporter.report))
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            while not stage.done():
                await asyncio.wait(
                    (stage, closing), timeout=WATCH_INTERVAL_S, return_when=asyncio.FIRST_COMPLETED
                )
                if stage.done():
                    break
                if closing.done():
                    raise HandBack
                if not await reporter.repeat():
                    raise _TakenAway
            return stage.result()
        finally:
            closing.cancel()
            if stage.cancel():
                await asyncio.gather(stage, return_exceptions=True)

    async def _save(self, before: Run, change: Change) -> Run | None:
        saved = await self._store.save(change)
        if saved is None:
            _log.info("the run was changed by somebody else; leaving it to them")
            return None
        traces.tell(before, saved)
        if saved.place is not Place.HELD:
            self._admission.wake()
        if change.ends:
            self._over.ring()
            _log.info("run ended", state=saved.state, reason=saved.error.message if saved.error else "")
        return saved


@dataclass(slots=True)
class _Reporter:
    """Writes progress, not too often; the last word is repeated as a sign of life."""

    store: Store
    run: Run
    last: tuple[str, int, int] = ("", 0, 0)
    written_at: float = field(default=0.0)

    async def report(self, step: str, done: int, total: int) -> None:
        changed_step = step != self.last[0]
        self.last = (step, done, total)
        if changed_step or time.monotonic() - self.written_at >= REPORT_INTERVAL_S:
            await self.repeat()

    async def repeat(self) -> bool:
        """False where the run is somebody else's now. A database that is away ends no stage."""
        self.written_at = time.monotonic()
        try:
            return await self.store.report(self.run, *self.last)
        except DATABASE_TROUBLE as error:
            _log.debug("progress could not be written", detail=str(error))
            return True


def _explain(stage: StageName, error: Exception) -> RunError:
    """Why a stage failed, as the run keeps it; what nobody expected goes to the log under an id."""
    if isinstance(error, RemoteError):
        reason, message = error.remote_reason, error.message
        if not error.from_platform:
            reason = "ERROR_REASON_DEPENDENCY_UNAVAILABLE"
            code = error.remote_code.name.lower()
            message = f"a service that {stage.lower()} needs does not answer: {code}"
        _log.warning("stage failed", reason=reason, detail=error.message, retryable=error.retryable)
        return RunError(reason, message, error.retryable, _retry_after_s(error))
    if isinstance(error, StageFailed):
        _log.warning("stage failed", reason=error.reason, detail=str(error), retryable=error.retryable)
        return RunError(error.reason, str(error), error.retryable)
    error_id = new_id("err")
    _log.error("stage raised an unexpected error", error_id=error_id, exc_info=error)
    return RunError(
        "ERROR_REASON_INTERNAL", f"an unexpected error; the log has it as {error_id}", retryable=True
    )


def _retry_after_s(error: RemoteError) -> float:
    """When a service that is asked too early says that it may be asked again; 0: it does not say."""
    told = error.metadata.get("retry_after_s", "")
    return float(told) if told.isdecimal() else 0.0
