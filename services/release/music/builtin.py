"""The provider that is always there: composes, arranges, synthesises and mixes by itself, offline."""

import numpy as np

from aiartist.common.v1 import brief_pb2
from services.release.music.arranger import arrange
from services.release.music.casting import cast_voices
from services.release.music.genres import genre_named
from services.release.music.mixer import mix
from services.release.music.provider import SAMPLE_RATE, ProgressFn, Rendering
from services.release.music.seeds import derive


class BuiltinProvider:
    """Music from the brief alone: the same brief and seed give the same samples."""

    name = "builtin"

    def render(self, brief: brief_pb2.Brief, *, seed: int, progress: ProgressFn) -> Rendering:
        """See `MusicProvider.render`."""
        progress("arranging", 0, 1)
        genre = genre_named(brief.genre)
        score = arrange(brief, genre, seed=seed)
        root = derive(seed, "sound", brief.seed, brief.title)
        voices = cast_voices(genre, brief.instruments, seed=root)
        mixed = mix(score, genre, voices, seed=root, progress=progress)
        return Rendering(np.ascontiguousarray(mixed.T), SAMPLE_RATE, self.name, seed)
