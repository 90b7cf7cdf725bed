"""Draws a video frame by frame: the plate under a moving camera, light on the beat, the spectrum, the words.

A frame takes a few milliseconds: the plate is enlarged sideways by Pillow and downwards by doubling rows,
everything is done in place in the encoder's own planes, and each text is set once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
from PIL import Image

from services.release.cover.colour import Colour
from services.release.video.motes import Motes
from services.release.video.planes import Bytes, Canvas, Layer, Planes, Words, colour_of
from services.release.video.sound import FPS, Sound
from services.release.video.spectrum import Spectrum
from services.release.video.timeline import Cue, Scene, Timeline
from services.release.video.words import Format

_BILINEAR = Image.Resampling.BILINEAR
_FADE = 0.22
_SLIDE = 14
"""Pixels that a text rises while it appears."""
_PUNCH = 0.028
"""How much nearer the camera jumps on the hardest beat."""
_FLASH_S = 0.12
_TINT = 110
"""Of 256: how much of a stock clip's colour is the song's."""
_MOST_GAIN = 278
"""235 times this still fits 16 bits."""
_ENERGY = {
    "intro": 0.35,
    "verse": 0.55,
    "pre_chorus": 0.75,
    "chorus": 1.0,
    "bridge": 0.6,
    "instrumental": 0.9,
    "outro": 0.35,
}
_PLATE_OF = {"chorus": 1, "bridge": 2, "instrumental": 2}
_CARDS = ("title", "end", "corner")


@dataclass(frozen=True, slots=True)
class Look:
    """The colours of what moves, and where chance starts."""

    low: Colour
    high: Colour
    """The spectrum's, from the low end to the high one."""
    glow: Colour
    veil: Colour
    """What everything recedes into where words are to be read."""
    seed: int


@dataclass(frozen=True, slots=True)
class _Move:
    """A camera's way through a scene: shares of the plate."""

    zoom: tuple[float, float]
    x: tuple[float, float]
    y: tuple[float, float]


Footage = Callable[[int], Planes | None]
"""The stock clip's picture of a frame; None where the plate is to be seen."""


class Painter:
    """Paints the frames of one video, in order, over one canvas."""

    def __init__(
        self,
        shape: Format,
        sound: Sound,
        times: Timeline,
        plates: tuple[Planes, ...],
        look: Look,
        write: Callable[[Cue], Layer],
        footage: Footage,
    ) -> None:
        self.canvas = Canvas(shape.width, shape.height)
        self._shape = shape
        self._sound = sound
        self._times = times
        self._plates = [tuple(Image.fromarray(p) for p in (plate.y, plate.u, plate.v)) for plate in plates]
        self._side = plates[0].y.shape[1]
        self._write = write
        self._footage = footage
        self._spectrum = Spectrum(shape, look.low, look.high)
        self._motes = Motes(shape, look.glow, look.seed)
        self._moves = [_move(look.seed, number) for number in range(len(times.scenes))]
        self._shade = _vignette(shape)
        self._distance = _distances(shape)
        self._light = np.zeros(256, dtype=np.uint8)
        self._ring = np.empty(self._distance.shape, dtype=np.uint8)
        self._wide = np.empty((shape.height // 2, shape.width), dtype=np.uint16)
        self._narrow = np.empty((shape.height // 4, shape.width // 2), dtype=np.uint16)
        self._tint = colour_of(look.low)
        self._veil = colour_of(look.veil)
        self._shown: tuple[Cue, Layer] | None = None

    def paint(self, frame: int) -> memoryview:
        """The frame's bytes as yuv420p; they hold until the next one is painted."""
        second = (frame + 0.5) / FPS
        scene = self._times.scene_at(second)
        index = self._times.scenes.index(scene)
        energy = _ENERGY.get(scene.kind, 0.6)
        beat = self._sound.pulse(second) * float(self._sound.bass[frame])
        cue, opacity = self._cue_at(second)
        footage = self._footage(frame)
        if footage is None:
            self._background(scene, index, second, energy, beat, opacity if cue is not None else 0.0)
        else:
            self._clip(footage, energy, beat)
        self._motes.over(self.canvas, frame, energy * (0.5 + 0.5 * float(self._sound.level[frame])))
        self._spectrum.over(self.canvas, self._sound.bands[frame], energy)
        if cue is not None:
            self._written(cue, second, opacity)
        return self.canvas.buffer.data

    def _background(
        self, scene: Scene, index: int, second: float, energy: float, beat: float, words: float
    ) -> None:
        plate = self._plates[_PLATE_OF.get(scene.kind, 0) % len(self._plates)]
        box = self._camera(scene, index, second, energy * beat)
        width, height = self.canvas.width, self.canvas.height
        luma = np.asarray(plate[0].resize((width, height // 2), _BILINEAR, box=box))
        self._lit(luma, scene, second, energy, beat, words)
        half = (box[0] / 2, box[1] / 2, box[2] / 2, box[3] / 2)
        keep = self._kept(energy, words)
        for picture, plane, veil in (
            (plate[1], self.canvas.u, self._veil[1]),
            (plate[2], self.canvas.v, self._veil[2]),
        ):
            chroma = np.asarray(picture.resize((width // 2, height // 4), _BILINEAR, box=half))
            np.multiply(chroma, np.uint16(keep), out=self._narrow, casting="unsafe")
            np.add(self._narrow, np.uint16(veil * (256 - keep)), out=self._narrow)
            np.right_shift(self._narrow, 8, out=self._narrow)
            _doubled(self._narrow, plane)

    @staticmethod
    def _kept(energy: float, words: float) -> int:
        """How much of the plate is left, of 256; the rest is the colour that words stand out from."""
        return round(240 - (90 - 26 * energy) * words)

    def _camera(
        self, scene: Scene, index: int, second: float, kick: float
    ) -> tuple[float, float, float, float]:
        """Which part of the plate is seen: left, top, right, bottom."""
        move = self._moves[index]
        share = min(max((second - scene.start_s) / max(1e-6, scene.end_s - scene.start_s), 0.0), 1.0)
        # A long scene goes there and back, so that the camera is never slower than the eye notices.
        turns = max(1, round((scene.end_s - scene.start_s) / 14))
        share = abs((share * turns + 1) % 2 - 1) if turns > 1 else share
        tall = self._side * _between(move.zoom, share) * (1 - _PUNCH * kick)
        wide = tall * self._shape.width / self._shape.height
        if wide > tall:
            tall, wide = tall * self._shape.height / self._shape.width, tall
        left = (self._side - wide) * _between(move.x, share)
        top = (self._side - tall) * _between(move.y, share)
        # The plates have half of their rows.
        return left, top / 2, left + wide, (top + tall) / 2

    def _lit(
        self,
        luma: Bytes,
        scene: Scene,
        second: float,
        energy: float,
        beat: float,
        words: float,
    ) -> None:
        """The plate in the beat's light: darker at the edges and behind words, in loud parts with a ring that
        runs outwards."""
        wide = self._wide
        np.multiply(luma, self._shade, out=wide, casting="unsafe")
        np.right_shift(wide, 8, out=wide)
        keep = self._kept(energy, words)
        gain = min(_MOST_GAIN, round(keep * (1 + 0.16 * energy * beat)))
        np.multiply(wide, np.uint16(gain), out=wide)
        np.right_shift(wide, 8, out=wide)
        np.add(wide, np.uint16(self._veil[0] * (256 - keep) >> 8), out=wide)
        if energy >= 0.75 and beat > 0.04:
            self._wave(second, energy * beat)
            np.add(wide, self._ring, out=wide)
        flash = max(0.0, 1 - (second - scene.start_s) / _FLASH_S) if scene.start_s > 0 else 0.0
        if flash:
            np.add(wide, np.uint16(round(46 * flash * energy)), out=wide)
        np.minimum(wide, 235, out=wide)
        _doubled(wide, self.canvas.y)

    def _wave(self, second: float, strength: float) -> None:
        since = (second - self._sound.first_beat_s) % self._sound.beat_s
        radius = 30 + 225 * since / self._sound.beat_s
        steps = np.arange(256)
        bright = 44 * strength * np.exp(-(((steps - radius) / 15) ** 2)) * (steps < 250)
        self._light[:] = np.round(bright)
        np.take(self._light, self._distance, out=self._ring, mode="clip")

    def _clip(self, footage: Planes, energy: float, beat: float) -> None:
        """A stock clip under a tint of the song's colour."""
        gain = 168 + round(30 * energy * beat)
        half = self._wide
        for rows in (slice(0, None, 2), slice(1, None, 2)):
            np.multiply(footage.y[rows], self._shade, out=half, casting="unsafe")
            np.right_shift(half, 8, out=half)
            np.multiply(half, np.uint16(gain), out=half)
            np.right_shift(half, 8, out=half)
            np.minimum(half, 235, out=half)
            self.canvas.y[rows] = half
        for plane, source, tint in (
            (self.canvas.u, footage.u, self._tint[1]),
            (self.canvas.v, footage.v, self._tint[2]),
        ):
            mixed = source.astype(np.uint16)
            mixed *= np.uint16(256 - _TINT)
            mixed += np.uint16(_TINT * tint)
            mixed >>= 8
            plane[:] = mixed

    def _cue_at(self, second: float) -> tuple[Cue | None, float]:
        """What is written at a moment, and how far it has appeared, from 0 to 1."""
        for cue in self._times.cues:
            if cue.start_s <= second < cue.end_s:
                opening = 1.0 if cue.start_s == 0 else min(1.0, (second - cue.start_s) / _FADE)
                closing = 1.0 if cue.end_s >= self._sound.seconds else min(1.0, (cue.end_s - second) / _FADE)
                return cue, opening * closing
        return None, 0.0

    def _written(self, cue: Cue, second: float, opacity: float) -> None:
        if self._shown is None or self._shown[0] is not cue:
            self._shown = (cue, self._write(cue))
        still_to_come = max(0.0, 1 - (second - cue.start_s) / _FADE)
        rise = 0 if cue.kind in _CARDS else round(_SLIDE * still_to_come**2 / 2) * 2
        self._shown[1].over(self.canvas, opacity, down=rise)


def _move(seed: int, number: int) -> _Move:
    rng = np.random.default_rng((seed, number))
    near, far = float(rng.uniform(0.72, 0.78)), float(rng.uniform(0.94, 1.0))
    x, y = float(rng.uniform(0.1, 0.4)), float(rng.uniform(0.1, 0.4))
    ends = (x, 1 - x) if rng.random() < 0.5 else (1 - x, x)
    heights = (y, 1 - y) if rng.random() < 0.5 else (1 - y, y)
    return _Move((near, far) if number % 2 else (far, near), ends, heights)


def _between(ends: tuple[float, float], share: float) -> float:
    return ends[0] + (ends[1] - ends[0]) * share


def _doubled(rows: Bytes | Words, plane: Bytes) -> None:
    """Writes rows and, between each two, their mean."""
    np.copyto(plane[0::2], rows, casting="unsafe")
    upper, lower, between = plane[0:-2:2], plane[2::2], plane[1:-1:2]
    # Of two bytes a and b, (a & b) + ((a ^ b) >> 1) is the mean, without a wider type.
    np.bitwise_xor(upper, lower, out=between)
    np.right_shift(between, 1, out=between)
    np.add(between, upper & lower, out=between)
    plane[-1] = plane[-2]


def _vignette(shape: Format) -> Words:
    """How much light each pixel keeps, of 256, at half the rows."""
    x = np.linspace(-1, 1, shape.width, dtype=np.float32)[np.newaxis, :]
    y = np.linspace(-1, 1, shape.height // 2, dtype=np.float32)[:, np.newaxis]
    radius = np.sqrt((x * 0.82) ** 2 + (y * 0.82) ** 2)
    keep = 1 - 0.46 * np.clip(radius - 0.42, 0, 1) ** 1.4
    # Calm below, where the spectrum stands.
    low = np.clip((y * 0.5 + 0.5 - shape.spectrum_base / shape.height + 0.22) / 0.3, 0, 1)
    return cast(Words, np.round(256 * keep * (1 - 0.34 * low)).astype(np.uint16))


def _distances(shape: Format) -> Bytes:
    """From the words' middle outwards, 255 in the farthest corner, at half the rows."""
    x = np.arange(shape.width, dtype=np.float32)[np.newaxis, :] - shape.width / 2
    y = np.arange(0, shape.height, 2, dtype=np.float32)[:, np.newaxis] - shape.lyric_centre
    distance = np.sqrt(x * x + y * y)
    return cast(Bytes, np.round(distance / distance.max() * 255).astype(np.uint8))
