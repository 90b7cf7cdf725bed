"""The motifs of covers: the same names wherever they stand, and one that is asked for is drawn."""

import pytest

from services.chassis.cover_styles import COVER_STYLES
from services.release.cover import describe_cover
from services.release.cover.identity import MOTIFS, identity
from services.release.cover.motifs import MOTIFS as DRAWN
from services.release.illustrator import STYLES
from tests.support import media


def test_every_motif_of_experiments_can_be_drawn_and_told_an_image_model() -> None:
    assert set(COVER_STYLES) == set(MOTIFS) == set(DRAWN) == set(STYLES)


@pytest.mark.parametrize("motif", MOTIFS)
def test_a_motif_that_is_asked_for_goes_before_the_artists(motif: str) -> None:
    own = identity(media.persona(), media.brief())
    asked = identity(media.persona(), media.brief(), motif)
    assert asked.motif == motif
    assert (asked.palette, asked.typeface, asked.layout, asked.seed) == (
        own.palette,
        own.typeface,
        own.layout,
        own.seed,
    )


@pytest.mark.parametrize("motif", ["", "picture", "oil on canvas"])
def test_what_is_no_motif_leaves_the_artists(motif: str) -> None:
    assert identity(media.persona(), media.brief(), motif) == identity(media.persona(), media.brief())


def test_a_cover_with_a_motif_of_its_own_is_described_by_it() -> None:
    assert describe_cover(media.persona(), media.brief(), b"", "tiles").motif == "tiles"
    assert describe_cover(media.persona(), media.brief(), b"", "tiles", pictured=True).motif == "picture"
