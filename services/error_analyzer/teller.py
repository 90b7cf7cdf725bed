"""Tells people, through notifier, of error groups: new ones, severe ones, and what becomes of fixes."""

import asyncio
import functools
import itertools
import time
from collections.abc import Callable, Sequence
from typing import ParamSpec

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.notifier.v1 import notifier_pb2 as pb
from services.chassis.ids import derived_id, new_id
from services.chassis.logs import get_logger
from services.chassis.notices import Notices
from services.error_analyzer.grouping import Occurrences, culprit_of

WINDOW_S = 60.0
MOST_A_WINDOW = 20
"""Groups of which is told one by one; of the others how many they are, when the window is over."""
MAX_MESSAGE = 1_000
SEVERE = ("high", "critical")
_SHOWN_DIGITS = 12
_log = get_logger("error_analyzer.teller")

_Told = ParamSpec("_Told")


def _raising_nothing(tell: Callable[_Told, None]) -> Callable[_Told, None]:
    """What can't be told is logged: whoever tells of its work must not lose the work by that."""

    @functools.wraps(tell)
    def told(*args: _Told.args, **kwargs: _Told.kwargs) -> None:
        try:
            tell(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - whatever it is, the work that it is about was done
            _log.error("people could not be told", what=tell.__name__, exc_info=error)

    return told


class Teller:
    """Each thing once in the life of a group, so that what goes wrong while it is told makes no loop.

    None of the methods waits or raises. Nothing is told of a group that is ignored.
    """

    def __init__(self, notices: Notices, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._notices = notices
        self._clock = clock
        self._window_ends = 0.0
        self._told = 0
        self._untold = 0
        self._flooded = asyncio.Event()

    @_raising_nothing
    def new_group(self, occurrences: Occurrences) -> None:
        """A group that nobody has seen before; a window too full for it counts it."""
        now = self._clock()
        if now >= self._window_ends:
            self._tell_of_the_rest()
            self._window_ends, self._told = now + WINDOW_S, 0
        if self._told < MOST_A_WINDOW and self._notices.tell(_new(occurrences)):
            self._told += 1
        else:
            self._untold += 1
            self._flooded.set()

    @_raising_nothing
    def analysed(self, group: db.ErrorGroup) -> None:
        """The cause of a severe error is known; of all others nobody is told."""
        report = group.report
        if report.severity not in SEVERE:
            return
        mends = "A change of code can mend it." if report.fixable else "No change of code mends it."
        self._tell(
            group,
            pb.SEVERITY_ERROR,
            f"{report.severity.capitalize()}: {group.title}",
            [f"Cause: {report.cause}", _where(group), f"{_sure(report)} {mends}", _how_often(group)],
            # A cause that was known before, and is reported once more, is no news.
            key=report.attempt_id if report.models else report.subject_digest,
        )

    @_raising_nothing
    def fix_waits(self, group: db.ErrorGroup) -> None:
        """A fix is written, and waits for a person's yes."""
        report, short = group.report, _short(group)
        if report.commit:
            known = "Proven: its test fails without it and passes with it, and the project's tests pass."
            how = [
                f"To take it: git merge {report.branch}",
                f"or, in the mode `apply`: aiartist error apply {short}",
            ]
        else:
            known = "Its form is in order; nothing of it was run."
            how = [f"To see it: aiartist error show {short}"]
        self._tell(
            group,
            pb.SEVERITY_WARNING,
            f"A fix waits: {group.title}",
            [f"Cause: {report.cause}", f"Fix: {report.explanation}", diff_size(report), known, *how],
        )

    @_raising_nothing
    def fix_applied(self, group: db.ErrorGroup) -> None:
        """A fix is in the code."""
        report = group.report
        self._tell(
            group,
            pb.SEVERITY_WARNING,
            f"A fix is applied: {group.title}",
            [
                f"Why: {report.reason}",
                f"By {report.by}." if report.by else "",
                f"{diff_size(report)} Commit {report.commit[:_SHOWN_DIGITS]}.",
                "It is watched, and taken out again when the error comes back.",
                f"To take it out: aiartist error revert {_short(group)}",
            ],
        )

    @_raising_nothing
    def fix_reverted(self, group: db.ErrorGroup) -> None:
        """A fix was taken out again."""
        report = group.report
        self._tell(
            group,
            pb.SEVERITY_ERROR,
            f"A fix is taken out again: {group.title}",
            [
                f"Why: {report.reason}",
                f"By {report.by}." if report.by else "",
                f"Commit {report.commit[:_SHOWN_DIGITS]}.",
                f"To have another one tried: aiartist error reopen {_short(group)}",
            ],
        )

    @_raising_nothing
    def fix_kept(self, group: db.ErrorGroup) -> None:
        """A fix was watched for long enough."""
        self._tell(
            group, pb.SEVERITY_INFO, f"A fix holds: {group.title}", [group.report.reason, _where(group)]
        )

    @_raising_nothing
    def needs_a_person(self, group: db.ErrorGroup, why: str) -> None:
        """A repair can't go on by itself."""
        self._tell(
            group,
            pb.SEVERITY_ERROR,
            f"A repair needs a person: {group.title}",
            [why, f"To see it: aiartist error show {_short(group)}"],
            what="person",
        )

    async def run(self) -> None:
        """Says after each flood how many more groups there were, until cancelled."""
        while True:
            await self._flooded.wait()
            left_s = self._window_ends - self._clock()
            if left_s > 0:
                await asyncio.sleep(left_s)
            else:
                self._tell_of_the_rest()

    def _tell(
        self,
        group: db.ErrorGroup,
        severity: pb.Severity.ValueType,
        title: str,
        lines: Sequence[str],
        *,
        what: str = "",
        key: str = "",
    ) -> None:
        """`what` and `key` are what makes it another notice than the one before; derived from the report."""
        report = group.report
        if group.status == "ignored":
            return
        which = key or f"{report.commit}/{report.attempt_id}"
        self._notices.tell(
            pb.NotifyRequest(
                # The same in every replica and after a crash, as the attempt is.
                request_id=derived_id("tell", f"error {group.fingerprint}/{what or report.status}/{which}"),
                severity=severity,
                topic=pb.TOPIC_ERROR,
                title=title,
                body="\n".join(line[:MAX_MESSAGE] for line in lines if line),
                error_fingerprint=group.fingerprint,
            )
        )

    def _tell_of_the_rest(self) -> None:
        if not self._untold:
            return
        told = self._notices.tell(
            pb.NotifyRequest(
                # Of this process alone: what it counted, no other one did.
                request_id=new_id("tell"),
                severity=pb.SEVERITY_ERROR,
                topic=pb.TOPIC_ERROR,
                title=f"{self._untold:,} more new kinds of errors",
                body="There were too many to tell of each.\nAll of them: aiartist error list",
            )
        )
        if told:
            self._untold = 0
            self._flooded.clear()
        else:
            self._window_ends = self._clock() + WINDOW_S


def diff_size(report: db.ErrorReport) -> str:
    """How large a fix is, for people: `+3 -1 in 1 file, and its test tests/autofix/test_x.py.`"""
    lines = report.diff.splitlines()
    files = sum(old.startswith("--- ") and new.startswith("+++ ") for old, new in itertools.pairwise(lines))
    added = sum(line.startswith("+") for line in lines) - files
    removed = sum(line.startswith("-") for line in lines) - files
    test = f", and its test {report.test_path}" if report.test_path else ""
    return f"+{added} -{removed} in {files} {'file' if files == 1 else 'files'}{test}."


def _new(occurrences: Occurrences) -> pb.NotifyRequest:
    fingerprint, first = occurrences.group.fingerprint, occurrences.samples[0]
    return pb.NotifyRequest(
        # The same for every process that sees it, and for a repeated batch.
        request_id=derived_id("tell", f"error group {fingerprint}"),
        severity=pb.SEVERITY_ERROR,
        topic=pb.TOPIC_ERROR,
        title=occurrences.group.title,
        body=f"{culprit_of(occurrences)}\nin {first.service}: {first.message[:MAX_MESSAGE]}",
        error_fingerprint=fingerprint,
    )


def _short(group: db.ErrorGroup) -> str:
    return group.fingerprint[:_SHOWN_DIGITS]


def _where(group: db.ErrorGroup) -> str:
    component = f" ({group.report.component})" if group.report.component else ""
    return f"In {group.culprit}{component}." if group.culprit or component else ""


def _sure(report: db.ErrorReport) -> str:
    return f"{round(100 * report.confidence)} % sure."


def _how_often(group: db.ErrorGroup) -> str:
    times = "once" if group.count == 1 else f"{group.count:,} times"
    return f"Seen {times} in {', '.join(group.services) or 'no named service'}."
