"""What a run tells in its trace: one trace for each, whoever drives it and however long it takes.

A run holds no open span. Whoever commits a step tells of what is over with it: a try of a stage, a wait. The
database's clock says from when until when, and the try's id follows from the run's row, so that what the try
calls can name it before anybody has told of it, and another replica can tell of it where its driver died.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from services.chassis import tracing
from services.chassis.tracing import TraceContext, Value
from services.scheduler.domain import Place, Run, RunState

SERVICE = "scheduler"
GIVEN_UP = "the run stays as it ended; its stage says why"
LEFT = "whoever drove it died, stopped, or lost touch with the database"


@dataclass(frozen=True, slots=True)
class Over:
    """Something that is over."""

    name: str
    began: datetime
    ended: datetime
    facts: dict[str, Value] = field(default_factory=dict)
    span_id: int = 0
    """0: any."""
    error: tuple[str, str] | None = None


def what_is_over(before: Run, after: Run) -> list[Over]:
    """What a step ended: `before` is the run's row as the step found it, `after` as the step left it."""
    assert before.created_at is not None, "it is a row"
    assert before.updated_at is not None, "it is a row"
    assert after.updated_at is not None, "so is this"
    if _is_tried(before):
        outcome, error = _outcome(before, after)
        facts: dict[str, Value] = {
            "stage": before.stage.lower(),
            "take_number": before.take_number,
            "attempt": before.attempts,
            "outcome": outcome,
        }
        name = f"stage {before.stage.lower()}"
        return [Over(name, before.updated_at, after.updated_at, facts, _span_id(before), error)]
    if before.state is RunState.QUEUED and after.state is not RunState.QUEUED:
        return [Over("wait for a place", before.created_at, after.updated_at)]
    if before.state is RunState.AWAITING_APPROVAL and before.place is Place.NONE:
        decided = after.decision is not None and after.decision != before.decision
        verdict = after.decision.verdict.lower() if decided and after.decision else "none"
        return [Over("wait for a decision", before.updated_at, after.updated_at, {"verdict": verdict})]
    return []


def tell(before: Run, after: Run, links: Sequence[TraceContext] = ()) -> None:
    """Tells in the run's trace of what a committed step ended. `links`: the calls that brought it about."""
    parent = context_of(before)
    if parent is None or not tracing.is_on():
        return
    for over in what_is_over(before, after):
        facts = {"run_id": before.id, "artist_id": before.artist_id, **over.facts}
        tracing.record(
            SERVICE,
            over.name,
            parent,
            tracing.named(facts),
            began=over.began,
            ended=over.ended,
            span_id=over.span_id,
            error=over.error,
            links=links,
        )


def tell_of_call(before: Run, after: Run) -> None:
    """The same for a step that the call brought about which is served now: each is linked to the other."""
    run, call = context_of(before), tracing.current()
    if run is None or call is None:
        return
    tracing.link(run)
    tell(before, after, (call,))


def context_of(run: Run) -> TraceContext | None:
    """The span that started the run; None where nobody traced it."""
    return TraceContext.parse(run.traceparent)


@contextmanager
def tried(run: Run) -> Iterator[None]:
    """Calls made inside are parts of the run's current try, of which `tell` tells when it is over."""
    parent = context_of(run)
    with tracing.continued(SERVICE, None if parent is None else tracing.as_child(parent, _span_id(run))):
        yield


def _is_tried(run: Run) -> bool:
    """A stage was begun and has neither ended nor failed."""
    return run.place is Place.HELD and run.attempts > 0 and run.error is None


def _span_id(run: Run) -> int:
    """Of the try that began with this version of the run."""
    digest = hashlib.sha256(f"{run.id}/{run.version}".encode()).digest()
    return int.from_bytes(digest[:8], "big") or 1


def _outcome(before: Run, after: Run) -> tuple[str, tuple[str, str] | None]:
    """In a word, and where it is an error, its kind and text."""
    same_take = (after.stage, after.take_number) == (before.stage, before.take_number)
    if after.state is RunState.CANCELLED:
        return "cancelled", None
    if same_take and after.attempts < before.attempts:
        return "postponed", None
    if after.error is not None:
        return "failed", (after.error.reason, after.error.message)
    if same_take and after.state.final and after.failures > before.failures:
        return "failed", ("given up", GIVEN_UP)
    if same_take and after.attempts > before.attempts:
        return "left", ("left", LEFT)
    if after.failed_takes > before.failed_takes:
        return "refused", None
    if after.state is RunState.AWAITING_APPROVAL and after.place is Place.NONE:
        return "asked", None
    return "succeeded", None
