"""Budgets: what may be spent, and what is left."""

import re
from collections.abc import Sequence
from decimal import Decimal

from aiartist.artist_db.v1 import artist_db_pb2 as db
from services.notifier.panel import desk as ask
from services.notifier.panel.desk import Desk
from services.notifier.panel.pages import tap
from services.notifier.panel.refusals import Refused, wrong_use
from services.notifier.panel.screen import Screen
from services.notifier.panel.words import amount
from services.notifier.telegram import cards
from services.notifier.telegram.post import rows
from services.notifier.telegram.text import Rich, bold, code, joined, one_line, plain

MOST_USD = 1_000_000
EXAMPLES = ("/budget day 5", "/budget artist Nova Vale 2.50", "/budget run run_0q8w off")
_AMOUNT = re.compile(r"\$?([0-9]{1,7}(?:\.[0-9]{1,6})?)\$?", re.ASCII)
_SOURCES = {"own": "set for it", "scope": "set for all alike", "settings": "from the settings"}


async def show(desk: Desk, subject: str = "") -> Screen:
    """The day's budget, and that of an artist or a run by its id."""
    is_artist = subject.startswith("art_")
    budgets = await ask.budgets(
        desk.peers, artist_id=subject if is_artist else "", run_id="" if is_artist else subject
    )
    name = (await ask.names(desk.peers, [subject], 30))[subject] if is_artist else subject
    return budget_screen(budgets, name, subject, operates=desk.operates)


def budget_screen(budgets: Sequence[db.Budget], name: str, subject: str, *, operates: bool) -> Screen:
    """Budgets as people see them; `name` is the subject's."""
    lines = [bold("💵 Budgets")]
    for budget in budgets:
        lines += _lines(budget, name)
    if operates:
        lines.append(joined([plain("To change one:"), code(EXAMPLES[0])], " "))
    back = []
    if subject.startswith("art_"):
        back = tap("« Artist", f"p:artist:{subject}")
    elif subject:
        back = tap("« Run", f"p:run:{subject}")
    refresh = f"p:budget:{subject}" if subject else "p:budget"
    return Screen(joined(lines), rows([*(back or tap("« Menu", "p:menu")), *tap("Refresh", refresh)]))


def _lines(budget: db.Budget, name: str) -> list[Rich]:
    whose = {
        db.BUDGET_SCOPE_DAY: f"The label on {budget.day}",
        db.BUDGET_SCOPE_ARTIST: f"{one_line(name, 30)} on {budget.day}",
    }.get(budget.scope, f"Run {one_line(budget.subject, 34)}")
    used = budget.spent_micro_usd + budget.held_micro_usd
    # Rounded down: 100 % is said only where nothing is left.
    share = f" · {used * 100 // budget.limit_micro_usd} %" if budget.limit_micro_usd else ""
    held = f", {cards.usd(budget.held_micro_usd)} held" if budget.held_micro_usd else ""
    return [
        bold(whose),
        plain(f"{cards.usd(budget.spent_micro_usd)} of {amount(budget.limit_micro_usd)} spent{held}"),
        plain(f"{cards.usd(budget.left_micro_usd)} left{share}"),
        plain(f"The limit is {_SOURCES.get(budget.source, one_line(budget.source, 20))}"),
    ]


def micro_usd(given: str) -> int | None:
    """`5`, `0.50` or `$5` as millionths, `off` as None; Refused for what is neither."""
    if given.lower() == "off":
        return None
    match = _AMOUNT.fullmatch(given)
    if match is None or Decimal(match[1]) > MOST_USD:
        raise not_an_amount(given)
    return int(Decimal(match[1]) * 1_000_000)


def is_amount(given: str) -> bool:
    """Whether a word is an amount or `off`."""
    return given.lower() == "off" or _AMOUNT.fullmatch(given) is not None


def not_an_amount(given: str) -> Refused:
    return wrong_use(
        f"An amount is US dollars from 0 to {MOST_USD:,}, such as 5 or 0.50, or off; "
        f"not “{one_line(given, 30)}”.",
        *EXAMPLES,
    )


def changed(budget: db.Budget, name: str) -> str:
    """What a budget is from now on, in a line; `name` is the artist's, where it is one's."""
    whose = {db.BUDGET_SCOPE_DAY: "The label", db.BUDGET_SCOPE_ARTIST: name}.get(budget.scope, "The run")
    daily = "" if budget.scope == db.BUDGET_SCOPE_RUN else " a day"
    return f"{whose}: at most {amount(budget.limit_micro_usd)}{daily}, {amount(budget.left_micro_usd)} left"
