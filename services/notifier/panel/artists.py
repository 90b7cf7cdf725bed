"""Artists: the list, for looking and for choosing, and one of them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import artist_state_pb2, life_pb2
from services.notifier.hours import age
from services.notifier.panel import desk as ask
from services.notifier.panel.desk import Desk, soft
from services.notifier.panel.pages import Page, page_after, remarks, tap, turning
from services.notifier.panel.refusals import missing
from services.notifier.panel.screen import Screen
from services.notifier.panel.words import (
    ARTIST_ICONS,
    EVOLVES,
    MAKES_SONGS,
    SILENCES,
    ago,
    artist_state,
    cadence,
    evolve,
    moment,
    name_of,
    silence,
)
from services.notifier.telegram.change_cards import STATE_ICONS, STATE_WORDS, both_ids, field_name
from services.notifier.telegram.learning_notes import candidate_orders, themes_and_style
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

_COUNTED = 500


_CHANGES_LOOKED_AT = 5


@dataclass(frozen=True, slots=True)
class Life:
    """What became of an artist lately; None: not to be had now."""

    now: datetime
    move: life_pb2.Move | None = None
    """The last one."""
    changes: Sequence[life_pb2.PersonaChange] | None = None
    """What reflections wanted, the newest first."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a list of artists is for."""

    heading: str
    nobody: str
    states: Sequence[artist_state_pb2.ArtistState.ValueType] = field(default=())
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
        MAKES_SONGS,
        ("⏸ All of them", "x:pause.all"),
        "x:pause",
    ),
    "resume": Purpose(
        "▶️ Resume: whom?",
        "No artist is paused.",
        (artist_state_pb2.ARTIST_STATE_PAUSED,),
        ("▶️ All of them", "x:resume.all"),
        "x:resume",
    ),
    "autopilot": Purpose(
        "🎤 Autopilot: for whom?",
        "There is no artist yet.",
        (*MAKES_SONGS, artist_state_pb2.ARTIST_STATE_PAUSED),
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
        "" if artist.state == artist_state_pb2.ARTIST_STATE_ACTIVE else artist_state(artist.state),
        "autopilot" if artist.autopilot_enabled else "",
    ]
    facts = list(filter(None, facts)) or [one_line(artist.persona.genre, 14)]
    return plain(f"{icon} {name_of(artist, 24)} · {' · '.join(facts)}")


async def show(desk: Desk, artist_id: str) -> Screen:
    """One artist."""
    artist = await desk.peers.artist(artist_id)
    if artist is None:
        return missing("artist", "Artists", "p:artists")
    released, moves, changes = await asyncio.gather(
        soft(ask.releases(desk.peers, artist_id)(_COUNTED, "")),
        soft(desk.peers.moves(artist_id, most=1)),
        soft(desk.peers.changes(artist_id, most=_CHANGES_LOOKED_AT)),
    )
    told = "?" if released is None else f"{len(released[0])}{'+' if released[1] else ''}"
    life = Life(await desk.now(), moves[0] if moves else None, changes)
    return artist_screen(artist, told, life, operates=desk.operates, ticket=desk.ticket)


def artist_screen(artist: db.Artist, releases: str, life: Life, *, operates: bool, ticket: str) -> Screen:
    """One artist as people see it; `releases` is how many there are."""
    icon = ARTIST_ICONS.get(artist.state, "🎤")
    genre = one_line(artist.persona.genre, 24)
    facts = [
        artist_state(artist.state) + (f" · {genre}" if genre else ""),
        _since(artist, life.now),
        f"Autopilot: {'on, nobody is asked' if artist.autopilot_enabled else 'off'}",
        f"When nobody answers: {silence(artist.on_silence)}",
        f"Songs: {cadence(artist.cadence)}",
        f"Persona version {artist.persona_version} · released: {releases}",
        f"The persona {evolve(artist.evolve)}",
        _last_change(life),
    ]
    lines = [joined([plain(icon), bold(name_of(artist))], " ")]
    lines += [plain(fact) for fact in facts]
    if artist.state == artist_state_pb2.ARTIST_STATE_CANDIDATE:
        lines += themes_and_style(artist, themes_most=80, style_most=160)
    lines.append(code(one_line(artist.id, 40)))
    waiting = next(filter(_is_proposed, life.changes or ()), None)
    waits: list[Button] = []
    if waiting is not None:
        which = both_ids(waiting.id, artist.id)
        waits = tap(f"⏳ Waits for a yes: {field_name(waiting)}", f"p:change:{which}")
    look = [
        *tap("Runs", f"p:runs:all:{_bare(artist)}"),
        *tap("🚀 Releases", f"p:releases:{_bare(artist)}"),
        *tap("💵 Budget", f"p:budget:{artist.id}"),
    ]
    undo = _undo(artist, life.move) if operates else []
    changes = _changes(artist, ticket) if operates else ()
    persona = [*tap("🧬 Persona", f"p:persona:{artist.id}"), *tap("« Artists", "p:artists")]
    return Screen(fitting(lines, MESSAGE_MOST), rows(waits, *changes, undo, look, persona))


def _since(artist: db.Artist, now: datetime) -> str:
    """How long the artist has its state, and why."""
    if not artist.HasField("state_since"):
        return ""
    reason = one_line(artist.state_reason, 120)
    so_long = age((now - moment(artist.state_since)).total_seconds())
    return f"    for {so_long}{': ' if reason else ''}{reason}"


def _is_proposed(change: life_pb2.PersonaChange) -> bool:
    return change.state == life_pb2.PersonaChange.STATE_PROPOSED


def _last_change(life: Life) -> str:
    if life.changes is None:
        return "Last change: artist_db does not say"
    if not life.changes:
        return ""
    last = life.changes[0]
    icon, word = STATE_ICONS.get(last.state, "•"), STATE_WORDS.get(last.state, "unknown")
    return f"{icon} {one_line(field_name(last), 20)}: {word}, {ago(last.created_at, life.now)}"


def _undo(artist: db.Artist, move: life_pb2.Move | None) -> list[Button]:
    if move is None or not move.can_undo:
        return []
    text = f"↩️ Undo: {artist_state(move.from_state)} again"
    return tap(text, f"x:undo:{both_ids(move.id, artist.id)}")


def _changes(artist: db.Artist, ticket: str) -> Keyboard:
    """What an operator may do now."""
    if artist.state == artist_state_pb2.ARTIST_STATE_RETIRED:
        return ()
    if artist.state == artist_state_pb2.ARTIST_STATE_CANDIDATE:
        return rows(candidate_orders(artist.id))
    autopilot = ("🛑 Autopilot off", "off") if artist.autopilot_enabled else ("▶️ Autopilot on", "on")
    states: list[Button] = []
    if artist.state in MAKES_SONGS:
        states = tap("⏸ Pause", f"x:pause:{artist.id}")
    elif artist.state == artist_state_pb2.ARTIST_STATE_PAUSED:
        states = tap("▶️ Resume", f"x:resume:{artist.id}")
    answers: list[Button] = []
    for name, value in SILENCES.items():
        mark = "✅ " if artist.on_silence == value else ""
        answers += tap(f"{'' if answers else 'Silence: '}{mark}{name}", f"x:silence.{name}:{artist.id}")
    evolves: list[Button] = []
    for name, mode in EVOLVES.items():
        mark = "✅ " if (artist.evolve or db.EVOLVE_PROPOSE) == mode else ""
        evolves += tap(f"{'' if evolves else 'Evolve: '}{mark}{name}", f"x:evolve.{name}:{artist.id}")
    return rows(
        tap("🎤 New song", f"x:new:{artist.id}:{ticket}") if artist.state in MAKES_SONGS else [],
        [*tap(autopilot[0], f"x:autopilot:{artist.id}:{autopilot[1]}"), *states],
        answers,
        evolves,
        tap("🛑 Retire", f"x:retire:{artist.id}"),
    )


def _bare(artist: db.Artist) -> str:
    return artist.id.removeprefix("art_")
