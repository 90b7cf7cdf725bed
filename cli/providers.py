"""`aiartist provider ...`: where songs come from."""

import time

import typer
from rich.table import Table
from rich.text import Text

from aiartist.release.v1 import release_pb2
from cli.models_view import until
from cli.output import cell, listing
from cli.session import Session, execute
from cli.texts import plain, seconds_of

app = typer.Typer(no_args_is_help=True, help="Music providers: which there are, and how each is.")
_STYLES = {"closed": "green", "open": "red", "half-open": "yellow"}


@app.command("list", epilog="Example: aiartist provider list --json")
def show(ctx: typer.Context) -> None:
    """Show the music providers in the order in which they are tried.

    Each replica of the release service has breakers of its own: of several, this shows the one reached.
    """
    execute(ctx, _show)


async def _show(session: Session) -> None:
    service, output = session.release, session.output
    request = release_pb2.ListMusicProvidersRequest()
    found = await service.answer(service.stub.ListMusicProviders(request, timeout=session.timeout))
    if output.json:
        output.document(found)
        return
    output.show(_table(found, now=time.time()))
    details = [provider for provider in found.providers if provider.configured and provider.detail]
    for provider in details:
        output.say(f"{plain(provider.name)} failed last with {plain(provider.detail)}")


def _table(response: release_pb2.ListMusicProvidersResponse, *, now: float) -> Table:
    table = listing("provider", "state", "takes", "address", right=("takes",))
    for column in (table.columns[1], table.columns[3]):
        column.no_wrap, column.overflow = False, "fold"
    for provider in response.providers:
        table.add_row(
            cell(provider.name, 20), _state(provider, now), f"{provider.takes:,}", cell(provider.address)
        )
    return table


def _state(provider: release_pb2.MusicProvider, now: float) -> Text:
    if not provider.configured:
        return Text(f"left out: {plain(provider.detail)}", style="dim")
    words = {"closed": "ready", "half-open": "half-open: next take is a probe"}
    told = words.get(provider.breaker, plain(provider.breaker))
    if provider.HasField("retry_at"):
        told += f", tried again {until(seconds_of(provider.retry_at) - now)}"
    return Text(told, style=_STYLES.get(provider.breaker, ""))
