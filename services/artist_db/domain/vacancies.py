"""When the label looks for a new artist."""

import hashlib
from dataclasses import dataclass
from datetime import date

from services.artist_db.domain.lifecycle import State

MOST_TRIES = 5
"""Tries to fill a vacancy, after which it is given up; who leaves one unfinished has tried too."""
REST_DAYS = 7
"""After a vacancy was given up, days without a new one for the roster's target."""
IN_ROSTER = (State.CANDIDATE, State.ACTIVE, State.EVOLVING)
"""Who counts for the target: candidates too, so that nobody finds twenty of them after a holiday."""


@dataclass(frozen=True, slots=True)
class Roster:
    """What `AIARTIST_ROSTER_*` says; settings.py has each one's meaning and bounds."""

    target: int = 0
    new_probability: float = 0.0
    ask: bool = True
    cadence_s: int = 604_800

    @property
    def begins_as(self) -> State:
        """The state of an artist that was invented."""
        return State.CANDIDATE if self.ask else State.ACTIVE

    def lack(self, artists: int) -> str:
        """Why one more is wanted, for people; empty: none is. `artists`: how many the roster has."""
        if artists >= self.target:
            return ""
        has = f"{artists} artist" if artists == 1 else f"{artists} artists"
        return f"the roster has {has}, its target is {self.target}"

    def luck(self, seed: str, day: date) -> str:
        """Why the day wants one more, for people; empty: it does not."""
        if die(seed, day) >= self.new_probability:
            return ""
        return f"by chance, {self.new_probability * 100:g} % a day"


def die(seed: str, day: date) -> float:
    """The day's die, from 0 up to 1: the same for every replica, and after every restart."""
    digest = hashlib.sha256(f"{seed} {day.isoformat()}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
