"""`aiartist artist ...`: the roster."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import artist_state_pb2
from aiartist.common.v1.decision_pb2 import SilenceAnswer
from cli import artist_changes, finding
from cli.failures import Failure, ServiceFailure
from cli.output import Output, cell, facts, listing, state_cell
from cli.persona_file import ArtistFile
from cli.session import Session, execute, new_request_id
from cli.texts import artist_state, duration, evolve, moment, plain, silence_answer

MOST_AT_ONCE = 10_000

app = typer.Typer(no_args_is_help=True, help="The roster: who makes songs, when, and how they sound.")

Who = Annotated[str, typer.Argument(metavar="ARTIST", help="The artist's name or id.", show_default=False)]
WhoOrAll = Annotated[
    str, typer.Argument(metavar="ARTIST", help="The artist's name or id.", show_default=False)
]
All = Annotated[bool, typer.Option("--all", help="All whom it concerns.")]
Why = Annotated[str, typer.Option(help="Why, for the record.")]


class StateName(StrEnum):
    """An artist's lifecycle, as an option."""

    CANDIDATE = "candidate"
    ACTIVE = "active"
    EVOLVING = "evolving"
    PAUSED = "paused"
    RETIRED = "retired"


class SilenceName(StrEnum):
    """What a run does when nobody answers, as an argument."""

    HOLD = "hold"
    EXPIRE = "expire"
    AUTOPILOT = "autopilot"


_SILENCE = {
    SilenceName.HOLD: "waits on where nobody answers",
    SilenceName.EXPIRE: "lets songs expire where nobody answers",
    SilenceName.AUTOPILOT: "has autopilot approve where nobody answers",
}


@app.command("add", epilog="Example: aiartist artist add examples/artists/nova-vale.yaml")
def add(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The artist's file (YAML).")],
    update: Annotated[bool, typer.Option("--update", help="Bring a known artist up to date.")] = False,
) -> None:
    """Take an artist on from a file."""
    execute(ctx, lambda session: _add(session, file, update))


async def _add(session: Session, path: Path, update: bool) -> None:
    artist_file = ArtistFile.read(path)
    try:
        known = await _known(session, artist_file.persona.name) if update else None
        if known is None:
            artist = await _create(session, artist_file)
        else:
            artist = await _update(session, artist_file, known)
    except ServiceFailure as failure:
        if not failure.remote.violations:
            raise
        raise artist_file.refused(failure.remote.violations) from failure
    if known is None:
        done = "was taken on"
    else:
        done = f"is as the file says, persona version {artist.persona_version}"
    _told(session.output, artist, done)


async def _known(session: Session, name: str) -> db.Artist | None:
    try:
        return await finding.artist(session, name)
    except ServiceFailure as failure:
        if failure.remote.remote_reason == "ERROR_REASON_NOT_FOUND":
            return None
        raise


async def _create(session: Session, artist_file: ArtistFile) -> db.Artist:
    service = session.artist_db
    request = artist_file.create_request(new_request_id())
    return (await service.answer(service.stub.CreateArtist(request, timeout=session.timeout))).artist


async def _update(session: Session, artist_file: ArtistFile, known: db.Artist) -> db.Artist:
    service = session.artist_db
    request = artist_file.update_request(
        known, reason=f"updated from {artist_file.path.name}"[:500], request_id=new_request_id()
    )
    artist = (await service.answer(service.stub.UpdateArtist(request, timeout=session.timeout))).artist
    wanted = artist_file.autopilot_enabled
    if "autopilot_enabled" in artist_file.given and wanted != artist.autopilot_enabled:
        artist = await _set_autopilot(session, artist.id, wanted)
    if "on_silence" in artist_file.given and artist_file.on_silence != artist.on_silence:
        artist = await _set_silence(session, artist.id, artist_file.on_silence)
    if "evolve" in artist_file.given and artist_file.evolve != artist.evolve:
        artist = await artist_changes.set_evolve(session, artist.id, artist_file.evolve)
    return artist


@app.command("list", epilog="Example: aiartist artist list --state paused")
def list_artists(
    ctx: typer.Context,
    state: Annotated[
        list[StateName] | None,
        typer.Option(help="Only in this state; may be given more than once."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
) -> None:
    """List the artists by name."""
    states = [artist_state_pb2.ArtistState.Value(f"ARTIST_STATE_{name.upper()}") for name in state or ()]
    execute(ctx, lambda session: _list(session, states, limit))


async def _in_states(
    session: Session, states: list[artist_state_pb2.ArtistState.ValueType], limit: int
) -> db.ListArtistsResponse:
    service = session.artist_db

    async def fetch(size: int, token: str) -> db.ListArtistsResponse:
        request = db.ListArtistsRequest(states=states, page_size=size, page_token=token)
        return await service.answer(service.stub.ListArtists(request, timeout=session.timeout))

    return await finding.pages(fetch, "artists", limit=limit)


async def _list(session: Session, states: list[artist_state_pb2.ArtistState.ValueType], limit: int) -> None:
    found = await _in_states(session, states, limit)
    if session.output.json:
        session.output.document(found)
        return
    if not found.artists:
        session.output.say("no artists; take one on: aiartist artist add FILE")
        return
    table = listing("name", "state", "genre", "autopilot", "starts", "id")
    for artist in found.artists:
        table.add_row(
            cell(artist.persona.name, 20),
            state_cell(artist_state(artist.state)),
            cell(artist.persona.genre, 10),
            "on" if artist.autopilot_enabled else "off",
            cell(_cadence(artist.cadence), 14),
            cell(artist.id),
        )
    session.output.show(table)


@app.command("show", epilog="Example: aiartist artist show 'Nova Vale'")
def show(ctx: typer.Context, artist: Who) -> None:
    """Show one artist whole."""

    async def work(session: Session) -> None:
        found = await finding.artist(session, artist)
        if session.output.json:
            session.output.document(found)
            return
        session.output.show(facts(**_facts(found)))

    execute(ctx, work)


@app.command("autopilot", epilog="Example: aiartist artist autopilot 'Nova Vale' on")
def autopilot(
    ctx: typer.Context,
    artist: Who,
    enabled: Annotated[Literal["on", "off"], typer.Argument(help="Who decides: autopilot, or you.")],
) -> None:
    """Let autopilot decide about an artist's songs, or ask you."""

    async def work(session: Session) -> None:
        found = await finding.artist(session, artist)
        changed = await _set_autopilot(session, found.id, enabled == "on")
        _told(session.output, changed, f"has autopilot {enabled}")

    execute(ctx, work)


async def _set_autopilot(session: Session, artist_id: str, enabled: bool) -> db.Artist:
    service = session.artist_db
    request = db.SetAutopilotRequest(request_id=new_request_id(), artist_id=artist_id, enabled=enabled)
    return (await service.answer(service.stub.SetAutopilot(request, timeout=session.timeout))).artist


@app.command("silence", epilog="Example: aiartist artist silence 'Nova Vale' expire")
def silence(
    ctx: typer.Context,
    artist: Who,
    answer: Annotated[SilenceName, typer.Argument(help="Wait on, let it expire, or let autopilot approve.")],
) -> None:
    """Say what happens when nobody answers about an artist's songs.

    Counts for questions asked from now on. Silence is never a rejection.
    """

    async def work(session: Session) -> None:
        found = await finding.artist(session, artist)
        wanted = SilenceAnswer.Value(f"SILENCE_ANSWER_{answer.upper()}")
        _told(session.output, await _set_silence(session, found.id, wanted), _SILENCE[answer])

    execute(ctx, work)


async def _set_silence(session: Session, artist_id: str, wanted: SilenceAnswer.ValueType) -> db.Artist:
    service = session.artist_db
    request = db.SetSilenceAnswerRequest(request_id=new_request_id(), artist_id=artist_id, on_silence=wanted)
    return (await service.answer(service.stub.SetSilenceAnswer(request, timeout=session.timeout))).artist


@app.command("pause", epilog="Example: aiartist artist pause 'Nova Vale' --reason 'on tour'")
def pause(ctx: typer.Context, artist: WhoOrAll = "", everybody: All = False, reason: Why = "") -> None:
    """Start no new songs for an artist for now, or for every one that makes songs."""

    async def one(session: Session, artist_id: str) -> db.Artist:
        service = session.artist_db
        request = db.PauseArtistRequest(request_id=new_request_id(), artist_id=artist_id, reason=reason)
        return (await service.answer(service.stub.PauseArtist(request, timeout=session.timeout))).artist

    _require_either(artist, everybody)
    states = [artist_state_pb2.ARTIST_STATE_ACTIVE, artist_state_pb2.ARTIST_STATE_EVOLVING]
    execute(ctx, lambda session: _move(session, artist, states, one, "is paused"))


@app.command("resume", epilog="Example: aiartist artist resume --all")
def resume(ctx: typer.Context, artist: WhoOrAll = "", everybody: All = False, reason: Why = "") -> None:
    """Let a paused artist make songs again, or every paused one."""

    async def one(session: Session, artist_id: str) -> db.Artist:
        service = session.artist_db
        request = db.ResumeArtistRequest(request_id=new_request_id(), artist_id=artist_id, reason=reason)
        return (await service.answer(service.stub.ResumeArtist(request, timeout=session.timeout))).artist

    _require_either(artist, everybody)
    states = [artist_state_pb2.ARTIST_STATE_PAUSED]
    execute(ctx, lambda session: _move(session, artist, states, one, "is active"))


def _require_either(artist: str, everybody: bool) -> None:
    if bool(artist) == everybody:
        raise typer.BadParameter("give an artist, or --all", param_hint="'ARTIST'")


async def _move(
    session: Session,
    artist: str,
    states: list[artist_state_pb2.ArtistState.ValueType],
    change: Callable[[Session, str], Awaitable[db.Artist]],
    what: str,
) -> None:
    """Changes the artist that is named, else all in these states; for scripts all are one document."""
    if artist:
        found = await finding.artist(session, artist)
        _told(session.output, await change(session, found.id), what)
        return
    whole = await _in_states(session, states, MOST_AT_ONCE)
    changed = [await change(session, found.id) for found in whole.artists]
    if session.output.json:
        session.output.document(db.ListArtistsResponse(artists=changed))
        return
    for each in changed:
        _told(session.output, each, what)
    if not changed:
        session.output.say(f"no artist is {' or '.join(map(artist_state, states))}")


@app.command("retire", epilog="Example: aiartist artist retire 'Nova Vale' --yes")
def retire(
    ctx: typer.Context,
    artist: Who,
    reason: Why = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """End an artist's career, for good; asks first."""

    async def work(session: Session) -> None:
        service, found = session.artist_db, await finding.artist(session, artist)
        name = plain(found.persona.name)
        if not yes and not session.output.agreed(f"Retire {name} for good? There is no way back."):
            raise Failure(f"{name} was not retired; --yes does it without asking")
        request = db.RetireArtistRequest(request_id=new_request_id(), artist_id=found.id, reason=reason)
        answer = await service.answer(service.stub.RetireArtist(request, timeout=session.timeout))
        _told(session.output, answer.artist, "is retired")

    execute(ctx, work)


def _told(output: Output, artist: db.Artist, what: str) -> None:
    if output.json:
        output.document(artist)
    else:
        output.say(f"{plain(artist.persona.name)} {what} ({artist.id})")


def _cadence(cadence: db.Cadence) -> str:
    match cadence.WhichOneof("when"):
        case "interval_s":
            return f"every {duration(cadence.interval_s)}"
        case "cron":
            return f"{plain(cadence.cron)} UTC"
    return "on command"


def _facts(artist: db.Artist) -> dict[str, Any]:
    persona = artist.persona
    tempo = f"{persona.tempo.min_bpm} to {persona.tempo.max_bpm} bpm" if persona.HasField("tempo") else ""
    return {
        "name": persona.name,
        "id": artist.id,
        "state": state_cell(artist_state(artist.state)),
        "since": moment(artist.state_since) if artist.HasField("state_since") else "",
        "why": artist.state_reason,
        "autopilot": "on" if artist.autopilot_enabled else "off",
        "on_silence": silence_answer(artist.on_silence),
        "evolves": evolve(artist.evolve),
        "starts": _cadence(artist.cadence),
        "genre": persona.genre,
        "style": persona.style,
        "timbre": persona.voice.timbre,
        "delivery": persona.voice.delivery,
        "point_of_view": persona.voice.point_of_view,
        "themes": ", ".join(persona.themes),
        "moods": ", ".join(persona.moods),
        "instruments": ", ".join(persona.instruments),
        "keys": ", ".join(persona.keys),
        "tempo": tempo,
        "language": persona.language,
        "palette": ", ".join(persona.visual.palette),
        "motif": persona.visual.motif,
        "bio": persona.bio,
        "banned_words": ", ".join(persona.banned_words),
        "never_changes": ", ".join(persona.preserve_core_identity),
        "follows_charts": f"{persona.trend_alignment:g} of 1" if persona.trend_alignment else "",
        "song_length": duration(persona.target_duration_ms / 1000) if persona.target_duration_ms else "",
        "persona_version": f"{artist.persona_version}, changed {moment(artist.updated_at)}",
        "taken_on": moment(artist.created_at),
    }
