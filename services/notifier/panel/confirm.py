"""What cannot be undone, or undoes something, is asked about first."""

from collections.abc import Sequence

from aiartist.artist_db.v1 import artist_state_pb2
from services.notifier.panel import actions, artists, errors, life_actions, persona, runs
from services.notifier.panel import desk as ask_services
from services.notifier.panel.actions import Outcome
from services.notifier.panel.desk import Desk
from services.notifier.panel.pages import tap, walk
from services.notifier.panel.refusals import Refused, missing
from services.notifier.panel.screen import Screen
from services.notifier.panel.words import MAKES_SONGS, artist_state, count, name_of, run_state, title_of
from services.notifier.telegram.change_cards import move_of
from services.notifier.telegram.post import rows
from services.notifier.telegram.text import bold, joined, one_line, plain

VERBS = (
    "cancel",
    "retire",
    "pause.all",
    "resume.all",
    "error.apply",
    "error.revert",
    "restore",
    "undo",
    "turn_down",
)


async def ask(desk: Desk, verb: str, subject: str) -> Screen:
    """The question before a verb of `VERBS`; where there is nothing to do, that."""
    if verb == "cancel":
        return await _cancel(desk, subject)
    if verb == "retire":
        return await _retire(desk, subject)
    if verb in ("error.apply", "error.revert"):
        return await errors.ask_first(desk, verb, *_fix_of(subject))
    if verb == "restore":
        artist_id, _, version = subject.partition(":")
        return await persona.ask_restore(desk, artist_id, version.partition(":")[0])
    if verb == "undo":
        return await _undo(desk, subject)
    if verb == "turn_down":
        return await _turn_down(desk, subject)
    return await _all(desk, verb)


async def do(desk: Desk, verb: str, subject: str) -> tuple[Outcome, Screen]:
    """Does what was confirmed; how things are after it."""
    if verb == "cancel":
        return await actions.cancel(desk, subject), await runs.show(desk, subject)
    if verb == "retire":
        return await actions.retire(desk, subject), await artists.show(desk, subject)
    if verb in ("error.apply", "error.revert"):
        fingerprint, commit = _fix_of(subject)
        if verb == "error.apply":
            outcome = await actions.apply_fix(desk, fingerprint, commit)
        else:
            outcome = await actions.revert_fix(desk, fingerprint)
        return outcome, await errors.show(desk, fingerprint)
    if verb == "restore":
        artist_id, _, asked = subject.partition(":")
        version, _, etag = asked.partition(":")
        outcome = await life_actions.restore(desk, artist_id, persona.version_of(version), etag)
        return outcome, await persona.show(desk, artist_id)
    if verb == "undo":
        return await life_actions.undo_move(desk, subject), await artists.show(desk, move_of(subject)[1])
    if verb == "turn_down":
        return await life_actions.turn_down(desk, subject), await artists.show(desk, subject)
    await _as_many_as_asked(desk, verb, subject)
    outcome = await (actions.pause_all(desk) if verb == "pause.all" else actions.resume_all(desk))
    return outcome, await artists.show_list(desk)


def _fix_of(subject: str) -> tuple[str, str]:
    """Which error, and the beginning of the fix's commit."""
    fingerprint, _, commit = subject.partition(":")
    return fingerprint, commit


async def _cancel(desk: Desk, run_id: str) -> Screen:
    run = await desk.peers.run(run_id)
    if run is None:
        return missing("run", "Runs", "p:runs")
    back = tap("« No, back", f"p:run:{run.id}")
    title = title_of(run.title)
    if run.state not in runs.UNDER_WAY:
        text = f"“{title}” is {run_state(run.state)}: there is nothing to cancel."
        return Screen(plain(text), rows(tap("« Run", f"p:run:{run.id}")))
    lines = [
        bold(f"Really cancel “{title}”?"),
        plain(f"It is {run_state(run.state)}. A cancelled run is not taken up again."),
    ]
    return Screen(joined(lines), rows(tap("🛑 Yes, cancel it", f"c:cancel:{run.id}"), back))


async def _retire(desk: Desk, artist_id: str) -> Screen:
    artist = await desk.peers.artist(artist_id)
    if artist is None:
        return missing("artist", "Artists", "p:artists")
    back = f"p:artist:{artist.id}"
    if artist.state == artist_state_pb2.ARTIST_STATE_RETIRED:
        text = f"{name_of(artist)} is {artist_state(artist.state)} and cannot be retired."
        return Screen(plain(text), rows(tap("« Artist", back)))
    lines = [
        bold(f"Really retire {name_of(artist)}?"),
        plain("A retired artist makes no songs again, ever. What is released stays."),
    ]
    return Screen(
        joined(lines), rows(tap("🛑 Yes, retire", f"c:retire:{artist.id}"), tap("« No, back", back))
    )


async def _turn_down(desk: Desk, artist_id: str) -> Screen:
    artist = await desk.peers.artist(artist_id)
    if artist is None:
        return missing("artist", "Artists", "p:artists")
    back = f"p:artist:{artist.id}"
    if artist.state != artist_state_pb2.ARTIST_STATE_CANDIDATE:
        text = f"{name_of(artist)} is {artist_state(artist.state)} and waits for no yes any more."
        return Screen(plain(text), rows(tap("« Artist", back)))
    lines = [
        bold(f"Really decline {name_of(artist)}?"),
        plain("A declined artist makes no songs, ever. Another one may be invented later."),
    ]
    yes = tap("❌ Yes, decline", f"c:turn_down:{artist.id}")
    return Screen(joined(lines), rows(yes, tap("« No, back", back)))


async def _undo(desk: Desk, which: str) -> Screen:
    move_id, artist_id = move_of(which)
    artist, move = await desk.peers.artist(artist_id), await desk.peers.move(artist_id, move_id)
    if artist is None or move is None:
        return missing("move", "Artists", "p:artists")
    back = f"p:artist:{artist.id}"
    if not move.can_undo:
        text = f"That cannot be undone any more: {name_of(artist)} is {artist_state(artist.state)}."
        return Screen(plain(text), rows(tap("« Artist", back)))
    lines = [
        bold(f"Really make {name_of(artist)} {artist_state(move.from_state)} again?"),
        plain(f"It is {artist_state(artist.state)} now: {one_line(move.reason, 200) or 'nobody said why'}"),
        plain("Rules judge it anew from then on, by what happens after it."),
    ]
    yes = tap("↩️ Yes, undo it", f"c:undo:{which}")
    return Screen(joined(lines), rows(yes, tap("« No, back", back)))


async def _as_many_as_asked(desk: Desk, verb: str, asked: str) -> None:
    """Refused, with the question anew, where more would be changed by now than the person said yes to."""
    found, _ = await walk(ask_services.artists(desk.peers, _concerned(verb)))
    if not asked.isdecimal() or len(found) > int(asked):
        raise Refused(await _all(desk, verb))


def _concerned(verb: str) -> Sequence[artist_state_pb2.ArtistState.ValueType]:
    return MAKES_SONGS if verb == "pause.all" else (artist_state_pb2.ARTIST_STATE_PAUSED,)


async def _all(desk: Desk, verb: str) -> Screen:
    pauses = verb == "pause.all"
    found, complete = await walk(ask_services.artists(desk.peers, _concerned(verb)))
    back = tap("« No, back", "p:artists")
    if not found:
        text = "No artist is active." if pauses else "No artist is paused."
        return Screen(plain(text), rows(tap("« Artists", "p:artists")))
    many = count(len(found), "artist") if complete else f"more than {len(found):,} artists"
    if pauses:
        lines = [
            bold(f"Really pause all? {many} would be paused."),
            plain("No new songs start; those under way go on."),
        ]
        yes = tap("⏸ Yes, pause all", f"c:pause.all:{len(found)}")
    else:
        lines = [
            bold(f"Really resume all? {many} would be resumed."),
            plain("Also those that were paused one by one."),
        ]
        yes = tap("▶️ Yes, resume all", f"c:resume.all:{len(found)}")
    return Screen(joined(lines), rows(yes, back))
