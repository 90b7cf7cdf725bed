"""How the commands that run services themselves are called: `serve`, `demo`, `migrate`."""

from pathlib import Path
from typing import cast, get_args

import typer

from cli.failures import BAD_INPUT
from cli.output import Output, complain
from cli.persona_file import ArtistFile
from cli.session import run_and_exit
from cli.settings import load
from cli.yaml_file import FileProblems
from services.chassis.lifecycle import run_process
from services.chassis.settings import ChassisSettings


def serve_target(target: str, *, any_ports: bool) -> None:
    """Until a signal; exit 2 where there is no such target."""
    from cli.serve import Target, serve

    targets = get_args(Target)
    if target not in targets:
        complain(f"there is no target {target!r}; there are {', '.join(targets)}")
        raise typer.Exit(BAD_INPUT)
    # Checked just above.
    run_process(lambda: serve(cast(Target, target), any_ports=any_ports))


def make_demo(path: Path, output: Output) -> None:
    """One release; exit 2 where the artist's file can't be used."""
    from cli.demo import demo

    try:
        artist_file = ArtistFile.read(path)
    except FileProblems as problems:
        complain(*problems.lines())
        raise typer.Exit(BAD_INPUT) from None
    run_and_exit(lambda: demo(artist_file, output.console))


def migrate_database() -> None:
    """Applies what is missing and names it."""
    from cli.migrate import migrate_all

    async def work() -> None:
        secret = load().grafana_password
        password = None if secret is None else secret.get_secret_value()
        applied = await migrate_all(ChassisSettings.load().dsn(), grafana_password=password)
        for name in applied:
            typer.echo(f"applied {name}")
        if not applied:
            typer.echo("the database is up to date")

    run_and_exit(work)
