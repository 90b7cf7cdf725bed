"""A run as a state machine: what may follow what. Pure: no clock, no database, no network."""

from services.scheduler.domain.machine import LONGEST_WAIT_S, REVIEW_FAILED, Limits, Machine, Pipeline
from services.scheduler.domain.run import (
    FINAL,
    Decision,
    Place,
    Run,
    RunError,
    RunState,
    Silence,
    StageName,
    Take,
    Verdict,
)
from services.scheduler.domain.steps import (
    AskPerson,
    Change,
    Closing,
    Decided,
    Done,
    Event,
    Outcome,
    StageChange,
    TakeRefused,
)

__all__ = [
    "FINAL",
    "LONGEST_WAIT_S",
    "REVIEW_FAILED",
    "AskPerson",
    "Change",
    "Closing",
    "Decided",
    "Decision",
    "Done",
    "Event",
    "Limits",
    "Machine",
    "Outcome",
    "Pipeline",
    "Place",
    "Run",
    "RunError",
    "RunState",
    "Silence",
    "StageChange",
    "StageName",
    "Take",
    "TakeRefused",
    "Verdict",
]
