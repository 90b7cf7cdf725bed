"""One song's videos, made in worker processes: what both formats share first, then each format by itself."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from aiartist.common.v1 import brief_pb2, persona_pb2
from services.release.cover import draw_cover
from services.release.cover.colour import Colour, contrast
from services.release.cover.identity import Identity, identity
from services.release.video import encode, ffmpeg, words
from services.release.video.clips import Reel
from services.release.video.frames import Look, Painter
from services.release.video.planes import Layer
from services.release.video.plates import load_plates, paint_art, relative_luminance, save_plates
from services.release.video.sound import Sound, listen
from services.release.video.timeline import Cue, Timeline, timeline
from services.release.video.words import FORMATS, Format, Pen

Report = Callable[[str, int, int], None]
_TOLD_EVERY = 15
_PLATES, _COVER = "plates.npz", "cover.bmp"


@dataclass(frozen=True, slots=True)
class Song:
    """What is filmed; travels to another process."""

    master: Path
    brief: bytes
    """A serialised `aiartist.common.v1.Brief`."""
    persona: bytes
    """A serialised `aiartist.common.v1.Persona`."""
    provider: str
    """The music provider that made the take."""
    label: str
    """The label's name."""
    motif: str = ""
    """What its cover is drawn with; empty: the artist's own motif."""


def prepare(song: Song, cover: Path | None, folder: Path, *, photographed: bool) -> None:
    """Draws what all formats show and leaves it in the folder. OSError where the disk refuses."""
    persona, brief = _persona(song), _brief(song)
    jpeg = draw_cover(persona, brief).jpeg if cover is None else cover.read_bytes()
    art = paint_art(persona, brief, jpeg, song.motif, photographed=photographed)
    save_plates(art.plates, folder / _PLATES)
    art.cover.save(folder / _COVER)


def times_of(song: Song) -> tuple[Sound, Timeline]:
    """The song's sound and when what is seen."""
    samples, rate = soundfile.read(song.master, dtype="float32", always_2d=True)
    brief = _brief(song)
    sound = listen(samples, rate, brief.tempo_bpm)
    times = timeline(
        brief,
        seconds=sound.seconds,
        beat_s=sound.beat_s,
        first_beat_s=sound.first_beat_s,
        provider=song.provider,
    )
    return sound, times


def film(
    song: Song, format: str, folder: Path, output: Path, clips: tuple[Path, ...], report: Report
) -> list[int]:
    """Draws and encodes one format into `output`; which of the clips it shows, by their number.

    OSError where the disk refuses; then there is no `output`. The same song and clips give the same bytes.
    """
    shape = FORMATS[format]
    report("listening", 0, 0)
    sound, times = times_of(song)
    brief, persona = _brief(song), _persona(song)
    look = identity(persona, brief, song.motif)
    with Image.open(folder / _COVER, formats=["BMP"]) as picture:
        cover = picture.convert("RGB")
    plates = load_plates(folder / _PLATES)
    typist = _Typist(shape, pen_of(look), brief.title, persona.name, song.label, cover)
    rate = soundfile.info(song.master).samplerate
    command = encode.arguments(shape.width, shape.height, song.master, rate)
    with Reel(clips, times, shape) as reel, ffmpeg.writing(command, output) as encoder:
        painter = Painter(shape, sound, times, plates, look_of(look), typist.write, reel.picture)
        for frame in range(sound.frames):
            encoder.write(painter.paint(frame))
            if frame % _TOLD_EVERY == 0:
                report("filming", frame, sound.frames)
        shown = sorted(reel.shown)
    report("filmed", sound.frames, sound.frames)
    return shown


def pen_of(look: Identity) -> Pen:
    """Ink and veil that differ enough, as on the cover."""
    palette = look.palette
    # Video is watched on dark screens: light letters, unless the artist's own ground is light.
    ink, veil = (palette.light, palette.dark) if palette.is_dark else (palette.dark, palette.light)
    ground = relative_luminance(veil)
    accent = max(
        palette.accents,
        key=lambda colour: min(contrast(relative_luminance(colour), ground), 6.0) + _vivid(colour),
    )
    # What stands behind is never all veil: the second colour of type leans on the first.
    accent = accent.mixed(ink, 0.3)
    if contrast(relative_luminance(accent), ground) < 7:
        accent = accent.mixed(ink, 0.55)
    return Pen(look.typeface, ink, veil, accent)


def look_of(look: Identity) -> Look:
    """The colours of what moves."""
    palette = look.palette
    glow = palette.light if palette.is_dark else palette.accents[0].mixed(palette.light, 0.4)
    return Look(
        low=palette.accents[0],
        high=palette.accents[1],
        glow=glow.mixed(palette.accents[0], 0.3),
        veil=pen_of(look).veil,
        seed=look.seed,
    )


def _vivid(colour: Colour) -> float:
    return float(np.ptp(colour.rgb)) * 2


def _brief(song: Song) -> brief_pb2.Brief:
    return brief_pb2.Brief.FromString(song.brief)


def _persona(song: Song) -> persona_pb2.Persona:
    return persona_pb2.Persona.FromString(song.persona)


class _Typist:
    """Sets each text when it is first seen."""

    def __init__(
        self, shape: Format, pen: Pen, title: str, artist: str, label: str, cover: Image.Image
    ) -> None:
        self._shape, self._pen = shape, pen
        self._title, self._artist, self._label = title, artist, label
        self._cover = cover

    def write(self, cue: Cue) -> Layer:
        shape, pen = self._shape, self._pen
        if cue.kind == "title":
            return words.title_card(self._title, self._artist, self._cover, shape, pen)
        if cue.kind == "corner":
            return words.corner(self._title, self._artist, shape, pen)
        if cue.kind == "end":
            return words.end_card(self._title, self._artist, self._label, shape, pen)
        return words.lyric(cue.text, shape, pen, strong=cue.kind == "chorus")
