"""Rows of the database as values, and steps of a run as the database takes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from services.scheduler.domain import (
    Decision,
    Event,
    Place,
    Run,
    RunError,
    RunState,
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


def run_of(row: asyncpg.Record) -> Run:
    decision = row["decision"]
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
        decision=None
        if decision is None
        else Decision(
            Verdict(decision["verdict"]),
            decision["content_digest"],
            decision["decided_by"],
            decision["reason"],
            row["decided_at"],
        ),
        error=error_of(row["error"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        approval_expires_at=row["approval_expires_at"],
    )


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


def decision_json(decision: Decision | None) -> dict[str, str] | None:
    if decision is None:
        return None
    return {
        "verdict": decision.verdict,
        "content_digest": decision.content_digest,
        "decided_by": decision.decided_by,
        "reason": decision.reason,
    }
