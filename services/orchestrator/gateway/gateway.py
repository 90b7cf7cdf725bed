"""Asks a role's models in rank order until one gives a usable answer; nothing is paid twice."""

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from services.chassis.breaker import BreakerOpen
from services.chassis.errors import FieldViolation, InvalidInput, RequestIdReused
from services.chassis.logs import get_logger
from services.orchestrator import metrics
from services.orchestrator.domain import (
    Answer,
    Ask,
    Attempt,
    Completion,
    Drawing,
    Message,
    Outcome,
    Piece,
    Question,
    Restart,
    UpstreamError,
)
from services.orchestrator.errors import ModelsExhausted, NoModelSetUp
from services.orchestrator.gateway.caller import AnsweredBefore, Caller, UnderWayElsewhere
from services.orchestrator.gateway.flights import Flights, Tell
from services.orchestrator.gateway.gate import Gate
from services.orchestrator.gateway.ledger import Known, Ledger, call_id
from services.orchestrator.gateway.structured import repair_messages
from services.orchestrator.gateway.teller import Teller
from services.orchestrator.gateway.trips import BadJsonAnswer, ChatTrip, DrawingTrip
from services.orchestrator.models.catalog import Catalog, Kind, Model, Role
from services.orchestrator.models.prices import Price, price_of
from services.orchestrator.upstream import Heard, Upstream

ELSEWHERE_POLL_S = 0.25
"""How often to look for the answer to a call that another replica makes."""

_log = get_logger("gateway")

Update = Piece | Restart


@dataclass(slots=True)
class _Walk:
    """One question on its way down its list."""

    question: Question
    role: Role
    tell: Tell[Update] | None
    next_number: int = 0
    """Of the next attempt; 0: nobody has looked yet for what is recorded of the question."""
    attempts: list[Attempt] = field(default_factory=list)

    def skip(self, model: Model, outcome: Outcome, detail: str) -> None:
        self.attempts.append(Attempt(model.litellm_model, outcome, 0, detail, skipped=True))


class Gateway:
    """The models behind the roles."""

    def __init__(self, catalog: Catalog, upstream: Upstream, ledger: Ledger, teller: Teller) -> None:
        self.catalog = catalog
        self._upstream = upstream
        self._ledger = ledger
        self._teller = teller
        self._caller = Caller(catalog, ledger, teller)
        self._flights: Flights[Answer, Update] = Flights()

    def role(self, name: str, kind: Kind) -> Role:
        """A configured role of this kind; InvalidInput names those that there are."""
        role = self.catalog.roles.get(name)
        if role is None or self.catalog.kind(role) != kind:
            known = sorted(r.name for r in self.catalog.roles.values() if self.catalog.kind(r) == kind)
            expected = (
                f"must be one of {', '.join(known)}" if known else f"there is no role of the kind {kind}"
            )
            raise InvalidInput([FieldViolation("role", f"{expected}, is {name[:60]!r}")])
        return role

    def gate(self, model: Model) -> Gate:
        """A model's gate."""
        return self._caller.gates[model.name]

    def price(self, model: Model) -> Price:
        """What a model's calls cost, as far as it is known now."""
        return price_of(model, self._upstream.known(model))

    async def ask(self, question: Question) -> Answer:
        """A usable answer, or the one that was recorded under this request_id before.

        Raises ModelsExhausted where no model gave one, RemoteError with ERROR_REASON_BUDGET_SPENT where
        the next call would not fit a budget, RequestIdReused where the id belongs to another question,
        and DependencyUnavailable where calls can't be looked up or recorded.
        """
        role = self._role_of(question)
        return await self._flights.join(
            question.request_id, _digest(question), lambda _: self._answer(question, role, None)
        )

    async def follow(self, question: Ask) -> AsyncGenerator[Update | Answer, None]:
        """As `ask`, with the answer's text as it comes; the answer is the last."""
        role = self._role_of(question)
        updates = self._flights.follow(
            question.request_id, _digest(question), lambda tell: self._answer(question, role, tell)
        )
        async with aclosing(updates):
            async for update in updates:
                yield update

    def exhausted(self, role: str, attempts: Sequence[Attempt]) -> ModelsExhausted:
        """The error of a role whose models were all tried in vain; operators are told."""
        models = self.catalog.ranked(self.catalog.roles[role])
        if not models:
            return NoModelSetUp(role)
        self._teller.exhausted(role, attempts)
        waits = [self.gate(model).breaker.retry_in_s for model in models]
        return ModelsExhausted(role, attempts, min((wait for wait in waits if wait), default=None))

    async def close(self) -> None:
        """Ends the calls under way."""
        await self._flights.close()

    def _role_of(self, question: Question) -> Role:
        return self.role(question.role, "image" if isinstance(question, Drawing) else "chat")

    async def _answer(self, question: Question, role: Role, tell: Tell[Update] | None) -> Answer:
        attempts: list[Attempt] = []
        while True:
            walk = _Walk(question, role, tell, attempts=attempts)
            try:
                return await self._walk(walk)
            except AnsweredBefore as found:
                return _replayed(question, role, found.known)
            except UnderWayElsewhere:
                attempts = [attempt for attempt in walk.attempts if not attempt.skipped]
                await asyncio.sleep(ELSEWHERE_POLL_S)

    async def _walk(self, walk: _Walk) -> Answer:
        for model in self.catalog.ranked(walk.role, walk.question.models):
            if not self.gate(model).breaker.admits:
                self._pass_over(walk, model)
                continue
            await self._upstream.ready(model)
            if isinstance(walk.question, Drawing):
                answer = await self._drawn(walk, walk.question, model)
            else:
                assert isinstance(walk.question, Ask), "there is no third kind of question"
                answer = await self._asked(walk, walk.question, model)
            if answer is not None:
                return answer
            last = walk.attempts[-1]
            if not last.skipped:
                self._teller.failed(walk.role.name, model, last)
        await self._look_up(walk)
        if walk.question.models:
            raise ModelsExhausted(walk.role.name, walk.attempts)
        raise self.exhausted(walk.role.name, walk.attempts)

    async def _asked(self, walk: _Walk, ask: Ask, model: Model) -> Answer | None:
        """Asks one model, twice where its JSON needs a repair; None where it fails."""
        known, price = self._upstream.known(model), self.price(model)
        limit = model.max_output_tokens or known.max_output_tokens or ask.max_tokens
        max_tokens = min(ask.max_tokens, limit)
        messages = ask.messages
        for is_repair in (False, True):
            trip = ChatTrip(
                self._upstream, ask, walk.role, model, messages,
                max_tokens=max_tokens, heard=_listener(walk),
            )  # fmt: skip
            if problem := _too_long(trip, model, known.context_tokens, max_tokens):
                walk.skip(model, "context_too_small", problem)
                return None
            most = price.most(trip.prompt_bytes, trip.messages, max_tokens)
            end = await self._made(walk, model, price, most, trip)
            if isinstance(end, Completion):
                return _answered(walk, end)
            if walk.tell is not None and trip.was_heard:
                walk.tell(Restart(model.litellm_model, walk.attempts[-1].outcome))
            if is_repair or not isinstance(end, BadJsonAnswer):
                return None
            messages = (*ask.messages, *repair_messages(end.text, end.problem))
        return None

    async def _drawn(self, walk: _Walk, drawing: Drawing, model: Model) -> Answer | None:
        """Has one model draw; None where it fails."""
        price = self.price(model)
        trip = DrawingTrip(self._upstream, drawing, walk.role, model)
        end = await self._made(walk, model, price, price.most_for_image(), trip)
        return _answered(walk, end) if isinstance(end, Completion) else None

    async def _made(
        self, walk: _Walk, model: Model, price: Price, most: int, trip: ChatTrip | DrawingTrip
    ) -> Completion | UpstreamError | None:
        """One call, noted in the walk, and how it ended; None where the breaker lets nobody in."""
        if not (most and self.gate(model).is_free):
            await self._look_up(walk)
        try:
            made = await self._caller.make(walk.question, model, walk.next_number, price, most, trip)
        except BreakerOpen:
            # While it waited for a place, or while it was looked up.
            self._pass_over(walk, model)
            return None
        walk.next_number = made.number + 1
        walk.attempts.append(made.attempt)
        if made.attempt.outcome != "ok":
            _log.warning(
                "a model gave no usable answer",
                role=walk.role.name, model=made.attempt.model,
                outcome=made.attempt.outcome, detail=made.attempt.detail,
            )  # fmt: skip
        return made.end

    def _pass_over(self, walk: _Walk, model: Model) -> None:
        opened = self.gate(model).breaker.last_opened
        assert opened is not None, "a breaker that lets nobody in has opened"
        walk.skip(model, "breaker_open", f"it failed a short time ago: {opened.outcome}")

    async def _look_up(self, walk: _Walk) -> None:
        """AnsweredBefore where the question was. A call that is held for at once learns it from its hold."""
        if not walk.next_number:
            known = await self._ledger.known(call_id(walk.question.request_id))
            if known.answer is not None:
                raise AnsweredBefore(known)
            walk.next_number = known.attempts + 1


def question_digest(messages: tuple[Message, ...], **rest: Any) -> str:
    """SHA-256 (hex) of a question that came from no request."""
    told = [[message.role, message.content] for message in messages]
    return hashlib.sha256(json.dumps([told, rest], sort_keys=True).encode()).hexdigest()


def _digest(question: Question) -> str:
    return question.digest if question.strict else ""


def _replayed(question: Question, role: Role, known: Known) -> Answer:
    assert known.answer is not None, "it was found"
    if question.strict and known.digest != question.digest:
        raise RequestIdReused(question.request_id)
    metrics.REPLAYED.labels(role.name).inc()
    return known.answer


def _answered(walk: _Walk, end: Completion) -> Answer:
    last = walk.attempts[-1]
    return Answer(
        end.text,
        last.model,
        last.usage,
        tuple(walk.attempts),
        walk.question.prompt_hash,
        picture=end.picture,
        digest=walk.question.digest,
    )


def _listener(walk: _Walk) -> Heard | None:
    tell = walk.tell
    return None if tell is None else lambda text: tell(Piece(text))


def _too_long(trip: ChatTrip, model: Model, known_context: int | None, max_tokens: int) -> str:
    """Why a question does not fit into a model's context window; empty: it fits, or nobody knows."""
    if model.context_tokens is not None:
        needed, context = trip.prompt_tokens + max_tokens, model.context_tokens
        what = "question and answer"
    elif known_context is not None:
        needed, context, what = trip.prompt_tokens, known_context, "the question"
    else:
        return ""
    return f"{what} need about {needed:,} tokens, {context:,} fit" if needed > context else ""
