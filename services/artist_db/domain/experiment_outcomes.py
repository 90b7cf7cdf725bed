"""What a run that ended says about the arm that it was given.

Some runs rightly say nothing: those that could not follow their arm, those that autopilot approved where
approval is asked for, and songs that were never released where listeners are. They are EXCUSED. Runs that
expired, were cancelled, or that the platform failed say nothing either, but should have: they are MISSING.
Each of them alone is harmless; more of one arm than of the others is not, for then what is left is no fair
sample.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from aiartist.common.v1.experiment_pb2 import AssignedArm
from services.artist_db.domain.experiments import Kind, Metric


class Stand(StrEnum):
    """Where an assignment is; as in the table."""

    PENDING = "PENDING"
    WAITING = "WAITING"
    COUNTED = "COUNTED"
    MISSING = "MISSING"
    EXCUSED = "EXCUSED"


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended, as in run_outcomes."""

    state: str
    blame: str
    by_person: bool
    review: float | None
    """The share of the first take's checks that passed; None: no take was made."""
    release_id: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What it says."""

    stand: Stand
    outcome: float | None = None
    """0 to 1; of COUNTED alone."""
    final: bool = True
    """False: it may change. A run that failed may be taken up again; a score may become sure."""


_EXCUSED = Judged(Stand.EXCUSED)
_MISSING = Judged(Stand.MISSING)


def judged(end: End, metric: Metric, *, followed: bool | None) -> Judged:
    """What an end says; `followed` is None where the run never came to where it could follow its arm."""
    said = _EXCUSED if followed is False else _said(end, metric)
    return Judged(said.stand, said.outcome, final=said.final and end.state != "FAILED")


def brief_followed(arms: Iterable[AssignedArm], experiment_id: str) -> bool:
    """Whether a brief was written as an arm of a kind that songwriting follows asks.

    A brief that does not know the arm, for example of an older version, was not.
    """
    return next((arm.followed for arm in arms if arm.experiment_id == experiment_id), False)


def followed_by_take(kind: Kind, value: str, *, provider: str, cover_style: str) -> bool:
    """Whether a take is what an arm of a kind that it follows asks for."""
    return value == (provider if kind is Kind.PROVIDER else cover_style)


def _said(end: End, metric: Metric) -> Judged:
    match metric:
        case Metric.APPROVAL:
            if end.blame == "APPROVED":
                return Judged(Stand.COUNTED, 1.0) if end.by_person else _EXCUSED
            return Judged(Stand.COUNTED, 0.0) if end.blame in ("REJECTED", "ERROR") else _MISSING
        case Metric.REVIEW:
            return _MISSING if end.review is None else Judged(Stand.COUNTED, end.review)
        case Metric.SCORE:
            if end.release_id and end.state == "RELEASED":
                return Judged(Stand.WAITING, final=False)
            return _EXCUSED if end.blame in ("REJECTED", "ERROR") else _MISSING
