"""Artists: the list, for looking and for choosing, and one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aiartist.artist_db.v1 import artist_db_pb2 as db
from services.notifier.panel import desk as ask
from services.notifier.panel.desk import Desk, soft
from services.notifier.panel.pages import Page, page_after, remarks, tap, turning
from services.notifier.panel.refusals import missing
from services.notifier.panel.screen import Screen
from services.notifier.panel.words import ARTIST_ICONS, SILENCES, artist_state, cadence, name_of, silence
from services.notifier.telegram.post import Button, Keyboard, rows
from services.notifier.telegram.text import (
    MESSAGE_MOST,
    Rich,
    bold,
    code,
    fitting,
    joined,
    one_line,
    plain,
)

MAKES_SONGS = (db.ARTIST_STATE_ACTIVE, db.ARTIST_STATE_EVOLVING)
_COUNTED = 500


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a list of artists is for."""

    heading: str
    nobody: str
    states: Sequence[db.ArtistState.ValueType] = field(default=())
    for_all: tuple[str, str] | None = None
    """A button for all of them: its text and its data."""
    action: str = ""
    """What choosing one does, as a button's data; empty: shows the artist."""


PURPOSES: Mapping[str, Purpose] = {
    "see": Purpose("🎤 Artists", "There is no artist yet: aiartist artist create FILE takes one on."),
    "new": Purpose(
        "🎤 A new song: for whom?", "No artist makes songs just now.", MAKES_SONGS, action="x:new"
    ),
    "pause": Purpose(
        "⏸ Pause: whom?",
        "No artist is active, so there is nobody to pause.",
        (db.ARTIST_STATE_ACTIVE,),
        ("⏸ All of them", "x:pause.all"),
        "x:pause",
    ),
    "resume": Purpose(
        "▶️ Resume: whom?",
        "No artist is paused.",
        (db.ARTIST_STATE_PAUSED,),
        ("▶️ All of them", "x:resume.all"),
        "x:resume",
    ),
    "autopilot": Purpose(
        "🎤 Autopilot: for whom?",
        "There is no artist yet.",
        (*MAKES_SONGS, db.ARTIST_STATE_PAUSED),
    ),
}


async def show_list(desk: Desk, purpose: str = "see", after: str = "") -> Screen:
    """A page of artists, by name, for a purpose of `PURPOSES`."""
    name = purpose if purpose in PURPOSES else "see"
    anchor = f"art_{after}" if after else ""
    page = await page_after(ask.artists(desk.peers, PURPOSES[name].states), anchor, lambda artist: artist.id)
    return list_screen(page, name, desk.ticket)


def list_screen(page: Page[db.Artist], purpose: str, ticket: str) -> Screen:
    """A page of artists as people see it."""
    what = PURPOSES[purpose]
    if not page.items:
        return Screen(plain(what.nobody), rows(tap("« Menu", "p:menu")))
    lines = [bold(" ".join(filter(None, [what.heading, page.span])))]
    lines += [_entry(artist) for artist in page.items]
    lines += remarks(page, "aiartist artist list")
    everybody = tap(*what.for_all) if what.for_all is not None else []
    return Screen(
        fitting(lines, MESSAGE_MOST),
        rows(
            *(_choose(artist, what.action, ticket) for artist in page.items),
            everybody,
            turning(page, lambda anchor: f"p:artists:{purpose}:{anchor.removeprefix('art_')}"),
            tap("« Menu", "p:menu"),
        ),
    )


def _choose(artist: db.Artist, action: str, ticket: str) -> list[Button]:
    if not action:
        return tap(name_of(artist), f"p:artist:{artist.id}")
    data = f"{action}:{artist.id}"
    return tap(name_of(artist), f"{data}:{ticket}" if action == "x:new" else data)


def _entry(artist: db.Artist) -> Rich:
    icon = ARTIST_ICONS.get(artist.state, "🎤")
    facts = [
        "" if artist.state == db.ARTIST_STATE_ACTIVE else artist_state(artist.state),
        "autopilot" if artist.autopilot_enabled else "",
    ]
    facts = list(filter(None, facts)) or [one_line(artist.persona.genre, 14)]
    return plain(f"{icon} {name_of(artist, 24)} · {' · '.join(facts)}")


async def show(desk: Desk, artist_id: str) -> Screen:
    """One artist."""
    artist = await desk.peers.artist(artist_id)
    if artist is None:
        return missing("artist", "Artists", "p:artists")
    released = await soft(ask.releases(desk.peers, artist_id)(_COUNTED, ""))
    told = "?" if released is None else f"{len(released[0])}{'+' if released[1] else ''}"
    return artist_screen(artist, told, operates=desk.operates, ticket=desk.ticket)


def artist_screen(artist: db.Artist, releases: str, *, operates: bool, ticket: str) -> Screen:
    """One artist as people see it; `releases` is how many there are."""
    icon = ARTIST_ICONS.get(artist.state, "🎤")
    genre = one_line(artist.persona.genre, 24)
    facts = [
        artist_state(artist.state) + (f" · {genre}" if genre else ""),
        f"Autopilot: {'on, nobody is asked' if artist.autopilot_enabled else 'off'}",
        f"When nobody answers: {silence(artist.on_silence)}",
        f"Songs: {cadence(artist.cadence)}",
        f"Persona version {artist.persona_version} · released: {releases}",
    ]
    lines = [joined([plain(icon), bold(name_of(artist))], " ")]
    lines += [plain(fact) for fact in facts]
    lines.append(code(one_line(artist.id, 40)))
    look = [
        *tap("Runs", f"p:runs:all:{_bare(artist)}"),
        *tap("🚀 Releases", f"p:releases:{_bare(artist)}"),
        *tap("💵 Budget", f"p:budget:{artist.id}"),
    ]
    changes = _changes(artist, ticket) if operates else ()
    return Screen(joined(lines), rows(*changes, look, tap("« Artists", "p:artists")))


def _changes(artist: db.Artist, ticket: str) -> Keyboard:
    """What an operator may do now."""
    if artist.state == db.ARTIST_STATE_RETIRED:
        return ()
    autopilot = ("🛑 Autopilot off", "off") if artist.autopilot_enabled else ("▶️ Autopilot on", "on")
    states: list[Button] = []
    if artist.state == db.ARTIST_STATE_ACTIVE:
        states = tap("⏸ Pause", f"x:pause:{artist.id}")
    elif artist.state == db.ARTIST_STATE_PAUSED:
        states = tap("▶️ Resume", f"x:resume:{artist.id}")
    answers: list[Button] = []
    for name, value in SILENCES.items():
        mark = "✅ " if artist.on_silence == value else ""
        answers += tap(f"{'' if answers else 'Silence: '}{mark}{name}", f"x:silence.{name}:{artist.id}")
    retire = (
        tap("🛑 Retire", f"x:retire:{artist.id}")
        if artist.state in (db.ARTIST_STATE_ACTIVE, db.ARTIST_STATE_PAUSED)
        else []
    )
    return rows(
        tap("🎤 New song", f"x:new:{artist.id}:{ticket}") if artist.state in MAKES_SONGS else [],
        [*tap(autopilot[0], f"x:autopilot:{artist.id}:{autopilot[1]}"), *states],
        answers,
        retire,
    )


def _bare(artist: db.Artist) -> str:
    return artist.id.removeprefix("art_")
