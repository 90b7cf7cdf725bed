"""The owner's chart."""

import asyncio
import os
from pathlib import Path

import pytest

from services.orchestrator.trends.owner_csv import EXPECTED, OwnerCsv, songs_of
from services.orchestrator.trends.source import BadShape, Chart, SourceError

GOOD = """rank,title,artist,genre,country
2,Second Winter,Kites,Synth Wave,
1,"Glass, Harbour",Mira Sol,synthwave,
1,Marché,Léa,,FR
1,Plain,,,
"""


async def test_a_file_holds_a_chart_for_each_genre_and_country_in_it(tmp_path: Path) -> None:
    path = tmp_path / "charts.csv"
    path.write_text(GOOD, encoding="utf-8-sig")
    source = OwnerCsv(path)
    assert set(await source.charts(["us"], "synthwave")) == {
        Chart("owner_csv", "", "synthwave"),
        Chart("owner_csv"),
    }
    assert set(await source.charts(["fr"], "pop")) == {Chart("owner_csv", "fr"), Chart("owner_csv")}
    items = await source.fetch("", "synthwave")
    assert [(item.rank, item.title, item.artist_name, item.genre) for item in items] == [
        (1, "Glass, Harbour", "Mira Sol", "synthwave"),
        (2, "Second Winter", "Kites", "Synth Wave"),
    ]


async def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "charts.csv"
    path.write_text("rank,title,artist\n1,Old,x\n")
    source = OwnerCsv(path)
    assert [item.title for item in await source.fetch("", "")] == ["Old"]
    path.write_text("rank,title,artist\n1,New,x\n")
    os.utime(path, ns=(1, 1))
    assert [item.title for item in await source.fetch("", "")] == ["New"]
    path.unlink()
    assert await source.charts(["us"], "pop") == [Chart("owner_csv")]
    with pytest.raises(SourceError, match="AIARTIST_TRENDS_FILE can't be read: No such file"):
        await source.fetch("", "")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", EXPECTED),
        (b"title,artist\nx,y\n", "lacks rank; expected"),
        (b"rank,title,artist,plays\n1,x,y,3\n", "unknown or there twice"),
        (b"rank,title,artist,rank\n1,x,y,1\n", "unknown or there twice"),
        (b"rank,title,artist\n", "no song under its header"),
        (b"rank,title,artist\nfirst,x,y\n", "line 2 of the file: rank"),
        (b"rank,title,artist\n0,x,y\n", "line 2 of the file: rank"),
        (b"rank,title,artist\n1,,y\n", "line 2 of the file: title is empty"),
        (b"rank,title,artist,genre\n1,x,y,polka\n", "genre must be one of synthwave"),
        (b"rank,title,artist,country\n1,x,y,usa\n", "country must be two letters"),
        (b"rank,title,artist\n1,\xff,y\n", "not in UTF-8"),
        (b"PK\x03\x04" + b"\0" * 100, "expected CSV"),
        (b'rank,title,artist\n1,"x,y\n', "not CSV"),
        (b"x" * (1024 * 1024 + 1), "over 1 MiB"),
        (b"rank,title,artist\n" + b"1,x,y\n" * 6_000, "over 5,000 lines"),
    ],
)
def test_a_wrong_file_is_refused_with_what_was_expected(content: bytes, told: str) -> None:
    with pytest.raises(BadShape, match=told):
        songs_of(content)


@pytest.mark.parametrize("kind", ["pipe", "device", "directory"])
async def test_what_is_no_regular_file_is_said_and_never_waited_for(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "charts.csv"
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "directory":
            path.mkdir()
    source = OwnerCsv(path)
    async with asyncio.timeout(5):
        assert await source.charts(["us"], "pop") == [Chart("owner_csv")]
        with pytest.raises(SourceError, match="AIARTIST_TRENDS_FILE can't be read: it is no regular file"):
            await source.fetch("", "")


async def test_a_pipe_that_took_the_file_s_place_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, before = tmp_path / "charts.csv", tmp_path / "before.csv"
    before.write_text("rank,title,artist\n1,Old,x\n")
    os.mkfifo(path)
    monkeypatch.setattr(Path, "stat", lambda _: os.stat(before))
    async with asyncio.timeout(5):
        with pytest.raises(SourceError, match="no regular file"):
            await OwnerCsv(path).fetch("", "")


def test_a_long_field_does_not_end_the_program() -> None:
    with pytest.raises(BadShape, match="not CSV"):
        songs_of(b'rank,title,artist\n1,"' + b"x" * 200_000 + b'",y\n')
