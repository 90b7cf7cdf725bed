"""Exports: what they are shows by their columns, and what can't be read for certain is refused."""

import codecs
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from aiartist.artist_db.v1 import performance_pb2 as pb
from cli.failures import BAD_INPUT, Failure
from cli.performance_files import Choices, Export, read
from cli.performance_names import Name
from cli.performance_values import DayOrder
from cli.yaml_file import FileProblems
from tests.support.command import ROOT

EXPORTS = ROOT / "tests" / "support" / "exports"
DAY = date(2026, 3, 1)
TODAY = date(2026, 5, 1)
RELEASE = Name("release_id", "rel_1")
Write = Callable[..., Path]
STATEMENT = "Sale Month,Store,Title,Artist,ISRC,UPC,Quantity,Earnings (USD)\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Makes a file of text, or of bytes."""

    def made(content: str | bytes) -> Path:
        path = tmp_path / "export.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return made


def numbers(export: Export) -> dict[tuple[str, str, str, str], int]:
    """Name, platform, metric and day -> value."""
    return {
        (n.name.text, n.platform, pb.Metric.Name(n.metric)[7:].lower(), str(n.day)): n.value
        for n in export.numbers
    }


def opened(path: Path, **choices: Any) -> Export:
    return read(path, Choices(**{"today": TODAY, **choices}))


def refusal(path: Path, **choices: Any) -> str:
    with pytest.raises(Failure) as caught:
        opened(path, **choices)
    assert caught.value.exit_code == BAD_INPUT
    assert str(path) in caught.value.lines[0]
    return "\n".join(caught.value.lines)


def problems(path: Path, **choices: Any) -> list[tuple[int, str]]:
    with pytest.raises(FileProblems) as caught:
        opened(path, **choices)
    return [(problem.line, str(problem)) for problem in caught.value.problems]


def test_spotifys_songs_are_sums_at_the_day_that_is_given_and_equal_titles_are_one():
    export = opened(EXPORTS / "spotify-songs-28day.csv", day=DAY)
    assert (export.kind.key, export.rows) == ("spotify_songs", 4)
    found = numbers(export)
    assert found["Neon Rain 1", "spotify", "streams", "2026-03-01"] == 2_350
    assert found["Neon Rain 1", "spotify", "listeners", "2026-03-01"] == 1_015
    assert found["Harbour, Late", "spotify", "saves", "2026-03-01"] == 0
    assert len(found) == 9


def test_spotifys_timeline_has_days_and_needs_its_release():
    export = opened(EXPORTS / "spotify-timeline.csv", release_id="rel_1")
    assert [(n.name, str(n.day), n.value) for n in export.numbers] == [
        (RELEASE, "2026-02-26", 12),
        (RELEASE, "2026-02-27", 15),
        (RELEASE, "2026-02-28", 0),
        (RELEASE, "2026-03-01", 9),
    ]
    assert "--release" in refusal(EXPORTS / "spotify-timeline.csv")


def test_distrokids_countries_come_together_and_its_stores_become_platforms():
    found = numbers(opened(EXPORTS / "distrokid.tsv"))
    isrc, february = "QZABC2600001", "2026-02-28"
    assert found == {
        (isrc, "spotify", "streams", february): 1_500,
        (isrc, "spotify", "earnings", february): 4_712_345,
        (isrc, "apple_music", "streams", february): 210,
        (isrc, "apple_music", "earnings", february): 1_680_000,
        # The rows of the single have its UPC alone, and it has one recording.
        (isrc, "itunes", "downloads", february): 2,
        (isrc, "itunes", "earnings", february): 1_380_000,
        # More was given back than sold: none was sold, and the money is gone all the same.
        (isrc, "itunes", "downloads", "2026-01-31"): 0,
        (isrc, "itunes", "earnings", "2026-01-31"): -690_000,
        (isrc, "amazon_music", "streams", february): 40,
        (isrc, "amazon_music", "earnings", february): 200_000,
        ("QZXYZ2600009", "youtube", "streams", february): 7,
        ("QZXYZ2600009", "youtube", "earnings", february): 10_000,
    }


def test_distrokids_newer_columns_and_stores_that_nobody_knows_are_read():
    found = numbers(opened(EXPORTS / "distrokid-2025.csv"))
    assert found["QZABC2600001", "tiktok", "streams", "2026-02-28"] == 5_000
    assert found["QZABC2600001", "tiktok", "earnings", "2026-02-28"] == 123
    assert found["QZABC2600001", "boomplay", "earnings", "2026-02-28"] == 12


def test_rows_of_a_month_that_is_not_over_are_left_out_and_counted(write: Write):
    for day in (10, 20, 27):
        export = opened(EXPORTS / "distrokid-2025.csv", today=date(2026, 2, day))
        assert (export.numbers, export.rows, export.too_early) == ([], 0, 2)
    over = opened(EXPORTS / "distrokid-2025.csv", today=date(2026, 2, 28))
    assert (over.rows, over.too_early) == (2, 0)
    assert {n.day for n in over.numbers} == {date(2026, 2, 28)}
    path = write(f"{STATEMENT}2026-04,Spotify,A,,,,3,1\n2026-05,Spotify,A,,,,4,many\n")
    both = opened(path, today=date(2026, 5, 10))
    assert (both.rows, both.too_early) == (1, 1)
    assert {n.value for n in both.numbers} == {3, 1_000_000}


def test_a_month_that_has_not_begun_is_a_mistake(write: Write):
    path = write(f"{STATEMENT}2062-04,Spotify,A,,,,3,1\n")
    assert problems(path) == [
        (2, "Sale Month: expected a day from 2000-01-01 to today, 2026-05-01, is '2062-04'")
    ]


def test_rows_without_a_code_go_by_the_only_one_of_their_title_and_artist(write: Write):
    path = write(
        STATEMENT
        + "2026-02,Deezer,Neon,Ann,QZABC2600001,,5,0\n"
        + "2026-02,Deezer,NEON,ann,,,6,0\n"
        + "2026-02,Deezer,Neon,Bob,,,7,0\n"
        + "2026-02,Deezer,Two,Ann,QZABC2600002,,1,0\n"
        + "2026-02,Deezer,Two,Ann,QZABC2600003,,2,0\n"
        + "2026-02,Deezer,Two,Ann,,,3,0\n"
    )
    export = opened(path, only=frozenset({pb.METRIC_STREAMS}))
    assert {(n.name.text, n.name.artist): n.value for n in export.numbers} == {
        ("QZABC2600001", ""): 11,
        ("Neon", "Bob"): 7,
        ("QZABC2600002", ""): 1,
        ("QZABC2600003", ""): 2,
        ("Two", "Ann"): 3,
    }


def test_rows_that_add_up_to_more_than_anybody_counted_are_named(write: Write):
    row = f"2026-01,Spotify,A,,{{}},,{10**15},0\n"
    path = write(STATEMENT + row.format("QZABC2600001") + row.format(""))
    assert problems(path) == [
        (
            3,
            "Quantity: adds up to more than 1,000,000,000,000,000 with the rows before it",
        )
    ]
    earned = "2026-01,Spotify,A,,QZABC2600001,,1,{}\n"
    path = write(STATEMENT + "".join(map(earned.format, [10**9] * 10_000)) + earned.format(0))
    assert problems(path) == [
        (
            10_002,
            "Earnings (USD): adds up to more than 1,000,000,000 with the rows before it",
        )
    ]
    fine = opened(write(STATEMENT + earned.format(10**9) * 3 + earned.format(-(10**9)) * 3))
    assert {n.value for n in fine.numbers} == {6, 0}


def test_only_what_is_wanted_is_taken():
    export = opened(EXPORTS / "distrokid.tsv", only=frozenset({pb.METRIC_EARNINGS}))
    assert {n.metric for n in export.numbers} == {pb.METRIC_EARNINGS}


def test_youtubes_table_is_read_without_its_total():
    found = numbers(opened(EXPORTS / "youtube-table.csv", day=DAY))
    assert found == {
        ("Neon Rain 1", "youtube", "views", "2026-03-01"): 2_000,
        ("Neon Rain 1", "youtube", "watch_seconds", "2026-03-01"): 36_900,
        ("Neon Rain 1", "youtube", "earnings", "2026-03-01"): 1_200_000,
        ("Harbour, Late", "youtube", "views", "2026-03-01"): 100,
        ("Harbour, Late", "youtube", "watch_seconds", "2026-03-01"): 900,
    }


def test_youtubes_table_of_a_french_account_says_the_same():
    found = numbers(opened(EXPORTS / "youtube-table-fr.csv", day=DAY))
    assert found == {
        ("Neon Rain 1", "youtube", "views", "2026-03-01"): 2_000,
        ("Neon Rain 1", "youtube", "watch_seconds", "2026-03-01"): 36_900,
    }


def test_youtubes_chart_has_days():
    found = numbers(opened(EXPORTS / "youtube-chart.csv"))
    assert found["Neon Rain 1", "youtube", "views", "2026-02-27"] == 30
    assert len(found) == 3


def test_another_platform_counts_for_what_has_none_of_its_own():
    export = opened(EXPORTS / "youtube-chart.csv", platform="vimeo")
    assert {n.platform for n in export.numbers} == {"vimeo"}


@pytest.mark.parametrize(
    ("name", "choices", "told"),
    [
        ("spotify-songs-28day.csv", {}, "--day 2026-03-31"),
        ("youtube-table.csv", {}, "--day 2026-03-31"),
        ("youtube-chart.csv", {"day": DAY}, "leave out --day"),
        ("distrokid.tsv", {"platform": "spotify"}, "leave out --platform"),
        ("spotify-audience.csv", {"release_id": "rel_1"}, "export the timeline of each song"),
        ("youtube-chart.csv", {"release_id": "rel_1"}, "about 2 titles, and --release is for one"),
    ],
)
def test_what_does_not_go_with_a_kind_is_said(name: str, choices: dict[str, Any], told: str):
    assert told in refusal(EXPORTS / name, **choices)


SHEET = "song;listeners;streams;saves\nGrüße;1.012;2.345;61\n"


@pytest.mark.parametrize(
    "content",
    [
        SHEET.encode(),
        codecs.BOM_UTF8 + SHEET.encode(),
        SHEET.encode("utf-16"),
        codecs.BOM_UTF16_BE + SHEET.encode("utf-16-be"),
        SHEET.encode("cp1252"),
        SHEET.replace(";", "\t").replace("\n", "\r\n").encode("utf-16"),
        b"sep=;\r\n" + SHEET.encode(),
        b"\n;;;\n" + SHEET.encode() + b"\n;;;\n",
        SHEET.upper().replace("GRÜSSE", "Grüße").replace("GRÜßE", "Grüße").encode(),
        SHEET.replace("1.012", "1'012").replace("2.345", "2\u00a0345").encode(),
    ],
    ids=map(str, range(10)),
)
def test_what_a_spreadsheet_makes_of_a_file_is_read_all_the_same(write: Write, content: bytes):
    assert numbers(opened(write(content), day=DAY)) == {
        ("Grüße", "spotify", "listeners", "2026-03-01"): 1_012,
        ("Grüße", "spotify", "streams", "2026-03-01"): 2_345,
        ("Grüße", "spotify", "saves", "2026-03-01"): 61,
    }


def test_a_file_that_nobody_knows_is_told_what_it_has_and_what_is_expected(write: Write):
    told = refusal(write("Name,Price\nChair,5\n"))
    assert "its columns: Name, Price" in told
    assert "Spotify for Artists, songs: song, streams; also listeners, saves" in told
    assert "DistroKid, bank details: Sale Month, Store, Title, Quantity, Earnings (USD)" in told
    assert "YouTube Studio, Table data.csv of content: Video title, Views" in told


def test_a_file_that_lacks_a_column_is_told_which(write: Write):
    told = refusal(write("Reporting Date,Sale Month,Store,Artist,Title,Quantity\n"))
    assert "most like DistroKid, bank details, but has no Earnings (USD)" in told


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf\n\n", "is empty"),
        (b"song,streams\n", "has no numbers"),
        (b"song,streams\nA,\nB,-\n", "has no numbers"),
        (b"\x00\x01\x02\xff\xfe\x00", "is no text file"),
        (b"\xff\xfeabc", "is no text file"),
        (b"PK\x03\x04rest of an archive", "unpack it"),
        (b"x" * 300_000, "is no export"),
    ],
)
def test_what_is_no_export_is_refused_by_name(write: Write, content: bytes, told: str):
    assert told in refusal(write(content), day=DAY)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path):
    assert "can't be read" in refusal(tmp_path / "nothing.csv")
    assert "can't be read" in refusal(tmp_path)


def test_a_cell_without_an_end_is_refused(write: Write):
    content = "song,streams\nA,1\n" + '"' + "x" * 200_000
    assert "is no table of text" in problems(write(content), day=DAY)[0][1]


def test_every_cell_that_can_not_be_read_is_named_with_its_line(write: Write):
    path = write(
        "date,streams\n2026-03-01,many\nsoon,5\n2026-02-30,1\n2027-01-01,1\n1999-01-01,1\n2026-03-02,1.5\n"
    )
    assert problems(path, release_id="rel_1") == [
        (2, "streams: expected a whole number, is 'many'"),
        (3, "date: expected a day such as 2026-03-01, is 'soon'"),
        (4, "date: is no day of the calendar, is '2026-02-30'"),
        (5, "date: expected a day from 2000-01-01 to today, 2026-05-01, is '2027-01-01'"),
        (6, "date: expected a day from 2000-01-01 to today, 2026-05-01, is '1999-01-01'"),
        (7, "streams: expected a whole number, is '1.5'"),
    ]


def test_a_number_that_nobody_can_have_counted_is_named_and_not_kept(write: Write):
    header = "Sale Month,Store,Title,Quantity,Earnings (USD)\n"
    path = write(
        f"{header}2026-01,Spotify,A,{'9' * 30},1\n2026-01,Spotify,A,1,1e20\n2026-01,Spotify,A,1,e5\n"
    )
    assert problems(path) == [
        (2, f"Quantity: expected at most 1,000,000,000,000,000, is '{'9' * 30}'"),
        (3, "Earnings (USD): expected at most 1,000,000,000, is '1e20'"),
        (4, "Earnings (USD): expected a number such as 1234.56, is 'e5'"),
    ]


def test_a_row_without_a_title_and_one_with_a_book_in_it_are_named(write: Write):
    path = write(f"song,streams\n,5\n{'x' * 1_001},5\n")
    assert [(line, text[:34]) for line, text in problems(path, day=DAY)] == [
        (2, "song: names no release, is empty"),
        (3, "song: expected at most 1,000 chara"),
    ]


def test_days_that_may_be_two_days_need_to_be_explained(write: Write):
    path = write("date,streams\n3/4/2026,5\n")
    ((line, told),) = problems(path, release_id="rel_1")
    assert line == 2
    assert "--dates day-first or --dates month-first" in told
    for order, day in ((DayOrder.DAY_FIRST, "2026-04-03"), (DayOrder.MONTH_FIRST, "2026-03-04")):
        export = opened(path, release_id="rel_1", order=order)
        assert [str(n.day) for n in export.numbers] == [day]


def test_one_day_that_can_only_be_read_in_one_way_explains_the_others(write: Write):
    path = write("date,streams\n3/4/2026,5\n3/14/2026,6\n")
    export = opened(path, release_id="rel_1", order=DayOrder.DAY_FIRST)
    assert [str(n.day) for n in export.numbers] == ["2026-03-04", "2026-03-14"]
    both = write("date,streams\n14/3/2026,5\n3/14/2026,6\n")
    assert "the day first and others" in problems(both, release_id="rel_1")[0][1]


def test_points_and_commas_in_one_file_are_not_guessed_at(write: Write):
    path = write('Video title,Views,Watch time (hours)\nA,1,"0,5"\nB,1,0.5\n')
    assert "decimal points and others with decimal commas" in problems(path, day=DAY)[0][1]
