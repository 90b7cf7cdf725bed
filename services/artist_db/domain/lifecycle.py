"""An artist's states and the verbs between them."""

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


TRANSITIONS: Mapping[Verb, Transition] = MappingProxyType(
    {
        Verb.PAUSE: Transition((State.ACTIVE,), State.PAUSED),
        Verb.RESUME: Transition((State.PAUSED,), State.ACTIVE),
        Verb.RETIRE: Transition((State.ACTIVE, State.PAUSED), State.RETIRED),
    }
)
