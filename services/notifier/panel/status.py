"""How the label stands, on one screen; a service that is away costs its lines, not the answer."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.scheduler.v1 import scheduler_pb2 as sched
from services.notifier.hours import age, told
from services.notifier.panel import desk as ask
from services.notifier.panel.desk import Desk, tried
from services.notifier.panel.pages import STEP, tap
from services.notifier.panel.screen import Screen
from services.notifier.panel.words import amount, artist_state, count, moment, run_state
from services.notifier.peers import Peers, found
from services.notifier.store import approvals
from services.notifier.telegram import cards
from services.notifier.telegram.post import rows
from services.notifier.telegram.text import MESSAGE_MOST, Rich, bold, fitting, one_line, plain

ANSWER_WITHIN_S = 4.0
"""A service that takes longer is told of as away."""
PAGES_MOST = 4
"""Pages of 500 artists or error groups that are counted."""
DAY = timedelta(days=1)
_LIVE = (
    sched.RUN_STATE_QUEUED,
    sched.RUN_STATE_COMPOSING,
    sched.RUN_STATE_PRODUCING,
    sched.RUN_STATE_RELEASING,
)
_OVER = (
    sched.RUN_STATE_RELEASED,
    sched.RUN_STATE_REJECTED,
    sched.RUN_STATE_EXPIRED,
    sched.RUN_STATE_FAILED,
    sched.RUN_STATE_CANCELLED,
)


@dataclass(frozen=True, slots=True)
class Roster:
    """Artists by state. `whole` is False where there are more than were counted."""

    states: Mapping[int, int]
    on_autopilot: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What was learnt; None where the service that knows it was away."""

    waiting: int
    waits_s: float
    work: sched.GetStatusResponse | None = None
    roster: Roster | None = None
    budgets: Sequence[db.Budget] | None = None
    new_errors: int | None = None
    troubles: Mapping[str, str] = field(default_factory=dict)
    """Services that do not answer as they should, and what they do instead."""


async def show(desk: Desk) -> Screen:
    """How the label stands now."""
    now = await desk.now()
    waiting, waits_s = await approvals.count_open(desk.connection)
    peers = desk.peers
    (
        (work, no_work),
        (roster, no_roster),
        (budgets, no_budgets),
        (errors, no_errors),
        unready,
    ) = await asyncio.gather(
        tried(_work(peers), ANSWER_WITHIN_S),
        tried(_roster(peers), ANSWER_WITHIN_S),
        tried(ask.budgets(peers), ANSWER_WITHIN_S),
        tried(_new_errors(peers, now), ANSWER_WITHIN_S),
        peers.trouble(ANSWER_WITHIN_S),
    )
    troubles = unready | {
        "scheduler": no_work,
        "artist_db": no_roster or no_budgets or no_errors,
    }
    standing = Standing(waiting, waits_s, work, roster, budgets, errors, troubles)
    return status_screen(standing, now, desk.where)


def status_screen(standing: Standing, now: datetime, where: ZoneInfo) -> Screen:
    """All of it as people see it."""
    lines = [bold(f"Status · {told(now, where)}"), _waiting(standing)]
    lines += _runs(standing, now)
    lines.append(_artists(standing))
    lines.append(_budget(standing))
    lines.append(_errors(standing))
    lines += _services(standing.troubles)
    return Screen(
        fitting(lines, MESSAGE_MOST),
        rows(
            [*tap("🎧 Waiting", "p:waiting:0"), *tap("Runs", "p:runs")],
            [*tap("🎤 Artists", "p:artists"), *tap("🚀 Releases", "p:releases")],
            [*tap("🐞 Errors", "p:errors"), *tap("💵 Budgets", "p:budget")],
            [*tap("« Menu", "p:menu"), *tap("Refresh", "p:status")],
        ),
    )


def _waiting(standing: Standing) -> Rich:
    if not standing.waiting:
        return plain("🎧 No song waits for a decision")
    oldest = age(standing.waits_s)
    if standing.waiting == 1:
        return plain(f"🎧 1 song waits, for {oldest}")
    return plain(f"🎧 {standing.waiting:,} songs wait, the oldest for {oldest}")


def _runs(standing: Standing, now: datetime) -> list[Rich]:
    if standing.work is None:
        return [plain("▶️ Runs: scheduler does not say")]
    counts: dict[int, int] = {entry.state: entry.count for entry in standing.work.runs}
    live = sum(counts.get(state, 0) for state in _LIVE)
    lines = [plain(f"▶️ {count(live, 'run')} under way, {count(standing.work.places, 'place')}")]
    if live:
        lines.append(plain(f"    {_counted(counts, _LIVE)}"))
    asked = counts.get(sched.RUN_STATE_AWAITING_APPROVAL, 0)
    if asked:
        since = ""
        if standing.work.HasField("waiting_since"):
            since = f", the longest for {age((now - moment(standing.work.waiting_since)).total_seconds())}"
        lines.append(plain(f"    {asked:,} awaiting approval{since}"))
    lines.append(plain(f"    last 24 h: {_counted(counts, _OVER) or 'none ended'}"))
    return lines


def _counted(counts: Mapping[int, int], states: Sequence[int]) -> str:
    return " · ".join(f"{counts[state]:,} {run_state(state)}" for state in states if counts.get(state))


def _artists(standing: Standing) -> Rich:
    roster = standing.roster
    if roster is None:
        return plain("🎤 Artists: artist_db does not say")
    more = "" if roster.whole else f" of the first {sum(roster.states.values()):,}"
    states = " · ".join(
        f"{number:,} {artist_state(state)}" for state, number in sorted(roster.states.items()) if number
    )
    autopilot = f" · {roster.on_autopilot:,} on autopilot" if roster.on_autopilot else ""
    return plain(f"🎤 Artists{more}: {states or 'none'}{autopilot}")


def _budget(standing: Standing) -> Rich:
    today = next((b for b in standing.budgets or () if b.scope == db.BUDGET_SCOPE_DAY), None)
    if today is None:
        return plain("💵 Budget: artist_db does not say")
    spent, limit, left = today.spent_micro_usd, today.limit_micro_usd, today.left_micro_usd
    return plain(f"💵 Today {cards.usd(spent)} of {amount(limit)}, {cards.usd(left)} left")


def _errors(standing: Standing) -> Rich:
    if standing.new_errors is None:
        return plain("🐞 Errors: artist_db does not say")
    return plain(f"🐞 {count(standing.new_errors, 'new error')} in the last day")


def _services(troubles: Mapping[str, str]) -> list[Rich]:
    lines = [plain(f"❌ {name} {one_line(why, 120)}") for name, why in troubles.items() if why]
    well = [name for name, why in troubles.items() if not why]
    return [*lines, plain(f"✅ answering: {', '.join(well)}")] if well else lines


async def _work(peers: Peers) -> sched.GetStatusResponse | None:
    request = sched.GetStatusRequest()
    return await found("scheduler", peers.scheduler.GetStatus(request, timeout=ANSWER_WITHIN_S))


async def _roster(peers: Peers) -> Roster:
    fetch, token = ask.artists(peers), ""
    states: Counter[int] = Counter()
    on_autopilot = 0
    for _ in range(PAGES_MOST):
        page, token = await fetch(STEP, token)
        states.update(artist.state for artist in page)
        on_autopilot += sum(1 for artist in page if artist.autopilot_enabled)
        if not token:
            break
    return Roster(states, on_autopilot, not token)


async def _new_errors(peers: Peers, now: datetime) -> int:
    """Groups that were seen first within the last day, and so last, too: they stand at the list's start."""
    fetch, token, new = ask.errors(peers), "", 0
    for _ in range(PAGES_MOST):
        page, token = await fetch(STEP, token)
        new += sum(1 for group in page if now - moment(group.first_seen) < DAY)
        if not token or now - moment(page[-1].last_seen) >= DAY:
            break
    return new
