"""Colours: conversions against known values."""

import numpy as np
import pytest

from services.release.cover.colour import Colour, contrast, luminance, ramp, to_oklab


def test_contrast_of_black_and_white_is_21() -> None:
    black, white = (float(luminance(Colour.parse(text).rgb)) for text in ("#000000", "#ffffff"))
    assert contrast(black, white) == pytest.approx(21)


def test_grey_767676_on_white_is_just_enough_for_small_text() -> None:
    grey, white = (float(luminance(Colour.parse(text).rgb)) for text in ("#767676", "#ffffff"))
    assert contrast(grey, white) == pytest.approx(4.54, abs=0.01)


def test_oklab_of_red_is_the_published_one() -> None:
    assert to_oklab(Colour.parse("#ff0000").rgb) == pytest.approx([0.6280, 0.2249, 0.1258], abs=1e-3)


@pytest.mark.parametrize("text", ["#ff0000", "#00ff00", "#123456", "#000000", "#ffffff"])
def test_an_unmoved_colour_comes_back(text: str) -> None:
    assert Colour.parse(text).moved().bytes == Colour.parse(text).bytes


def test_moving_out_of_the_gamut_gives_a_colour_that_screens_have() -> None:
    moved = Colour.parse("#0000ff").moved(lightness=0.97, chroma=3.0)
    assert all(0 <= part <= 1 for part in (moved.red, moved.green, moved.blue))
    assert moved.lightness == pytest.approx(0.97, abs=0.01)


def test_a_ramp_begins_and_ends_with_its_colours() -> None:
    table = ramp([Colour.parse("#102030"), Colour.parse("#ff8800")], steps=16)
    assert table.shape == (16, 3)
    assert np.abs(table[0].astype(int) - [0x10, 0x20, 0x30]).max() <= 1
    assert np.abs(table[-1].astype(int) - [0xFF, 0x88, 0x00]).max() <= 1


@pytest.mark.parametrize("text", ["red", "#ff00", "#gg0000", ""])
def test_what_is_no_colour_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Colour.parse(text)
