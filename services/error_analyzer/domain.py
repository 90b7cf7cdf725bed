"""What the parts of error_analyzer hand to each other."""

from collections.abc import Sequence
from dataclasses import dataclass, field

SEVERITIES = ("low", "medium", "high", "critical")


@dataclass(frozen=True, slots=True)
class Evidence:
    """A line that shows a cause. `source`: a file from the repository's root, or `log`; `line` 0: unknown."""

    source: str
    line: int
    text: str
    note: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What asking models took. `cost_micro_usd`: millionths of a US dollar."""

    models: tuple[str, ...] = ()
    cost_micro_usd: int = 0


@dataclass(frozen=True, slots=True)
class Analysis:
    """Why an error happens. `severity`: one of SEVERITIES; `confidence`: 0 to 1."""

    cause: str
    component: str
    severity: str
    confidence: float
    fixable: bool
    evidence: Sequence[Evidence] = ()
    asked: Asked = field(default_factory=Asked)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A fix as an engineer wrote it, unchecked: a unified diff, and a new test that fails without it."""

    diff: str
    test_path: str
    test_code: str
    explanation: str
    asked: Asked = field(default_factory=Asked)


@dataclass(frozen=True, slots=True)
class Fix:
    """A suggestion whose form, places and size are in order, and that applies to `base_commit`."""

    diff: str
    test_path: str
    test_code: str
    files: tuple[str, ...]
    base_commit: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What running tests printed, without secrets; its end, at most 8,000 characters."""

    log: str


class UnusableAnswer(Exception):
    """What models answered can't be used, or none answered; the text says why. They were paid."""

    def __init__(self, reason: str, asked: Asked | None = None) -> None:
        super().__init__(reason)
        self.asked = asked or Asked()


class ModelsAway(Exception):
    """No model can be asked now: none is set up, a budget is spent, orchestrator is away."""

    def __init__(self, reason: str, retry_after_s: float) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class ModelsSilent(ModelsAway):
    """Models were asked, and none of them answered."""

    def __init__(self, reason: str, retry_after_s: float, asked: Asked | None = None) -> None:
        super().__init__(reason, retry_after_s)
        self.asked = asked or Asked()


class InvalidFix(Exception):
    """A suggestion breaks a rule; nothing of it was run."""


class FixFailed(Exception):
    """A fix was tried and is no fix; nothing of it is kept. `log`: as of Proof."""

    def __init__(self, reason: str, log: str = "") -> None:
        super().__init__(reason)
        self.log = log


class RepairUnavailable(Exception):
    """Nothing can be repaired here now, for no fault of the fix: repository, git or sandbox is missing."""
