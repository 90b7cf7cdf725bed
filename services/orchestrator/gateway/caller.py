"""Single calls of models: let in, paid for, made, recorded."""

import asyncio
import time
from dataclasses import dataclass
from typing import Protocol

from services.chassis import tracing
from services.chassis.errors import RemoteError
from services.chassis.logs import get_logger
from services.orchestrator import metrics
from services.orchestrator.domain import Attempt, Completion, Drawing, Question, UpstreamError, Usage
from services.orchestrator.gateway.gate import Gate
from services.orchestrator.gateway.ledger import Known, Ledger
from services.orchestrator.gateway.teller import Teller
from services.orchestrator.models.catalog import Catalog, Model
from services.orchestrator.models.prices import Price
from services.orchestrator.upstream.common import scrubbed

_log = get_logger("caller")


class Trip(Protocol):
    """One call, ready to go."""

    async def go(self, number: int) -> Completion:
        """The usable answer to an attempt of this number; UpstreamError where there is none."""

    def paid(self) -> Usage:
        """What the call took that is given up now."""


class UnderWayElsewhere(Exception):
    """Another replica makes this very attempt, or has recorded it meanwhile."""


class AnsweredBefore(Exception):
    """The question has a recorded answer."""

    def __init__(self, known: Known) -> None:
        super().__init__("the question was answered before")
        self.known = known


@dataclass(frozen=True, slots=True)
class Made:
    """One attempt, recorded, and how it ended."""

    number: int
    attempt: Attempt
    end: Completion | UpstreamError


class Caller:
    """Makes the calls, each model within its limits."""

    def __init__(self, catalog: Catalog, ledger: Ledger, teller: Teller) -> None:
        self.gates = {model.name: Gate(model) for model in catalog.models.values()}
        self._ledger = ledger
        self._teller = teller

    async def make(
        self, question: Question, model: Model, number: int, price: Price, most: int, trip: Trip
    ) -> Made:
        """One attempt. `most`: the most that it may cost, in micro-USD.

        Its number may be 0, not known, where it costs something: who holds the money knows it then, and
        also whether the question was answered before.

        No call is made where BreakerOpen, UnderWayElsewhere, or RemoteError with ERROR_REASON_BUDGET_SPENT
        is raised. AnsweredBefore: another answer was recorded first, before this call or while it was
        made. DependencyUnavailable: artist_db can't be asked before the call, or told after it.
        """
        gate = self.gates[model.name]
        permit = await gate.enter()
        end: Completion | UpstreamError | None = None
        try:
            if most:
                number = await self._hold(question, model, number, most)
            gate.breaker.begun(permit)
            if permit.probe:
                metrics.PROBES.labels(model.name).inc()
            started = time.perf_counter()
            with _span(question, model, number) as span:
                end = await self._made(question, model, number, price, most, trip)
                attempt = _attempt(model, end, _elapsed_ms(started), price, most)
                _tell(span, attempt)
        finally:
            if gate.leave(permit, end) and isinstance(end, UpstreamError):
                metrics.OPENED.labels(model.name, end.outcome).inc()
        metrics.count(question.role, attempt)
        answer = end if isinstance(end, Completion) else None
        known = await self._ledger.record(question, number, attempt, answer)
        if known is not None:
            raise AnsweredBefore(known)
        return Made(number, attempt, end)

    async def _made(
        self, question: Question, model: Model, number: int, price: Price, most: int, trip: Trip
    ) -> Completion | UpstreamError:
        started = time.perf_counter()
        try:
            return await trip.go(number)
        except UpstreamError as error:
            error.detail = scrubbed(error.detail, model)
            return error
        except asyncio.CancelledError:
            # Nobody waits any more. What had come of the answer was paid for, and the rest is free again.
            gone = UpstreamError("cancelled", "the caller went away", trip.paid())
            attempt = _attempt(model, gone, _elapsed_ms(started), price, most)
            metrics.count(question.role, attempt)
            self._ledger.begin_record(question, number, attempt)
            raise
        except Exception as error:  # noqa: BLE001 - logged; nothing of it may end the question
            # A server can answer in more ways than anybody thinks of. The next model still has to be asked.
            _log.exception("an answer could not be read", model=model.name)
            return UpstreamError("server_error", f"its answer could not be read: {type(error).__name__}")

    async def _hold(self, question: Question, model: Model, number: int, most: int) -> int:
        try:
            held = await self._ledger.hold(question, model.litellm_model, number, most)
        except RemoteError as error:
            if error.remote_reason == "ERROR_REASON_BUDGET_SPENT":
                metrics.OVER_BUDGET.labels(question.role, error.metadata.get("scope", "")).inc()
                self._teller.budget_spent(error.message, error.metadata)
            raise
        if held.known is not None:
            raise AnsweredBefore(held.known)
        if not held.granted:
            raise UnderWayElsewhere
        return held.number


def _attempt(
    model: Model, end: Completion | UpstreamError, latency_ms: int, price: Price, most: int
) -> Attempt:
    if isinstance(end, Completion):
        usage = _costed(end.usage, price.cost(end.usage, most))
        return Attempt(model.litellm_model, "ok", latency_ms, usage=usage)
    # A failure costs what it says it took; one that says nothing took nothing.
    took = end.usage.counted or end.usage.cost_micro_usd
    usage = _costed(end.usage, price.cost(end.usage, most) if took else 0)
    return Attempt(model.litellm_model, end.outcome, latency_ms, end.detail, usage)


def _costed(usage: Usage, cost_micro_usd: int) -> Usage:
    return Usage(usage.prompt_tokens, usage.completion_tokens, cost_micro_usd)


def _span(question: Question, model: Model, number: int) -> tracing.Span:
    """By OpenTelemetry's conventions for generative AI; never what was asked or answered."""
    provider, _, name = model.litellm_model.rpartition("/")
    provider = provider.partition("/")[0]
    operation = "image_generation" if isinstance(question, Drawing) else "chat"
    facts: dict[str, tracing.Value] = {"gen_ai.operation.name": operation, "gen_ai.request.model": name}
    if provider:
        facts["gen_ai.provider.name"] = provider
    return tracing.span(
        f"{operation} {name}",
        facts,
        kind="client",
        model=model.name,
        role=question.role,
        attempt=number or None,
        request_id=question.request_id,
    )


def _tell(span: tracing.Span, attempt: Attempt) -> None:
    usage = attempt.usage
    span.set(outcome=attempt.outcome, cost_micro_usd=usage.cost_micro_usd)
    if usage.counted:
        span.tell(
            {
                "gen_ai.usage.input_tokens": usage.prompt_tokens,
                "gen_ai.usage.output_tokens": usage.completion_tokens,
            }
        )
    if attempt.outcome != "ok":
        # Without its detail, which may quote what was asked.
        span.fail(attempt.outcome)


def _elapsed_ms(started: float) -> int:
    return round((time.perf_counter() - started) * 1_000)
