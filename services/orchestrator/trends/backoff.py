"""When a chart is asked for again."""

import random
import time
from collections.abc import Callable

from services.orchestrator.trends.source import Outcome, RateLimited

FIRST_S = 300
"""After the first failure; twice as long after each further one."""
LONGEST_S = 86_400
"""The longest that a source may ask for."""
PAUSE_S = 300
"""After a refusal for asking too often that does not say for how long."""
_LEAST_S = 5
_JITTER = 0.1


class Backoff:
    """Waits, and the sources that are left alone.

    `every_s`: the usual wait, and the longest after failures.
    """

    def __init__(self, every_s: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_s = every_s
        self._clock = clock
        self._pauses: dict[str, tuple[float, RateLimited]] = {}

    def again_s(
        self, every_s: int | None, failures: int, outcome: Outcome, retry_after_s: float | None
    ) -> int:
        """Seconds until a chart is asked for again, spread by a tenth; `failures`: in a row, before this."""
        usual_s = every_s if every_s is not None else self._every_s
        if outcome in ("ok", "no_key"):
            wait_s = float(usual_s)
        else:
            wait_s = min(float(usual_s), FIRST_S * 2.0 ** min(failures, 20))
        wait_s *= random.uniform(1 - _JITTER, 1 + _JITTER)
        # Never earlier than the source said.
        return max(_LEAST_S, round(max(wait_s, retry_after_s or 0.0)) + (1 if retry_after_s else 0))

    def pause(self, source: str, limited: RateLimited) -> float:
        """Leaves a source alone for as long as it asked, or for longer where it is already; in seconds."""
        wait_s = min(LONGEST_S, limited.retry_after_s or PAUSE_S)
        until = max(self._clock() + wait_s, self._pauses.get(source, (0.0, limited))[0])
        self._pauses[source] = (until, limited)
        return until - self._clock()

    def paused(self, source: str) -> RateLimited | None:
        """Why a source is left alone now; None where it is not."""
        until, limited = self._pauses.get(source, (0.0, None))
        left_s = until - self._clock()
        if limited is None or left_s <= 0:
            return None
        return RateLimited(str(limited), left_s)
