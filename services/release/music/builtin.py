"""The provider that is always there: composes, arranges, synthesises and mixes by itself, offline."""

from pathlib import Path

import numpy as np

from aiartist.common.v1 import brief_pb2
from services.release.music.arranger import arrange
from services.release.music.casting import cast_voices
from services.release.music.genres import genre_named
from services.release.music.mixer import mix
from services.release.music.provider import SAMPLE_RATE, ProgressFn, Rendering
from services.release.music.seeds import derive
from services.release.music.soundfont.sampled import SoundFont


class BuiltinProvider:
    """Music from the brief alone: the same brief and seed give the same samples.

    With a SoundFont 2 file, natural instruments are played from it; the samples then hang on its bytes too.
    """

    name = "builtin"

    def __init__(self, soundfont: Path | None = None) -> None:
        self._soundfont = soundfont

    def render(self, brief: brief_pb2.Brief, *, seed: int, progress: ProgressFn) -> Rendering:
        """See `MusicProvider.render`. `BrokenSoundFont` and `OSError` are of the SoundFont."""
        progress("arranging", 0, 1)
        font = SoundFont.open(self._soundfont) if self._soundfont else None
        genre = genre_named(brief.genre)
        score = arrange(brief, genre, seed=seed)
        root = derive(seed, "sound", brief.seed, brief.title)
        voices = cast_voices(genre, brief.instruments, seed=root)
        mixed = mix(score, genre, voices, seed=root, progress=progress, font=font)
        model = f"soundfont/{font.sha256}" if font else ""
        return Rendering(np.ascontiguousarray(mixed.T), SAMPLE_RATE, self.name, seed, model)
