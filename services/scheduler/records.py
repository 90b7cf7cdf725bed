"""Rows of the database as values, and steps of a run as the database takes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from services.scheduler.domain import (
    Closing,
    Decision,
    Event,
    Place,
    Run,
    RunError,
    RunState,
    Silence,
    StageChange,
    StageName,
    Verdict,
)


@dataclass(frozen=True, slots=True)
class StageRecord:
    """One execution of a stage."""

    stage: StageName
    take_number: int
    state: str
    attempts: int
    started_at: datetime
    ended_at: datetime | None
    error: RunError | None


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One event as it is kept."""

    sequence: int
    type: str
    state: RunState
    stage: StageName
    take_number: int
    attempt: int
    error: RunError | None
    message: str
    time: datetime


@dataclass(frozen=True, slots=True)
class ProgressRecord:
    """How far the running stage is."""

    stage: StageName
    take_number: int
    step: str
    done: int
    total: int
    time: datetime


@dataclass(frozen=True, slots=True)
class News:
    """What a watcher has not heard of yet."""

    events: Sequence[EventRecord]
    state: RunState
    """The run's, after the last of the events."""
    last_sequence: int
    """Of all events so far."""
    progress: ProgressRecord | None
    """Of the stage that the run is in."""


@dataclass(frozen=True, slots=True)
class ClosingRecord:
    """A question that is over and of which notifier has not been told."""

    id: int
    run_id: str
    request_id: str
    content_digest: str
    decision: Decision | None
    reason: str
    traceparent: str = ""
    """The run's."""


@dataclass(frozen=True, slots=True)
class StatusRecord:
    """How the work stands."""

    runs: Mapping[RunState, int]
    """By state; of the final ones those of the last 24 hours."""
    waiting_since: datetime | None
    """Of the run that has waited longest for a decision."""
    places: int
    """How many runs may be under way at once."""


def run_of(row: asyncpg.Record) -> Run:
    return Run(
        id=row["id"],
        artist_id=row["artist_id"],
        state=RunState(row["state"]),
        stage=StageName(row["stage"]),
        autopilot=row["autopilot"],
        started_by=row["started_by"],
        version=row["version"],
        place=Place(row["place"]),
        take_number=row["take_number"],
        attempts=row["attempts"],
        failures=row["failures"],
        failed_takes=row["failed_takes"],
        note=row["note"],
        title=row["title"],
        brief_id=row["brief_id"],
        take_id=row["take_id"],
        content_digest=row["content_digest"],
        release_id=row["release_id"],
        location=row["location"],
        takes_wanted=row["takes_wanted"],
        takes_left=row["takes_left"],
        decision=_decision_of(row),
        error=error_of(row["error"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        on_silence=_silence_of(row),
        approval_expires_at=row["approval_expires_at"],
        traceparent=row["traceparent"] or "",
        ended_at=row["ended_at"],
        ended_version=row["ended_version"] or 0,
        endings=row["endings"],
    )


def closing_of(row: asyncpg.Record) -> ClosingRecord:
    return ClosingRecord(
        row["id"],
        row["run_id"],
        row["request_id"],
        row["content_digest"],
        _decision_of(row),
        row["reason"],
        row["traceparent"] or "",
    )


def _decision_of(row: asyncpg.Record) -> Decision | None:
    decision = row["decision"]
    if decision is None:
        return None
    return Decision(
        Verdict(decision["verdict"]),
        decision["content_digest"],
        decision["decided_by"],
        decision["reason"],
        row["decided_at"],
    )


def _silence_of(row: asyncpg.Record) -> Silence | None:
    if row["on_silence"]:
        return Silence(row["on_silence"])
    # Asked by a version that let every question expire.
    return Silence.EXPIRE if row["approval_expires_at"] is not None else None


def error_of(value: dict[str, Any] | None) -> RunError | None:
    return None if value is None else RunError(value["reason"], value["message"], value["retryable"])


def error_json(error: RunError | None) -> dict[str, Any] | None:
    if error is None:
        return None
    return {"reason": error.reason, "message": error.message, "retryable": error.retryable}


def stage_json(change: StageChange) -> dict[str, Any]:
    return {
        "stage": change.stage,
        "take_number": change.take_number,
        "state": change.state,
        "begins": change.begins,
        "error": error_json(change.error),
    }


def event_json(event: Event) -> dict[str, Any]:
    return {
        "type": event.type,
        "state": event.state,
        "stage": event.stage,
        "take_number": event.take_number,
        "attempt": event.attempt,
        "error": error_json(event.error),
        "message": event.message,
    }


def closing_json(closing: Closing) -> dict[str, Any]:
    return {
        "request_id": closing.request_id,
        "content_digest": closing.content_digest,
        "decided": closing.decided,
        "reason": closing.reason,
    }


def decision_json(decision: Decision | None) -> dict[str, str] | None:
    if decision is None:
        return None
    return {
        "verdict": decision.verdict,
        "content_digest": decision.content_digest,
        "decided_by": decision.decided_by,
        "reason": decision.reason,
    }
