"""What people judge a take by: a preview to hear, its cover to see. Made for a worker process."""

import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import soundfile

from aiartist.common.v1 import brief_pb2, persona_pb2
from services.release.cover import PICTURE, UnusablePicture, draw_cover, draw_thumbnail

_BLOCK = 1 << 16
_QUALITY = 0.3
"""Of variable bit rate, from 0, the best, to 1. Some 175 kbit/s for music, 320 at the very most: four minutes
are 5 MB, at most 9.6. A constant rate of 160 kbit/s takes a third more of a processor's time."""
_COVERS_KEPT = 2


def encode_preview(master: Path) -> bytes:
    """An audio file as MP3, from its first to its last sample; the same file gives the same bytes.

    The first frame tells players the exact length; there are no tags. About 2 s of one core for a minute of
    stereo. Raises `soundfile.LibsndfileError` where the file can't be decoded.
    """
    file = io.BytesIO()
    with (
        soundfile.SoundFile(master) as source,
        soundfile.SoundFile(
            file,
            "w",
            samplerate=source.samplerate,
            channels=source.channels,
            format="MP3",
            subtype="MPEG_LAYER_III",
            bitrate_mode="VARIABLE",
            compression_level=_QUALITY,
        ) as preview,
    ):
        # As float: given integers, libsndfile 1.2 ignores the wanted quality and takes 320 kbit/s.
        for block in source.blocks(_BLOCK, dtype="float32", always_2d=True):
            preview.write(block)
    return file.getvalue()


@dataclass(frozen=True, slots=True)
class Pictures:
    """A song's cover, large and small, as JPEGs."""

    cover: bytes
    thumbnail: bytes
    pictured: bool
    """True where it shows what an image model drew."""
    motif: str
    """What is drawn on it; `picture` where an image model drew."""
    problem: str = ""
    """Why it does not show the model's picture that there is."""


@lru_cache(_COVERS_KEPT)
def pictures(brief: bytes, persona: bytes, picture: bytes | None = None, motif: str = "") -> Pictures:
    """A song's cover, kept for the next take of the same brief.

    `brief` and `persona` are serialised messages.
    With an image model's `picture`, the cover is made of that; where none can be, it is drawn as without.
    `motif`: as in `draw_cover`.
    """
    singer, song = persona_pb2.Persona.FromString(persona), brief_pb2.Brief.FromString(brief)
    problem = ""
    try:
        drawn = draw_cover(singer, song, picture, motif)
    except UnusablePicture as error:
        problem = str(error)
        drawn = draw_cover(singer, song, motif=motif)
    thumbnail = draw_thumbnail(drawn.jpeg)
    return Pictures(drawn.jpeg, thumbnail, drawn.motif == PICTURE, drawn.motif, problem)
