"""The pages as HTML: no scripts, nothing from elsewhere; whatever a model or a person wrote is escaped."""

from collections.abc import Iterable, Sequence
from html import escape
from urllib.parse import quote

from services.release.package.layout import PROVENANCE
from services.release.targets.pages.facts import Card, Facts, File, clock

PER_PAGE = 60
"""Releases on one page of the index."""
_POLICY = "script-src 'none'; object-src 'none'; frame-src 'none'; base-uri 'none'; form-action 'none'"
"""What an escaped text could not do anyway. Media is not named: `'self'` means nothing under file://."""


def index_names(releases: int) -> list[str]:
    """The index's pages, relative to the catalogue; at least one."""
    pages = max(1, -(-releases // PER_PAGE))
    return ["index.html", *(f"pages/more-{number}.html" for number in range(2, pages + 1))]


def index_page(label: str, cards: Sequence[Card], number: int, style: str, thumbnails: frozenset[str]) -> str:
    """The index's page of this number, from 1. `cards` are all, newest first; `style` is the sheet's name."""
    names = index_names(len(cards))
    # The first stands above the others, which stand beside the releases' own pages.
    to_pages, to_root = ("pages/", "") if number == 1 else ("", "../")
    shown = cards[(number - 1) * PER_PAGE : number * PER_PAGE]
    grid = "\n".join(_tile(card, to_pages, to_root, card.release_id in thumbnails) for card in shown)
    count = f"{len(cards):,} {'release' if len(cards) == 1 else 'releases'}"
    empty = '<p class="empty">Nothing is published yet.</p>'
    body = f"""
<header class="masthead"><h1>{escape(label)}</h1><p>{count}</p></header>
<main>
{f'<ul class="grid">{grid}</ul>' if grid else empty}
{_pager(names, number, to_pages, to_root)}
</main>"""
    title = label if number == 1 else f"{label}, page {number}"
    return _document(title, body, f"{to_pages}assets/{style}")


def release_page(label: str, found: Facts, style: str, *, thumbnail: bool) -> str:
    """A release's own page, to stand in `pages/`."""
    card = found.card
    base = f"../{quote(card.release_id)}/"
    cover = base + quote(found.cover)
    first = f'<p class="date">{escape(card.date)}</p>' if card.date else ""
    body = f"""
<nav class="back"><a href="../index.html">&larr; {escape(label)}</a></nav>
<main class="release">
<section class="hero">
<a class="cover" href="{cover}">
<img src="{_thumbnail(card, thumbnail, cover)}" alt="Cover of {escape(card.title)}" width="320" height="320">
</a>
<div>
<h1>{escape(card.title)}{_badge(card)}</h1>
<p class="artist">{escape(card.artist)}</p>
{first}
{_players(found, base)}
<dl class="facts">{_pairs(found.facts)}</dl>
</div>
</section>
{_videos(found, base, cover)}
{_section("Lyrics", f'<div class="lyrics">{_lines(found.lyrics)}</div>') if found.lyrics.strip() else ""}
{_section("Credits", f'<dl class="facts">{_pairs(found.credits)}</dl>')}
{_section("Made with AI", _disclosure(found, base))}
{_section("Files", _downloads(found.files, base))}
</main>"""
    return _document(f"{card.title} – {card.artist}" if card.artist else card.title, body, f"assets/{style}")


def _document(title: str, body: str, style: str) -> str:
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="dark light">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{style}">
</head>
<body>{body}
</body>
</html>
"""


def _tile(card: Card, to_pages: str, to_root: str, thumbnail: bool) -> str:
    cover = f"{to_root}{quote(card.release_id)}/artwork/cover.jpg"
    picture = f"{to_pages}covers/{quote(card.release_id)}.jpg" if thumbnail else cover
    about = " · ".join(escape(part) for part in (card.date, clock(card.duration_ms)) if part)
    video = '<span class="badge">video</span>' if card.has_video else ""
    return (
        f'<li><a href="{to_pages}{quote(card.release_id)}.html">'
        f'<img src="{picture}" alt="" width="320" height="320" loading="lazy">'
        f'<span class="title">{escape(card.title)}{_badge(card)}{video}</span>'
        f'<span class="artist">{escape(card.artist)}</span><span class="date">{about}</span></a></li>'
    )


def _thumbnail(card: Card, there: bool, cover: str) -> str:
    return f"covers/{quote(card.release_id)}.jpg" if there else cover


def _badge(card: Card) -> str:
    return '<abbr class="badge" title="explicit">E</abbr>' if card.explicit else ""


def _pager(names: Sequence[str], number: int, to_pages: str, to_root: str) -> str:
    if len(names) == 1:
        return ""
    links = []
    for other, name in enumerate(names, start=1):
        href = f"{to_root}{name}" if other == 1 else f"{to_pages}{name.removeprefix('pages/')}"
        current = f'<span aria-current="page">{other}</span>'
        links.append(current if other == number else f'<a href="{href}">{other}</a>')
    return f'<nav class="pager" aria-label="Pages">{" ".join(links)}</nav>'


def _players(found: Facts, base: str) -> str:
    return "\n".join(
        f'<audio controls preload="metadata"><source src="{base}{quote(file.path)}" '
        f'type="{escape(file.media_type)}">This browser plays no such audio; the files are below.</audio>'
        for file in found.audio[:1]
    )


def _videos(found: Facts, base: str, cover: str) -> str:
    players = "\n".join(
        f'<video controls playsinline preload="metadata" poster="{cover}">'
        f'<source src="{base}{quote(file.path)}" type="{escape(file.media_type)}">'
        "This browser plays no such video; the files are below.</video>"
        for file in found.videos
    )
    return _section("Video", f'<div class="videos">{players}</div>') if players else ""


def _disclosure(found: Facts, base: str) -> str:
    href = f"{base}{quote(PROVENANCE)}"
    more = f'<p class="more"><a href="{href}">How it was made: models, review and decision</a></p>'
    return f'<dl class="facts">{_pairs(found.disclosure)}</dl>{more}'


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def _pairs(pairs: Iterable[tuple[str, str]]) -> str:
    return "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in pairs)


def _lines(lyrics: str) -> str:
    """Verses as paragraphs, names of parts, in brackets, apart. The first line, the title, is left out."""
    _, _, words = lyrics.partition("\n")
    verses = []
    for verse in words.strip().split("\n\n"):
        lines = [
            f'<span class="part">{escape(line)}</span>' if line.startswith("[") else escape(line)
            for line in verse.split("\n")
        ]
        verses.append(f"<p>{'<br>'.join(lines)}</p>")
    return "".join(verses)


def _downloads(files: Sequence[File], base: str) -> str:
    rows = "".join(
        f'<li><a href="{base}{quote(file.path)}" download>{escape(file.path)}</a>'
        f"<span>{escape(file.media_type.partition(';')[0])}</span><span>{_size(file.size_bytes)}</span></li>"
        for file in files
    )
    return f'<ul class="files">{rows}</ul>'


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB" if size_bytes >= 100_000 else f"{size_bytes / 1e3:,.1f} kB"
