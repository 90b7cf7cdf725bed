"""What operators are told, through notifier: that models fail, and that budgets go down."""

import shlex
import time
from collections.abc import Callable, Mapping, Sequence

from aiartist.artist_db.v1 import artist_db_pb2
from aiartist.notifier.v1 import notifier_pb2 as pb
from services.chassis.ids import derived_id
from services.chassis.notices import Notices
from services.orchestrator.domain import REFUSED, Attempt
from services.orchestrator.models.catalog import Model

EXHAUSTED_EVERY_S = 60.0
BUDGET_EVERY_S = 3_600.0
MOST_REMEMBERED = 10_000
"""Budgets of which is known that they were told."""


class Teller:
    """Says once a cool-down that a model failed, not once a call, and once that a budget goes down."""

    def __init__(self, notices: Notices, *, clock: Callable[[], float] = time.time) -> None:
        self._notices = notices
        self._clock = clock
        self._quiet_until: dict[str, float] = {}
        self._strained: dict[str, None] = {}

    def failed(self, role: str, model: Model, attempt: Attempt) -> None:
        """A model gave no usable answer, and the next of the list is asked."""
        wait_s = model.bench_s if attempt.outcome in REFUSED else model.cooldown_s
        must_act = attempt.outcome in REFUSED
        self._tell(
            f"model {model.name}{' benched' if must_act else ''}",
            wait_s,
            pb.NotifyRequest(
                severity=pb.SEVERITY_ERROR if must_act else pb.SEVERITY_WARNING,
                topic=pb.TOPIC_FALLBACK,
                title=f"Model {model.name} failed: {attempt.outcome}",
                body=f"The role {role} goes on with the next model of its list.\n{attempt.detail}"
                + (f"\nCheck {model.api_key_env or 'its settings'}." if must_act else ""),
            ),
        )

    def exhausted(self, role: str, attempts: Sequence[Attempt]) -> None:
        """No model of a role's list gave a usable answer."""
        told = "\n".join(f"{attempt.model}: {attempt.outcome} {attempt.detail}" for attempt in attempts)
        self._tell(
            f"role {role}",
            EXHAUSTED_EVERY_S,
            pb.NotifyRequest(
                severity=pb.SEVERITY_ERROR,
                topic=pb.TOPIC_FALLBACK,
                title=f"No model answers for the role {role}",
                body=told or "None is available: see aiartist llm status.",
            ),
        )

    def budget_spent(self, message: str, metadata: Mapping[str, str]) -> None:
        """A call did not fit a budget."""
        scope, subject = metadata.get("scope", ""), metadata.get("subject", "")
        self._tell(
            f"budget {scope} {subject}",
            BUDGET_EVERY_S,
            pb.NotifyRequest(
                severity=pb.SEVERITY_ERROR,
                topic=pb.TOPIC_BUDGET,
                title=f"The budget is spent: {scope} {subject}".rstrip(),
                body=message,
                run_id=subject if scope == "run" else "",
                artist_id=subject if scope == "artist" else "",
            ),
        )

    def budget_strained(self, budget: artist_db_pb2.Budget) -> None:
        """80 % or more of a budget is spent: told once at 80 % and once at 100 %, each day or run."""
        scope = artist_db_pb2.BudgetScope.Name(budget.scope).removeprefix("BUDGET_SCOPE_").lower()
        level = 100 if budget.spent_micro_usd >= budget.limit_micro_usd else 80
        key = f"budget {scope} {budget.subject} {budget.day} {level}"
        if key in self._strained:
            return
        whose, target = {
            "artist": (f"artist {budget.subject}", f"artist --artist {shlex.quote(budget.subject)}"),
            "run": (f"run {budget.subject}", f"run --run {shlex.quote(budget.subject)}"),
        }.get(scope, ("the label's day", "day"))
        taken = self._notices.tell(
            pb.NotifyRequest(
                # The same in every replica, and after a restart.
                request_id=derived_id("tell", key),
                severity=pb.SEVERITY_ERROR if level == 100 else pb.SEVERITY_WARNING,
                topic=pb.TOPIC_BUDGET,
                title=f"{level} % of a budget is spent: {whose}",
                body=f"${_usd(budget.spent_micro_usd)} of ${_usd(budget.limit_micro_usd)} is spent, "
                f"${_usd(budget.left_micro_usd)} is left.\n"
                f"Raise it with: aiartist budget set {target} USD",
                run_id=budget.subject if scope == "run" else "",
                artist_id=budget.subject if scope == "artist" else "",
            )
        )
        if taken:
            self._strained[key] = None
            if len(self._strained) > MOST_REMEMBERED:
                del self._strained[next(iter(self._strained))]

    def _tell(self, key: str, quiet_s: float, notice: pb.NotifyRequest) -> None:
        now = self._clock()
        if now < self._quiet_until.get(key, 0.0):
            return
        self._quiet_until[key] = now + quiet_s
        # The same for all replicas, so that notifier says once what each of them sees.
        notice.request_id = derived_id("tell", f"{key}/{int(now // quiet_s)}")
        self._notices.tell(notice)


def _usd(micro_usd: int) -> str:
    """Dollars with as many decimals as the amount has, at least two: `5.00`, `0.0015`."""
    dollars, rest = divmod(micro_usd, 1_000_000)
    return f"{dollars}.{f'{rest:06}'.rstrip('0'):0<2}"
