"""`aiartist performance ...` against the real artist_db, with exports as people have them."""

import json
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from cli import performance, performance_sending
from services.artist_db.app import build
from services.artist_db.settings import Settings
from services.chassis.clients import open_channel
from tests.integration.artist_db.listeners import kept, released
from tests.integration.artist_db.samples import artist
from tests.support.command import ROOT, Finished, invoke

EXPORTS = ROOT / "tests" / "support" / "exports"


class Label:
    """A label with the releases that the exports are about, and one that they are not about."""

    def __init__(self, env: dict[str, str], stub: ArtistDbServiceStub) -> None:
        self.env = env
        self.stub = stub
        self.neon = self.harbour = ""

    async def fill(self) -> None:
        singer = await artist(self.stub, "Artist 1")
        self.neon = await released(self.stub, "1", singer.id, isrc="QZABC2600001", upc="012345678905")
        self.harbour = await released(self.stub, "2", singer.id, title="Harbour, Late")

    async def run(self, *arguments: str) -> Finished:
        return await invoke("performance", *arguments, env=self.env)

    async def bring(self, name: str, *options: str) -> Finished:
        return await self.run("import", str(EXPORTS / name), *options)


@pytest.fixture
async def label(database_url: str) -> AsyncIterator[Label]:
    settings = Settings(port=0, metrics_port=0, database_url=database_url, ship_errors=False, stop_grace_s=1)
    # The service runs in this process, and its log would be on the command's standard output.
    with capture_logs():
        async with await build(settings) as app, open_channel(f"127.0.0.1:{app.port}", settings) as channel:
            label = Label({"AIARTIST_ARTIST_DB_ADDR": f"127.0.0.1:{app.port}"}, ArtistDbServiceStub(channel))
            await label.fill()
            yield label


def words(text: str) -> list[str]:
    """The lines, with single spaces."""
    return [" ".join(line.split()) for line in text.splitlines()]


async def test_an_export_is_imported_once_however_often_it_is_imported(label: Label):
    first = await label.bring("youtube-chart.csv")
    again = await label.bring("youtube-chart.csv")

    assert (first.code, first.stderr) == (0, "")
    kind = "YouTube Studio, Chart data.csv of content: 3 numbers of 2 titles"
    assert first.stdout == f"{kind}: 3 added, 0 changed, 0 unchanged\n"
    assert again.stdout == f"{kind}: 0 added, 0 changed, 3 unchanged\n"
    assert await kept(label.stub, label.neon) == [
        ("2026-02-27", "youtube", 30),
        ("2026-02-26", "youtube", 10),
    ]


async def test_what_has_no_release_is_listed_with_its_reason_and_the_rest_is_kept(label: Label):
    done = await label.bring("spotify-songs-28day.csv", "--day", "2026-03-01")

    assert done.code == 1
    assert words(done.stdout) == [
        "Spotify for Artists, songs: 9 numbers of 3 titles: 6 added, 0 changed, 0 unchanged, 3 of no release",
        "not kept artist numbers why",
        "─" * len(done.stdout.splitlines()[2]),
        "Unheard Of – 3 no release has this title",
    ]
    assert "periods that do not overlap" in done.stderr
    assert {value for _, _, value in await kept(label.stub, label.neon)} == {2_350, 1_015, 62}


async def test_a_distributors_statement_is_matched_by_its_codes(label: Label):
    done = await label.bring("distrokid.tsv", "--json")

    assert done.code == 1
    assert json.loads(done.stdout) == {
        "kind": "distrokid",
        "rows": 7,
        "rows_of_unfinished_months": 0,
        "added": 10,
        "changed": 0,
        "unchanged": 0,
        "unmatched": [
            {"isrc": "QZXYZ2600009", "artist_name": "", "numbers": 2, "reason": "no release has this ISRC"}
        ],
    }
    assert ("2026-02-28", "spotify", 1_500) in await kept(label.stub, label.neon)


async def test_only_earnings_are_taken_where_only_they_are_wanted(label: Label):
    done = await label.bring("distrokid-2025.csv", "--only", "earnings")

    assert done.code == 0
    assert "2 numbers of 1 title: 2 added" in done.stdout


async def test_a_timeline_is_of_the_release_that_is_named_in_whatever_way(label: Label):
    for given in ("Harbour, Late", "harbour,  late", label.harbour, label.harbour[:12]):
        done = await label.bring("spotify-timeline.csv", "--release", given)

        assert (done.code, done.stderr) == (0, "")
        assert len(await kept(label.stub, label.harbour)) == 4
    unknown = await label.bring("spotify-timeline.csv", "--release", "Nowhere")
    assert (unknown.code, unknown.stdout) == (1, "")
    assert "no release or artist is called 'Nowhere'" in unknown.stderr


async def test_a_dry_run_says_what_is_there_and_keeps_nothing(label: Label):
    done = await label.bring("youtube-chart.csv", "--dry-run")

    assert words(done.stdout)[0].endswith("3 numbers of 2 titles; nothing was recorded")
    assert words(done.stdout)[-1] == "youtube views 3 47 2026-02-26 2026-02-27"
    assert await kept(label.stub, label.neon) == []


HEAD = "Sale Month,Store,Title,ISRC,UPC,Quantity,Earnings (USD)\n"


@pytest.mark.parametrize("at_once", [5_000, 4])
async def test_rows_that_turn_out_to_be_of_one_release_are_added_together_whatever_goes_at_once(
    label: Label, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
):
    monkeypatch.setattr(performance_sending, "AT_ONCE", at_once)
    path = tmp_path / "both.csv"
    path.write_text(
        HEAD
        + "".join(
            f"{month},Deezer,A mix,QZABC2600001,,5,0\n"
            f"{month},Deezer,Neon Rain 1,,,6,0\n"
            f"{month},Deezer,Another mix,,12345678905,7,0\n"
            f'{month},Deezer,"Harbour, Late",,,9,0\n'
            for month in ("2026-01", "2026-02", "2026-03")
        )
    )

    first = await label.run("import", str(path), "--only", "streams")
    again = await label.run("import", str(path), "--only", "streams")

    assert (first.code, again.code) == (0, 0)
    assert "6 added, 0 changed, 0 unchanged" in first.stdout
    assert "0 added, 0 changed, 6 unchanged" in again.stdout
    assert [value for _, _, value in await kept(label.stub, label.neon)] == [18, 18, 18]
    assert [value for _, _, value in await kept(label.stub, label.harbour)] == [9, 9, 9]
    assert "added together, for they are of one release: " in first.stderr
    assert "'Neon Rain 1'" in first.stderr


async def test_more_titles_of_a_day_than_go_at_once_go_in_pieces_if_one_kind_of_name_tells_them_apart(
    label: Label, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(performance_sending, "AT_ONCE", 2)
    path = tmp_path / "many.csv"
    codes = "".join(f"2026-02,Deezer,T{n},QZABC260000{n},,5,0\n" for n in range(1, 6))
    path.write_text(HEAD + codes)
    apart = await label.run("import", str(path), "--only", "streams")
    path.write_text(HEAD + codes + "2026-02,Deezer,Neon Rain 1,,,6,0\n")
    mixed = await label.run("import", str(path), "--only", "streams")

    assert "5 numbers of 5 titles: 1 added, 0 changed, 0 unchanged, 4 of no release" in apart.stdout
    assert mixed.code == 2
    assert "has over 2 titles for deezer on 2026-02-28" in mixed.stderr
    assert [value for _, _, value in await kept(label.stub, label.neon)] == [5]


class TenthOfFebruary(date):
    @classmethod
    def today(cls) -> date:
        return date(2026, 2, 10)


async def test_rows_of_a_month_that_is_not_over_are_left_out_and_it_is_said(
    label: Label, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(performance, "date", TenthOfFebruary)
    path = tmp_path / "now.csv"
    path.write_text(f"{HEAD}2026-02,Deezer,Neon Rain 1,,,6,0\n")

    dry = await label.run("import", str(path), "--dry-run")
    done = await label.run("import", str(path))
    scripted = await label.run("import", str(path), "--json")

    assert (dry.code, done.code, scripted.code) == (0, 0, 0)
    assert "1 row was left out: of a month that is not over" in dry.stderr
    assert "1 row was left out: of a month that is not over" in done.stderr
    assert json.loads(scripted.stdout)["rows_of_unfinished_months"] == 1
    assert await kept(label.stub, label.neon) == []


async def test_a_large_file_goes_in_pieces_and_one_that_was_cut_off_is_simply_repeated(
    label: Label, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(performance_sending, "AT_ONCE", 2)
    monkeypatch.setattr(performance_sending, "_entry", _fails_at(3, performance_sending._entry))
    with pytest.raises(ConnectionError):
        await label.bring("spotify-timeline.csv", "--release", label.neon)
    assert len(await kept(label.stub, label.neon)) == 2

    done = await label.bring("spotify-timeline.csv", "--release", label.neon)

    assert "4 numbers of 1 title: 2 added, 0 changed, 2 unchanged" in done.stdout


def _fails_at(number: int, entry):
    """The function, but the call of this number ends as the command does where its process is killed."""
    calls = iter(range(1, 1_000))

    def failing(*arguments):
        if next(calls) == number:
            raise ConnectionError
        return entry(*arguments)

    return failing


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("README.md",), "is no export that is known"),
        (("youtube-table.csv",), "--day"),
        (("youtube-table.csv", "--day", "soon"), "expected a day"),
        (("youtube-table.csv", "--day", "2999-01-01"), "still to come"),
        (("youtube-chart.csv", "--platform", "You Tube"), "expected 1 to 40"),
        (("nothing.csv",), "can't be read"),
    ],
)
async def test_what_can_not_be_imported_is_said_in_a_line(
    label: Label, arguments: tuple[str, ...], told: str
):
    done = await label.bring(*arguments)

    assert done.code in (1, 2)
    assert told in done.stderr
    assert done.stdout == ""


async def test_scores_are_shown_by_release_by_artist_and_for_all(label: Label):
    silent = await label.run("show", label.neon)
    assert silent.code == 0
    assert "aiartist performance import FILE" in silent.stdout
    await label.bring("youtube-chart.csv")
    one = await label.run("show", "Harbour, Late")
    singer = await label.run("show", "Artist 1")
    everything = await label.run("list")

    assert {done.code for done in (one, singer, everything)} == {0}
    shown = words(one.stdout)
    assert shown[:3] == ["title Harbour, Late", "artist Artist 1", f"id {label.harbour}"]
    assert shown[3].startswith("score 0.")
    assert shown[-1] == "2026-02-27 youtube views 7 youtube-chart.csv"
    assert singer.stdout == everything.stdout
    assert words(everything.stdout)[2].startswith(f"{label.harbour} Harbour, Late Artist 1 0.")
    assert max(len(line) for line in everything.stdout.splitlines()) <= 100
    scripted = json.loads((await label.run("show", label.neon, "--json")).stdout)
    assert (scripted["score"]["plays"], len(scripted["performance"])) == ("40", 2)
