"""The `aiartist` command."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cli import (
    artist_changes,
    artist_life,
    artists,
    budgets,
    error_groups,
    experiments,
    llm,
    messages,
    performance,
    providers,
    releases,
    runs,
    trends,
)
from cli.output import Output
from cli.session import execute, output_of, run_and_exit
from services.chassis.version import VERSION


class _AnywhereJson(TyperGroup):
    """Lets `--json` stand anywhere: people add it to the end of what they just typed."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        others = [argument for argument in args[:end] if argument != "--json"]
        wanted = ["--json"] if len(others) < end else []
        return super().parse_args(ctx, [*wanted, *others, *args[end:]])


app = typer.Typer(
    cls=_AnywhereJson,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="An autonomous record label on your own machine.",
    epilog="Start the platform with `make up`, or see it all at once with `make demo`.",
)
artists.app.add_typer(artist_life.app)
artists.app.add_typer(artist_changes.app)
app.add_typer(artists.app, name="artist")
app.add_typer(runs.app, name="run")
app.add_typer(releases.app, name="release")
app.add_typer(error_groups.app, name="error")
app.add_typer(llm.app, name="llm")
app.add_typer(budgets.app, name="budget")
app.add_typer(messages.app, name="message")
app.add_typer(providers.app, name="provider")
app.add_typer(performance.app, name="performance")
app.add_typer(trends.app, name="trends")
app.add_typer(experiments.app, name="experiment")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"aiartist {VERSION}")
        raise typer.Exit


@app.callback()
def options(
    ctx: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="JSON for scripts; may stand anywhere.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """An autonomous record label on your own machine."""
    ctx.obj = Output(json_wanted=json)


@app.command("status", epilog="Example: aiartist status --json")
def status(ctx: typer.Context) -> None:
    """Show how the label stands: runs, what waits for people, today's budget, services.

    Exit 0: every service answers, 1: one does not.
    """
    from cli.status import show_status

    execute(ctx, show_status)


@app.command("doctor", epilog="Example: aiartist doctor --json")
def doctor(ctx: typer.Context) -> None:
    """Check settings, database, models, disk, Telegram, music providers and services.

    Exit 0: nothing failed, 1: something did.
    """
    from cli.doctor import doctor

    output = output_of(ctx)
    run_and_exit(lambda: doctor(output))


# What wires services is imported by its own command alone: the others need no service's code.


@app.command("serve", epilog="Example: aiartist serve --target all")
def serve(
    target: Annotated[str, typer.Option(help="`all`, one service by name, or `model`.")] = "all",
    any_ports: Annotated[bool, typer.Option("--any-ports", help="Take any free ports.")] = False,
) -> None:
    """Serve the platform, or one service of it, until Ctrl-C."""
    from cli.launcher import serve_target

    serve_target(target, any_ports=any_ports)


@app.command("demo", epilog="Example: aiartist demo --artist my-artist.yaml")
def demo(
    ctx: typer.Context,
    artist: Annotated[Path, typer.Option(help="The artist's file (YAML).")] = Path(
        "examples/artists/nova-vale.yaml"
    ),
) -> None:
    """Make one real release on this machine, from start to end."""
    from cli.launcher import make_demo

    make_demo(artist, output_of(ctx))


@app.command("migrate", epilog="Example: AIARTIST_DATABASE_URL=postgresql://... aiartist migrate")
def migrate() -> None:
    """Bring the database of AIARTIST_DATABASE_URL up to date."""
    from cli.launcher import migrate_database

    migrate_database()


def main() -> None:
    """What the installed command calls."""
    app(prog_name="aiartist")
