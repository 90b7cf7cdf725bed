"""What an artist is shown of charts."""

import math
from collections.abc import Sequence

import pytest

from aiartist.artist_db.v1.trend_pb2 import TrendItem, TrendSnapshot
from services.orchestrator.trends.digest import (
    MAX_LINE,
    NOTHING,
    Digest,
    alignment_of,
    digest_of,
)


def chart(source: str, country: str = "", genre: str = "", songs: int = 30) -> TrendSnapshot:
    name = f"{source}-{country}-{genre}"
    items = [TrendItem(rank=n, title=f"{name} {n}", artist_name=f"Player {n}") for n in range(1, songs + 1)]
    return TrendSnapshot(id=f"trd_{name}", source=source, country=country, genre=genre, items=items)


def shown(charts: Sequence[TrendSnapshot], alignment: float) -> Digest:
    return digest_of(charts, genre="synthwave", countries=["us", "de"], alignment=alignment)


@pytest.mark.parametrize(("alignment", "lines"), [(0.01, 3), (0.15, 3), (0.3, 6), (0.5, 10), (1.0, 20)])
def test_who_follows_charts_more_is_shown_more_of_them(alignment: float, lines: int) -> None:
    digest = shown([chart("deezer")], alignment)
    assert len(digest.lines) == lines
    assert [(use.items, use.alignment) for use in digest.uses] == [(lines, alignment)]


def test_charts_of_the_genre_come_before_those_of_all_genres_and_take_turns() -> None:
    charts = [
        chart("apple_music", "us"),
        chart("last_fm", "", "synthwave", songs=3),
        chart("deezer", "", "synthwave", songs=2),
    ]
    digest = shown(charts, 0.3)
    assert [line.split(" – ")[0] for line in digest.lines] == [
        "1. deezer--synthwave 1",
        "1. last_fm--synthwave 1",
        "2. deezer--synthwave 2",
        "2. last_fm--synthwave 2",
        "3. last_fm--synthwave 3",
        "1. apple_music-us- 1",
    ]
    assert [(use.source, use.country, use.genre, use.items) for use in digest.uses] == [
        ("deezer", "", "synthwave", 2),
        ("last_fm", "", "synthwave", 3),
        ("apple_music", "us", "", 1),
    ]


def test_the_same_charts_in_another_order_make_the_same_digest() -> None:
    charts = [chart("deezer"), chart("apple_music", "us"), chart("apple_music", "de")]
    assert shown(charts, 0.7) == shown(charts[::-1], 0.7)


def test_charts_of_other_countries_and_genres_are_not_shown() -> None:
    assert shown([chart("apple_music", "fr"), chart("deezer", "", "pop")], 1.0) == NOTHING


def test_the_titles_are_those_of_all_places_and_not_only_of_those_shown() -> None:
    digest = shown([chart("deezer", songs=30)], 0.15)
    assert len(digest.lines) == 3
    assert len(digest.titles) == 30


def test_a_song_in_two_charts_is_shown_once_and_both_are_named() -> None:
    first, second = chart("apple_music", "us", songs=1), chart("deezer", songs=4)
    second.items[0].CopyFrom(first.items[0])
    digest = shown([first, second], 0.15)
    assert len(digest.lines) == len(set(digest.lines)) == 3
    assert {use.source: use.items for use in digest.uses} == {"apple_music": 1, "deezer": 3}


def test_a_line_is_never_longer_than_120_characters() -> None:
    one = TrendSnapshot(
        id="trd_1", source="deezer", items=[TrendItem(rank=1, title="t" * 200, artist_name="a" * 200)]
    )
    (line,) = shown([one], 1.0).lines
    assert len(line) == MAX_LINE


def test_a_line_holds_no_address() -> None:
    item = TrendItem(rank=1, title="Go to https://evil.example/x now", artist_name="DJ evil.shop/y")
    (line,) = shown([TrendSnapshot(id="trd_1", source="deezer", items=[item])], 1.0).lines
    assert line == "1. Go to [link] now – DJ [link]"


@pytest.mark.parametrize(
    ("told", "meant"), [(0.4, 0.4), (-1.0, 0.0), (7.0, 1.0), (math.nan, 0.0), (math.inf, 0.0)]
)
def test_alignment_stays_within_its_bounds(told: float, meant: float) -> None:
    assert alignment_of(told) == meant


def test_who_follows_nothing_is_shown_nothing() -> None:
    assert shown([chart("deezer")], 0.0) == NOTHING
