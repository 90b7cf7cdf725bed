"""Covers: what a listener and a distributor can ask of them."""

from functools import cache
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from aiartist.common.v1 import brief_pb2, persona_pb2
from services.release.cover import Cover, draw_cover
from services.release.cover.identity import MOTIFS

_WORDS = {
    "horizon": "a sun over the sea",
    "contours": "a map of paper",
    "facets": "crystals",
    "rings": "vinyl and echoes",
    "silk": "silk in the wind",
    "halftone": "a planet in dots",
    "tiles": "bauhaus tiles",
    "orbs": "a soft glow",
}
LONG = "I Counted Every Light Between Here and the Very Last Edge of Our Quiet Town"


SONGS = {"Paper Boats": 1, LONG: 2}


@cache
def cover(motif: str, title: str = "Paper Boats") -> Cover:
    persona = persona_pb2.Persona(name="Nova Vale")
    persona.visual.motif = _WORDS[motif]
    return draw_cover(persona, brief_pb2.Brief(title=title, seed=SONGS.get(title, 3)))


def pixels(drawn: Cover) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(drawn.jpeg)))


def luminance(rgb: np.ndarray) -> np.ndarray:
    share = rgb / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


def fingerprint(drawn: Cover) -> np.ndarray:
    """A difference hash of 16 x 16 bits in each colour."""
    small = np.asarray(Image.open(BytesIO(drawn.jpeg)).resize((17, 16), Image.Resampling.BOX), dtype=int)
    return small[:, 1:] > small[:, :-1]


@pytest.mark.parametrize("motif", MOTIFS)
def test_every_motif_gives_a_picture_that_distributors_take(motif: str) -> None:
    drawn = cover(motif)
    assert drawn.motif == motif
    image = Image.open(BytesIO(drawn.jpeg))
    assert (image.format, image.size, image.mode) == ("JPEG", (3000, 3000), "RGB")
    assert len(drawn.jpeg) < 10_000_000
    assert "icc_profile" in image.info


@pytest.mark.parametrize("title", SONGS)
@pytest.mark.parametrize("motif", MOTIFS)
def test_type_stands_out_from_everything_behind_it(motif: str, title: str) -> None:
    drawn = cover(motif, title)
    shown = pixels(drawn)
    for left, top, right, bottom in (drawn.title_box, drawn.name_box):
        around = luminance(shown[top - 24 : bottom + 24, left:right])
        inside = around[24:-24]
        # A frame just outside of the ink has no letters in it: it is what the eye compares with.
        frame = np.concatenate([around[:16].ravel(), around[-16:].ravel()])
        behind_low, behind_high = np.percentile(frame, [1, 99])
        ink_is_light = abs(inside.max() - behind_high) > abs(inside.min() - behind_low)
        ink = np.percentile(inside, 99.5 if ink_is_light else 0.5)
        behind = behind_high if ink_is_light else behind_low
        ratio = (max(ink, behind) + 0.05) / (min(ink, behind) + 0.05)
        assert ratio >= 4.5


def test_one_song_has_one_cover() -> None:
    assert cover.__wrapped__("facets") == cover("facets")


@pytest.mark.parametrize("motif", MOTIFS)
def test_two_songs_of_one_artist_look_different(motif: str) -> None:
    one, other = (fingerprint(cover(motif, title)) for title in SONGS)
    assert np.mean(one != other) > 0.12


def test_two_artists_differ_with_the_same_song() -> None:
    song = brief_pb2.Brief(title="Glass", seed=1)
    looks = {
        (drawn.motif, drawn.typeface, drawn.seed)
        for name in ("Nova Vale", "Kestrel & Ash", "Low Tide Radio")
        for drawn in [draw_cover(persona_pb2.Persona(name=name), song)]
    }
    assert len(looks) == 3


def test_the_persona_s_palette_is_the_cover_s() -> None:
    persona = persona_pb2.Persona(name="Nova Vale")
    persona.visual.palette.extend(["#0b6623", "#f5f5dc", "#d4af37"])
    persona.visual.motif = "tiles"
    shown = pixels(draw_cover(persona, brief_pb2.Brief(title="Glass", seed=1))).reshape(-1, 3).astype(float)
    ground = np.array([0x0B, 0x66, 0x23])
    near = np.abs(shown - ground).max(axis=1) < 40
    assert near.mean() > 0.2


def test_no_title_is_drawn_as_boxes_and_what_was_rewritten_is_told() -> None:
    drawn = cover("tiles", "夜の雨 Night")
    assert set(drawn.transliterated) == {"夜", "の", "雨"}
