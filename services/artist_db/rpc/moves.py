"""Artists' moves from state to state, by people and by time."""

from typing import Any

from aiartist.artist_db.v1 import life_pb2 as pb
from services.artist_db.domain import lives as domain
from services.artist_db.domain.checks import MAX_ID, Checks
from services.artist_db.domain.lifecycle import Rule, State, undoable, way_to
from services.artist_db.domain.lives import Rules
from services.artist_db.rpc.artists import MAX_REASON, STATE_VALUES, STATES, standing_of
from services.artist_db.rpc.room import Context, Room, time_and_text
from services.artist_db.store import lives
from services.artist_db.store import moves as store
from services.chassis.database import Connection
from services.chassis.errors import NotFound, WrongState
from services.chassis.logs import get_logger
from services.chassis.paging import page_request

MOST_BUSY = 100_000

_log = get_logger("artist_db.lives")


class MoveRpcs(Room):
    """MoveArtist, UndoMove, ListMoves, ReviewLives."""

    _rules: Rules

    async def MoveArtist(self, request: pb.MoveArtistRequest, context: Context) -> pb.MoveArtistResponse:
        checks = Checks()
        checks.id("artist_id", request.artist_id)
        if request.to_state not in STATES:
            known = ", ".join(f"ARTIST_STATE_{state}" for state in State)
            checks.add("to_state", f"must be one of {known}, is {request.to_state}")
        if request.from_state and request.from_state not in STATES:
            known = ", ".join(f"ARTIST_STATE_{state}" for state in State)
            checks.add("from_state", f"must be one of {known}, or left out, is {request.from_state}")
        checks.prose("reason", request.reason, most=MAX_REASON)
        checks.phrase("moved_by", request.moved_by, most=MAX_ID, required=True)
        checks.finish()
        way = way_to(STATES[request.to_state])

        async def move(connection: Connection) -> pb.MoveArtistResponse:
            standing = await standing_of(connection, request.artist_id)
            state = standing.life.state
            if request.from_state and state != STATES[request.from_state]:
                raise WrongState(
                    "artist", request.artist_id, state=state, expected=STATES[request.from_state]
                )
            if state not in way.sources:
                raise WrongState("artist", request.artist_id, state=state, expected=way.expected)
            row = await store.move(
                connection, standing, way.target, Rule.PERSON, request.reason, request.moved_by
            )
            return pb.MoveArtistResponse(move=move_of(row))

        return await self._change(request, pb.MoveArtistResponse, move)

    async def UndoMove(self, request: pb.UndoMoveRequest, context: Context) -> pb.UndoMoveResponse:
        checks = Checks()
        checks.id("move_id", request.move_id)
        checks.phrase("moved_by", request.moved_by, most=MAX_ID, required=True)
        checks.prose("reason", request.reason, most=MAX_REASON)
        checks.finish()

        async def undo(connection: Connection) -> pb.UndoMoveResponse:
            known = await store.one(connection, request.move_id)
            if known is None:
                raise NotFound("move", request.move_id)
            standing = await standing_of(connection, known["artist_id"])
            # Again: it may have been the last one until the lock was there.
            move: store.Row = await store.one(connection, request.move_id)
            refused = _why_not(move)
            if refused:
                raise WrongState(
                    "move", request.move_id, state=refused, expected="the artist's last move, with a way back"
                )
            row = await store.move(
                connection, standing, State(move["from_state"]), Rule.UNDO, request.reason, request.moved_by
            )
            await store.undone(connection, request.move_id, row["id"])
            return pb.UndoMoveResponse(move=move_of(row))

        return await self._change(request, pb.UndoMoveResponse, undo)

    async def ListMoves(self, request: pb.ListMovesRequest, context: Context) -> pb.ListMovesResponse:
        checks = Checks()
        checks.filter("artist_id", request.artist_id)
        checks.finish()
        page = page_request(request, filters=("moves", request.artist_id))
        async with self._db.acquire() as connection:
            found = await store.page(
                connection, artist_id=request.artist_id, after=time_and_text(page), limit=page.size + 1
            )
        rows, token = page.cut(found, key=lambda row: (row["moved_at"].isoformat(), row["id"]))
        return pb.ListMovesResponse(moves=map(move_of, rows), next_page_token=token)

    async def ReviewLives(self, request: pb.ReviewLivesRequest, context: Context) -> pb.ReviewLivesResponse:
        checks = Checks()
        checks.count("busy_artist_ids", request.busy_artist_ids, most=MOST_BUSY)
        for index, artist_id in enumerate(request.busy_artist_ids):
            checks.id(f"busy_artist_ids[{index}]", artist_id)
        checks.finish()
        async with self._db.acquire() as connection:
            clock = await lives.clock(connection)
            candidates = await self._candidates(connection, clock, request.busy_artist_ids)
        response = pb.ReviewLivesResponse()
        # A transaction each: nobody waits for a review of all.
        for artist_id in candidates:
            async with self._db.transaction() as connection:
                moved = await self._review(connection, artist_id, clock)
            if moved is not None:
                response.moves.append(move_of(moved))
        return response

    async def _candidates(self, connection: Connection, clock: lives.Clock, busy: Any) -> list[str]:
        rules, found = self._rules, []
        if rules.enabled and rules.idle_days:
            found += await lives.maybe_idle(connection, rules, busy)
        if rules.enabled and rules.retire_after_paused_days and clock.acted_at is not None:
            found += await lives.maybe_paused_too_long(connection, rules, clock.acted_at)
        return found

    async def _review(self, connection: Connection, artist_id: str, clock: lives.Clock) -> store.Row | None:
        """Moves or warns as time says, by what the locked artist is; the move, None: none."""
        standing = await standing_of(connection, artist_id)
        life, now = standing.life, standing.now
        ruling = domain.idle(self._rules, life, now, clock.back_at) or domain.paused_too_long(
            self._rules, life, now, clock.acted_at
        )
        if ruling is None:
            if domain.warning_due(self._rules, life, now, clock.acted_at):
                await lives.warn(connection, standing)
            return None
        _log.info("artist moved", artist_id=artist_id, rule=ruling.rule, reason=ruling.reason)
        return await lives.carry_out(connection, standing, ruling)


def _why_not(move: store.Row) -> str:
    """Why a move can't be undone now, as its state for people; empty where it can."""
    if move["undone_by"]:
        return f"UNDONE BY {move['undone_by']}"
    if not move["is_last"]:
        return "NOT THE ARTIST'S LAST MOVE"
    source = State(move["from_state"]) if move["from_state"] is not None else None
    return undoable(source, State(move["to_state"]), move["rule"])


def move_of(row: store.Row) -> pb.Move:
    """A row as a message."""
    move = pb.Move(
        id=row["id"],
        artist_id=row["artist_id"],
        to_state=STATE_VALUES[State(row["to_state"])],
        rule=row["rule"],
        reason=row["reason"],
        moved_by=row["moved_by"],
        undone_by=row["undone_by"],
        can_undo=not _why_not(row),
    )
    if row["from_state"] is not None:
        move.from_state = STATE_VALUES[State(row["from_state"])]
    move.moved_at.FromDatetime(row["moved_at"])
    return move
