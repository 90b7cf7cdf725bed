"""Small real songs in the formats that providers send."""

import io
from functools import lru_cache

import numpy as np
import soundfile

SECONDS = 24.0
"""Long enough for a brief of 90 s not to be called empty."""


@lru_cache
def song_file(
    kind: str = "MP3", *, seconds: float = SECONDS, rate: int = 48_000, channels: int = 2, level: float = 0.3
) -> bytes:
    """Chords with a beat, encoded; `kind` is `MP3`, `FLAC`, `WAV` or `OGG`."""
    t = np.arange(int(rate * seconds)) / rate
    sides = []
    for side in range(channels):
        tones = sum(np.sin(2 * np.pi * f * t + side) for f in (110.0, 220.5, 329.6, 440.0))
        beat = np.exp(-8 * (t % 0.5)) * np.sin(2 * np.pi * 60 * t)
        sides.append(level * (0.2 * tones + 0.2 * beat))
    file = io.BytesIO()
    soundfile.write(file, np.stack(sides, axis=1), rate, format=kind)
    return file.getvalue()
