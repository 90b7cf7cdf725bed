"""`aiartist run ...`: songs under way."""

import asyncio
from contextlib import aclosing
from enum import StrEnum
from typing import Annotated

import typer

from aiartist.common.v1.decision_pb2 import (
    VERDICT_APPROVED,
    VERDICT_REGENERATE_BRIEF,
    VERDICT_REGENERATE_TAKE,
    VERDICT_REJECTED,
    Verdict,
)
from aiartist.notifier.v1 import notifier_pb2 as notify
from aiartist.scheduler.v1 import scheduler_pb2 as sched
from aiartist.scheduler.v1.scheduler_pb2_grpc import SchedulerServiceStub
from cli import finding
from cli.failures import FAILED, Failure
from cli.names import artist_names
from cli.output import Output, cell, complain, listing, state_cell
from cli.run_card import show_run, ways_on
from cli.run_view import follow
from cli.session import Session, execute, new_request_id
from cli.takes import take_numbered, takes_of
from cli.texts import ABSENT, plain, run_state, short_moment, verdict
from cli.watching import Watch

app = typer.Typer(no_args_is_help=True, help="Songs under way: start, watch and decide.")

RunArg = Annotated[
    str, typer.Argument(metavar="RUN", help="The run's id, or the beginning of it.", show_default=False)
]
WatchOption = Annotated[bool, typer.Option("--watch", help="Watch it until it ends.")]


class StateName(StrEnum):
    """Where a run is, as an option."""

    QUEUED = "queued"
    COMPOSING = "composing"
    PRODUCING = "producing"
    AWAITING_APPROVAL = "awaiting_approval"
    RELEASING = "releasing"
    RELEASED = "released"
    REJECTED = "rejected"
    EXPIRED = "expired"
    FAILED = "failed"
    CANCELLED = "cancelled"


@app.command("start", epilog="Example: aiartist run start 'Nova Vale' --autopilot --watch")
def start(
    ctx: typer.Context,
    artist: Annotated[str, typer.Argument(metavar="ARTIST", help="The artist's name or id.")],
    autopilot: Annotated[
        bool | None,
        typer.Option("--autopilot/--no-autopilot", help="Who decides; default: as the artist is set."),
    ] = None,
    note: Annotated[str, typer.Option(help="A wish for the songwriter.")] = "",
    takes: Annotated[
        int | None,
        typer.Option(min=1, max=5, help="Takes to choose from; default: as the scheduler is set."),
    ] = None,
    watch: WatchOption = False,
) -> None:
    """Start a song for an artist."""

    async def work(session: Session) -> int:
        service, found = session.scheduler, await finding.artist(session, artist)
        request = sched.StartRunRequest(
            request_id=new_request_id(),
            artist_id=found.id,
            autopilot=autopilot,
            note=note,
            takes=takes or 0,
        )
        run = (await service.answer(service.stub.StartRun(request, timeout=session.timeout))).run
        return await _told(session, run, f"started for {plain(found.persona.name)}", watch=watch)

    execute(ctx, work)


@app.command("list", epilog="Example: aiartist run list --state awaiting_approval")
def list_runs(
    ctx: typer.Context,
    artist: Annotated[str, typer.Option(help="Only this artist's, by name or id.")] = "",
    state: Annotated[
        list[StateName] | None, typer.Option(help="Only in this state; may be given more than once.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 30,
) -> None:
    """List runs, newest first."""
    states = [sched.RunState.Value(f"RUN_STATE_{name.upper()}") for name in state or ()]
    execute(ctx, lambda session: _list(session, artist, states, limit))


async def _list(session: Session, artist: str, states: list[sched.RunState.ValueType], limit: int) -> None:
    artist_id = (await finding.artist(session, artist)).id if artist else ""

    async def fetch(size: int, token: str) -> sched.ListRunsResponse:
        request = sched.ListRunsRequest(artist_id=artist_id, states=states, page_size=size, page_token=token)
        return await finding.list_runs(session, request)

    found = await finding.pages(fetch, "runs", limit=limit)
    if session.output.json:
        session.output.document(found)
        return
    if not found.runs:
        session.output.say("no runs; start one: aiartist run start ARTIST")
        return
    names = await artist_names(session, [run.artist_id for run in found.runs])
    table = listing("id", "state", "title", "artist", "started")
    for run in found.runs:
        table.add_row(
            cell(run.id),
            state_cell(run_state(run.state)),
            cell(run.title or ABSENT, 20),
            cell(names.get(run.artist_id, run.artist_id), 14),
            short_moment(run.created_at),
        )
    session.output.show(table)
    if found.next_page_token:
        session.output.say(f"there are more; see them with --limit {limit * 10}")


@app.command("show", epilog="Example: aiartist run show run_0q8w")
def show(ctx: typer.Context, run: RunArg) -> None:
    """Show one run: its stages, their times and errors."""

    async def work(session: Session) -> None:
        found = await _get(session, run)
        if session.output.json:
            session.output.document(found)
            return
        names = await artist_names(session, [found.artist_id])
        waits = found.state == sched.RUN_STATE_AWAITING_APPROVAL
        takes = await takes_of(session, found.id) if waits else []
        show_run(session.output, found, names.get(found.artist_id, found.artist_id), takes)

    execute(ctx, work)


@app.command("watch", epilog="Example: aiartist run watch run_0q8w")
def watch(ctx: typer.Context, run: RunArg) -> None:
    """Watch a run until it ends.

    Exit 0: released, 1: it ended otherwise. Ctrl-C stops watching, not the run.
    """

    async def work(session: Session) -> int:
        return await _watch(session, await finding.run_id(session, run))

    execute(ctx, work)


@app.command("approve", epilog="Example: aiartist run approve run_0q8w --take 2")
def approve(
    ctx: typer.Context,
    run: RunArg,
    take: Annotated[
        int | None, typer.Option(min=1, help="Which take, where there are several; default: the newest.")
    ] = None,
    digest: Annotated[
        str, typer.Option(help="The content that was listened to; refused where another take waits by now.")
    ] = "",
) -> None:
    """Release the song that waits for a decision."""
    execute(ctx, lambda session: _decide(session, run, VERDICT_APPROVED, "", digest, take))


@app.command("reject", epilog="Example: aiartist run reject run_0q8w --reason 'the chorus drags'")
def reject(
    ctx: typer.Context,
    run: RunArg,
    reason: Annotated[str, typer.Option(help="Why; the artist learns from it.", show_default=False)],
    digest: Annotated[str, typer.Option(help="As with approve.")] = "",
) -> None:
    """Say no to the song that waits, and why."""
    execute(ctx, lambda session: _decide(session, run, VERDICT_REJECTED, reason, digest))


@app.command("regenerate", epilog="Example: aiartist run regenerate run_0q8w --note 'slower' --rewrite")
def regenerate(
    ctx: typer.Context,
    run: RunArg,
    note: Annotated[str, typer.Option(help="What should be different.", show_default=False)],
    rewrite: Annotated[bool, typer.Option("--rewrite", help="Write the song anew too.")] = False,
    digest: Annotated[str, typer.Option(help="As with approve.")] = "",
) -> None:
    """Ask for another take, or another song.

    Another take of the song that waits; with --rewrite the song is written anew.
    """
    wanted = VERDICT_REGENERATE_BRIEF if rewrite else VERDICT_REGENERATE_TAKE
    execute(ctx, lambda session: _decide(session, run, wanted, note, digest))


@app.command("ask", epilog="Example: aiartist run ask run_0q8w")
def ask(ctx: typer.Context, run: RunArg) -> None:
    """Ask people once more about the song that waits, as a new message."""

    async def work(session: Session) -> None:
        service, run_id = session.notifier, await finding.run_id(session, run)
        request = notify.ResendApprovalRequest(request_id=new_request_id(), run_id=run_id)
        answer = await service.answer(service.stub.ResendApproval(request, timeout=session.timeout))
        if session.output.json:
            session.output.document(answer)
        else:
            session.output.say(f"{run_id}: people are asked once more")

    execute(ctx, work)


@app.command("cancel", epilog="Example: aiartist run cancel run_0q8w --reason 'wrong artist'")
def cancel(
    ctx: typer.Context, run: RunArg, reason: Annotated[str, typer.Option(help="Why, for the record.")] = ""
) -> None:
    """End a run that is under way."""

    async def work(session: Session) -> int:
        service = session.scheduler
        request = sched.CancelRunRequest(
            request_id=new_request_id(), run_id=await finding.run_id(session, run), reason=reason
        )
        answer = await service.answer(service.stub.CancelRun(request, timeout=session.timeout))
        return await _told(session, answer.run, "is cancelled")

    execute(ctx, work)


@app.command("retry", epilog="Example: aiartist run retry run_0q8w --watch")
def retry(ctx: typer.Context, run: RunArg, watch: WatchOption = False) -> None:
    """Take a failed run up again where it failed."""

    async def work(session: Session) -> int:
        service = session.scheduler
        request = sched.RetryRunRequest(
            request_id=new_request_id(), run_id=await finding.run_id(session, run)
        )
        answer = await service.answer(service.stub.RetryRun(request, timeout=session.timeout))
        return await _told(session, answer.run, "is under way again", watch=watch)

    execute(ctx, work)


async def _get(session: Session, given: str) -> sched.Run:
    service = session.scheduler
    request = sched.GetRunRequest(run_id=await finding.run_id(session, given))
    return (await service.answer(service.stub.GetRun(request, timeout=session.timeout))).run


async def _decide(
    session: Session,
    given: str,
    wanted: Verdict.ValueType,
    reason: str,
    digest: str,
    take_number: int | None = None,
) -> int:
    service, run = session.scheduler, await _get(session, given)
    if not run.content_digest:
        raise Failure(
            f"run {run.id} is {run_state(run.state)}: there is nothing to decide about yet",
            f"see how it stands: aiartist run show {run.id}",
        )
    picked = await take_numbered(session, run.id, take_number) if take_number is not None else None
    request = sched.DecideRunRequest(
        request_id=new_request_id(),
        run_id=run.id,
        verdict=wanted,
        content_digest=digest or (picked.content_digest if picked else run.content_digest),
        reason=reason,
        decided_by=session.settings.decided_by,
        take_id=picked.id if picked else "",
    )
    decided = (await service.answer(service.stub.DecideRun(request, timeout=session.timeout))).run
    return await _told(session, decided, f"{plain(run.title) or 'the song'}: {verdict(wanted)}")


async def _told(session: Session, run: sched.Run, what: str, *, watch: bool = False) -> int:
    if watch:
        if not session.output.json:
            session.output.say(f"{run.id} {what}")
        return await _watch(session, run.id)
    if session.output.json:
        session.output.document(run)
    else:
        session.output.say(f"{run.id} {what}")
    return 0


async def _watch(session: Session, run_id: str) -> int:
    service, output = session.scheduler, session.output
    try:
        if output.json:
            run = await service.answer(_print_events(service.stub, run_id, output))
        else:
            run = await service.answer(follow(service.stub, run_id, output.console))
    except asyncio.CancelledError:
        # Nothing but Ctrl-C cancels a command.
        complain(f"stopped watching; the run goes on: aiartist run watch {run_id}")
        raise
    if output.json:
        return _status_of(run)
    if run.state == sched.RUN_STATE_RELEASED:
        output.say(f"released: {plain(run.location)}")
    elif run.state == sched.RUN_STATE_FAILED:
        complain(plain(run.error.message), *ways_on(run))
    return _status_of(run)


def _status_of(run: sched.Run) -> int:
    return 0 if run.state == sched.RUN_STATE_RELEASED else FAILED


async def _print_events(stub: SchedulerServiceStub, run_id: str, output: Output) -> sched.Run:
    watch = Watch(stub, run_id)
    async with aclosing(watch.responses()) as responses:
        async for response in responses:
            output.line(response)
    return watch.run
