"""`aiartist message ...`: what people were told, and telling them something."""

from enum import StrEnum
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from aiartist.notifier.v1 import notifier_pb2 as notify
from cli import finding
from cli.output import Output, cell, listing, state_cell
from cli.session import Session, execute, new_request_id
from cli.texts import delivery_state, message_kind, moment, short_moment

app = typer.Typer(no_args_is_help=True, help="What people were told, what became of it, and telling them.")


class SeverityName(StrEnum):
    """How urgent, as an option."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@app.command("list", epilog="Example: aiartist message list --run run_0q8w")
def list_messages(
    ctx: typer.Context,
    run: Annotated[str, typer.Option(help="Only about this run; the beginning of its id will do.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 30,
) -> None:
    """List what was said or waits to be said, newest first, and what became of it in each chat."""
    execute(ctx, lambda session: _list(session, run, limit))


async def _list(session: Session, run: str, limit: int) -> None:
    service = session.notifier
    run_id = await finding.run_id(session, run) if run else ""

    async def fetch(size: int, token: str) -> notify.ListMessagesResponse:
        request = notify.ListMessagesRequest(run_id=run_id, page_size=size, page_token=token)
        return await service.answer(service.stub.ListMessages(request, timeout=session.timeout))

    found = await finding.pages(fetch, "messages", limit=limit)
    if session.output.json:
        session.output.document(found)
    elif found.messages:
        session.output.show(_table(found))
    else:
        session.output.say("no messages")


@app.command("send", epilog="Example: aiartist message send 'Studio moves on Friday' --severity warning")
def send(
    ctx: typer.Context,
    title: Annotated[str, typer.Argument(metavar="TITLE", help="One line.", show_default=False)],
    body: Annotated[str, typer.Option(help="The rest.")] = "",
    severity: Annotated[SeverityName, typer.Option(help="How urgent.")] = SeverityName.INFO,
    run: Annotated[str, typer.Option(help="About which run; the beginning of its id will do.")] = "",
    artist: Annotated[str, typer.Option(help="About which artist, by name or id.")] = "",
) -> None:
    """Tell people something, where they are told everything else."""

    async def work(session: Session) -> None:
        service = session.notifier
        request = notify.NotifyRequest(
            request_id=new_request_id(),
            severity=notify.Severity.Value(f"SEVERITY_{severity.upper()}"),
            title=title,
            body=body,
            run_id=await finding.run_id(session, run) if run else "",
            artist_id=(await finding.artist(session, artist)).id if artist else "",
        )
        answer = await service.answer(service.stub.Notify(request, timeout=session.timeout))
        _told(session.output, answer)

    execute(ctx, work)


def _told(output: Output, answer: notify.NotifyResponse) -> None:
    if output.json:
        output.document(answer)
    else:
        output.say(f"{answer.message_id} is kept and goes out now; see: aiartist message list")


def _table(found: notify.ListMessagesResponse) -> Table:
    table = listing("stored", "kind", "title", "chat", "state", "why")
    # What went wrong is worth as many lines as it takes.
    table.columns[-1].no_wrap, table.columns[-1].overflow = False, "fold"
    for message in found.messages:
        about: list[str | Text] = [
            short_moment(message.created_at),
            message_kind(message.kind),
            cell(message.title, 30),
        ]
        for chat, state, why in _fates(message):
            table.add_row(*about, cell(chat, 14), state_cell(state), cell(why))
            about = ["", "", ""]
    return table


def _fates(message: notify.Message) -> list[tuple[str, str, str]]:
    """Chat, state and trouble of each delivery; of none, what is known of the whole."""
    if message.deliveries:
        return [(d.chat, delivery_state(d.state), d.error) for d in message.deliveries]
    if message.HasField("delivered_at"):
        return [("console", "sent", f"on {moment(message.delivered_at)}")]
    return [("", "waiting", "")]
