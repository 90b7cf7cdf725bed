"""`aiartist error ...`: what breaks, grouped."""

from typing import Annotated

import typer

from aiartist.artist_db.v1 import artist_db_pb2 as db
from cli import finding
from cli.output import cell, facts, listing
from cli.session import Session, execute
from cli.texts import moment, plain, short_moment

app = typer.Typer(no_args_is_help=True, help="What breaks: errors of all services, grouped by their cause.")

_SHOWN_DIGITS = 12
_MAX_PLACE = 30


@app.command("list", epilog="Example: aiartist error list --service scheduler")
def list_errors(
    ctx: typer.Context,
    service: Annotated[str, typer.Option(help="Only errors of this service.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
) -> None:
    """List error groups, last seen first."""
    execute(ctx, lambda session: _list(session, service, limit))


async def _list(session: Session, of_service: str, limit: int) -> None:
    service = session.artist_db

    async def fetch(size: int, token: str) -> db.ListErrorGroupsResponse:
        request = db.ListErrorGroupsRequest(service=of_service, page_size=size, page_token=token)
        return await service.answer(service.stub.ListErrorGroups(request, timeout=session.timeout))

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
            cell(group.title, 22),
            cell(_end_of(group.culprit), _MAX_PLACE),
            f"{group.count}",
            short_moment(group.last_seen),
            cell(group.status, 8),
        )
    session.output.show(table)


@app.command("show", epilog="Example: aiartist error show 3f2a9c")
def show(
    ctx: typer.Context,
    error: Annotated[str, typer.Argument(metavar="ERROR", help="Its fingerprint, or the beginning of it.")],
) -> None:
    """Show one error group with its newest occurrences."""
    execute(ctx, lambda session: _show(session, error))


async def _show(session: Session, given: str) -> None:
    service, output = session.artist_db, session.output
    request = db.GetErrorGroupRequest(fingerprint=await finding.fingerprint(session, given))
    group = (await service.answer(service.stub.GetErrorGroup(request, timeout=session.timeout))).group
    if output.json:
        output.document(group)
        return
    output.show(
        facts(
            title=group.title,
            where=group.culprit,
            error=group.fingerprint,
            count=f"{group.count}",
            services=", ".join(group.services),
            first_seen=moment(group.first_seen),
            last_seen=moment(group.last_seen),
            status=group.status,
            cause=group.report.cause,
        )
    )
    for sample in group.samples:
        output.say("")
        output.say(f"{moment(sample.time)}  {plain(sample.service)} {plain(sample.code_version)}")
        output.say(f"  {plain(sample.message)}")
        for line in sample.text.splitlines():
            output.say(f"  {plain(line)}")
        for name, value in sorted(sample.context.items()):
            output.say(f"  {plain(name)}={plain(value)}")


def _end_of(place: str) -> str:
    """The end of a dotted place tells more than its beginning."""
    return place if len(place) <= _MAX_PLACE else f"…{place[1 - _MAX_PLACE :]}"
