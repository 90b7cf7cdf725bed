"""Where the sound breaks off: dropouts, a side that falls silent, an end that was cut.

Samples have the shape (n, channels), full scale at 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

# What is lost is lost at once, in all the treble: it falls from here to there within four milliseconds, and
# was no quieter in these than before. Music that stops has a tail.
_HEARD_DB, _LOST_DB = -40.0, -72.0
_EDGE_MS = 4
_BEFORE_MS, _FADED_DB = 40, 15.0
_SHORTEST_MS, _LONGEST_MS = 8, 2_500
_A_REST_MS = 250

_SIDE_HEARD, _SIDE_SILENT = 10.0 ** (-40 / 20), 10.0 ** (-66 / 20)
_SIDE_BLOCK_S = 0.1
_ENDING_S = 0.05


@dataclass(frozen=True, slots=True)
class Gaps:
    """Holes in the sound with hard edges on both sides, 8 ms to 2.5 s long."""

    dropouts: int
    """So short that no music rests as long: less than 250 ms."""
    stops: int
    """As long as a rest may be."""
    first_s: float
    """Where the first of either is, in seconds; -1 where there is none."""


def gaps(samples: Samples, sample_rate: int) -> Gaps:
    """The holes that neither a decay nor a fade leads into.

    Only the treble is looked at: filters, as mastering has them, let the bass ring on over a hole.
    """
    block = max(1, sample_rate // 1_000)
    count = (len(samples) - 1) // block
    peaks = np.zeros(max(0, count), dtype=np.float32)
    for channel in range(samples.shape[1]):
        rise = np.abs(np.diff(samples[:, channel]))[: count * block].reshape(-1, block)
        np.maximum(peaks, rise.max(axis=1, initial=0.0), out=peaks)
    # A tone at a quarter of 44,100 Hz has the same treble at any sample rate.
    db = 20.0 * np.log10(np.maximum(peaks * np.float32(sample_rate / 44_100), 1e-7))
    first, last = runs(db < _LOST_DB)
    ms = 1_000.0 * block / sample_rate
    length = (last - first) * ms
    inside = (first >= _EDGE_MS) & (last <= len(db) - _EDGE_MS)
    chosen = np.flatnonzero(inside & (length >= _SHORTEST_MS) & (length <= _LONGEST_MS))
    hard = [at for at in chosen if _falls_hard(db[: first[at]]) and _rises_hard(db[last[at] :])]
    short = sum(bool(length[at] < _A_REST_MS) for at in hard)
    return Gaps(short, len(hard) - short, float(first[hard[0]] * ms / 1_000) if hard else -1.0)


def _falls_hard(db: NDArray[np.float32]) -> bool:
    edge, before = db[-_EDGE_MS:].max(), db[-_BEFORE_MS:].max()
    return bool(edge > max(_HEARD_DB, before - _FADED_DB))


def _rises_hard(db: NDArray[np.float32]) -> bool:
    return bool(db[:_EDGE_MS].max() > _HEARD_DB)


def one_sided_s(samples: Samples, sample_rate: int) -> float:
    """The longest stretch in which one of two channels is silent and the other is not, in seconds."""
    block = max(1, round(_SIDE_BLOCK_S * sample_rate))
    count = len(samples) // block
    if samples.shape[1] != 2 or count == 0:
        return 0.0
    levels = [
        np.sqrt(np.mean(samples[: count * block, side].reshape(count, block) ** 2, axis=1))
        for side in range(2)
    ]
    longest = 0
    for one, other in (levels, levels[::-1]):
        first, last = runs((one < _SIDE_SILENT) & (other > _SIDE_HEARD))
        longest = max(longest, int((last - first).max(initial=0)))
    return longest * _SIDE_BLOCK_S


def ending_dbfs(samples: Samples, sample_rate: int) -> float:
    """The level of the last 50 ms in dBFS, -120 at least."""
    end = samples[-max(1, round(_ENDING_S * sample_rate)) :]
    power = float(np.mean(end**2, dtype=np.float64)) if len(end) else 0.0
    return float(max(-120.0, 10.0 * np.log10(power + 1e-12)))


def runs(flags: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the runs of True begin, and where they have ended."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return edges[::2], edges[1::2]
