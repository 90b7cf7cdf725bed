"""Presses and words about questions: each counts once, from whom it may, about what they saw."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from aiartist.common.v1 import decision_pb2
from aiartist.scheduler.v1 import scheduler_pb2 as sched
from services.chassis.database import Connection
from services.chassis.errors import RemoteError
from services.chassis.logs import get_logger
from services.notifier import metrics, questions
from services.notifier.peers import CALL_TIMEOUT_S, Peers, found
from services.notifier.people import Person, Role
from services.notifier.store import approvals, messages, posts, updates
from services.notifier.store.approvals import Approval, Verdict
from services.notifier.store.updates import Prompt
from services.notifier.telegram import cards
from services.notifier.telegram.incoming import Press, Writing
from services.notifier.telegram.post import Keyboard, Post, Stored
from services.notifier.telegram.text import joined, link_to_person, plain
from services.notifier.telegram.writer import FACTS_TRIES, Habits, Writer

REASON_MOST = 1_000
"""Characters of a note or reason, as the scheduler takes them."""
_VERDICTS = {
    "take": decision_pb2.VERDICT_REGENERATE_TAKE,
    "rewrite": decision_pb2.VERDICT_REGENERATE_BRIEF,
    "reject": decision_pb2.VERDICT_REJECTED,
}
_ASKED_FOR = {
    "take": "What should be different in the next take?",
    "rewrite": "What should be different in the song?",
    "reject": "Why is it rejected? The artist learns from it.",
}

_log = get_logger("notifier.decisions")


@dataclass(frozen=True, slots=True)
class Said:
    """What a person is told about what they did."""

    outcome: str
    text: str
    alert: bool = False


_MAY_NOT = Said("role_too_low", "You may look, but not decide: that takes the role approver.", alert=True)


class Decisions:
    """Turns what people do about questions into decisions of the scheduler."""

    def __init__(self, peers: Peers, writer: Writer, habits: Habits) -> None:
        self._peers = peers
        self._writer = writer
        self._habits = habits

    async def press(self, connection: Connection, press: Press, person: Person | None) -> Said:
        """A button of a question was pressed. PeerAway where it has to wait."""
        said = await self._press(connection, press, person)
        metrics.PRESSES.labels(said.outcome).inc()
        if said.outcome not in ("counted", "menu"):
            _log.info("a press did not count", outcome=said.outcome, user_id=press.user_id, data=press.data)
        return said

    async def wrote(self, connection: Connection, prompt: Prompt, writing: Writing, person: Person) -> Said:
        """A person wrote the note or reason that they were asked for. PeerAway where it has to wait."""
        said = await self._wrote(connection, prompt, writing, person)
        metrics.PRESSES.labels(said.outcome).inc()
        return said

    async def _wrote(self, connection: Connection, prompt: Prompt, writing: Writing, person: Person) -> Said:
        if person.role < Role.APPROVER:
            return _MAY_NOT
        reason = writing.text.strip()[:REASON_MOST]
        approval = await approvals.get(connection, prompt.message_id, lock=True)
        if approval is None:
            return Said("unknown", "That question is not known any more.")
        if not reason:
            return Said("menu", "Please write a few words.")
        if approval.closed_at is not None:
            said = self._closed(approval, person, await self._newer(connection, approval))
        else:
            said = await self._decide(connection, approval, prompt.verdict, person, reason, key=writing.key)
        await updates.prompt_answered(connection, prompt.post_id)
        return said

    async def _press(self, connection: Connection, press: Press, person: Person | None) -> Said:
        if person is None:
            return Said(
                "stranger",
                f"This is not for you to decide. Your user id is {press.user_id}; the owner can let you in.",
                alert=True,
            )
        verb, _, rest = press.data.removeprefix("q:").partition(":")
        message_id, _, argument = rest.partition(":")
        if person.role < Role.APPROVER and verb != "show":
            return _MAY_NOT
        approval = await approvals.get(connection, message_id, lock=True)
        if approval is None:
            return Said("unknown", "This question is not known here any more.", alert=True)
        if verb == "show":
            return await self._show(connection, approval, press)
        card = await self._card(connection, approval, press)
        if card is None:
            return Said(
                "forwarded", "This is a copy. Decide on the message that was sent here first.", alert=True
            )
        await updates.withdraw_prompts(connection, approval.message_id, person.id)
        if approval.closed_at is not None:
            return self._closed(approval, person, await self._newer(connection, approval))
        return await self._act(connection, approval, card, verb, argument, person, press)

    async def _act(
        self,
        connection: Connection,
        approval: Approval,
        card: Stored,
        verb: str,
        argument: str,
        person: Person,
        press: Press,
    ) -> Said:
        message_id = approval.message_id
        kind, _, choice = verb.partition(".")
        menus: dict[str, Callable[[], Keyboard]] = {
            "take": lambda: cards.wish_keyboard(message_id, "take"),
            "rewrite": lambda: cards.wish_keyboard(message_id, "rewrite"),
            "reject": lambda: cards.reason_keyboard(message_id),
            "back": lambda: cards.question_keyboard(message_id, approval.takes),
        }
        if verb == "ok" and argument.isdecimal():
            return await self._decide(
                connection, approval, "ok", person, "", key=press.key, number=int(argument)
            )
        if verb in menus:
            await posts.add(
                connection,
                card.chat_id,
                replace(card.post, keyboard=menus[verb]()),
                edits=card.id,
                urgent=True,
            )
            return Said("menu", "")
        if choice == "note" and kind in _VERDICTS:
            return await self._ask(connection, approval, card, kind, person, press)
        if choice == "go" and kind in ("take", "rewrite"):
            return await self._decide(connection, approval, kind, person, "", key=press.key)
        if kind == "reject" and choice in cards.QUICK_REASONS:
            return await self._decide(
                connection, approval, "reject", person, cards.QUICK_REASONS[choice], key=press.key
            )
        return Said("unknown", "This button is not known here.", alert=True)

    async def _decide(
        self,
        connection: Connection,
        approval: Approval,
        kind: str,
        person: Person,
        reason: str,
        *,
        key: str,
        number: int = 0,
    ) -> Said:
        """Asks the scheduler, which counts it once; a repeat after a crash gets the first answer."""
        request = sched.DecideRunRequest(
            request_id=key,
            run_id=approval.run_id,
            verdict=_VERDICTS.get(kind, decision_pb2.VERDICT_APPROVED),
            content_digest=approval.content_digest,
            reason=reason,
            decided_by=person.decided_by,
        )
        if kind == "ok":
            take = next((take for take in approval.takes if take.number == number), None)
            if take is None:
                return Said("unknown", "That take is not on offer.", alert=True)
            request.content_digest = take.content_digest
            if take.content_digest != approval.content_digest:
                request.take_id = take.take_id
        try:
            call: Awaitable[sched.DecideRunResponse] = self._peers.scheduler.DecideRun(
                request, timeout=CALL_TIMEOUT_S
            )
            response = await found("scheduler", call)
        except RemoteError as error:
            return await self._refused(connection, approval, error)
        if response is None:
            await self._end(connection, approval, Verdict("", "", None, "the run is not there any more"))
            return Said("over", "That run is not there any more.", alert=True)
        ended = questions.verdict_of(response.run.decision)
        await self._end(connection, approval, ended)
        _log.info("decided", run_id=approval.run_id, verdict=ended.verdict, decided_by=person.decided_by)
        take_number = cards.picked(approval, ended)
        return Said("counted", cards.ending(ended, self._habits.where, take=take_number))

    async def _refused(self, connection: Connection, approval: Approval, error: RemoteError) -> Said:
        """Somebody decided elsewhere, another take waits by now, or the scheduler does not take it."""
        if error.remote_reason == "ERROR_REASON_STALE_DIGEST":
            return Said("stale", "Another take has come since. Decide about the newest message.", alert=True)
        if error.remote_reason != "ERROR_REASON_WRONG_STATE":
            return Said("refused", f"That did not work: {error.message}", alert=True)
        run = await self._peers.run(approval.run_id)
        if run is not None and run.state == sched.RUN_STATE_FAILED:
            # Retried, it waits for the answer to this very question.
            return Said("refused", f"The run has failed. Send /retry {run.id}, then decide.", alert=True)
        if run is None or run.decision.content_digest != approval.content_digest:
            state = sched.RunState.Name(run.state).removeprefix("RUN_STATE_").lower() if run else "gone"
            await self._end(connection, approval, Verdict("", "", None, f"the run is {state}"))
            return Said("over", f"Nobody needs to decide any more: the run is {state}.", alert=True)
        ended = questions.verdict_of(run.decision)
        await self._end(connection, approval, ended)
        return Said("raced", f"Somebody was quicker: {cards.ending(ended, self._habits.where)}", alert=True)

    async def _end(self, connection: Connection, approval: Approval, ended: Verdict) -> None:
        await questions.close(connection, approval, ended, self._habits.where)

    def _closed(self, approval: Approval, person: Person, newer: bool) -> Said:
        ended = approval.ended
        told = cards.ending(ended, self._habits.where)
        if newer:
            return Said(
                "stale", "This take is not asked about any more. Decide about the newest message.", alert=True
            )
        if not ended.verdict:
            return Said("over", f"Nobody needs to decide any more: {ended.reason}", alert=True)
        if ended.decided_by == person.decided_by:
            return Said("repeated", f"You have decided already: {told}", alert=True)
        return Said("raced", f"Somebody was quicker: {told}", alert=True)

    @staticmethod
    async def _newer(connection: Connection, approval: Approval) -> bool:
        return bool(await approvals.undecided_of_run(connection, approval.run_id))

    async def _card(self, connection: Connection, approval: Approval, press: Press) -> Stored | None:
        """The pressed message where it is the question's own; None for a copy."""
        if press.forwarded:
            return None
        known = await posts.called(connection, press.chat_id, press.telegram_id)
        if known is not None:
            return known if known.message_id == approval.message_id else None
        return await posts.may_be_in(connection, press.chat_id, approval.message_id)

    async def _ask(
        self,
        connection: Connection,
        approval: Approval,
        card: Stored,
        kind: str,
        person: Person,
        press: Press,
    ) -> Said:
        """Asks the person to write; what they write next in this chat is it."""
        who = link_to_person(press.first_name or "You", press.user_id)
        text = joined(
            [who, plain(f"{_ASKED_FOR[kind]} (“{approval.title}”, take {approval.take_number})")], ": "
        )
        post_id = await posts.add(
            connection,
            press.chat_id,
            Post(text.html, asks_reply=True, mention=press.telegram_id),
            urgent=True,
        )
        await updates.ask(
            connection,
            post_id=post_id,
            chat_id=press.chat_id,
            user_id=person.id,
            message_id=approval.message_id,
            verdict=kind,
        )
        return Said("menu", "Write it as the next message.")

    async def _show(self, connection: Connection, approval: Approval, press: Press) -> Said:
        """Sends the question once more, into the chat where it is asked for."""
        if approval.closed_at is not None:
            return Said(
                "over", f"Nobody needs to decide any more. {cards.ending(approval.ended, self._habits.where)}"
            )
        stored = await messages.get_many(connection, [approval.message_id])
        await self._writer.write(connection, press.chat_id, stored[0], tries=FACTS_TRIES, urgent=True)
        return Said("menu", "Here it comes.")
