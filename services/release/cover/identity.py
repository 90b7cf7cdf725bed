"""What an artist's covers have in common, and what makes each song's its own."""

import hashlib
import re
from dataclasses import dataclass

import numpy as np

from aiartist.common.v1 import brief_pb2, persona_pb2
from services.release.cover.colour import Colour, contrast, luminance

_PALETTES = (
    ("#120c2c", "#ff2e88", "#ffb347", "#5b2bd6", "#fbe9ff"),
    ("#f4ead9", "#e4572e", "#17363f", "#f2b134", "#76b0a2"),
    ("#0a2326", "#1f8a70", "#bedb39", "#ffe11a", "#fd7400"),
    ("#e9e4f0", "#5f4bb6", "#ff6b6b", "#26264d", "#86a5d9"),
    ("#1b1b1e", "#e3dac9", "#d64933", "#7d8491", "#f0b67f"),
    ("#0b132b", "#3a86ff", "#6fffe9", "#8338ec", "#f1f7ff"),
    ("#2b0f1e", "#c9184a", "#ff758f", "#ffd6c0", "#6a1b4d"),
    ("#f6f1e7", "#2f4858", "#f26419", "#86bbd8", "#f6ae2d"),
    ("#10231a", "#588157", "#dad7cd", "#e9c46a", "#bc4b51"),
    ("#f7d9c4", "#7b2d43", "#e07a5f", "#3d405b", "#81b29a"),
    ("#171123", "#f75590", "#fce4d8", "#3dccc7", "#9b5de5"),
    ("#dfe7e3", "#0b3948", "#d0603d", "#5fad8c", "#f1c75b"),
)
"""Background first."""

_HINTS = {
    "horizon": r"sun|horizon|mountain|hill|sea|ocean|desert|road|dusk|dawn|landscape|sky",
    "contours": r"contour|map|topograph|terrain|paper|canyon|island|valley|layer",
    "facets": r"facet|crystal|glass|shard|diamond|gem|mirror|polygon|ice|prism",
    "rings": r"ring|circle|ripple|moir|vinyl|orbit|echo|target|wave",
    "silk": r"silk|flow|wind|smoke|hair|river|thread|line|cloth|current",
    "halftone": r"halftone|dot|print|comic|newspaper|planet|moon|pixel|screen",
    "tiles": r"tile|geometr|bauhaus|block|grid|mosaic|pattern|city|window|architect",
    "orbs": r"orb|glow|haze|blur|light|neon|aura|bokeh|fog|dream|soft|mist",
}
MOTIFS = tuple(_HINTS)
TYPEFACES = ("manrope", "source-serif", "source-sans")
LAYOUTS = ("foot", "split", "head")


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one cover."""

    ground: Colour
    """Behind all."""
    accents: tuple[Colour, ...]
    """At least three; the song's main colour first."""
    dark: Colour
    """The darkest that still has the palette's hue."""
    light: Colour
    """The lightest."""

    @property
    def is_dark(self) -> bool:
        """True where the ground is nearer to black."""
        return self.ground.lightness < 0.55

    def from_ground(self) -> list[Colour]:
        """Three accents, the one nearest to the ground's lightness first."""
        return sorted(self.accents[:3], key=lambda colour: abs(colour.lightness - self.ground.lightness))


@dataclass(frozen=True, slots=True)
class Identity:
    """Everything that is chosen before anything is drawn."""

    motif: str
    typeface: str
    layout: str
    palette: Palette
    seed: int
    """From which the motif's parameters follow."""


def identity(persona: persona_pb2.Persona, brief: brief_pb2.Brief, motif: str = "") -> Identity:
    """The artist chooses motif, typeface, layout and colours; the song their order and the parameters.

    `motif` goes before the artist's, where it is one of `MOTIFS`.
    """
    artist = _number("artist", persona.name)
    song = _number("song", persona.name, brief.title, str(brief.seed))
    return Identity(
        motif=motif if motif in MOTIFS else _motif(persona.visual.motif, artist),
        typeface=TYPEFACES[artist // 97 % len(TYPEFACES)],
        layout=LAYOUTS[artist // 1009 % len(LAYOUTS)],
        palette=_palette(tuple(persona.visual.palette), artist, song),
        seed=song,
    )


def _motif(words: str, artist: int) -> str:
    """The motif whose words the persona uses most; with none of them, one by the artist's name."""
    counts = {
        motif: len(re.findall(rf"\b(?:{pattern})\w*", words.lower())) for motif, pattern in _HINTS.items()
    }
    best = max(counts.values())
    candidates = [motif for motif, count in counts.items() if count == best]
    return candidates[artist % len(candidates)]


def _palette(wanted: tuple[str, ...], artist: int, song: int) -> Palette:
    given = [Colour.parse(text) for text in wanted] or [
        Colour.parse(text) for text in _PALETTES[artist // 7 % len(_PALETTES)]
    ]
    rng = np.random.default_rng(song)
    turn = float(rng.uniform(-7, 7))
    ground, *accents = [colour.moved(turn=turn) for colour in given]
    while len(accents) < 3:
        # Few colours: between and beyond what there is.
        base = accents[-1] if accents else ground
        far = 0.9 if ground.lightness < 0.55 else 0.25
        accents.append(base.moved(turn=40.0, chroma=1.1).mixed(base.moved(lightness=far), 0.35))
    first = int(rng.integers(len(accents)))
    accents = accents[first:] + accents[:first]
    # The main colour must be seen against the ground.
    ground_luminance = float(luminance(ground.rgb))
    accents.sort(key=lambda colour: contrast(float(luminance(colour.rgb)), ground_luminance) < 1.7)
    everything = sorted((ground, *accents), key=lambda colour: colour.lightness)
    return Palette(
        ground=ground,
        accents=tuple(accents),
        dark=everything[0].moved(lightness=min(everything[0].lightness, 0.2)),
        light=everything[-1].moved(lightness=max(everything[-1].lightness, 0.95), chroma=0.5),
    )


def _number(*parts: str) -> int:
    return int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest()[:8], "big")
