"""Songs that wait for a decision."""

from collections.abc import Sequence
from datetime import datetime

from services.notifier.hours import age
from services.notifier.panel.desk import Desk
from services.notifier.panel.pages import SIZE, tap
from services.notifier.panel.screen import Screen
from services.notifier.panel.words import count, title_of
from services.notifier.store import approvals
from services.notifier.store.approvals import Approval
from services.notifier.telegram.post import rows
from services.notifier.telegram.text import MESSAGE_MOST, bold, fitting, joined, one_line, plain

_DIGITS_MOST = 9


async def show(desk: Desk, told: str = "") -> Screen:
    """A page of open questions, the oldest first; `told` is how many stand before it."""
    waiting, _ = await approvals.count_open(desk.connection)
    is_number = told.isascii() and told.isdecimal() and len(told) <= _DIGITS_MOST
    # What was decided since has made the list shorter: its last page instead of an empty one.
    offset = min(int(told) if is_number else 0, max(0, waiting - 1) // SIZE * SIZE)
    page = await approvals.page_open(desk.connection, offset, SIZE)
    return waiting_screen(page, waiting, offset, await desk.now())


def waiting_screen(page: Sequence[Approval], waiting: int, offset: int, now: datetime) -> Screen:
    """A page of open questions as people see it."""
    if not page:
        others = [*tap("« Menu", "p:menu"), *tap("🧬 Proposals", "p:proposals")]
        return Screen(plain("✅ No song waits for a decision."), rows(others))
    verb = "waits" if waiting == 1 else "wait"
    lines = [bold(f"🎧 {count(waiting, 'song')} {verb} for a decision")]
    for number, approval in enumerate(page, start=offset + 1):
        for_how_long = age((now - approval.asked_at).total_seconds())
        by = one_line(approval.artist_name, 16)
        lines.append(joined([plain(f"{number}."), bold(title_of(approval.title, 24))], " "))
        artist = f"{by} · " if by else ""
        lines.append(plain(f"    {artist}take {approval.take_number} · for {for_how_long}"))
    shows = [
        tap(f"🎧 {number}. {title_of(approval.title, 26)}", f"q:show:{approval.message_id}")
        for number, approval in enumerate(page, start=offset + 1)
    ]
    turn = tap("‹", f"p:waiting:{max(0, offset - SIZE)}") if offset else []
    if offset + len(page) < waiting:
        turn = [*turn, *tap("›", f"p:waiting:{offset + len(page)}")]
    refresh = tap("Refresh", f"p:waiting:{offset}")
    others = [*tap("« Menu", "p:menu"), *tap("🧬 Proposals", "p:proposals"), *refresh]
    return Screen(fitting(lines, MESSAGE_MOST), rows(*shows, turn, others))
