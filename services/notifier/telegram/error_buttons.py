"""Buttons about an error group: under notices, and in the panel. error_analyzer decides what they may do."""

from aiartist.artist_db.v1 import artist_db_pb2 as db
from services.notifier.telegram.post import Button, Keyboard, button, rows

COMMIT_DIGITS = 12
"""Of a commit, in a button's data: as many as error_analyzer takes for one."""
_EXPLAINED_AGAIN = (
    "new",
    "analyzed",
    "analysis_failed",
    "fix_suggested",
    "fix_failed",
    "fix_skipped_invalid",
    "reverted",
)
_TAKEN_UP_AGAIN = ("ignored", "analysis_failed", "fix_failed", "fix_skipped_invalid", "reverted")
_ORDERED = (db.ErrorStep.KIND_APPLY, db.ErrorStep.KIND_REVERT)


def has_proven_fix(group: db.ErrorGroup) -> bool:
    """Whether a fix waits for somebody's yes."""
    return bool(group.status == "fix_suggested" and group.report.commit and group.step.kind not in _ORDERED)


def changes(group: db.ErrorGroup, *, applies: bool) -> Keyboard:
    """What an operator may order now. `applies`: fixes can be brought into the code here."""
    fingerprint, status = group.fingerprint, group.status or "new"
    fix: tuple[Button, ...] = ()
    if applies and has_proven_fix(group):
        commit = group.report.commit[:COMMIT_DIGITS]
        fix = button("🔧 Apply the fix", f"x:error.apply:{fingerprint}:{commit}")
    elif status == "fix_applied" and group.step.kind not in _ORDERED:
        fix = button("↩️ Take the fix out", f"x:error.revert:{fingerprint}")
    others: list[Button] = []
    if status not in ("fix_applied", "ignored"):
        others += button("🙈 Ignore", f"x:error.ignore:{fingerprint}")
    if status in _EXPLAINED_AGAIN and group.step.kind not in _ORDERED:
        others += button("🔎 Explain again", f"x:error.analyze:{fingerprint}")
    if status in _TAKEN_UP_AGAIN:
        others += button("🔁 Take up again", f"x:error.reopen:{fingerprint}")
    return rows(fix, others)


def notice_keyboard(fingerprint: str, group: db.ErrorGroup | None, *, applies: bool) -> Keyboard:
    """Under a notice about an error group, as it is now; `group` None: not to be had."""
    known = group if group is not None else db.ErrorGroup(fingerprint=fingerprint)
    fix = button("📄 Show the fix", f"p:error.fix:{fingerprint}") if known.report.diff else ()
    return rows([*button("🐞 Show", f"p:error:{fingerprint}"), *fix], *changes(known, applies=applies))
