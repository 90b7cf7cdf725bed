"""`aiartist artist accept|decline|move|moves|undo`: artists' lives."""

from enum import StrEnum
from typing import Annotated

import typer

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import life_pb2 as life
from aiartist.artist_db.v1.artist_state_pb2 import (
    ARTIST_STATE_ACTIVE,
    ARTIST_STATE_CANDIDATE,
    ARTIST_STATE_RETIRED,
    ARTIST_STATE_UNSPECIFIED,
    ArtistState,
)
from cli import finding
from cli.failures import Failure
from cli.names import artist_names
from cli.output import Output, cell, listing, state_cell
from cli.session import Session, execute, new_request_id
from cli.texts import ABSENT, artist_state, plain, short_moment

app = typer.Typer()

Who = Annotated[str, typer.Argument(metavar="ARTIST", help="The artist's name or id.", show_default=False)]
WhoeverOrAll = Annotated[
    str, typer.Argument(metavar="ARTIST", help="Only this artist's.", show_default=False)
]
Why = Annotated[str, typer.Option(help="Why, for the record.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


class TargetName(StrEnum):
    """Where an artist may be moved, as an argument."""

    CANDIDATE = "candidate"
    ACTIVE = "active"
    EVOLVING = "evolving"
    PAUSED = "paused"
    RETIRED = "retired"


@app.command("accept", epilog="Example: aiartist artist accept 'Mira Sol'")
def accept(ctx: typer.Context, artist: Who, reason: Why = "") -> None:
    """Take a candidate on: the artist makes songs from now on."""

    async def work(session: Session) -> None:
        found = await _candidate(session, artist)
        move = await _moved(session, found, ARTIST_STATE_ACTIVE, reason, ARTIST_STATE_CANDIDATE)
        _told(session.output, found, move, "was taken on")

    execute(ctx, work)


@app.command("decline", epilog="Example: aiartist artist decline 'Mira Sol' --yes")
def decline(ctx: typer.Context, artist: Who, reason: Why = "", yes: Yes = False) -> None:
    """Do not take a candidate on, for good; asks first."""

    async def work(session: Session) -> None:
        found = await _candidate(session, artist)
        _agree(session.output, found, "Decline", yes)
        move = await _moved(session, found, ARTIST_STATE_RETIRED, reason, ARTIST_STATE_CANDIDATE)
        _told(session.output, found, move, "was not taken on")

    execute(ctx, work)


@app.command("move", epilog="Example: aiartist artist move 'Nova Vale' evolving --reason 'a new sound'")
def move(
    ctx: typer.Context,
    artist: Who,
    state: Annotated[TargetName, typer.Argument(help="Where to.")],
    reason: Why = "",
    yes: Yes = False,
) -> None:
    """Move an artist to another state; rules judge anew from then on. Retiring is for good and asks first."""

    async def work(session: Session) -> None:
        found = await finding.artist(session, artist)
        if state is TargetName.RETIRED:
            _agree(session.output, found, "Retire", yes)
        target = ArtistState.Value(f"ARTIST_STATE_{state.upper()}")
        _told(session.output, found, await _moved(session, found, target, reason), f"is {state}")

    execute(ctx, work)


@app.command("moves", epilog="Example: aiartist artist moves 'Nova Vale'")
def moves(
    ctx: typer.Context,
    artist: WhoeverOrAll = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
) -> None:
    """List artists' moves from state to state, newest first: which rule or person moved them, and why."""

    async def work(session: Session) -> None:
        artist_id = (await finding.artist(session, artist)).id if artist else ""
        found = await _moves(session, artist_id, limit)
        if session.output.json:
            session.output.document(found)
            return
        if not found.moves:
            session.output.say("no moves")
            return
        names = {} if artist else await artist_names(session, (move.artist_id for move in found.moves))
        table = listing("when", *(() if artist else ("artist",)), "from", "to", "by", "why")
        for move in found.moves:
            undone = "(undone) " if move.undone_by else ""
            table.add_row(
                short_moment(move.moved_at),
                *(() if artist else (cell(names.get(move.artist_id, move.artist_id), 14),)),
                state_cell(artist_state(move.from_state) if move.from_state else ABSENT),
                state_cell(artist_state(move.to_state)),
                cell(move.moved_by or move.rule, 12),
                cell(undone + move.reason),
            )
        session.output.show(table)

    execute(ctx, work)


@app.command("undo", epilog="Example: aiartist artist undo 'Nova Vale'")
def undo(ctx: typer.Context, artist: Who, reason: Why = "") -> None:
    """Undo an artist's last move, also a rule's retirement; the rules judge anew from then on."""

    async def work(session: Session) -> None:
        service, found = session.artist_db, await finding.artist(session, artist)
        last = next(iter((await _moves(session, found.id, 1)).moves), None)
        if last is None or not last.from_state:
            raise Failure(f"{plain(found.persona.name)} has not been moved yet")
        request = life.UndoMoveRequest(
            request_id=new_request_id(),
            move_id=last.id,
            moved_by=session.settings.decided_by,
            reason=reason,
        )
        answer = await service.answer(service.stub.UndoMove(request, timeout=session.timeout))
        by = last.moved_by or f"rule {last.rule}"
        why = f": {last.reason}" if last.reason else ""
        was = f"{artist_state(last.from_state)} to {artist_state(last.to_state)} by {by}{why}"
        _told(
            session.output,
            found,
            answer.move,
            f"is {artist_state(answer.move.to_state)} again; undone: {plain(was)}",
        )

    execute(ctx, work)


async def _candidate(session: Session, given: str) -> db.Artist:
    """The artist, who must be a candidate."""
    found = await finding.artist(session, given)
    if found.state != ARTIST_STATE_CANDIDATE:
        name = plain(found.persona.name)
        raise Failure(
            f"{name} is no candidate, but {artist_state(found.state)}",
            "see who is: aiartist artist list --state candidate",
        )
    return found


def _agree(output: Output, artist: db.Artist, what: str, yes: bool) -> None:
    name = plain(artist.persona.name)
    if not yes and not output.agreed(f"{what} {name} for good? There is no way back."):
        raise Failure(f"{name} stays {artist_state(artist.state)}; --yes does it without asking")


async def _moved(
    session: Session,
    artist: db.Artist,
    target: ArtistState.ValueType,
    reason: str,
    source: ArtistState.ValueType = ARTIST_STATE_UNSPECIFIED,
) -> life.Move:
    service = session.artist_db
    request = life.MoveArtistRequest(
        request_id=new_request_id(),
        artist_id=artist.id,
        to_state=target,
        reason=reason,
        moved_by=session.settings.decided_by,
        from_state=source,
    )
    return (await service.answer(service.stub.MoveArtist(request, timeout=session.timeout))).move


async def _moves(session: Session, artist_id: str, limit: int) -> life.ListMovesResponse:
    service = session.artist_db

    async def fetch(size: int, token: str) -> life.ListMovesResponse:
        request = life.ListMovesRequest(artist_id=artist_id, page_size=size, page_token=token)
        return await service.answer(service.stub.ListMoves(request, timeout=session.timeout))

    return await finding.pages(fetch, "moves", limit=limit)


def _told(output: Output, artist: db.Artist, move: life.Move, what: str) -> None:
    if output.json:
        output.document(move)
    else:
        output.say(f"{plain(artist.persona.name)} {what} ({artist.id})")
