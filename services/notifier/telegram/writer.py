"""Puts stored messages into words for a chat: which posts a question, a notice or a digest becomes."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from aiartist.common.v1.decision_pb2 import VERDICT_AUTOPILOT_APPROVED
from aiartist.notifier.v1.notifier_pb2 import RequestApprovalRequest
from aiartist.scheduler.v1.scheduler_pb2 import Run
from services.chassis.database import Connection
from services.chassis.errors import RemoteError
from services.chassis.logs import get_logger
from services.notifier.domain import Draft, Headline, Kind, Message, Severity, Topic
from services.notifier.hours import QuietHours, age
from services.notifier.peers import PeerAway, Peers, Song
from services.notifier.store import approvals, clock, posts
from services.notifier.telegram import cards, error_buttons, learning_notes
from services.notifier.telegram.post import Button, Keyboard, Post, button, rows
from services.notifier.telegram.text import (
    MESSAGE_MOST,
    Rich,
    bold,
    code,
    cut,
    fitting,
    italic,
    joined,
    link,
    one_line,
    plain,
)

FACTS_TRIES = 6
"""So often the facts of a message are asked for in vain before it is sent without them."""
ERROR_FACTS_S = 3.0
"""Seconds within which the state of an error is to be had, or it is told without."""
_ICONS = {Severity.INFO: "ℹ️", Severity.WARNING: "⚠️", Severity.ERROR: "🔴"}
_TOPIC_ICONS = {
    Topic.BUDGET: "💵",
    Topic.ERROR: "🐞",
    Topic.FALLBACK: "🔀",
    Topic.ENDED: "🏁",
    Topic.FAILED: "⚠️",
    Topic.PERSONA: "🧬",
    Topic.LIFE: "🎤",
    Topic.CANDIDATE: "🌱",
    Topic.EXPERIMENT: "🧪",
}
_SONGS_REMINDED = 5
_LINES_MOST = 2_100
"""More lines than any message can hold."""

_log = get_logger("notifier.writer")


@dataclass(frozen=True, slots=True)
class Habits:
    """How the owner wants to be spoken to."""

    where: ZoneInfo
    quiet: QuietHours | None

    def silent(self, moment: datetime, severity: Severity) -> bool:
        """Whether a message comes without a sound."""
        return (
            severity is not Severity.ERROR and self.quiet is not None and self.quiet.cover(moment, self.where)
        )


class Writer:
    """Writes for one chat at a time; everything of a message in the caller's transaction."""

    def __init__(self, peers: Peers, habits: Habits) -> None:
        self._peers = peers
        self._habits = habits

    async def write(
        self, connection: Connection, chat_id: int, message: Message, *, tries: int, urgent: bool = False
    ) -> int:
        """Adds the message's posts; how many. PeerAway where its facts are not to be had now.

        0 where nobody needs it any more. After `FACTS_TRIES` tries it is written without the facts.
        """
        silent = self._habits.silent(await clock.now(connection), message.draft.severity)
        try:
            written = await self._posts(connection, message, silent=silent)
        except (PeerAway, RemoteError) as error:
            if tries < FACTS_TRIES:
                raise
            written = await self._without_facts(connection, message, str(error), silent=silent)
        for post in written:
            await posts.add(connection, chat_id, post, message_id=message.id, urgent=urgent)
        return len(written)

    async def write_digest(self, connection: Connection, chat_id: int, headlines: Sequence[Headline]) -> None:
        """One post that names them all, in their order, as far as a message holds them."""
        questions = sum(1 for headline in headlines if headline.kind is Kind.APPROVAL)
        lines = [bold(f"📬 {len(headlines)} messages while you could not be reached")]
        lines += [plain(f"{_icon(line)} {one_line(line.title, 120)}") for line in headlines[:_LINES_MOST]]
        severity = max((line.severity for line in headlines), key=list(Severity).index)
        silent = self._habits.silent(await clock.now(connection), severity)
        keyboard = rows([_waiting_button()]) if questions else ()
        await posts.add(
            connection,
            chat_id,
            Post(_most_lines(lines, "aiartist message list").html, keyboard=keyboard, silent=silent),
        )

    async def _posts(self, connection: Connection, message: Message, *, silent: bool) -> Sequence[Post]:
        draft = message.draft
        if draft.approval is not None:
            song = await self._peers.song(draft.run_id, draft.approval.brief_id)
            return await self._question(connection, message, draft.approval, song, silent=silent)
        if draft.kind is Kind.REMINDER:
            return await self._reminder(connection, silent=silent)
        if draft.topic is Topic.RELEASED and draft.run_id:
            return await self._released(message, silent=silent)
        if draft.topic is Topic.ERROR and draft.error_fingerprint:
            keyboard = await self._error_keyboard(draft.error_fingerprint)
            return [replace(self._notice(message, silent=silent), keyboard=keyboard)]
        if draft.topic in learning_notes.TOPICS:
            note = await learning_notes.note(self._peers, draft)
            notice = self._notice(message, silent=silent, lines=note.lines)
            return [replace(notice, keyboard=note.keyboard)]
        return [self._notice(message, silent=silent)]

    async def _error_keyboard(self, fingerprint: str) -> Keyboard:
        """For the error as it is now. An error of artist_db or of error_analyzer is told without waiting
        for either."""
        group, applies = None, False
        try:
            async with asyncio.timeout(ERROR_FACTS_S):
                group = await self._peers.error(fingerprint)
                if group is not None and error_buttons.has_proven_fix(group):
                    applies = await self._peers.applies_fixes()
        except (PeerAway, RemoteError, TimeoutError) as error:
            _log.info("an error is told without its state", detail=f"{type(error).__name__}: {error}")
        return error_buttons.notice_keyboard(fingerprint, group, applies=applies)

    async def _without_facts(
        self, connection: Connection, message: Message, why: str, *, silent: bool
    ) -> Sequence[Post]:
        request = message.draft.approval
        if request is None:
            return [self._notice(message, silent=silent)]
        asked = await self._question(connection, message, request, Song(), silent=silent)
        if not asked:
            return ()
        first, *rest = asked
        return [first, Post(italic(f"Some facts are missing: {one_line(why, 200)}").html, silent=True), *rest]

    async def _question(
        self,
        connection: Connection,
        message: Message,
        request: RequestApprovalRequest,
        song: Song,
        *,
        silent: bool,
    ) -> Sequence[Post]:
        # Locked after the facts were fetched, so that a decision waits for no other service, and none of
        # these posts comes after it.
        approval = await approvals.get(connection, message.id, lock=True)
        if approval is None:
            # Stored by a version that kept no questions.
            await approvals.insert(connection, message.id, request, remind_after_s=0)
        elif approval.closed_at is not None:
            return ()
        shown = await approvals.shown_takes(connection, request.run_id, message.id)
        asked = cards.question(
            request, song, message_id=message.id, shown=shown, where=self._habits.where, silent=silent
        )
        await approvals.offer(connection, message.id, asked.takes)
        return asked.posts

    async def _released(self, message: Message, *, silent: bool) -> Sequence[Post]:
        draft = message.draft
        run = await self._peers.run(draft.run_id)
        if run is None:
            return [self._notice(message, silent=silent)]
        song = await self._peers.song(run.id, run.brief_id)
        artist = await self._peers.artist(run.artist_id)
        name = artist.persona.name if artist is not None else run.artist_id
        take = song.take(run.take_id)
        by_autopilot = run.decision.verdict == VERDICT_AUTOPILOT_APPROVED and not _after_silence(run)
        headline = [
            plain("🚀"),
            bold(one_line(run.title, 80) or "untitled"),
            plain(f"by {one_line(name, 80)} is out"),
        ]
        lines = [joined(headline, " "), *self._decided(run), *self._place(run.location)]
        keyboard: Keyboard = ()
        if by_autopilot:
            off = f"🛑 Turn autopilot off for {cut(one_line(name), 24)}"
            keyboard = rows(button(off, f"x:autopilot.off:{run.artist_id}"))
        else:
            lines += [*cards.take_facts(take.review), *cards.model_facts(song.uses, song.cost_micro_usd)]
        return cards.song_posts(
            lines, song, take, artist_name=name, keyboard=keyboard, silent=silent, sound=by_autopilot
        )

    def _decided(self, run: Run) -> list[Rich]:
        decision = run.decision
        if not decision.decided_by:
            return []
        if _after_silence(run):
            return [plain("🤖 Approved by autopilot because nobody answered")]
        if decision.verdict == VERDICT_AUTOPILOT_APPROVED:
            return [plain("🤖 Approved by autopilot, nobody was asked")]
        return [plain(f"✅ Approved by {cards.signed(decision.decided_by)}")]

    @staticmethod
    def _place(location: str) -> list[Rich]:
        if not location:
            return []
        if location.startswith(("http://", "https://")):
            return [joined([plain("🔗"), link(one_line(location, 100), location)], " ")]
        return [joined([plain("📁"), code(one_line(location, 200))], " ")]

    def _notice(self, message: Message, *, silent: bool, lines: Sequence[Rich] | None = None) -> Post:
        """Title and text; `lines` stand in place of the text."""
        draft = message.draft
        title = joined([plain(_icon(draft)), bold(one_line(draft.title, 200))], " ")
        if lines is None:
            lines = [plain(cut(line, 3500)) for line in draft.body.split("\n")]
        return Post(
            _most_lines(
                [title, *lines], f"aiartist message list --run {draft.run_id}" if draft.run_id else ""
            ).html,
            keyboard=_notice_keyboard(message),
            silent=silent,
        )

    async def _reminder(self, connection: Connection, *, silent: bool) -> Sequence[Post]:
        waiting, _ = await approvals.count_open(connection)
        if not waiting:
            return ()
        now = await clock.now(connection)
        first = await approvals.page_open(connection, 0, _SONGS_REMINDED)
        songs = "1 song waits" if waiting == 1 else f"{waiting} songs wait"
        lines = [bold(f"🔔 {songs} for a decision")]
        for approval in first:
            for_how_long = age((now - approval.asked_at).total_seconds())
            lines.append(
                plain(
                    f"• {one_line(approval.title, 60) or 'untitled'} by "
                    f"{one_line(approval.artist_name, 40)}: {for_how_long}"
                )
            )
        if waiting > len(first):
            lines.append(plain(f"and {waiting - len(first)} more"))
        buttons = [
            [Button(f"🎧 {cut(one_line(approval.title), 30) or 'untitled'}", f"q:show:{approval.message_id}")]
            for approval in first
        ]
        more = [[_waiting_button()]] if waiting > len(first) else []
        return [Post(fitting(lines, MESSAGE_MOST).html, keyboard=rows(*buttons, *more), silent=silent)]


def _after_silence(run: Run) -> bool:
    return run.decision.decided_by == cards.AFTER_SILENCE


def _waiting_button() -> Button:
    return Button("🎧 Songs that wait", "p:waiting:0")


def _notice_keyboard(message: Message) -> Keyboard:
    draft = message.draft
    match draft.topic:
        case Topic.FAILED if draft.run_id:
            return rows(
                [
                    *button("🔁 Retry", f"x:retry:{draft.run_id}"),
                    *button("Show the run", f"p:run:{draft.run_id}"),
                ]
            )
        case Topic.BUDGET:
            return rows([Button("💵 Budgets", "p:budget")])
        case Topic.ERROR:
            return rows([Button("🐞 Errors", "p:errors:")])
    return rows(button("Show the run", f"p:run:{draft.run_id}")) if draft.run_id else ()


def _icon(message: Headline | Draft) -> str:
    if message.kind is Kind.APPROVAL:
        return "🎧"
    if message.kind is Kind.REMINDER:
        return "🔔"
    return _TOPIC_ICONS.get(message.topic, _ICONS[message.severity])


def _most_lines(lines: Sequence[Rich], elsewhere: str) -> Rich:
    """As many lines as a message holds, and where the rest is."""
    whole = joined(lines)
    if whole.size <= MESSAGE_MOST:
        return whole
    rest = joined([plain("The rest:"), code(elsewhere)], " ") if elsewhere else Rich()
    return joined([fitting(lines, MESSAGE_MOST - rest.size - 1), rest])
