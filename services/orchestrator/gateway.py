"""Asks a role's models in rank order until one gives a usable answer; nothing is paid twice."""

import asyncio
import hashlib
import json
import time
from typing import Any

from services.chassis.errors import FieldViolation, InvalidInput, RequestIdReused
from services.chassis.logs import get_logger
from services.orchestrator import metrics
from services.orchestrator.catalog import Catalog, Model, Role
from services.orchestrator.domain import Answer, Ask, Attempt, Message, UpstreamError
from services.orchestrator.errors import ModelsExhausted
from services.orchestrator.flights import Flights
from services.orchestrator.ledger import Ledger, call_id
from services.orchestrator.structured import BadJson, parse, repair_messages
from services.orchestrator.upstream import Call, Upstream

_log = get_logger("gateway")


class Gateway:
    """The models behind the roles."""

    def __init__(self, catalog: Catalog, upstream: Upstream, ledger: Ledger) -> None:
        self.catalog = catalog
        self._upstream = upstream
        self._ledger = ledger
        self._flights: Flights[Answer] = Flights()
        self._slots = {model.name: asyncio.Semaphore(model.concurrency) for model in catalog.models.values()}

    def role(self, name: str) -> Role:
        """A configured role; InvalidInput names those that there are."""
        if name not in self.catalog.roles:
            known = ", ".join(sorted(self.catalog.roles))
            raise InvalidInput([FieldViolation("role", f"must be one of {known}, is {name[:60]!r}")])
        return self.catalog.roles[name]

    async def ask(self, ask: Ask) -> Answer:
        """A usable answer, or the one that was recorded under this request_id before.

        Raises ModelsExhausted where no model gave one, RequestIdReused where the id belongs to another
        question, and DependencyUnavailable where calls can't be looked up or recorded.
        """
        role = self.role(ask.role)
        digest = ask.digest if ask.strict else ""
        return await self._flights.join(ask.request_id, digest, lambda: self._answer(ask, role))

    async def close(self) -> None:
        """Ends the calls under way."""
        await self._flights.close()

    async def _answer(self, ask: Ask, role: Role) -> Answer:
        known = await self._ledger.known(call_id(ask.request_id))
        if known.answer is not None:
            if ask.strict and known.digest != ask.digest:
                raise RequestIdReused(ask.request_id)
            metrics.REPLAYED.labels(role.name).inc()
            return known.answer
        attempts: list[Attempt] = []
        for model in self.catalog.ranked(role, ask.models):
            answer = await self._try(ask, role, model, attempts, known.attempts)
            if answer is not None:
                return answer
        raise ModelsExhausted(role.name, attempts)

    async def _try(
        self, ask: Ask, role: Role, model: Model, attempts: list[Attempt], before: int
    ) -> Answer | None:
        """Asks one model, twice where its JSON needs a repair; None where it fails."""
        messages = ask.messages
        await self._upstream.ready(model)
        for is_repair in (False, True):
            number = before + len(attempts) + 1
            started = time.perf_counter()
            text, problem = "", ""
            try:
                async with self._slots[model.name]:
                    started = time.perf_counter()
                    completion = await self._upstream.complete(
                        model, _call(ask, role, model, messages, number)
                    )
                usage = completion.usage
                text = completion.text
                if ask.json_schema is not None:
                    text = _canonical(parse(completion.text, ask.json_schema))
                attempt = Attempt(model.litellm_model, "ok", _elapsed_ms(started), usage=usage)
            except UpstreamError as error:
                attempt = Attempt(
                    model.litellm_model, error.outcome, _elapsed_ms(started), error.detail, error.usage
                )
            except BadJson as error:
                problem = str(error)
                attempt = Attempt(model.litellm_model, "bad_json", _elapsed_ms(started), problem[:500], usage)
            attempts.append(attempt)
            metrics.count(role.name, attempt)
            await self._ledger.record(ask, number, attempt, text if attempt.outcome == "ok" else "")
            if attempt.outcome == "ok":
                return Answer(text, attempt.model, attempt.usage, tuple(attempts), ask.prompt_hash)
            _log.warning(
                "a model gave no usable answer",
                role=role.name, model=model.litellm_model, outcome=attempt.outcome, detail=attempt.detail,
            )  # fmt: skip
            if is_repair or not problem:
                return None
            messages = (*ask.messages, *repair_messages(completion.text, problem))
        return None


def question_digest(messages: tuple[Message, ...], **rest: Any) -> str:
    """SHA-256 (hex) of a question that came from no request."""
    told = [[message.role, message.content] for message in messages]
    return hashlib.sha256(json.dumps([told, rest], sort_keys=True).encode()).hexdigest()


def _call(ask: Ask, role: Role, model: Model, messages: tuple[Message, ...], number: int) -> Call:
    params = {**model.params, **role.params}
    if ask.temperature is not None:
        params["temperature"] = ask.temperature
    if ask.seed is not None:
        params["seed"] = ask.seed
    return Call(
        messages=messages,
        max_tokens=ask.max_tokens,
        params=params,
        json_schema=ask.json_schema,
        grammar=ask.grammar if model.grammar else "",
        idempotency_key=f"{call_id(ask.request_id)}-{number}",
    )


def _canonical(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _elapsed_ms(started: float) -> int:
    return round((time.perf_counter() - started) * 1_000)
