"""The catalogue's pages: what stands in the folder, and nothing that a model could smuggle in."""

import asyncio
import posixpath
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from services.release.errors import JobFailed
from services.release.package.layout import MANIFEST
from services.release.targets.pages.catalogue import CataloguePages, write_if_new
from services.release.targets.pages.html import PER_PAGE
from tests.support.packages import contents, release_id, with_manifest

VOID = {"meta", "link", "img", "br", "source"}


class InlinePool:
    """Runs jobs here; as the worker pool, JobFailed for what a job raises."""

    async def run(self, report: Any, job: Any, *args: Any) -> Any:
        try:
            return await asyncio.to_thread(job, report, *args)
        except FileNotFoundError:
            raise
        except Exception as error:
            raise JobFailed(str(error)) from error


class Page(HTMLParser):
    """A page as a browser reads it; AssertionError where its tags do not close."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.text = ""
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._open: list[str] = []
        self.feed(path.read_text())
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attributes}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def links(self) -> list[str]:
        """Everything that it refers to."""
        return [
            attributes[name]
            for _, attributes in self.tags
            for name in ("href", "src", "poster")
            if name in attributes and attributes[name] != "data:,"
        ]

    def broken(self) -> list[str]:
        """Links that lead to no file inside the catalogue."""
        return [
            link
            for link in self.links()
            if ":" in link or not Path(posixpath.normpath(self.path.parent / unquote(link))).is_file()
        ]

    def of(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def put(catalogue: Path, name: str = "1", **metadata: Any) -> Path:
    """A package that stands in the catalogue."""
    place = catalogue / release_id(name)
    for path, data in with_manifest(contents(name, audio_bytes=100, **metadata), name).items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(data)
    return place


def pages(label: str = "Night Shift") -> CataloguePages:
    pool: Any = InlinePool()
    return CataloguePages(label, pool)


async def test_a_release_has_a_page_that_plays_it_and_tells_all_about_it(tmp_path: Path) -> None:
    place = put(tmp_path)
    await pages().refresh(tmp_path)

    page = Page(tmp_path / "pages" / f"{place.name}.html")
    assert page.broken() == []
    assert [source["type"] for source in page.of("source")] == ["audio/flac", "video/mp4"]
    assert len(page.of("audio")) == len(page.of("video")) == 1
    assert page.of("video")[0]["poster"].endswith("/artwork/cover.jpg")
    names = ("Neon in the Rain", "Nova Vale", "Night Shift", "QZABC2600001", "4006381333931", "cli:vera")
    for told in (*names, "2026-03-08", "3:07", "Rain on the glass", "local/smollm2", "a language model"):
        assert told in page.text
    downloads = {link["href"] for link in page.of("a") if "download" in link}
    assert len(downloads) == len(contents()) + 1
    assert f"../{place.name}/{MANIFEST}" in downloads


async def test_the_index_shows_every_release_newest_first(tmp_path: Path) -> None:
    for name in "abc":
        put(tmp_path, name, title=f"Song {name}")
    await pages().refresh(tmp_path)

    index = Page(tmp_path / "index.html")
    assert index.broken() == []
    assert index.text.count("Nova Vale") == 3
    assert "3 releases" in index.text
    newest = sorted((release_id(name), name) for name in "abc")[::-1]
    places = [index.text.index(f"Song {name}") for _, name in newest]
    assert places == sorted(places)
    assert all("covers/" in image["src"] for image in index.of("img"))


async def test_an_empty_catalogue_says_so(tmp_path: Path) -> None:
    await pages().refresh(tmp_path)
    assert "Nothing is published yet" in Page(tmp_path / "index.html").text


@pytest.mark.parametrize("count", [PER_PAGE, PER_PAGE + 1, 2 * PER_PAGE + 1])
async def test_many_releases_are_on_several_pages_that_lead_to_each_other(tmp_path: Path, count: int) -> None:
    for number in range(count):
        put(tmp_path, str(number))
    await pages().refresh(tmp_path)

    index = [Page(tmp_path / "index.html"), *map(Page, sorted((tmp_path / "pages").glob("more-*.html")))]
    assert len(index) == -(-count // PER_PAGE)
    assert [page.broken() for page in index] == [[]] * len(index)
    shown = [Path(a["href"]).stem for page in index for a in page.of("a") if "rel_" in a.get("href", "")]
    assert sorted(shown) == sorted(release_id(str(number)) for number in range(count))
    for page in index[1:]:
        assert "../index.html" in page.links()


HOSTILE = '</title></p><script>alert("x")</script><img src=x onerror=alert(1)>" onload="alert(1)\' &amp;'


async def test_what_a_model_wrote_is_text_and_nothing_else(tmp_path: Path) -> None:
    place = put(tmp_path, title=HOSTILE, artist=HOSTILE, genre=HOSTILE, isrc=HOSTILE, label=HOSTILE)
    (place / "lyrics/neon-in-the-rain.txt").write_text(f"Title\n\n[Verse]\n{HOSTILE}\n")
    await pages(HOSTILE).refresh(tmp_path)

    for path in (tmp_path / "index.html", tmp_path / "pages" / f"{place.name}.html"):
        page = Page(path)
        assert "script" not in {tag for tag, _ in page.tags}
        assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
        assert not any("http" in link for link in page.links())
        assert HOSTILE in page.text
        policy = [m["content"] for m in page.of("meta") if m.get("http-equiv") == "Content-Security-Policy"]
        assert policy
        assert "script-src 'none'" in policy[0]


async def test_a_release_that_is_gone_loses_its_pages(tmp_path: Path) -> None:
    gone, stays = put(tmp_path, "gone"), put(tmp_path, "stays")
    await pages().refresh(tmp_path)
    gone.rename(tmp_path / ".gone")
    await pages().refresh(tmp_path)

    assert gone.name not in (tmp_path / "index.html").read_text()
    assert [path for path in (tmp_path / "pages").rglob("*") if gone.name in path.name] == []
    assert Page(tmp_path / "pages" / f"{stays.name}.html").broken() == []


async def test_what_somebody_else_keeps_in_the_catalogue_stays(tmp_path: Path) -> None:
    put(tmp_path)
    mine = [tmp_path / "more-photos.html", tmp_path / "film.part", tmp_path / "more-of-it" / "a.txt"]
    for path in mine:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"mine")
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "more-9.html").write_bytes(b"of a bigger catalogue")
    (tmp_path / "pages" / ".index.html.1.part").write_bytes(b"of a killed writer")
    await pages().refresh(tmp_path)

    assert all(path.read_bytes() == b"mine" for path in mine)
    assert not (tmp_path / "pages" / "more-9.html").exists()
    assert not list((tmp_path / "pages").glob(".*.part"))


@pytest.mark.parametrize("lost", ["{}.html", "{}.json", "covers/{}.jpg", "assets"])
async def test_what_a_crash_left_out_is_mended(tmp_path: Path, lost: str) -> None:
    place = put(tmp_path)
    await pages().refresh(tmp_path)
    whole = snapshot(tmp_path)
    missing = tmp_path / "pages" / lost.format(place.name)
    if missing.is_dir():
        for path in missing.iterdir():
            path.write_bytes(b"")
    else:
        missing.unlink()
        # The card is written after the page: without the page there was none.
        (tmp_path / "pages" / f"{place.name}.json").unlink(missing_ok=True)
    (tmp_path / "index.html").write_bytes(b"")
    await pages().refresh(tmp_path)
    assert snapshot(tmp_path) == whole


async def test_pages_are_written_once_and_again_when_the_label_is_called_otherwise(tmp_path: Path) -> None:
    place = put(tmp_path)
    await pages().refresh(tmp_path)
    page = tmp_path / "pages" / f"{place.name}.html"
    before = page.stat().st_mtime_ns
    await pages().refresh(tmp_path)
    assert page.stat().st_mtime_ns == before
    await pages("Day Shift").refresh(tmp_path)
    assert "Day Shift" in page.read_text()


async def test_writers_at_once_leave_whole_pages(tmp_path: Path) -> None:
    for number in range(12):
        put(tmp_path, str(number))
    await asyncio.gather(*(pages().refresh(tmp_path, anew=release_id(str(n))) for n in range(6)))
    assert Page(tmp_path / "index.html").text.count("Nova Vale") == 12
    assert list(tmp_path.rglob("*.part")) == []


async def test_an_old_catalogue_gets_its_thumbnails_by_and_by(tmp_path: Path) -> None:
    for number in range(30):
        put(tmp_path, str(number))
    drawn = []
    for _ in range(2):
        await pages().refresh(tmp_path, anew=release_id("29"))
        images = [Path(image["src"]) for image in Page(tmp_path / "index.html").of("img")]
        drawn.append(sum(image.parent.name == "covers" for image in images))
        assert Page(tmp_path / "index.html").broken() == []
        assert Page(tmp_path / "pages" / f"{release_id('29')}.html").of("img")[0]["src"].startswith("covers/")
    assert drawn == [25, 30]


async def test_a_cover_that_is_none_is_shown_as_it_is(tmp_path: Path) -> None:
    place = put(tmp_path)
    (place / "artwork/cover.jpg").write_bytes(b"no picture")
    await pages().refresh(tmp_path)
    (image,) = Page(tmp_path / "index.html").of("img")
    assert image["src"] == f"{place.name}/artwork/cover.jpg"


async def test_a_folder_that_is_no_package_has_no_page_and_keeps_none_from_theirs(tmp_path: Path) -> None:
    broken, sound = put(tmp_path, "broken"), put(tmp_path, "sound")
    (broken / "metadata.json").write_text("[]")
    (tmp_path / "notes").mkdir()
    await pages().refresh(tmp_path)
    index = (tmp_path / "index.html").read_text()
    assert broken.name not in index
    assert sound.name in index


def test_a_file_is_written_where_it_changes_only(tmp_path: Path) -> None:
    path = tmp_path / "page"
    assert write_if_new(path, b"one")
    assert not write_if_new(path, b"one")
    assert write_if_new(path, b"two")
    assert path.read_bytes() == b"two"
    assert [p.name for p in tmp_path.iterdir()] == ["page"]


def snapshot(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
