"""Writes the catalogue's pages. What stands in the folder is the truth; pages that a crash left out, or that
are out of date, are mended by the next one who writes.

    <catalogue>/index.html            the newest releases
    <catalogue>/pages/more-2.html     older ones
    <catalogue>/pages/<release>.html  a release, with players, lyrics, credits and files
    <catalogue>/pages/<release>.json  what the index shows of it
    <catalogue>/pages/covers/         thumbnails
    <catalogue>/pages/assets/         the style sheet, named by its content
"""

import asyncio
import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from services.chassis.logs import get_logger
from services.release.errors import JobFailed
from services.release.package.layout import COVER, MANIFEST
from services.release.pool import WorkerPool
from services.release.targets.pages.facts import Card, read_facts
from services.release.targets.pages.html import index_names, index_page, release_page
from services.release.worker import Report
from services.release.workspace import exclusively, sweep, workspace

EDITION = "1"
"""Of what the pages show; another one, and every page is written anew."""
_DRAWN_AT_ONCE = 25
"""Thumbnails, at most: nobody waits for those of a whole old catalogue. Meanwhile the covers are shown."""
_DRAFT = ".part"
"""Of a page that is being written, by who is alone here: any other one was left by a killed writer."""
_RELEASE = re.compile(r"rel_[0-9a-hjkmnp-tv-z]{26}")
_OLDER = re.compile(r"more-\d+\.html")
_STYLE = (Path(__file__).parent / "catalogue.css").read_bytes()
_log = get_logger("release.pages")


def thumbnail_job(_report: Report, cover: Path, into: Path) -> None:
    """Draws a thumbnail; for a worker process. OSError where the disk refuses."""
    from services.release.cover import draw_thumbnail

    into.write_bytes(draw_thumbnail(cover.read_bytes()))


class CataloguePages:
    """The pages of the folders that releases are published to."""

    def __init__(self, label: str, pool: WorkerPool) -> None:
        self._label = label
        self._pool = pool
        self._style = f"catalogue-{hashlib.sha256(_STYLE).hexdigest()[:12]}.css"
        self._edition = hashlib.sha256(f"{EDITION}\0{label}\0{self._style}".encode()).hexdigest()[:16]

    async def refresh(self, catalogue: Path, *, anew: str = "") -> None:
        """Makes the pages those of what stands in the folder; that of `anew` is written even if it is there.

        OSError where the disk refuses; then the next one who writes mends them.
        """
        await self._draw_thumbnails(catalogue, anew)
        await asyncio.to_thread(self._write_all, catalogue, anew)

    async def _draw_thumbnails(self, catalogue: Path, anew: str) -> None:
        covers = catalogue / "pages" / "covers"
        missing = await asyncio.to_thread(_without_thumbnail, catalogue, covers, anew)
        await asyncio.to_thread(sweep, covers)
        for release_id in sorted(missing, key=lambda name: name != anew)[:_DRAWN_AT_ONCE]:
            with workspace(covers, release_id) as folder:
                drawn = folder / "thumbnail.jpg"
                try:
                    await self._pool.run(None, thumbnail_job, catalogue / release_id / COVER, drawn)
                    drawn.replace(covers / f"{release_id}.jpg")
                except (JobFailed, FileNotFoundError):
                    _log.warning("no thumbnail: the page shows the cover itself", release_id=release_id)

    def _write_all(self, catalogue: Path, anew: str) -> None:
        pages = catalogue / "pages"
        for folder in (pages, pages / "assets", pages / "covers"):
            folder.mkdir(parents=True, exist_ok=True)
        with exclusively(catalogue):
            write_if_new(pages / "assets" / self._style, _STYLE)
            published = set(_published(catalogue))
            cards = [
                card
                for release_id in sorted(published)
                if (card := self._card(catalogue, release_id, anew=release_id == anew)) is not None
            ]
            cards.sort(key=lambda card: (card.moment, card.release_id), reverse=True)
            thumbnails = frozenset(_names(pages / "covers", ".jpg"))
            names = index_names(len(cards))
            for number, name in enumerate(names, start=1):
                text = index_page(self._label, cards, number, self._style, thumbnails)
                write_if_new(catalogue / name, text.encode(), sync=False)
            self._clear(catalogue, published, frozenset(names))

    def _card(self, catalogue: Path, release_id: str, *, anew: bool) -> Card | None:
        """A release's card, its page written where there was none; None where there is nothing to tell."""
        kept = catalogue / "pages" / f"{release_id}.json"
        if not anew:
            card = _kept_card(kept, self._edition)
            if card is not None:
                return card
        try:
            found = read_facts(catalogue / release_id)
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("a published folder has no page", release_id=release_id, detail=str(error))
            return None
        thumbnail = (catalogue / "pages" / "covers" / f"{release_id}.jpg").exists()
        text = release_page(self._label, found, self._style, thumbnail=thumbnail)
        # The card comes last: what has one has its page.
        write_if_new(kept.with_suffix(".html"), text.encode())
        write_if_new(kept, found.card.to_json(self._edition))
        return found.card

    def _clear(self, catalogue: Path, published: set[str], index: frozenset[str]) -> None:
        """Removes what belongs to no release that stands, and what killed writers left."""
        pages = catalogue / "pages"
        for folder in (catalogue, pages, pages / "covers", pages / "assets"):
            for path in list(folder.iterdir()):
                of_release = folder != catalogue and _RELEASE.fullmatch(path.stem) is not None
                if (
                    (of_release and path.stem not in published)
                    or (folder == pages and _OLDER.fullmatch(path.name) and f"pages/{path.name}" not in index)
                    or (folder == pages / "assets" and path.name != self._style)
                    or (path.name.startswith(".") and path.suffix == _DRAFT)
                ) and not path.is_dir():
                    path.unlink(missing_ok=True)


def write_if_new(path: Path, data: bytes, *, sync: bool = True) -> bool:
    """Writes a file so that a reader sees the old one or the whole new one; False where it held these bytes.

    Without `sync` it may be lost with the power: for what the next writer compares anyway.
    """
    try:
        if path.read_bytes() == data:
            return False
    except FileNotFoundError:
        pass
    draft = path.with_name(f".{path.name}.{os.getpid()}{_DRAFT}")
    try:
        with draft.open("wb") as file:
            file.write(data)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return True


def _published(catalogue: Path) -> list[str]:
    """Releases that stand in the folder."""
    return [
        name
        for name in _names(catalogue, "")
        if _RELEASE.fullmatch(name) and (catalogue / name / MANIFEST).exists()
    ]


def _without_thumbnail(catalogue: Path, covers: Path, anew: str) -> list[str]:
    drawn = set(_names(covers, ".jpg")) if covers.is_dir() else set()
    return [name for name in _published(catalogue) if name == anew or name not in drawn]


def _names(folder: Path, suffix: str) -> Iterable[str]:
    with os.scandir(folder) as entries:
        return [entry.name.removesuffix(suffix) for entry in entries if entry.name.endswith(suffix)]


def _kept_card(path: Path, edition: str) -> Card | None:
    try:
        return Card.from_json(path.read_bytes(), edition)
    except FileNotFoundError:
        return None
