"""An artist's states, the ways between them, and what becomes of changes that reflections want."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    """As in `ArtistState`, without its prefix."""

    CANDIDATE = "CANDIDATE"
    ACTIVE = "ACTIVE"
    EVOLVING = "EVOLVING"
    PAUSED = "PAUSED"
    RETIRED = "RETIRED"


class Evolve(StrEnum):
    """As in `Evolve`, without its prefix."""

    OFF = "OFF"
    PROPOSE = "PROPOSE"
    AUTO = "AUTO"


class Rule(StrEnum):
    """What led to a move."""

    APPROVAL = "approval"
    ERRORS = "errors"
    REJECTIONS = "rejections"
    IDLE = "idle"
    PAUSED = "paused"
    RECOVERED = "recovered"
    PERSON = "person"
    UNDO = "undo"
    VACANCY = "vacancy"
    """The artist was invented for a place in the roster."""


class Verb(StrEnum):
    """What a caller may ask for."""

    PAUSE = "pause"
    RESUME = "resume"
    RETIRE = "retire"


@dataclass(frozen=True, slots=True)
class Transition:
    """From which states a verb leads where."""

    sources: tuple[State, ...]
    target: State

    @property
    def expected(self) -> str:
        """The states in which the verb is allowed, for people."""
        return " or ".join(self.sources)


WAYS: Mapping[State, tuple[State, ...]] = MappingProxyType(
    {
        State.CANDIDATE: (State.ACTIVE, State.RETIRED),
        State.ACTIVE: (State.CANDIDATE, State.EVOLVING, State.PAUSED, State.RETIRED),
        State.EVOLVING: (State.ACTIVE, State.PAUSED, State.RETIRED),
        State.PAUSED: (State.ACTIVE, State.EVOLVING, State.RETIRED),
        State.RETIRED: (),
    }
)
"""Where a person may move an artist from each state."""


def way_to(target: State) -> Transition:
    """From which states a person may move an artist to `target`."""
    return Transition(tuple(state for state in State if target in WAYS[state]), target)


TRANSITIONS: Mapping[Verb, Transition] = MappingProxyType(
    {
        Verb.PAUSE: way_to(State.PAUSED),
        Verb.RESUME: Transition((State.PAUSED,), State.ACTIVE),
        Verb.RETIRE: way_to(State.RETIRED),
    }
)


def undoable(source: State | None, target: State, rule: str) -> str:
    """Why an artist's last move can't be undone, as its state for people; empty where it can.

    `source` is None where the artist was taken on. A rule's retirement can be undone, a person's is for good.
    """
    if source is None:
        return "WHERE THE ARTIST BEGAN"
    if source is State.RETIRED:
        # The way back into retirement is to retire the artist, for good.
        return "A WAY OUT OF RETIREMENT"
    if target is State.RETIRED and rule == Rule.PERSON:
        return "A PERSON'S RETIREMENT"
    return ""
