"""The catalogue, charts, playlists and lists of them."""

import pytest
from mixtape import catalogue, charts, covers, pagination, playlists

TRACKS = {
    "QZABC2600001": {"title": "Rain on Glass", "remix_of": ""},
    "QZABC2600002": {"title": "Rain on Glass (Dub)", "remix_of": "QZABC2600001"},
}


def test_credits_name_everybody():
    track = {"writers": ["Ana", "Ben"], "singer": "Nova", "producer": "Kai"}
    assert catalogue.credits(track) == "written by Ana, Ben; sung by Nova; produced by Kai"


def test_an_isrc_may_have_hyphens():
    assert catalogue.is_isrc("QZ-ABC-26-00001")
    assert not catalogue.is_isrc("QZ-ABC-26")


def test_a_remix_goes_back_to_its_original():
    assert catalogue.original(TRACKS, "QZABC2600002") == "QZABC2600001"


def test_a_search_wants_every_word():
    assert catalogue.search(TRACKS, "glass dub") == ["QZABC2600002"]


def test_a_chart_goes_by_position():
    assert charts.ranking([{"title": "B", "position": 2}, {"title": "A", "position": 1}]) == ["A", "B"]


@pytest.mark.parametrize(("position", "before", "told"), [(1, 3, "+2"), (4, 4, "="), (9, None, "new")])
def test_a_movement_is_told_shortly(position, before, told):
    assert charts.movement(position, before) == told


def test_weeks_at_the_top_are_counted_without_a_gap():
    assert charts.weeks_at_top([1, 1, 2, 1]) == 2


def test_the_darkest_pixel_of_a_cover_is_found():
    assert covers.contrast([[7, 200], [90, 30]]) == {"darkest": 7}


def test_a_cover_is_square():
    assert covers.is_square([[1, 2], [3, 4]])
    assert covers.text_colour(250) == "black"


def test_a_page_tells_where_the_next_begins():
    first = pagination.page(["a", "b", "c"], 2)
    assert (first.items, first.next_cursor) == (["a", "b"], "c")
    assert pagination.page(["a", "b", "c"], 2, "c").items == ["c"]
    assert pagination.pages(5, 2) == 3


def test_a_playlist_tells_who_keeps_it():
    assert playlists.describe({"name": "Late", "curator": "ana lane"}) == "Late, kept by Ana Lane"


def test_a_tag_is_put_behind_the_others():
    assert playlists.tagged("Rain", "slow", ["sad"]) == ["sad", "slow"]
    with pytest.raises(ValueError, match="already"):
        playlists.tagged("Rain", "sad", ["sad"])


def test_what_two_playlists_share_keeps_its_order():
    assert playlists.in_common(["c", "a", "b"], ["b", "c"]) == ["c", "b"]
