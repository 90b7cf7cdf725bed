"""Runs: the list, for looking and for choosing, and one of them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.scheduler.v1 import scheduler_pb2 as sched
from services.notifier.hours import age, told
from services.notifier.panel import desk as ask
from services.notifier.panel.desk import Desk, soft
from services.notifier.panel.pages import Page, page_after, remarks, tap, turning
from services.notifier.panel.refusals import missing
from services.notifier.panel.screen import Screen
from services.notifier.panel.words import (
    RUN_ICONS,
    STAGE_ICONS,
    ago,
    moment,
    place,
    run_state,
    silence,
    stage,
    title_of,
)
from services.notifier.peers import CALL_TIMEOUT_S, found
from services.notifier.questions import verdict_of
from services.notifier.store import approvals
from services.notifier.telegram import cards
from services.notifier.telegram.post import rows
from services.notifier.telegram.text import (
    MESSAGE_MOST,
    Rich,
    bold,
    code,
    fitting,
    joined,
    one_line,
    plain,
    quote,
)

UNDER_WAY = (
    sched.RUN_STATE_QUEUED,
    sched.RUN_STATE_COMPOSING,
    sched.RUN_STATE_PRODUCING,
    sched.RUN_STATE_AWAITING_APPROVAL,
    sched.RUN_STATE_RELEASING,
)
_ENDED = (
    sched.RUN_STATE_RELEASED,
    sched.RUN_STATE_REJECTED,
    sched.RUN_STATE_EXPIRED,
    sched.RUN_STATE_CANCELLED,
)
_STAGES_MOST = 5


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a list of runs is for."""

    heading: str
    none: str
    states: Sequence[sched.RunState.ValueType] = field(default=())
    action: str = "p:run"
    """What choosing one does, as a button's data."""


PURPOSES: Mapping[str, Purpose] = {
    "all": Purpose("Runs", "There is no run yet. /new starts one."),
    "live": Purpose("▶️ Runs under way", "No run is under way. /new starts one.", UNDER_WAY),
    "failed": Purpose("❌ Failed runs", "No run has failed.", (sched.RUN_STATE_FAILED,)),
    "cancel": Purpose("🛑 Cancel: which?", "No run is under way.", UNDER_WAY, "x:cancel"),
    "retry": Purpose("🔁 Retry: which?", "No run has failed.", (sched.RUN_STATE_FAILED,), "x:retry"),
}
_FILTERS = (("All", "all"), ("Under way", "live"), ("Failed", "failed"))


@dataclass(frozen=True, slots=True)
class Around:
    """What a run's screen shows from elsewhere; None: not to be had now."""

    artist: str
    cost_micro_usd: int | None
    question: str
    """The message that asks about it; empty: none is open."""


async def show_list(desk: Desk, purpose: str = "all", artist: str = "", after: str = "") -> Screen:
    """A page of runs, the newest first; `artist` and `after` are bare ids.

    `purpose` is a name of `PURPOSES` or its first letter: a button has no room for more beside two ids.
    """
    name = next((name for name in PURPOSES if purpose and name.startswith(purpose)), "all")
    artist_id = f"art_{artist}" if artist else ""
    page = await page_after(
        ask.runs(desk.peers, PURPOSES[name].states, artist_id),
        f"run_{after}" if after else "",
        lambda run: run.id,
    )
    names = await ask.names(desk.peers, (run.artist_id for run in page.items), 18)
    return list_screen(page, name, artist, names, await desk.now())


def list_screen(
    page: Page[sched.Run], purpose: str, artist: str, names: Mapping[str, str], now: datetime
) -> Screen:
    """A page of runs as people see it."""
    what = PURPOSES[purpose]
    if page.items:
        lines = [bold(" ".join(filter(None, [what.heading, page.span])))]
        for run in page.items:
            icon = RUN_ICONS.get(run.state, "▶️")
            whose = one_line(names.get(run.artist_id, run.artist_id), 18)
            lines.append(joined([plain(icon), bold(title_of(run.title, 20)), plain(f"· {whose}")], " "))
            lines.append(plain(f"    {run_state(run.state)} · {ago(run.created_at, now)}"))
        lines += remarks(page, "aiartist run list")
    else:
        lines = [plain(what.none)]
    buttons = [
        tap(f"{title_of(run.title, 20)} · {run_state(run.state)}", f"{what.action}:{run.id}")
        for run in page.items
    ]
    filters = [
        button
        for text, other in _FILTERS
        if what.action == "p:run" and other != purpose
        for button in tap(text, f"p:runs:{other[0]}:{artist}")
    ]
    back = tap("« Artist", f"p:artist:art_{artist}") if artist else tap("« Menu", "p:menu")
    turn = turning(page, lambda anchor: f"p:runs:{purpose[0]}:{artist}:{anchor.removeprefix('run_')}")
    return Screen(fitting(lines, MESSAGE_MOST), rows(*buttons, turn, filters, back))


async def show(desk: Desk, run_id: str) -> Screen:
    """One run."""
    run = await desk.peers.run(run_id)
    return missing("run", "Runs", "p:runs") if run is None else await show_run(desk, run)


async def show_run(desk: Desk, run: sched.Run) -> Screen:
    """A run that was read just now; what artist_db knows of it is left out where that is away."""
    spend = found(
        "artist_db",
        desk.peers.artist_db.GetSpend(db.GetSpendRequest(run_id=run.id), timeout=CALL_TIMEOUT_S),
    )
    names, spent = await asyncio.gather(ask.names(desk.peers, [run.artist_id], 36), soft(spend))
    waits = run.state == sched.RUN_STATE_AWAITING_APPROVAL
    question = await approvals.open_of_run(desk.connection, run.id) if waits else None
    around = Around(
        names[run.artist_id],
        spent.total_cost_micro_usd if spent is not None else None,
        question.message_id if question is not None else "",
    )
    return run_screen(run, around, operates=desk.operates, now=await desk.now(), where=desk.where)


def run_screen(run: sched.Run, around: Around, *, operates: bool, now: datetime, where: ZoneInfo) -> Screen:
    """One run as people see it."""
    icon = RUN_ICONS.get(run.state, "▶️")
    cost = "artist_db does not answer" if around.cost_micro_usd is None else cards.usd(around.cost_micro_usd)
    lines = [
        joined([plain(icon), bold(title_of(run.title))], " "),
        plain(f"by {one_line(around.artist, 36)}"),
        plain(_standing(run)),
        *_stages(run, now),
        *_decision(run, where),
        *_error(run),
        *_until(run, where),
        plain(f"Started {told(moment(run.created_at), where)} by {_starter(run)}"),
        plain(f"Changed {ago(run.updated_at, now)}{' · autopilot' if run.autopilot else ''}"),
        plain(f"💵 {cost}"),
        place(run.location),
        code(one_line(run.id, 40)),
    ]
    changes = []
    if operates and run.state == sched.RUN_STATE_FAILED:
        changes += tap("🔁 Retry", f"x:retry:{run.id}")
    if operates and run.state in UNDER_WAY:
        changes += tap("🛑 Cancel", f"x:cancel:{run.id}")
    ask_again = tap("🎧 Show the question", f"q:show:{around.question}") if around.question else []
    look = [*tap("🎤 Artist", f"p:artist:{run.artist_id}"), *tap("💵 Budget", f"p:budget:{run.id}")]
    again = [*tap("« Runs", "p:runs"), *tap("Refresh", f"p:run:{run.id}")]
    return Screen(fitting(lines, MESSAGE_MOST), rows(ask_again, changes, look, again))


def _stages(run: sched.Run, now: datetime) -> list[Rich]:
    lines = []
    for execution in run.stages[-_STAGES_MOST:]:
        icon = STAGE_ICONS.get(execution.state, "▶️")
        until = moment(execution.ended_at) if execution.HasField("ended_at") else now
        took = age((until - moment(execution.started_at)).total_seconds())
        tries = f" · {execution.attempts} tries" if execution.attempts > 1 else ""
        take = f" {execution.take_number}" if execution.take_number > 1 else ""
        lines.append(plain(f"{icon} {stage(execution.stage)}{take} · {took}{tries}"))
    return lines


def _standing(run: sched.Run) -> str:
    """How far a run is; its state alone where it has ended, though the label may still look back on it."""
    if run.state in _ENDED or run.stage == sched.STAGE_NAME_REFLECT:
        return run_state(run.state)
    take = f" · take {run.take_number}" if run.take_number else ""
    of = f" of {run.takes_wanted}" if run.takes_wanted > 1 and run.take_number <= run.takes_wanted else ""
    return f"{run_state(run.state)} · {stage(run.stage)}{take}{of}"


def _decision(run: sched.Run, where: ZoneInfo) -> list[Rich]:
    if not run.HasField("decision"):
        return []
    ended = verdict_of(run.decision)
    lines = [plain(cards.ending(ended, where))]
    if ended.reason:
        lines.append(quote(plain(one_line(ended.reason, 120))))
    return lines


def _error(run: sched.Run) -> list[Rich]:
    if not run.HasField("error"):
        return []
    why = run.error.reason.removeprefix("ERROR_REASON_").replace("_", " ").lower()
    lines = [plain(f"❌ {one_line(why, 40) or 'failed'}")]
    if run.error.message:
        lines.append(quote(plain(one_line(run.error.message, 160))))
    if not run.error.retryable:
        lines.append(plain("A retry alone may not help."))
    return lines


def _until(run: sched.Run, where: ZoneInfo) -> list[Rich]:
    if run.state != sched.RUN_STATE_AWAITING_APPROVAL:
        return []
    if not run.HasField("approval_expires_at"):
        return [plain(f"When nobody answers: {silence(run.on_silence)}")]
    return [plain(f"Until {told(moment(run.approval_expires_at), where)}, then {silence(run.on_silence)}")]


def _starter(run: sched.Run) -> str:
    return one_line(run.started_by, 24) or "nobody knows whom"
