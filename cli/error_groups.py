"""`aiartist error ...`: what breaks, grouped, why, and what is done about it."""

from enum import StrEnum
from typing import Annotated

import typer

from aiartist.artist_db.v1 import artist_db_pb2 as db
from cli import error_orders, error_setup, error_watch, finding
from cli.error_card import show_group
from cli.error_words import moment_of, status_cell
from cli.output import cell, listing
from cli.session import Session, execute
from cli.texts import short_moment

app = typer.Typer(
    no_args_is_help=True, help="What breaks: errors of all services, by their cause, and their repair."
)

_SHOWN_DIGITS = 12
_MAX_PLACE = 27


class StatusName(StrEnum):
    """How far an error is, as an option."""

    NEW = "new"
    ANALYZED = "analyzed"
    ANALYSIS_FAILED = "analysis_failed"
    FIX_SUGGESTED = "fix_suggested"
    FIX_ATTEMPTED = "fix_attempted"
    FIX_FAILED = "fix_failed"
    FIX_SKIPPED_INVALID = "fix_skipped_invalid"
    FIX_APPLIED = "fix_applied"
    REVERTED = "reverted"
    IGNORED = "ignored"


class SeverityName(StrEnum):
    """How bad an error is, as an option."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


ErrorArg = Annotated[
    str, typer.Argument(metavar="ERROR", help="Its fingerprint, or the beginning of it.", show_default=False)
]


@app.command("list", epilog="Example: aiartist error list --status fix_suggested --since 2d")
def list_errors(
    ctx: typer.Context,
    status: Annotated[
        list[StatusName] | None, typer.Option(help="Only with this status; may be given again.")
    ] = None,
    service: Annotated[str, typer.Option(help="Only errors of this service.")] = "",
    since: Annotated[
        str, typer.Option(help="Only seen since: 30m, 2h, 3d, or a date such as 2026-03-01T14:00.")
    ] = "",
    until: Annotated[str, typer.Option(help="Only first seen before; as --since.")] = "",
    text: Annotated[str, typer.Option(help="Only with this in title, place or cause.")] = "",
    severity: Annotated[SeverityName | None, typer.Option(help="Only as bad as this.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
) -> None:
    """List error groups, last seen first."""
    request = db.ListErrorGroupsRequest(
        service=service,
        statuses=[one.value for one in status or ()],
        text=text,
        severity=severity.value if severity else "",
    )
    execute(ctx, lambda session: _list(session, request, since, until, limit))


async def _list(
    session: Session, wanted: db.ListErrorGroupsRequest, since: str, until: str, limit: int
) -> None:
    if since:
        wanted.seen_after.FromDatetime(moment_of("--since", since))
    if until:
        wanted.seen_before.FromDatetime(moment_of("--until", until))
    service = session.artist_db

    async def fetch(size: int, token: str) -> db.ListErrorGroupsResponse:
        wanted.page_size, wanted.page_token = size, token
        return await service.answer(service.stub.ListErrorGroups(wanted, timeout=session.timeout))

    found = await finding.pages(fetch, "groups", limit=limit)
    if session.output.json:
        session.output.document(found)
        return
    if not found.groups:
        session.output.say("no errors")
        return
    table = listing("error", "title", "where", "count", "last seen", "status", right=("count",))
    for group in found.groups:
        table.add_row(
            group.fingerprint[:_SHOWN_DIGITS],
            cell(group.title, 20),
            cell(_end_of(group.culprit), _MAX_PLACE),
            f"{group.count}",
            short_moment(group.last_seen),
            status_cell(group.status),
        )
    session.output.show(table)


@app.command("show", epilog="Example: aiartist error show 3f2a9c")
def show(ctx: typer.Context, error: ErrorArg) -> None:
    """Show one error group: cause, evidence, fix, occurrences, and what was done about it."""
    execute(ctx, lambda session: _show(session, error))


async def _show(session: Session, given: str) -> None:
    service = session.artist_db
    request = db.GetErrorGroupRequest(fingerprint=await finding.fingerprint(session, given))
    group = (await service.answer(service.stub.GetErrorGroup(request, timeout=session.timeout))).group
    if session.output.json:
        session.output.document(group)
    else:
        show_group(session.output, group)


@app.command("analyze", epilog="Example: aiartist error analyze 3f2a9c")
def analyze(ctx: typer.Context, error: ErrorArg) -> None:
    """Have an error explained again, though nothing changed."""
    execute(ctx, lambda session: error_orders.analyze(session, error))


ReasonOption = Annotated[str, typer.Option(help="Why; kept with the error.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command("ignore", epilog="Example: aiartist error ignore 3f2a9c --reason 'known, harmless'")
def ignore(ctx: typer.Context, error: ErrorArg, reason: ReasonOption = "") -> None:
    """Do nothing more about an error and tell nobody; it is still counted."""
    execute(ctx, lambda session: error_orders.ignore(session, error, reason))


@app.command("reopen", epilog="Example: aiartist error reopen 3f2a9c")
def reopen(ctx: typer.Context, error: ErrorArg, reason: ReasonOption = "") -> None:
    """Take up an error again that was ignored or given up."""
    execute(ctx, lambda session: error_orders.reopen(session, error, reason))


@app.command("apply", epilog="Example: aiartist error apply 3f2a9c --yes")
def apply(
    ctx: typer.Context,
    error: ErrorArg,
    commit: Annotated[
        str, typer.Option(help="The fix that was looked at; refused where another one waits by now.")
    ] = "",
    yes: YesOption = False,
) -> None:
    """Bring a proven fix into the code; it is watched from then on.

    Only where AIARTIST_AUTO_FIX_MODE is apply.
    """
    execute(ctx, lambda session: error_orders.apply(session, error, commit, yes=yes))


@app.command("revert", epilog="Example: aiartist error revert 3f2a9c --reason 'breaks the panel'")
def revert(ctx: typer.Context, error: ErrorArg, reason: ReasonOption = "", yes: YesOption = False) -> None:
    """Take an applied fix out of the code again."""
    execute(ctx, lambda session: error_orders.revert(session, error, reason, yes=yes))


@app.command("watch", epilog="Example: aiartist error watch --status fix_suggested --json")
def watch(
    ctx: typer.Context,
    status: Annotated[
        list[StatusName] | None, typer.Option(help="Only changes to this status; may be given again.")
    ] = None,
    service: Annotated[str, typer.Option(help="Only errors of this service.")] = "",
    after: Annotated[
        int | None, typer.Option(min=0, help="Begin after this sequence number; default: from now on.")
    ] = None,
) -> None:
    """Watch errors as they come and what is done about them, until Ctrl-C; a line each."""
    statuses = [one.value for one in status or ()]
    execute(ctx, lambda session: error_watch.follow(session, statuses, service, after))


@app.command("setup", epilog="Example: aiartist error setup --json")
def setup(ctx: typer.Context) -> None:
    """Show how errors are repaired here: the mode, what it lacks, and the limits."""
    execute(ctx, error_setup.show_setup)


def _end_of(place: str) -> str:
    """The end of a dotted place tells more than its beginning."""
    return place if len(place) <= _MAX_PLACE else f"…{place[1 - _MAX_PLACE :]}"
