"""What operators are told of whatever is paid for: that budgets go down. Each thing once in a while."""

import shlex
import time
from collections.abc import Callable, Mapping

from aiartist.artist_db.v1 import artist_db_pb2
from aiartist.notifier.v1 import notifier_pb2 as pb
from services.chassis.ids import derived_id
from services.chassis.notices import Notices

BUDGET_EVERY_S = 3_600.0
MOST_REMEMBERED = 10_000
"""Budgets of which is known that they were told."""


class Teller:
    """Tells operators through notifier. A service adds what it alone can tell in a subclass."""

    def __init__(self, notices: Notices, *, clock: Callable[[], float] = time.time) -> None:
        self._notices = notices
        self._clock = clock
        self._quiet_until: dict[str, float] = {}
        self._strained: dict[str, None] = {}

    def tell(self, key: str, quiet_s: float, notice: pb.NotifyRequest) -> None:
        """Tells it unless `key` was told within the last `quiet_s`, here or by another replica."""
        now = self._clock()
        if now < self._quiet_until.get(key, 0.0):
            return
        self._quiet_until[key] = now + quiet_s
        # The same for all replicas, so that notifier says once what each of them sees.
        notice.request_id = derived_id("tell", f"{key}/{int(now // quiet_s)}")
        self._notices.tell(notice)

    def budget_spent(self, message: str, metadata: Mapping[str, str]) -> None:
        """A call did not fit a budget; both as artist_db's error has them."""
        scope, subject = metadata.get("scope", ""), metadata.get("subject", "")
        self.tell(
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
                # The same in every replica and service, and after a restart.
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


def _usd(micro_usd: int) -> str:
    """Dollars with as many decimals as the amount has, at least two: `5.00`, `0.0015`."""
    dollars, rest = divmod(micro_usd, 1_000_000)
    return f"{dollars}.{f'{rest:06}'.rstrip('0'):0<2}"
