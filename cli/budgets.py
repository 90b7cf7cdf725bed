"""`aiartist budget ...`: what models may cost."""

import re
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text
from typer.core import TyperCommand, TyperGroup

from aiartist.artist_db.v1 import artist_db_pb2 as db
from cli import finding
from cli.names import artist_names
from cli.output import cell, listing
from cli.session import Session, execute, new_request_id
from cli.texts import ABSENT, amount, dollars, plain

MOST_USD = 1_000_000
_MICRO = 1_000_000
_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
_NEGATIVE = re.compile(r"-[.0-9].*")
_SOURCES = {"own": "set for it", "scope": "set for all", "settings": "settings"}
_WARN_PERCENT, _FULL_PERCENT = 80, 100


class _ShowByDefault(TyperGroup):
    """Without a command of its own, `budget` shows: what comes are show's options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        bare = not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names)
        return super().parse_args(ctx, ["show", *args] if bare else args)


class _TakesAmount(TyperCommand):
    """Reads `-5` as the amount that it is meant to be, a wrong one, and not as an unknown option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        for argument in args:
            if _NEGATIVE.fullmatch(argument):
                raise typer.BadParameter(_not_an_amount(argument), ctx=ctx, param_hint="'USD'")
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_ShowByDefault,
    help="What models may cost: a day, an artist, a run. Without a command: show.",
)


class ScopeName(StrEnum):
    """What a budget limits, as an argument."""

    DAY = "day"
    ARTIST = "artist"
    RUN = "run"


_WHOSE = {
    ScopeName.DAY: "the label",
    ScopeName.ARTIST: "every artist without a limit of their own",
    ScopeName.RUN: "every run without a limit of its own",
}
_AGAIN = {"scope": "as set for all", "settings": "as the settings say"}


def _micro_usd(given: str) -> int:
    """`5` or `0.50` dollars as millionths; BadParameter for what is no such amount."""
    if not _AMOUNT.fullmatch(given) or Decimal(given) > MOST_USD:
        raise typer.BadParameter(_not_an_amount(given))
    return int(Decimal(given) * _MICRO)


def _not_an_amount(given: str) -> str:
    return f"expected US dollars from 0 to {MOST_USD:,} such as 5 or 0.50, was given {plain(given)!r}"


Scope = Annotated[
    ScopeName,
    typer.Argument(metavar="SCOPE", help="What is limited: day, artist or run.", show_default=False),
]
Usd = Annotated[
    int,
    typer.Argument(metavar="USD", parser=_micro_usd, help="US dollars, for example 5 or 0.50; 0: nothing."),
]
OfArtist = Annotated[
    str, typer.Option("--artist", help="This artist's, by name or id; else all that have none of their own.")
]
OfRun = Annotated[
    str,
    typer.Option("--run", help="This run's, by id or its beginning; else all that have none of their own."),
]


@app.command("show", epilog="Example: aiartist budget --artist 'Nova Vale'")
def show(
    ctx: typer.Context,
    artist: Annotated[str, typer.Option(help="Also this artist's, by name or id.")] = "",
    run: Annotated[str, typer.Option(help="Also this run's; the beginning of its id will do.")] = "",
) -> None:
    """Show the budgets, and what is spent and left of each.

    Held is what calls under way may cost at most. A day is a day of UTC.
    """

    async def work(session: Session) -> None:
        service = session.artist_db
        request = db.GetBudgetsRequest(
            artist_id=(await finding.artist(session, artist)).id if artist else "",
            run_id=await finding.run_id(session, run) if run else "",
        )
        found = await service.answer(service.stub.GetBudgets(request, timeout=session.timeout))
        if session.output.json:
            session.output.document(found)
            return
        names = await artist_names(
            session, [b.subject for b in found.budgets if b.scope == db.BUDGET_SCOPE_ARTIST]
        )
        session.output.show(_table(found, names))

    execute(ctx, work)


@app.command("set", cls=_TakesAmount, epilog="Example: aiartist budget set artist 3 --artist 'Nova Vale'")
def set_limit(ctx: typer.Context, scope: Scope, usd: Usd, artist: OfArtist = "", run: OfRun = "") -> None:
    """Limit what models may cost: a day, an artist's day, or a run."""
    _require_fitting(scope, artist, run)
    execute(ctx, lambda session: _change(session, scope, usd, artist, run))


@app.command("unset", epilog="Example: aiartist budget unset run --run run_0q8w")
def unset(ctx: typer.Context, scope: Scope, artist: OfArtist = "", run: OfRun = "") -> None:
    """Remove a limit: the wider one counts again."""
    _require_fitting(scope, artist, run)
    execute(ctx, lambda session: _change(session, scope, None, artist, run))


def _require_fitting(scope: ScopeName, artist: str, run: str) -> None:
    for given, of in ((artist, ScopeName.ARTIST), (run, ScopeName.RUN)):
        if given and scope is not of:
            raise typer.BadParameter(f"belongs to `{of}`, not to `{scope}`", param_hint=f"'--{of}'")


async def _change(session: Session, scope: ScopeName, micro_usd: int | None, artist: str, run: str) -> None:
    subject, whose = "", _WHOSE[scope]
    if artist:
        found = await finding.artist(session, artist)
        subject, whose = found.id, plain(found.persona.name)
    elif run:
        subject = whose = await finding.run_id(session, run)
    service = session.artist_db
    request = db.SetBudgetRequest(
        request_id=new_request_id(),
        scope=db.BudgetScope.Value(f"BUDGET_SCOPE_{scope.upper()}"),
        subject=subject,
        limit_micro_usd=micro_usd,
    )
    budget = (await service.answer(service.stub.SetBudget(request, timeout=session.timeout))).budget
    if session.output.json:
        session.output.document(budget)
        return
    limit = f"{whose}: at most {amount(budget.limit_micro_usd)}"
    if scope is not ScopeName.RUN:
        limit += " a day"
    if micro_usd is None:
        session.output.say(f"{limit} again, {_AGAIN.get(budget.source, budget.source)}")
    elif subject or scope is ScopeName.DAY:
        session.output.say(f"{limit}, {amount(budget.left_micro_usd)} left")
    else:
        session.output.say(limit)


def _table(found: db.GetBudgetsResponse, names: dict[str, str]) -> Table:
    numbers = ("limit", "spent", "held", "left", "used")
    table = listing("budget", *numbers, "limit from", right=numbers)
    for column in (table.columns[0], table.columns[-1]):
        # An amount is never cut off.
        column.no_wrap, column.overflow = False, "fold"
    for budget in found.budgets:
        table.add_row(
            _what(budget, names),
            amount(budget.limit_micro_usd),
            dollars(budget.spent_micro_usd),
            dollars(budget.held_micro_usd),
            dollars(budget.left_micro_usd),
            _used(budget),
            cell(_SOURCES.get(budget.source, budget.source), 12),
        )
    return table


def _what(budget: db.Budget, names: dict[str, str]) -> Text:
    match budget.scope:
        case db.BUDGET_SCOPE_DAY:
            return cell(f"day {budget.day}")
        case db.BUDGET_SCOPE_ARTIST:
            name = names.get(budget.subject, budget.subject)
            return cell(f"artist {name}", 30)
    return cell(budget.subject, 30)


def _used(budget: db.Budget) -> Text:
    if not budget.limit_micro_usd:
        return Text(ABSENT)
    # Rounded down: 100 % is said only where nothing is left.
    percent = (budget.spent_micro_usd + budget.held_micro_usd) * 100 // budget.limit_micro_usd
    style = "red" if percent >= _FULL_PERCENT else "yellow" if percent >= _WARN_PERCENT else ""
    return Text(f"{percent} %", style=style)
