"""Notices about what the label learnt: changed personas, artists' lives, candidates, experiments.

Each is told with the facts as they are when it is sent. Where artist_db does not say in time, it is told by
its text alone, with the buttons that most likely fit: a press finds out how things are by then.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import artist_state_pb2
from services.chassis.errors import RemoteError
from services.chassis.genres import spoken
from services.chassis.logs import get_logger
from services.notifier.domain import Draft, Topic
from services.notifier.peers import PeerAway, Peers
from services.notifier.telegram import change_cards
from services.notifier.telegram.post import Button, Keyboard, button, rows
from services.notifier.telegram.text import Rich, bold, joined, one_line, plain, quote

TOPICS = (Topic.PERSONA, Topic.LIFE, Topic.CANDIDATE, Topic.EXPERIMENT)
FACTS_S = 3.0
"""Seconds within which the facts are to be had, or a notice is told without."""
_STYLE_MOST, _THEMES_MOST, _REASON_MOST = 400, 160, 300

_log = get_logger("notifier.learning_notes")

Fact = TypeVar("Fact")


@dataclass(frozen=True, slots=True)
class Note:
    """A notice under its title; `lines` None: its own text."""

    keyboard: Keyboard
    lines: Sequence[Rich] | None = None


async def note(peers: Peers, draft: Draft) -> Note:
    """What is told of a notice of `TOPICS`, as things are now; never fails for want of facts."""
    match draft.topic:
        case Topic.PERSONA:
            return await _persona(peers, draft)
        case Topic.LIFE:
            return await _life(peers, draft)
        case Topic.CANDIDATE:
            return await _candidate(peers, draft)
    return Note(rows(button("🧪 Show", f"p:experiment:{draft.subject_id}") if draft.subject_id else ()))


async def _persona(peers: Peers, draft: Draft) -> Note:
    artist_id = draft.artist_id
    look = _artist_button(artist_id)
    if not draft.subject_id:
        return Note(rows(look))
    which = change_cards.both_ids(draft.subject_id, artist_id)
    show = button(f"{change_cards.PERSONA_ICON} Show", f"p:change:{which}")
    change, artist = await asyncio.gather(
        _soon(peers.change(artist_id, draft.subject_id)), _soon(peers.artist(artist_id))
    )
    if change is None:
        return Note(rows([*show, *look]))
    return Note(rows(change_cards.orders(change, artist), [*show, *look]), change_cards.facts(change))


async def _life(peers: Peers, draft: Draft) -> Note:
    undo: Sequence[Button] = ()
    if draft.subject_id:
        move = await _soon(peers.move(draft.artist_id, draft.subject_id))
        if move is None or move.can_undo:
            which = change_cards.both_ids(draft.subject_id, draft.artist_id)
            undo = button("↩️ Undo", f"x:undo:{which}")
    return Note(rows([*undo, *_artist_button(draft.artist_id)]))


async def _candidate(peers: Peers, draft: Draft) -> Note:
    artist_id = draft.artist_id
    if not artist_id:
        # Nobody could be invented.
        return Note(())
    artist = await _soon(peers.artist(artist_id))
    waits = artist is None or artist.state == artist_state_pb2.ARTIST_STATE_CANDIDATE
    keyboard = rows(candidate_orders(artist_id) if waits else (), _artist_button(artist_id))
    if artist is None:
        return Note(keyboard)
    return Note(keyboard, _who(artist))


def _who(artist: db.Artist) -> list[Rich]:
    """Who a new artist is."""
    persona = artist.persona
    moods = one_line(", ".join(persona.moods), _THEMES_MOST)
    return [
        bold(one_line(persona.name, 80)),
        plain(f"Genre: {one_line(spoken(persona.genre), 40)}" if persona.genre else ""),
        plain(f"Moods: {moods}" if moods else ""),
        *themes_and_style(artist, themes_most=_THEMES_MOST, style_most=_STYLE_MOST),
        plain(f"Why: {one_line(artist.state_reason, _REASON_MOST)}" if artist.state_reason else ""),
    ]


def themes_and_style(artist: db.Artist, *, themes_most: int, style_most: int) -> list[Rich]:
    """What an artist sings of, and what it is like, each at most so long."""
    themes = one_line(", ".join(artist.persona.themes), themes_most)
    style = one_line(artist.persona.style, style_most)
    return [
        plain(f"Themes: {themes}" if themes else ""),
        joined([plain("Style:"), quote(plain(style))]) if style else Rich(),
    ]


def candidate_orders(artist_id: str) -> list[Button]:
    """What an operator may do about a candidate."""
    return [
        *button("✅ Take on", f"x:take_on:{artist_id}"),
        *button("❌ Decline", f"x:turn_down:{artist_id}"),
    ]


def _artist_button(artist_id: str) -> Sequence[Button]:
    return button("🎤 Artist", f"p:artist:{artist_id}") if artist_id else ()


async def _soon(reading: Awaitable[Fact]) -> Fact | None:
    """The answer; None where artist_db does not give one in time."""
    try:
        return await asyncio.wait_for(reading, FACTS_S)
    except (PeerAway, RemoteError, TimeoutError) as error:
        _log.info("something learnt is told without its facts", detail=f"{type(error).__name__}: {error}")
        return None
