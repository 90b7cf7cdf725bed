"""Colours: sRGB from 0 to 1, Oklab for mixing, WCAG 2 contrast.

Oklab is Björn Ottosson's (2020), whose mixtures keep their lightness and do not turn grey.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]

_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_FROM_LMS = np.linalg.inv(_TO_LMS)
_FROM_LAB = np.linalg.inv(_TO_LAB)
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


@dataclass(frozen=True, slots=True)
class Colour:
    """One colour in sRGB, each part from 0 to 1."""

    red: float
    green: float
    blue: float

    @classmethod
    def parse(cls, text: str) -> "Colour":
        """From `#rrggbb`. ValueError where it is none."""
        if len(text) != 7 or not text.startswith("#"):
            raise ValueError(f"{text!r} is no colour; write #rrggbb")
        return cls(*(int(text[place : place + 2], 16) / 255 for place in (1, 3, 5)))

    @property
    def rgb(self) -> Array:
        return np.array([self.red, self.green, self.blue])

    @property
    def bytes(self) -> tuple[int, int, int]:
        red, green, blue = (round(part * 255) for part in (self.red, self.green, self.blue))
        return red, green, blue

    @property
    def lightness(self) -> float:
        """Oklab's, from 0 to 1."""
        return float(to_oklab(self.rgb)[0])

    def mixed(self, other: "Colour", share: float) -> "Colour":
        """With `share` (0 to 1) of the other."""
        return from_oklab(to_oklab(self.rgb) * (1 - share) + to_oklab(other.rgb) * share)

    def moved(self, *, lightness: float | None = None, chroma: float = 1.0, turn: float = 0.0) -> "Colour":
        """With another lightness, `chroma` times as colourful, its hue turned by `turn` degrees."""
        lab = to_oklab(self.rgb)
        angle = np.radians(turn)
        a = (lab[1] * np.cos(angle) - lab[2] * np.sin(angle)) * chroma
        b = (lab[1] * np.sin(angle) + lab[2] * np.cos(angle)) * chroma
        return from_oklab(np.array([lab[0] if lightness is None else lightness, a, b]))


def to_oklab(rgb: Array) -> Array:
    """Oklab of sRGB; the last axis has the three parts."""
    return np.asarray(np.cbrt(_linear(rgb) @ _TO_LMS.T) @ _TO_LAB.T)


def from_oklab(lab: Array) -> Colour:
    """The colour, moved into sRGB's gamut by lowering its chroma."""
    for chroma in np.linspace(1.0, 0.0, 33):
        rgb = _gamma(((lab * [1, chroma, chroma]) @ _FROM_LAB.T) ** 3 @ _FROM_LMS.T)
        if np.all((rgb >= -1e-6) & (rgb <= 1 + 1e-6)):
            break
    return Colour(*(float(part) for part in np.clip(rgb, 0, 1)))


def ramp(colours: Sequence[Colour], positions: Sequence[float] | None = None, steps: int = 1024) -> Bytes:
    """A table of `steps` colours from the first to the last, as bytes of shape (steps, 3)."""
    labs = np.array([to_oklab(colour.rgb) for colour in colours])
    places = np.linspace(0, 1, len(colours)) if positions is None else np.asarray(positions)
    wanted = np.linspace(0, 1, steps)
    lab = np.stack([np.interp(wanted, places, labs[:, part]) for part in range(3)], axis=-1)
    return lab_bytes(lab)


def lab_bytes(lab: npt.NDArray[Any]) -> Bytes:
    """Oklab as sRGB bytes, cut off at the gamut's edge; the last axis has the three parts."""
    rgb = _gamma((np.asarray(lab, dtype=np.float64) @ _FROM_LAB.T) ** 3 @ _FROM_LMS.T)
    return np.round(np.clip(rgb, 0, 1) * 255).astype(np.uint8)


def luminance(rgb: Array) -> Array:
    """WCAG 2 relative luminance of sRGB from 0 to 1; the last axis has the three parts."""
    return np.asarray(_linear(rgb) @ _LUMINANCE)


def contrast(one: float, other: float) -> float:
    """WCAG 2 contrast ratio of two luminances, from 1 to 21."""
    lighter, darker = max(one, other), min(one, other)
    return (lighter + 0.05) / (darker + 0.05)


def _linear(rgb: Array) -> Array:
    return np.where(rgb <= 0.04045, rgb / 12.92, ((np.maximum(rgb, 0) + 0.055) / 1.055) ** 2.4)


def _gamma(linear: Array) -> Array:
    positive = np.maximum(linear, 0)
    return np.where(positive <= 0.0031308, linear * 12.92, 1.055 * positive ** (1 / 2.4) - 0.055)
