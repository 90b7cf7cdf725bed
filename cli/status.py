"""`aiartist status`: how the label stands, at a glance, with whatever of it can be told now."""

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import asdict
from typing import Any, TypeVar

from google.protobuf.message import Message

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.scheduler.v1 import scheduler_pb2 as sched
from cli.checks import Check, service_check
from cli.failures import FAILED, ServiceFailure, explain
from cli.output import Output, as_dict, facts
from cli.session import Session
from cli.settings import SERVICES
from cli.texts import amount, duration, moment, run_state, seconds_of
from cli.watching import FINAL

R = TypeVar("R", bound=Message)

_UNDER_WAY = (
    sched.RUN_STATE_COMPOSING,
    sched.RUN_STATE_PRODUCING,
    sched.RUN_STATE_RELEASING,
)


async def show_status(session: Session) -> int:
    """Asks all at once and shows it; 1 where a service is not there or not ready."""
    scheduler, artist_db = session.scheduler, session.artist_db
    work, money, checks = await asyncio.gather(
        _or_why(
            scheduler.answer(scheduler.stub.GetStatus(sched.GetStatusRequest(), timeout=session.timeout))
        ),
        _or_why(artist_db.answer(artist_db.stub.GetBudgets(db.GetBudgetsRequest(), timeout=session.timeout))),
        asyncio.gather(*(service_check(session.settings, name) for name in SERVICES)),
    )
    if session.output.json:
        session.output.document(_document(work, money, checks))
    else:
        _show(session.output, work, money, checks)
    untold = isinstance(work, str) or isinstance(money, str)
    return FAILED if untold or any(check.status != "pass" for check in checks) else 0


async def _or_why(answer: Awaitable[R]) -> R | str:
    """The answer, or why there is none."""
    try:
        return await answer
    except ServiceFailure as failure:
        return "; ".join(explain(failure).lines)


def _document(
    work: sched.GetStatusResponse | str, money: db.GetBudgetsResponse | str, checks: list[Check]
) -> dict[str, Any]:
    """The scheduler's and artist_db's answers as they are, null where there is none, and the services."""
    return {
        "work": None if isinstance(work, str) else as_dict(work),
        "budgets": None if isinstance(money, str) else as_dict(money)["budgets"],
        "services": [asdict(check) for check in checks],
    }


def _show(
    output: Output,
    work: sched.GetStatusResponse | str,
    money: db.GetBudgetsResponse | str,
    checks: list[Check],
) -> None:
    away = [check for check in checks if check.status != "pass"]
    output.show(
        facts(
            runs=work if isinstance(work, str) else _runs(work),
            places="" if isinstance(work, str) else _places(work),
            waiting="" if isinstance(work, str) else _waiting(work),
            today=money if isinstance(money, str) else "; ".join(_today(b) for b in money.budgets),
            services=f"{len(checks) - len(away)} of {len(checks)} answer",
        )
    )
    for check in away:
        output.say(f"{check.name}: {check.detail}; {check.remedy}")
    if not isinstance(work, str) and work.HasField("waiting_since"):
        output.say("see what waits: aiartist run list --state awaiting_approval")


def _runs(work: sched.GetStatusResponse) -> str:
    told = ", ".join(f"{entry.count:,} {run_state(entry.state)}" for entry in work.runs)
    if any(entry.state in FINAL for entry in work.runs):
        told += " (what is over: in the last 24 hours)"
    return told or "none under way, none in 24 hours"


def _places(work: sched.GetStatusResponse) -> str:
    taken = sum(entry.count for entry in work.runs if entry.state in _UNDER_WAY)
    return f"{taken} of {work.places} taken"


def _waiting(work: sched.GetStatusResponse) -> str:
    if not work.HasField("waiting_since"):
        return "nothing waits for a person"
    age = duration(time.time() - seconds_of(work.waiting_since))
    return f"the oldest question since {moment(work.waiting_since)}, for {age}"


def _today(budget: db.Budget) -> str:
    return f"{amount(budget.spent_micro_usd)} of {amount(budget.limit_micro_usd)} spent, " + (
        f"{amount(budget.held_micro_usd)} held, {amount(budget.left_micro_usd)} left"
    )
