"""Error groups: the list, and one of them."""

import re
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from aiartist.artist_db.v1 import artist_db_pb2 as db
from services.notifier.hours import told
from services.notifier.panel import desk as ask
from services.notifier.panel.desk import Desk
from services.notifier.panel.pages import Page, page_after, remarks, tap, turning
from services.notifier.panel.refusals import missing
from services.notifier.panel.screen import Screen
from services.notifier.panel.words import ago, count, moment
from services.notifier.peers import CALL_TIMEOUT_S, found
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

_TYPE = re.compile(r"\w+(\.\w+)+")
_NAMELESS = "an error without a name"


async def show_list(desk: Desk, after: str = "") -> Screen:
    """A page of error groups, last seen first."""
    page = await page_after(ask.errors(desk.peers), after, _key, place=_place)
    return list_screen(page, await desk.now())


def list_screen(page: Page[db.ErrorGroup], now: datetime) -> Screen:
    """A page of error groups as people see it."""
    if page.items:
        lines = [bold(" ".join(filter(None, ["🐞 Errors", page.span])))]
        for group in page.items:
            lines.append(plain(_short_title(group, 36)))
            seen = f"{group.count:,} × · {ago(group.last_seen, now)}"
            lines.append(plain(f"    {seen} · {one_line(', '.join(group.services), 20)}"))
        lines += remarks(page, "aiartist error list")
    else:
        lines = [plain("✅ No errors are known.")]
    buttons = [tap(_short_title(group, 32), f"p:error:{group.fingerprint}") for group in page.items]
    turn = turning(page, lambda anchor: f"p:errors:{anchor}")
    return Screen(fitting(lines, MESSAGE_MOST), rows(*buttons, turn, tap("« Menu", "p:menu")))


async def show(desk: Desk, fingerprint: str) -> Screen:
    """One error group."""
    request = db.GetErrorGroupRequest(fingerprint=fingerprint)
    answer = await found("artist_db", desk.peers.artist_db.GetErrorGroup(request, timeout=CALL_TIMEOUT_S))
    if answer is None:
        return missing("error", "Errors", "p:errors")
    return group_screen(answer.group, desk.where)


def group_screen(group: db.ErrorGroup, where: ZoneInfo) -> Screen:
    """One error group as people see it: what, where, how often, and its newest sample."""
    lines = [
        joined([plain("🐞"), bold(one_line(group.title, 80) or _NAMELESS)], " "),
        plain(f"in {one_line(group.culprit, 120) or 'an unknown place'}"),
        plain(f"{count(group.count, 'time')} · {one_line(group.status, 24) or 'new'}"),
        plain(f"First {told(moment(group.first_seen), where)}"),
        plain(f"Last {told(moment(group.last_seen), where)}"),
        plain(f"Services: {one_line(', '.join(group.services), 80) or 'none named'}"),
    ]
    if group.samples:
        lines += _sample(group.samples[0])
    if group.HasField("report") and group.report.cause:
        lines += [plain("Cause, as analysed:"), quote(plain(one_line(group.report.cause, 200)))]
    lines.append(code(one_line(group.fingerprint, 32)))
    return Screen(fitting(lines, MESSAGE_MOST), rows(tap("« Errors", "p:errors")))


def _sample(sample: db.ErrorSample) -> list[Rich]:
    """What the newest occurrence said: its message and the last line of its text."""
    last = one_line(next((line for line in reversed(sample.text.splitlines()) if line.strip()), ""), 120)
    said = [plain(one_line(sample.message, 120)), plain(last) if last != sample.message else Rich()]
    lines = [plain("The newest:"), quote(joined(said))] if any(said) else []
    if sample.error_id:
        lines.append(joined([plain("Error id:"), code(one_line(sample.error_id, 40))], " "))
    return lines


def _short_title(group: db.ErrorGroup, most: int) -> str:
    """For a list: an exception's type goes without its modules."""
    title = group.title.rpartition(".")[2] if _TYPE.fullmatch(group.title) else group.title
    return one_line(title, most) or _NAMELESS


def _key(group: db.ErrorGroup) -> str:
    return f"{group.last_seen.ToMicroseconds()}.{group.fingerprint}"


def _place(groups: Sequence[db.ErrorGroup], anchor: str) -> int | None:
    """By time: a group that was seen again since has moved to the top, and the rest stays in order."""
    micros, _, fingerprint = anchor.partition(".")
    if not (micros.isascii() and micros.isdecimal()):
        return None
    last = (int(micros), fingerprint)
    return next(
        (
            at
            for at, group in enumerate(groups)
            if (group.last_seen.ToMicroseconds(), group.fingerprint) < last
        ),
        None,
    )
