"""How often partners may ask: so many calls in so many seconds."""

from collections.abc import Mapping


class Limiter:
    """Counts calls by caller; times are in seconds of any clock."""

    def __init__(self, calls: int, seconds: float) -> None:
        self._calls = calls
        self._seconds = seconds
        self._made: dict[str, list[float]] = {}

    def allows(self, caller: str, now: float) -> bool:
        """Whether a call may be made now; if so, it counts."""
        made = [at for at in self._made.get(caller, []) if at > now - self._seconds]
        self._made[caller] = made
        if len(made) >= self._calls:
            return False
        made.append(now)
        return True

    def forget_idle(self, now: float) -> int:
        """Drops callers that made no call lately; how many are left."""
        for caller, made in self._made.items():
            if not made or made[-1] <= now - self._seconds:
                del self._made[caller]
        return len(self._made)


def busy_callers(calls: Mapping[str, float], now: float) -> int:
    """How many of these callers, by the time of their last call, called within the last minute."""
    limiter = Limiter(calls=1, seconds=60)
    for caller, at in calls.items():
        limiter.allows(caller, at)
    return limiter.forget_idle(now)
