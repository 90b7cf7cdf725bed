"""Error groups: the list, one of them, and its fix."""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from services.notifier.telegram.error_buttons import changes, has_proven_fix
from services.notifier.telegram.post import rows
from services.notifier.telegram.text import (
    MESSAGE_MOST,
    Rich,
    block,
    bold,
    clean,
    code,
    cut,
    fitting,
    joined,
    one_line,
    plain,
    quote,
    size_of,
)

_TYPE = re.compile(r"\w+(\.\w+)+")
_NAMELESS = "an error without a name"
_DIFF_LINES, _DIFF_MOST = 60, 2_400
"""Lines and units of a diff that a message shows."""
_PROOF_LINES = 6
_STATUS_WORDS = {
    "analyzed": "explained",
    "analysis_failed": "not explained",
    "fix_suggested": "a fix waits",
    "fix_attempted": "a fix is tried",
    "fix_failed": "a fix failed",
    "fix_skipped_invalid": "a fix was no good",
    "fix_applied": "fixed, watched",
    "reverted": "fix taken out",
}
_ORDERED = {
    db.ErrorStep.KIND_APPLY: ", to be applied",
    db.ErrorStep.KIND_REVERT: ", to be taken out",
}
_SEVERITY_ICONS = {"low": "🟢", "medium": "🟡", "high": "🟠", "critical": "🔴"}


@dataclass(frozen=True, slots=True)
class ErrorList:
    """What a list of error groups is of. `data` leads to it, `tab` is what that button says."""

    heading: str
    none: str
    data: str
    tab: str
    statuses: Sequence[str] = ()


LISTS: Mapping[str, ErrorList] = {
    "open": ErrorList(
        "🐞 Open errors",
        "✅ No error is open.",
        "p:errors",
        "Open",
        (
            "new",
            "analyzed",
            "analysis_failed",
            "fix_suggested",
            "fix_attempted",
            "fix_failed",
            "fix_skipped_invalid",
            "reverted",
        ),
    ),
    "all": ErrorList("🐞 All errors", "✅ No errors are known.", "p:errors.all", "All"),
}


async def show_list(desk: Desk, which: str = "open", after: str = "") -> Screen:
    """A page of error groups, last seen first; `which` is a name of `LISTS`."""
    page = await page_after(ask.errors(desk.peers, LISTS[which].statuses), after, _key, place=_place)
    return list_screen(page, await desk.now(), which)


def list_screen(page: Page[db.ErrorGroup], now: datetime, which: str = "open") -> Screen:
    """A page of error groups as people see it."""
    what = LISTS[which]
    if page.items:
        lines = [bold(" ".join(filter(None, [what.heading, page.span])))]
        for group in page.items:
            lines.append(plain(_short_title(group, 36)))
            seen = f"{group.count:,} × · {ago(group.last_seen, now)}"
            lines.append(plain(f"    {seen} · {_status(group, 18)}"))
        lines += remarks(page, "aiartist error list")
    else:
        lines = [plain(what.none)]
    buttons = [tap(_short_title(group, 32), f"p:error:{group.fingerprint}") for group in page.items]
    turn = turning(page, lambda anchor: f"{what.data}:{anchor}")
    others = [
        one for name, other in LISTS.items() if name != which for one in tap(other.tab, f"{other.data}:")
    ]
    return Screen(fitting(lines, MESSAGE_MOST), rows(*buttons, turn, [*others, *tap("« Menu", "p:menu")]))


async def show(desk: Desk, fingerprint: str) -> Screen:
    """One error group."""
    group = await desk.peers.error(fingerprint)
    if group is None:
        return missing("error", "Errors", "p:errors:")
    return group_screen(group, desk.where, operates=desk.operates, applies=await _applies(desk, group))


async def show_fix(desk: Desk, fingerprint: str) -> Screen:
    """The newest fix of an error group."""
    group = await desk.peers.error(fingerprint)
    if group is None:
        return missing("error", "Errors", "p:errors:")
    return fix_screen(group, operates=desk.operates, applies=await _applies(desk, group))


async def ask_first(desk: Desk, verb: str, fingerprint: str, commit: str) -> Screen:
    """The question before a fix is applied or taken out; where that can't be done now, that."""
    group = await desk.peers.error(fingerprint)
    if group is None:
        return missing("error", "Errors", "p:errors:")
    back = f"p:error:{fingerprint}"
    report = group.report
    applies = verb == "error.apply"
    wanted = "fix_suggested" if applies else "fix_applied"
    if group.status != wanted or (applies and not report.commit):
        text = f"That cannot be done now: the error is {_status(group, 24)}."
        return Screen(plain(text), rows(tap("« Error", back)))
    if applies and not report.commit.startswith(commit):
        return Screen(plain("Another fix has come since. Look at it first."), rows(tap("« Error", back)))
    lines = [bold("Really apply this fix?" if applies else "Really take this fix out?")]
    lines.append(plain(one_line(group.title, 80) or _NAMELESS))
    lines += _cause(report)
    lines += _fix_facts(group)
    if applies:
        lines.append(
            plain("The code is changed. The fix is watched, and taken out when the error comes back.")
        )
        yes = tap("🔧 Yes, apply it", f"c:error.apply:{fingerprint}:{commit}")
    else:
        lines.append(plain("The code is changed back by a commit of its own."))
        yes = tap("↩️ Yes, take it out", f"c:error.revert:{fingerprint}")
    look = tap("📄 Show the fix", f"p:error.fix:{fingerprint}")
    return Screen(fitting(lines, MESSAGE_MOST), rows(yes, look, tap("« No, back", back)))


def group_screen(group: db.ErrorGroup, where: ZoneInfo, *, operates: bool, applies: bool) -> Screen:
    """One error group as people see it: what, where, how often, why, and what is done about it."""
    report = group.report
    lines = [
        joined([plain("🐞"), bold(one_line(group.title, 80) or _NAMELESS)], " "),
        plain(f"in {one_line(group.culprit, 80) or 'an unknown place'}"),
        plain(f"{count(group.count, 'time')} · {_status(group, 24)}"),
        *_judgement(report),
        *_reason(report),
        plain(f"First {told(moment(group.first_seen), where)}"),
        plain(f"Last {told(moment(group.last_seen), where)}"),
        plain(f"Services: {one_line(', '.join(group.services), 60) or 'none named'}"),
    ]
    if group.samples:
        lines += _sample(group.samples[0])
    lines += _cause(report)
    lines += _fix_facts(group)
    lines.append(code(one_line(group.fingerprint, 32)))
    look = tap("📄 Show the fix", f"p:error.fix:{group.fingerprint}") if report.diff else []
    orders = changes(group, applies=applies) if operates else ()
    again = [*tap("« Errors", "p:errors:"), *tap("Refresh", f"p:error:{group.fingerprint}")]
    return Screen(fitting(lines, MESSAGE_MOST), rows(*orders, look, again))


def fix_screen(group: db.ErrorGroup, *, operates: bool, applies: bool) -> Screen:
    """A fix as people see it: what it changes, and how it is known to be one."""
    report, back = group.report, f"p:error:{group.fingerprint}"
    if not report.diff:
        return Screen(plain("There is no fix of this error now."), rows(tap("« Error", back)))
    lines = [
        joined([plain("🔧"), bold(one_line(group.title, 80) or _NAMELESS)], " "),
        *_fix_facts(group),
        *_reason(report),
        plain(one_line(report.explanation, 300)),
        block(_shortened(report.diff, _DIFF_LINES, _DIFF_MOST)),
        plain(f"Test: {one_line(report.test_path, 80)}" if report.test_path else ""),
    ]
    if report.proof:
        tail = "\n".join(one_line(line, 100) for line in report.proof.splitlines()[-_PROOF_LINES:])
        lines.append(quote(plain(tail), folded=True))
    lines.append(plain(f"All of it: aiartist error show {group.fingerprint[:12]}"))
    orders = (
        changes(group, applies=applies)[:1] if operates and (applies or group.status == "fix_applied") else ()
    )
    return Screen(fitting(lines, MESSAGE_MOST), rows(*orders, tap("« Error", back)))


async def _applies(desk: Desk, group: db.ErrorGroup) -> bool:
    """Whether its fix can be applied here; where error_analyzer does not say, it is not offered."""
    return has_proven_fix(group) and bool(await ask.soft(desk.peers.applies_fixes()))


def _status(group: db.ErrorGroup, most: int) -> str:
    """For example `fix suggested`, `fix suggested, to be applied`."""
    word = _STATUS_WORDS.get(group.status, group.status.replace("_", " ") or "new")
    ordered = _ORDERED.get(group.step.kind, "")
    return f"{one_line(word, most)}{ordered}"


def _judgement(report: db.ErrorReport) -> list[Rich]:
    """How bad it is, and how sure that is."""
    if not report.severity:
        return []
    sure = f"{round(100 * min(1.0, max(0.0, report.confidence)))} % sure"
    mends = "code can mend it" if report.fixable else "no code mends it"
    icon = _SEVERITY_ICONS.get(report.severity, "⚪")
    return [plain(f"{icon} {one_line(report.severity, 10)} · {sure} · {mends}")]


def _reason(report: db.ErrorReport) -> list[Rich]:
    """Why it has this status, and who brought it about."""
    said = one_line(report.reason, 90)
    by = f"by {one_line(report.by, 30)}" if report.by else ""
    told_of = ": ".join(filter(None, (by, said)))
    return [plain(f"↳ {told_of}")] if told_of else []


def _cause(report: db.ErrorReport) -> list[Rich]:
    if not report.cause:
        return []
    return [plain("Cause, as analysed:"), quote(plain(one_line(report.cause, 150)))]


def _fix_facts(group: db.ErrorGroup) -> list[Rich]:
    """How large the newest fix is, and where it is."""
    report = group.report
    if not report.diff:
        return []
    if report.commit:
        where = f"{'commit' if report.applied_at.seconds else 'proven,'} {one_line(report.commit[:12])}"
    else:
        where = "nothing of it was run"
    return [plain(f"🔧 {diff_size(report.diff)} · {where}")]


def diff_size(diff: str) -> str:
    """For example `+3 -1 in 1 file`."""
    lines = diff.splitlines()
    files = sum(old.startswith("--- ") and new.startswith("+++ ") for old, new in itertools.pairwise(lines))
    added = sum(line.startswith("+") for line in lines) - files
    removed = sum(line.startswith("-") for line in lines) - files
    return f"+{added} -{removed} in {count(files, 'file')}"


def _shortened(text: str, most_lines: int, most: int) -> str:
    """The beginning, whole lines where they fit; tabs and long lines do not break a phone's screen."""
    kept: list[str] = []
    size = 0
    lines = text.expandtabs(4).splitlines()
    for line in lines[:most_lines]:
        # Blanks at the beginning of a line are a part of a diff.
        shown = cut(clean(line), 160)
        size += size_of(shown) + 1
        if size > most:
            break
        kept.append(shown)
    left = len(lines) - len(kept)
    return "\n".join([*kept, f"… {left} more lines"] if left else kept)


def _sample(sample: db.ErrorSample) -> list[Rich]:
    """What the newest occurrence said: its message and the last line of its text."""
    last = one_line(next((line for line in reversed(sample.text.splitlines()) if line.strip()), ""), 80)
    said = [plain(one_line(sample.message, 80)), plain(last) if last != sample.message else Rich()]
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
