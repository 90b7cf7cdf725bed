"""What is out: the list, and one release."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from aiartist.artist_db.v1 import artist_db_pb2 as db
from services.notifier.hours import told
from services.notifier.panel import desk as ask
from services.notifier.panel.desk import Desk
from services.notifier.panel.pages import Page, page_after, remarks, tap, turning
from services.notifier.panel.refusals import missing
from services.notifier.panel.screen import Screen
from services.notifier.panel.words import count, moment, place, title_of
from services.notifier.peers import CALL_TIMEOUT_S, found
from services.notifier.questions import verdict_of
from services.notifier.telegram import cards
from services.notifier.telegram.post import rows
from services.notifier.telegram.text import (
    MESSAGE_MOST,
    bold,
    code,
    fitting,
    joined,
    one_line,
    plain,
)

_PLACES_MOST = 4


async def show_list(desk: Desk, artist: str = "", after: str = "") -> Screen:
    """A page of releases, the newest first; `artist` and `after` are bare ids."""
    artist_id = f"art_{artist}" if artist else ""
    page = await page_after(
        ask.releases(desk.peers, artist_id), f"rel_{after}" if after else "", lambda release: release.id
    )
    names = await ask.names(desk.peers, (release.artist_id for release in page.items), 18)
    return list_screen(page, artist, names, desk.where)


def list_screen(
    page: Page[db.StoredRelease], artist: str, names: Mapping[str, str], where: ZoneInfo
) -> Screen:
    """A page of releases as people see it."""
    if page.items:
        lines = [bold(" ".join(filter(None, ["🚀 Releases", page.span])))]
        for release in page.items:
            whose = one_line(names.get(release.artist_id, release.artist_id), 18)
            lines.append(joined([bold(title_of(release.title, 22)), plain(f"· {whose}")], " "))
            lines.append(plain(f"    {_when(release, where)} · {_place(release)}"))
        lines += remarks(page, "aiartist release list")
    else:
        lines = [plain("Nothing is released yet.")]
    buttons = [tap(title_of(release.title), f"p:release:{release.id}") for release in page.items]
    turn = turning(page, lambda anchor: f"p:releases:{artist}:{anchor.removeprefix('rel_')}")
    back = tap("« Artist", f"p:artist:art_{artist}") if artist else tap("« Menu", "p:menu")
    return Screen(fitting(lines, MESSAGE_MOST), rows(*buttons, turn, back))


async def show(desk: Desk, release_id: str) -> Screen:
    """One release."""
    request = db.GetReleaseRequest(release_id=release_id)
    answer = await found("artist_db", desk.peers.artist_db.GetRelease(request, timeout=CALL_TIMEOUT_S))
    if answer is None:
        return missing("release", "Releases", "p:releases")
    names = await ask.names(desk.peers, [answer.release.artist_id], 36)
    return release_screen(answer.release, names[answer.release.artist_id], desk.where)


def release_screen(release: db.StoredRelease, artist: str, where: ZoneInfo) -> Screen:
    """One release as people see it."""
    lines = [
        joined([plain("🚀"), bold(title_of(release.title))], " "),
        plain(f"by {one_line(artist, 36)}"),
        plain(f"Packaged {told(moment(release.created_at), where)}, {count(len(release.files), 'file')}"),
    ]
    if release.HasField("decision"):
        lines.append(plain(cards.ending(verdict_of(release.decision), where)))
    for publication in release.publications[:_PLACES_MOST]:
        lines.append(plain(f"Out since {told(moment(publication.published_at), where)}:"))
        lines.append(place(publication.location))
    if not release.publications:
        lines.append(plain("Not published yet."))
    if len(release.publications) > _PLACES_MOST:
        lines.append(plain(f"and {len(release.publications) - _PLACES_MOST} places more"))
    lines.append(code(one_line(release.id, 40)))
    look = [*tap("Run", f"p:run:{release.run_id}"), *tap("🎤 Artist", f"p:artist:{release.artist_id}")]
    return Screen(fitting(lines, MESSAGE_MOST), rows(look, tap("« Releases", "p:releases")))


def _when(release: db.StoredRelease, where: ZoneInfo) -> str:
    stamp = release.publications[0].published_at if release.publications else release.created_at
    local = moment(stamp).astimezone(where)
    return f"{local.day} {local:%b %Y}"


def _place(release: db.StoredRelease) -> str:
    """Where it is, in half a line: the end of a path says the most."""
    if not release.publications:
        return "not published yet"
    parts = [part for part in one_line(release.publications[0].location, 1_000).split("/") if part]
    return one_line(parts[-1], 22) if parts else one_line(release.publications[0].target, 22) or "published"
