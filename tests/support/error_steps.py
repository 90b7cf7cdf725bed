"""What a step of an error group is done with, for tests of what comes of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiartist.artist_db.v1 import artist_db_pb2 as db
from services.error_analyzer.domain import Analysis, Asked, Evidence, Fix, Proof, Suggestion
from services.error_analyzer.work.desk import Desk, Policy
from services.error_analyzer.work.outcome import Outcome, Task

FINGERPRINT = "ab" * 16
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANALYSIS = Analysis(
    cause="the tempo may be missing",
    component="services/release",
    severity="medium",
    confidence=0.9,
    fixable=True,
    evidence=(Evidence("services/release/song.py", 12, 'brief["tempo"]', "no default"),),
    asked=Asked(("openai/large",), 1_200),
)
SUGGESTION = Suggestion(
    "--- a/x.py\n", "tests/autofix/test_x.py", "def test_x(): ...", "asks first", ANALYSIS.asked
)
FIX = Fix(SUGGESTION.diff, SUGGESTION.test_path, SUGGESTION.test_code, ("x.py",), "base0")
COMMIT = "c0ffee"


@dataclass
class Helpers:
    """Analyst, engineer and workshop in one; an exception in place of an answer is raised."""

    digest_is: str = "d1"
    analysis: Analysis | Exception = ANALYSIS
    base: Exception | None = None
    """Why nothing can be proven."""
    suggestion: Suggestion | Exception = SUGGESTION
    checked: Fix | Exception = FIX
    proof: Proof | Exception = field(default_factory=lambda: Proof("1 passed"))
    applied: str | Exception = "a11ed"
    reverted: str | Exception = "0ff"
    asked: list[str] = field(default_factory=list)
    feedback: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    async def digest(self, group: db.ErrorGroup) -> str:
        return self.digest_is

    async def analyze(self, group: db.ErrorGroup, *, attempt_id: str) -> Analysis:
        self.asked.append(f"analyze {attempt_id}")
        return _or_raise(self.analysis)

    async def suggest(
        self, group: db.ErrorGroup, report: db.ErrorReport, *, attempt_id: str, feedback: str
    ) -> Suggestion:
        self.asked.append(f"suggest {attempt_id}")
        self.feedback.append(feedback)
        return _or_raise(self.suggestion)

    async def ready(self) -> None:
        if self.base is not None:
            raise self.base

    async def check(self, suggestion: Suggestion) -> Fix:
        return _or_raise(self.checked)

    async def prove(self, fix: Fix) -> Proof:
        self.asked.append("prove")
        return _or_raise(self.proof)

    async def keep(self, fingerprint: str, fix: Fix, *, message: str) -> str:
        self.messages.append(message)
        return COMMIT

    async def apply(self, fingerprint: str, commit: str) -> str:
        self.asked.append(f"apply {fingerprint} {commit}")
        return _or_raise(self.applied)

    async def revert(self, commit: str, *, message: str) -> str:
        self.asked.append(f"revert {commit}")
        self.messages.append(message)
        return _or_raise(self.reverted)


@dataclass
class Told:
    """Remembers what people would be told."""

    said: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda group, *why: self.said.append(name)


@dataclass
class Bench:
    """A desk with all that it uses."""

    desk: Desk
    helpers: Helpers
    told: Told
    noted: list[db.ErrorReport]

    def said(self, *outcomes: Outcome) -> list[str]:
        """What people are told once these are kept."""
        for outcome in outcomes:
            if outcome.tell is not None:
                outcome.tell(db.ErrorGroup(report=outcome.report))
        return self.told.said


def bench(mode: str = "suggest", *, helpers: Helpers | None = None, **policy: Any) -> Bench:
    """A desk that works in a mode."""
    helpers, told, noted = helpers or Helpers(), Told(), []

    async def note(task: Task, report: db.ErrorReport) -> None:
        noted.append(report)

    rules = {"tries": 2, "classes": (), "watch_s": 3600.0, "rise": 3.0} | policy
    note_it: Callable[[Task, db.ErrorReport], Awaitable[None]] = note
    engineer, workshop = (None, None) if mode == "off" else (helpers, helpers)
    desk = Desk(helpers, engineer, workshop, told, Policy(mode=mode, **rules), note_it)  # type: ignore[arg-type]
    return Bench(desk, helpers, told, noted)


def report(status: str, **fields: Any) -> db.ErrorReport:
    """A report of an earlier attempt."""
    known = {"fingerprint": FINGERPRINT, "attempt_id": "before", "cause": "known", "fixable": True}
    return db.ErrorReport(status=status, **(known | fields))


def task(
    kind: db.ErrorStep.Kind.ValueType,
    newest: db.ErrorReport | None = None,
    *history: db.ErrorReport,
    forced: bool = False,
    tries: int = 1,
    reason: str = "",
    errors: tuple[int, int] = (0, 0),
    applied_ago: timedelta | None = None,
    postponements: int = 0,
) -> Task:
    """A step in hand. `errors`: those since the fix, and those of the day before it."""
    newest = newest or db.ErrorReport(status="new", fingerprint=FINGERPRINT)
    if applied_ago is not None:
        newest.applied_at.FromDatetime(NOW - applied_ago)
    claimed = db.ClaimErrorStepResponse(
        group=db.ErrorGroup(
            fingerprint=FINGERPRINT,
            title="KeyError",
            culprit="services.release.song.tempo_of",
            exception_type="KeyError",
            services=["release"],
            count=3,
            status=newest.status,
            report=newest,
            history=history,
            step=db.ErrorStep(
                kind=kind,
                attempt_id="try1",
                forced=forced,
                tries=tries,
                reason=reason,
                postponements=postponements,
            ),
        ),
        errors_since_fix=errors[0],
        errors_before_fix=errors[1],
    )
    claimed.now.FromDatetime(NOW)
    return Task(claimed)


def _or_raise(answer: Any) -> Any:
    if isinstance(answer, Exception):
        raise answer
    return answer
