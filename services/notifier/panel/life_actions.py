"""What operators decide about artists' lives and personas; each once for each press."""

from collections.abc import Awaitable, Mapping

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import artist_state_pb2, life_pb2
from services.notifier.panel.actions import Outcome, changed, changed_artist
from services.notifier.panel.desk import Desk
from services.notifier.panel.words import EVOLVES, artist_state, evolve, name_of
from services.notifier.peers import CALL_TIMEOUT_S
from services.notifier.telegram.change_cards import change_of, move_of


async def decide_change(desk: Desk, which: str, *, accept: bool) -> Outcome:
    """`which` is a change with its artist, as buttons have it."""
    request = life_pb2.DecideChangeRequest(
        request_id=desk.key,
        change_id=change_of(which)[0],
        accept=accept,
        decided_by=desk.person.decided_by,
    )
    call: Awaitable[life_pb2.DecideChangeResponse] = desk.peers.artist_db.DecideChange(
        request, timeout=CALL_TIMEOUT_S
    )
    already = {"APPLIED": "It was agreed to already."} if accept else {"DECLINED": "It was declined already."}
    return await changed(
        desk,
        "artist_db",
        call,
        _decided,
        gone="That change is not there any more.",
        already=already,
    )


def _decided(answer: life_pb2.DecideChangeResponse) -> Outcome:
    """Agreed to is not yet applied: the bounds are looked at again."""
    match answer.change.state:
        case life_pb2.PersonaChange.STATE_APPLIED:
            return Outcome(f"✅ Agreed: it is persona version {answer.change.version}.")
        case life_pb2.PersonaChange.STATE_DECLINED:
            return Outcome("❌ Declined: the persona stays as it is.")
    return Outcome("Nothing is changed: it is not within the bounds any more.", done=False)


async def restore(desk: Desk, artist_id: str, version: int, etag: str) -> Outcome:
    """The artist as the person saw it, by `etag`."""
    request = db.RestorePersonaVersionRequest(
        request_id=desk.key, artist_id=artist_id, version=version, etag=etag
    )
    call: Awaitable[db.RestorePersonaVersionResponse] = desk.peers.artist_db.RestorePersonaVersion(
        request, timeout=CALL_TIMEOUT_S
    )
    return await changed_artist(
        desk,
        call,
        lambda answer: Outcome(
            f"↩️ {name_of(answer.artist)} is as in version {version} again: "
            f"it is version {answer.artist.persona_version} now."
        ),
    )


async def undo_move(desk: Desk, which: str) -> Outcome:
    """`which` is a move with its artist, as buttons have it."""
    request = life_pb2.UndoMoveRequest(
        request_id=desk.key, move_id=move_of(which)[0], moved_by=desk.person.decided_by
    )
    call: Awaitable[life_pb2.UndoMoveResponse] = desk.peers.artist_db.UndoMove(
        request, timeout=CALL_TIMEOUT_S
    )
    return await changed(
        desk,
        "artist_db",
        call,
        lambda answer: Outcome(f"↩️ Undone: the artist is {artist_state(answer.move.to_state)} again."),
        gone="That move is not there any more.",
    )


async def take_on(desk: Desk, artist_id: str) -> Outcome:
    """A candidate makes songs from now on."""
    return await _answer_candidate(
        desk,
        artist_id,
        artist_state_pb2.ARTIST_STATE_ACTIVE,
        "✅ Taken on: songs start as the artist's cadence says.",
        {"ACTIVE": "That artist is taken on already."},
    )


async def turn_down(desk: Desk, artist_id: str) -> Outcome:
    """A candidate never makes songs."""
    return await _answer_candidate(
        desk,
        artist_id,
        artist_state_pb2.ARTIST_STATE_RETIRED,
        "❌ Declined: this artist makes no songs.",
        {"RETIRED": "That artist is declined already."},
    )


async def _answer_candidate(
    desk: Desk,
    artist_id: str,
    to_state: artist_state_pb2.ArtistState.ValueType,
    text: str,
    already: Mapping[str, str],
) -> Outcome:
    request = life_pb2.MoveArtistRequest(
        request_id=desk.key,
        artist_id=artist_id,
        to_state=to_state,
        moved_by=desk.person.decided_by,
        # Ways lead to both states from others too: an old button must not resume a paused artist, or retire
        # one that was taken on.
        from_state=artist_state_pb2.ARTIST_STATE_CANDIDATE,
    )
    call: Awaitable[life_pb2.MoveArtistResponse] = desk.peers.artist_db.MoveArtist(
        request, timeout=CALL_TIMEOUT_S
    )
    return await changed_artist(desk, call, lambda _: Outcome(text), already)


async def set_evolve(desk: Desk, artist_id: str, mode: str) -> Outcome:
    """`off`, `propose` or `auto`."""
    request = db.SetEvolveRequest(request_id=desk.key, artist_id=artist_id, evolve=EVOLVES[mode])
    call: Awaitable[db.SetEvolveResponse] = desk.peers.artist_db.SetEvolve(request, timeout=CALL_TIMEOUT_S)
    return await changed_artist(
        desk,
        call,
        lambda answer: Outcome(f"The persona of {name_of(answer.artist)} {evolve(answer.artist.evolve)}."),
    )
