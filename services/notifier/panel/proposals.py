"""What waits for people beside songs: changes that reflections want, and new artists."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import artist_state_pb2, life_pb2
from services.notifier.panel import desk as ask
from services.notifier.panel.desk import Desk
from services.notifier.panel.pages import SIZE, tap
from services.notifier.panel.screen import Screen
from services.notifier.panel.words import ago, count, name_of
from services.notifier.telegram.change_cards import both_ids, field_name
from services.notifier.telegram.post import rows
from services.notifier.telegram.text import MESSAGE_MOST, Rich, bold, fitting, italic, one_line, plain


@dataclass(frozen=True, slots=True)
class Proposals:
    """Of each, at most one more than is shown."""

    changes: Sequence[life_pb2.PersonaChange]
    candidates: Sequence[db.Artist]


async def show(desk: Desk) -> Screen:
    """All of it, the newest changes first, artists by name."""
    fetch = ask.artists(desk.peers, (artist_state_pb2.ARTIST_STATE_CANDIDATE,))
    changes, (candidates, _) = await asyncio.gather(
        desk.peers.changes(states=(life_pb2.PersonaChange.STATE_PROPOSED,), most=SIZE + 1),
        fetch(SIZE + 1, ""),
    )
    names = await ask.names(desk.peers, (change.artist_id for change in changes[:SIZE]), 20)
    return proposals_screen(Proposals(changes, candidates), names, await desk.now())


def proposals_screen(waiting: Proposals, names: Mapping[str, str], now: datetime) -> Screen:
    """It as people see it; `names` are artists' by id."""
    changes, candidates = waiting.changes[:SIZE], waiting.candidates[:SIZE]
    back = [*tap("« Menu", "p:menu"), *tap("Refresh", "p:proposals")]
    if not changes and not candidates:
        return Screen(plain("✅ No change and no new artist waits for a yes."), rows(back))
    lines: list[Rich] = []
    if changes:
        more = len(waiting.changes) > len(changes)
        lines.append(_heading("🧬", len(changes), "change", more=more))
        for change in changes:
            whose = one_line(names.get(change.artist_id, change.artist_id), 20)
            what = one_line(field_name(change), 16)
            lines.append(plain(f"{whose}: {what} · {ago(change.created_at, now)}"))
    if candidates:
        more = len(waiting.candidates) > len(candidates)
        lines.append(_heading("🌱", len(candidates), "new artist", more=more))
        for artist in candidates:
            genre = one_line(artist.persona.genre, 14)
            lines.append(plain(f"{name_of(artist, 24)} · {genre}" if genre else name_of(artist, 24)))
    if len(waiting.changes) > len(changes) or len(waiting.candidates) > len(candidates):
        lines.append(italic("The others come up as these are decided."))
    to_changes = [
        tap(
            f"🧬 {one_line(names.get(change.artist_id, ''), 14)}: {one_line(field_name(change), 12)}",
            f"p:change:{both_ids(change.id, change.artist_id)}",
        )
        for change in changes
    ]
    to_candidates = [tap(f"🌱 {name_of(artist, 28)}", f"p:artist:{artist.id}") for artist in candidates]
    return Screen(fitting(lines, MESSAGE_MOST), rows(*to_changes, *to_candidates, back))


def _heading(icon: str, number: int, what: str, *, more: bool) -> Rich:
    if more:
        return bold(f"{icon} More than {number} {what}s wait for a yes")
    return bold(f"{icon} {count(number, what)} {'waits' if number == 1 else 'wait'} for a yes")
