"""What every source of music looks like to the rest of the release service."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aiartist.common.v1 import brief_pb2

SAMPLE_RATE = 44_100

ProgressFn = Callable[[str, int, int], None]
"""Called with the step's name, the units done and the units in all."""


class UnplayableBrief(ValueError):
    """The brief asks for something that no provider can play; `str()` names the field and the reason."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """A song as a provider delivers it, before mastering."""

    samples: NDArray[np.float32]
    """Shape (n, 2), left and right; any level, not clipped."""

    sample_rate: int
    """In Hz; always 44,100."""

    provider: str
    """The provider's name."""

    seed: int
    """The seed that it was made from."""

    model: str = ""
    """What else it was made with: `soundfont/` and the SHA-256 of a SoundFont; empty for nothing."""


class MusicProvider(Protocol):
    """Makes music from a brief."""

    name: str

    def render(self, brief: brief_pb2.Brief, *, seed: int, progress: ProgressFn) -> Rendering:
        """One rendering of `brief`; another seed gives another one.

        Raises `UnplayableBrief` where the brief can't be played.
        """
        ...
