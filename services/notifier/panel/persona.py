"""An artist's persona: its versions, what reflections want of it, and the question before one is restored."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import artist_state_pb2, life_pb2
from services.notifier.hours import told
from services.notifier.panel.desk import Desk, soft
from services.notifier.panel.pages import tap
from services.notifier.panel.refusals import missing
from services.notifier.panel.screen import Screen
from services.notifier.panel.words import ago, evolve, moment, name_of
from services.notifier.telegram.change_cards import (
    PERSONA_ICON,
    STATE_ICONS,
    STATE_WORDS,
    both_ids,
    change_of,
    facts,
    field_name,
    orders,
)
from services.notifier.telegram.post import Button, rows
from services.notifier.telegram.text import MESSAGE_MOST, Rich, bold, code, fitting, joined, one_line, plain

VERSIONS_SHOWN, CHANGES_SHOWN = 5, 3
_IN_A_ROW = 3
"""Buttons that are legible beside each other."""
_VERSION_DIGITS = 9


@dataclass(frozen=True, slots=True)
class History:
    """What is known of a persona beside itself; None: not to be had now."""

    versions: Sequence[db.PersonaVersion] | None
    """The newest first."""
    changes: Sequence[life_pb2.PersonaChange] | None
    """The newest first."""


async def show(desk: Desk, artist_id: str) -> Screen:
    """The last versions of an artist's persona, and what reflections wanted last."""
    artist = await desk.peers.artist(artist_id)
    if artist is None:
        return missing("artist", "Artists", "p:artists")
    versions, changes = await asyncio.gather(
        soft(desk.peers.versions(artist_id, most=VERSIONS_SHOWN)),
        soft(desk.peers.changes(artist_id, most=CHANGES_SHOWN)),
    )
    return persona_screen(artist, History(versions, changes), await desk.now(), operates=desk.operates)


def persona_screen(artist: db.Artist, history: History, now: datetime, *, operates: bool) -> Screen:
    """It as people see it."""
    lines = [
        joined([plain(PERSONA_ICON), bold(f"{name_of(artist, 24)}: persona")], " "),
        plain(f"It {evolve(artist.evolve)}"),
        *_versions(artist, history.versions, now),
        *_changes(history.changes, now),
    ]
    changes = [
        tap(_change_line(change), f"p:change:{both_ids(change.id, change.artist_id)}")
        for change in history.changes or ()
    ]
    again = [*tap("« Artist", f"p:artist:{artist.id}"), *tap("Refresh", f"p:persona:{artist.id}")]
    restores = _restores(artist, history.versions or ()) if operates else []
    restoring = [restores[at : at + _IN_A_ROW] for at in range(0, len(restores), _IN_A_ROW)]
    return Screen(fitting(lines, MESSAGE_MOST), rows(*changes, *restoring, again))


def _versions(artist: db.Artist, versions: Sequence[db.PersonaVersion] | None, now: datetime) -> list[Rich]:
    if versions is None:
        return [plain("Versions: artist_db does not say")]
    lines = []
    for version in versions[:VERSIONS_SHOWN]:
        current = " · current" if version.version == artist.persona_version else ""
        lines.append(plain(f"Version {version.version}{current} · {ago(version.created_at, now)}"))
        if version.reason:
            lines.append(plain(f"    {one_line(version.reason, 80)}"))
    return lines


def _changes(changes: Sequence[life_pb2.PersonaChange] | None, now: datetime) -> list[Rich]:
    if changes is None:
        return [plain("Reflections: artist_db does not say")]
    if not changes:
        return [plain("No reflection has wanted a change yet")]
    lines = [bold("Reflections wanted")]
    lines += [plain(f"{_change_line(change)} · {ago(change.created_at, now)}") for change in changes]
    return lines


def _change_line(change: life_pb2.PersonaChange) -> str:
    """For example `⏳ moods · waits for a yes`."""
    icon, word = STATE_ICONS.get(change.state, "•"), STATE_WORDS.get(change.state, "unknown")
    return f"{icon} {one_line(field_name(change), 20)} · {word}"


def _restores(artist: db.Artist, versions: Sequence[db.PersonaVersion]) -> list[Button]:
    if artist.state == artist_state_pb2.ARTIST_STATE_RETIRED:
        return []
    buttons: list[Button] = []
    for version in versions[:VERSIONS_SHOWN]:
        if version.version != artist.persona_version:
            text = f"{'' if buttons else '↩️ Back to '}{version.version}"
            buttons += tap(text, f"x:restore:{artist.id}:{version.version}")
    return buttons


async def show_change(desk: Desk, which: str) -> Screen:
    """One change, by what a button has of it."""
    change_id, artist_id = change_of(which)
    change, artist = await asyncio.gather(
        desk.peers.change(artist_id, change_id), desk.peers.artist(artist_id)
    )
    if change is None or artist is None:
        return missing("change", "Artists", "p:artists")
    return change_screen(change, artist, desk.where, operates=desk.operates)


def change_screen(
    change: life_pb2.PersonaChange, artist: db.Artist, where: ZoneInfo, *, operates: bool
) -> Screen:
    """One change as people see it."""
    by = f" by {one_line(change.model, 40)}" if change.model else ""
    lines = [
        joined([plain(PERSONA_ICON), bold(name_of(artist))], " "),
        *facts(change),
        plain(f"Made {told(moment(change.created_at), where)}{by}"),
        code(one_line(change.id, 40)),
    ]
    which = both_ids(change.id, change.artist_id)
    look = [
        *tap("🎤 Artist", f"p:artist:{artist.id}"),
        *tap(f"{PERSONA_ICON} Persona", f"p:persona:{artist.id}"),
        *tap("Refresh", f"p:change:{which}"),
    ]
    return Screen(fitting(lines, MESSAGE_MOST), rows(orders(change, artist) if operates else (), look))


async def ask_restore(desk: Desk, artist_id: str, version: str) -> Screen:
    """The question before a version is restored; where there is nothing to restore, that."""
    artist = await desk.peers.artist(artist_id)
    if artist is None:
        return missing("artist", "Artists", "p:artists")
    wanted = version_of(version)
    if not wanted or wanted > artist.persona_version:
        return missing("version", "Persona", f"p:persona:{artist.id}")
    return restore_screen(artist, wanted)


def restore_screen(artist: db.Artist, version: int) -> Screen:
    """The question as people see it; its yes holds for the artist as it is now."""
    back = f"p:persona:{artist.id}"
    if version == artist.persona_version:
        text = f"{name_of(artist)} is as in version {version} already."
        return Screen(plain(text), rows(tap("« Persona", back)))
    after = artist.persona_version - version - 1
    also = f" What versions {version + 1} to {artist.persona_version} changed goes." if after else ""
    lines = [
        bold(f"Really take {name_of(artist)} back to version {version}?"),
        plain(f"It is version {artist.persona_version} now.{also}"),
        plain(f"That becomes version {artist.persona_version + 1}; every version is kept."),
    ]
    yes = tap("↩️ Yes, take it back", f"c:restore:{artist.id}:{version}:{artist.etag}")
    return Screen(joined(lines), rows(yes, tap("« No, back", back)))


def version_of(text: str) -> int:
    """A version's number from a button's data; 0 where it is none."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= _VERSION_DIGITS
    return int(text) if is_number else 0
