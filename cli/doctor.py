"""`aiartist doctor`: the boot test."""

from dataclasses import asdict

from rich.table import Table

from cli.checks import Check, all_checks
from cli.failures import FAILED
from cli.music_checks import music_checks
from cli.output import Output, cell, listing, state_cell
from cli.settings import load_what_can_be
from cli.telegram_checks import telegram_checks


async def doctor(output: Output) -> int:
    """Checks everything and shows it; 1 where anything failed."""
    settings, wrong = load_what_can_be()
    checks = await all_checks(settings, wrong, telegram_checks(), music_checks())
    failed = sum(check.status == "fail" for check in checks)
    if output.json:
        output.document(
            {
                "ok": not failed,
                "checks": [asdict(check) for check in checks],
            }
        )
        return FAILED if failed else 0
    output.show(_table(checks))
    if failed:
        output.say(f"{failed} of {len(checks)} checks failed")
    else:
        warned = sum(check.status == "warn" for check in checks)
        output.say("all is well" if not warned else f"all is well, with {warned} warnings")
    return FAILED if failed else 0


def _table(checks: list[Check]) -> Table:
    table = listing("check", "", "found", "what to do")
    for column in table.columns[2:]:
        column.no_wrap, column.overflow = False, "fold"
    for check in checks:
        table.add_row(check.name, state_cell(check.status), cell(check.detail), cell(check.remedy))
    return table
