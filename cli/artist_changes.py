"""`aiartist artist history|restore|evolve|changes|agree|refuse`: how personas change."""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

import typer

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import life_pb2 as life
from aiartist.common.v1.persona_pb2 import Persona
from cli import finding
from cli.failures import BAD_INPUT, Failure
from cli.names import artist_names
from cli.output import as_dict
from cli.session import Session, execute, new_request_id
from cli.texts import artist_state, change_state, moment, plain, seconds_of, shortened
from services.chassis.persona_fields import FIELDS, told, value_of

MOST_VALUE = 400
_BEGINNING = re.compile(r"(chg_)?[0-9a-z]{1,26}")

app = typer.Typer()

Who = Annotated[str, typer.Argument(metavar="ARTIST", help="The artist's name or id.", show_default=False)]
WhoeverOrAll = Annotated[
    str, typer.Argument(metavar="ARTIST", help="Only this artist's.", show_default=False)
]
Which = Annotated[
    str, typer.Argument(metavar="CHANGE", help="The change's id or its beginning; see changes.")
]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


class EvolveName(StrEnum):
    """What becomes of changes that reflections want, as an argument."""

    OFF = "off"
    PROPOSE = "propose"
    AUTO = "auto"


class StateName(StrEnum):
    """How a change stands, as an option."""

    NO_CHANGE = "no-change"
    REFUSED = "refused"
    PROPOSED = "proposed"
    DECLINED = "declined"
    APPLIED = "applied"
    LAPSED = "lapsed"


_EVOLVES = {
    EvolveName.OFF: "stays as it is: no reflection changes it",
    EvolveName.PROPOSE: "changes where a person agrees",
    EvolveName.AUTO: "changes by its reflections, within their bounds",
}


@app.command("history", epilog="Example: aiartist artist history 'Nova Vale'")
def history(ctx: typer.Context, artist: Who, limit: Limit = 50) -> None:
    """Show how an artist changed and moved: persona versions with their differences, newest first."""

    async def work(session: Session) -> None:
        found = await finding.artist(session, artist)
        # One more: the oldest that is shown is compared, too.
        kept = list((await _versions(session, found.id, limit + 1)).versions)
        moves = list((await _moves(session, found.id, limit)).moves)
        if session.output.json:
            shown = [as_dict(version) for version in kept[:limit]]
            session.output.document({"versions": shown, "moves": [as_dict(move) for move in moves]})
            return
        entries = [(seconds_of(move.moved_at), _told_move(move)) for move in moves]
        for index, version in enumerate(kept[:limit]):
            before = kept[index + 1].persona if index + 1 < len(kept) else None
            current = version.version == found.persona_version
            entries.append((seconds_of(version.created_at), _told_version(version, before, current)))
        entries.sort(key=lambda entry: entry[0], reverse=True)
        for _, lines in entries[:limit]:
            session.output.say("\n".join(lines))

    execute(ctx, work)


@app.command("restore", epilog="Example: aiartist artist restore 'Nova Vale' 2")
def restore(
    ctx: typer.Context,
    artist: Who,
    version: Annotated[int, typer.Argument(min=1, max=2**32 - 1, help="Which version; see history.")],
    yes: Yes = False,
) -> None:
    """Make an old persona version the current one again; shows what that changes and asks first."""

    async def work(session: Session) -> None:
        service, found = session.artist_db, await finding.artist(session, artist)
        name = plain(found.persona.name)
        if not yes:
            old = await _version(session, found, version)
            steps = _differences(found.persona, old)
            if not steps:
                raise Failure(f"{name} is as in version {version} already", exit_code=BAD_INPUT)
            session.output.say("\n".join(line.removeprefix("  ") for line in steps))
            if not session.output.agreed(f"Make version {version} of {name} the current one?"):
                raise Failure(f"{name} was not changed; --yes does it without asking")
        request = db.RestorePersonaVersionRequest(
            request_id=new_request_id(), artist_id=found.id, version=version, etag=found.etag
        )
        answer = await service.answer(service.stub.RestorePersonaVersion(request, timeout=session.timeout))
        restored = answer.artist
        _say(session, restored, f"is as in version {version}, now version {restored.persona_version}")

    execute(ctx, work)


@app.command("evolve", epilog="Example: aiartist artist evolve 'Nova Vale' auto")
def evolve(
    ctx: typer.Context,
    artist: Who,
    how: Annotated[EvolveName, typer.Argument(help="Stay as it is, change where you agree, or by itself.")],
) -> None:
    """Say what becomes of the changes that reflections on an artist's songs want."""

    async def work(session: Session) -> None:
        found = await finding.artist(session, artist)
        changed = await set_evolve(session, found.id, db.Evolve.Value(f"EVOLVE_{how.name}"))
        _say(session, changed, _EVOLVES[how])

    execute(ctx, work)


async def set_evolve(session: Session, artist_id: str, wanted: db.Evolve.ValueType) -> db.Artist:
    """Sets what becomes of an artist's changes; the artist after it."""
    service = session.artist_db
    request = db.SetEvolveRequest(request_id=new_request_id(), artist_id=artist_id, evolve=wanted)
    return (await service.answer(service.stub.SetEvolve(request, timeout=session.timeout))).artist


@app.command("changes", epilog="Example: aiartist artist changes --state proposed")
def changes(
    ctx: typer.Context,
    artist: WhoeverOrAll = "",
    state: Annotated[
        list[StateName] | None, typer.Option(help="Only in this state; may be given more than once.")
    ] = None,
    limit: Limit = 20,
) -> None:
    """List what reflections on songs wanted to change, and what became of it, newest first."""

    async def work(session: Session) -> None:
        artist_id = (await finding.artist(session, artist)).id if artist else ""
        states = [life.PersonaChange.State.Value(f"STATE_{name.name}") for name in state or ()]
        found = await _changes(
            session, life.ListChangesRequest(artist_id=artist_id, states=states), limit=limit
        )
        if session.output.json:
            session.output.document(found)
            return
        if not found.changes:
            session.output.say("no reflection wanted a change")
        names = await artist_names(session, (change.artist_id for change in found.changes))
        for change in found.changes:
            session.output.say("\n".join(_told_change(change, names.get(change.artist_id, ""))))

    execute(ctx, work)


@app.command("agree", epilog="Example: aiartist artist agree chg_1x3v")
def agree(ctx: typer.Context, change: Which) -> None:
    """Agree to a change that waits for you: it becomes the artist's persona."""
    execute(ctx, lambda session: _decide(session, change, accept=True))


@app.command("refuse", epilog="Example: aiartist artist refuse chg_1x3v")
def refuse(ctx: typer.Context, change: Which) -> None:
    """Refuse a change that waits for you; the same is not wanted again for 30 days."""
    execute(ctx, lambda session: _decide(session, change, accept=False))


async def _decide(session: Session, given: str, *, accept: bool) -> None:
    service = session.artist_db
    request = life.DecideChangeRequest(
        request_id=new_request_id(),
        change_id=await _change_id(session, given),
        accept=accept,
        decided_by=session.settings.decided_by,
    )
    answer = await service.answer(service.stub.DecideChange(request, timeout=session.timeout))
    if session.output.json:
        session.output.document(answer.change)
        return
    names = await artist_names(session, [answer.change.artist_id])
    session.output.say("\n".join(_told_change(answer.change, names.get(answer.change.artist_id, ""))))


async def _change_id(session: Session, given: str) -> str:
    """A change's id from itself or its beginning; those that wait come first."""
    if not _BEGINNING.fullmatch(given):
        raise Failure(
            f"{plain(given)!r} is not the id of a change or its beginning",
            "see which there are: aiartist artist changes",
            exit_code=BAD_INPUT,
        )
    beginning = given if given.startswith("chg_") else f"chg_{given}"
    if len(beginning) == len("chg_") + 26:
        return beginning
    for states in ([life.PersonaChange.STATE_PROPOSED], []):
        listed = await _changes(session, life.ListChangesRequest(states=states), limit=finding.SEARCHED)
        found = [change.id for change in listed.changes if change.id.startswith(beginning)]
        if len(found) > 1:
            raise Failure(
                f"{beginning} is the beginning of {len(found)} changes; give more of it", exit_code=BAD_INPUT
            )
        if found:
            return found[0]
    raise Failure(f"no change begins with {beginning}", "see which there are: aiartist artist changes")


async def _changes(
    session: Session, request: life.ListChangesRequest, *, limit: int
) -> life.ListChangesResponse:
    service = session.artist_db

    async def fetch(size: int, token: str) -> life.ListChangesResponse:
        request.page_size, request.page_token = size, token
        return await service.answer(service.stub.ListChanges(request, timeout=session.timeout))

    return await finding.pages(fetch, "changes", limit=limit)


async def _versions(session: Session, artist_id: str, limit: int) -> db.ListPersonaVersionsResponse:
    service = session.artist_db

    async def fetch(size: int, token: str) -> db.ListPersonaVersionsResponse:
        request = db.ListPersonaVersionsRequest(artist_id=artist_id, page_size=size, page_token=token)
        return await service.answer(service.stub.ListPersonaVersions(request, timeout=session.timeout))

    return await finding.pages(fetch, "versions", limit=limit)


async def _version(session: Session, artist: db.Artist, number: int) -> Persona:
    """The persona of one version."""
    # Newest first: as many as there are down to it.
    listed = await _versions(session, artist.id, max(1, artist.persona_version - number + 1))
    for version in listed.versions:
        if version.version == number:
            return version.persona
    raise Failure(f"{plain(artist.persona.name)} has no version {number}", exit_code=BAD_INPUT)


async def _moves(session: Session, artist_id: str, limit: int) -> life.ListMovesResponse:
    service = session.artist_db

    async def fetch(size: int, token: str) -> life.ListMovesResponse:
        request = life.ListMovesRequest(artist_id=artist_id, page_size=size, page_token=token)
        return await service.answer(service.stub.ListMoves(request, timeout=session.timeout))

    return await finding.pages(fetch, "moves", limit=limit)


def _told_version(version: db.PersonaVersion, before: Persona | None, current: bool) -> list[str]:
    """A version with what it changed."""
    mark = " (current)" if current else ""
    head = f"{moment(version.created_at)}  version {version.version}{mark}: {plain(version.reason)}"
    return [head, *(_differences(before, version.persona) if before is not None else ())]


def _told_move(move: life.Move) -> list[str]:
    by = f"by {plain(move.moved_by)}" if move.moved_by else f"by the rule of {plain(move.rule)}"
    undone = " (undone)" if move.undone_by else ""
    start = artist_state(move.from_state) if move.from_state else "new"
    way = f"{start} -> {artist_state(move.to_state)}"
    why = f": {plain(move.reason)}" if move.reason else ""
    return [f"{moment(move.moved_at)}  {way} {by}{undone}{why}"]


def _told_change(change: life.PersonaChange, name: str) -> list[str]:
    """A change with what it is about and what became of it."""
    whose = plain(name) or change.artist_id
    outcome = f": {plain(change.outcome)}" if change.outcome else ""
    lines = [f"{change.id}  {moment(change.created_at)}  {whose}  {change_state(change.state)}{outcome}"]
    if change.HasField("change"):
        lines += _step(change.change.field, getattr(change.change, "from"), change.change.to)
        lines.append(f"  why: {plain(change.reason)}")
        lines += [f"  fact: {plain(fact)}" for fact in change.evidence]
    return lines


def _differences(before: Persona, after: Persona) -> list[str]:
    """Every field that differs, with both values."""
    steps = ((field, value_of(before, field), value_of(after, field)) for field in FIELDS)
    return [line for field, old, new in steps if old != new for line in _step(field, old, new)]


def _step(field: str, old: str, new: str) -> Iterator[str]:
    yield f"  {plain(field)}"
    for mark, value in zip("-+", (old, new), strict=True):
        yield f"    {mark} {shortened(plain(told(value)), MOST_VALUE)}"


def _say(session: Session, artist: db.Artist, what: str) -> None:
    if session.output.json:
        session.output.document(artist)
    else:
        session.output.say(f"{plain(artist.persona.name)} {what} ({artist.id})")
