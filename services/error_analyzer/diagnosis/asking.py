"""Asks models through orchestrator; each way in which that fails is one of two exceptions."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any

import grpc
from google.protobuf.struct_pb2 import Struct

from aiartist.orchestrator.v1 import orchestrator_pb2 as pb
from aiartist.orchestrator.v1.orchestrator_pb2_grpc import OrchestratorServiceStub
from services.chassis.clients import deadline_s
from services.chassis.errors import RemoteError, remote_error
from services.chassis.ids import derived_id, digest_of
from services.error_analyzer.diagnosis.budget import Material
from services.error_analyzer.domain import Asked, ModelsAway, ModelsSilent, UnusableAnswer

TIMEOUT_S = 300.0
"""For the whole list of a role; models that think take minutes."""
SET_UP_RETRY_S = 3_600.0
"""Until a model is asked again that somebody must set up or pay for first."""
AWAY_RETRY_S = 60.0
SLOW_RETRY_S = 600.0
"""After models that took too long: what they had written was paid."""
_LONGEST_RETRY_S = 3_600.0
_SECTION = re.compile(r"^--- (system|user)$\n", re.MULTILINE)
_ANSWERED = frozenset(("bad_json", "cut_off", "empty_answer", "content_filter"))
"""Outcomes of models that answered and were paid: asked again, they would cost the same again."""
_REFUSED = frozenset(("bad_request", "context_too_small"))
"""Outcomes that a repeat of the same question would have again."""
_NOT_SET_UP = frozenset(("bad_key", "unknown_model"))


@dataclass(frozen=True, slots=True)
class Prompt:
    """A chat's beginning; `hash`: SHA-256 (hex) of its template."""

    system: str
    user: str
    hash: str


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer's text, and what it took."""

    text: str
    asked: Asked


def prompt(name: str, **values: str) -> Prompt:
    """`prompts/<name>.txt` with its `$names` filled in; KeyError where one is missing."""
    source = _source(name)
    parts = _SECTION.split(source)
    texts = dict(zip(parts[1::2], parts[2::2], strict=True))
    told = {role: Template(text).substitute(values).strip() for role, text in texts.items()}
    return Prompt(told["system"], told["user"], hashlib.sha256(source.encode()).hexdigest())


async def ask(
    models: OrchestratorServiceStub,
    role: str,
    prompt: Prompt,
    materials: Sequence[Material],
    schema: Mapping[str, Any],
    *,
    attempt_id: str,
    max_tokens: int,
) -> Answered:
    """An answer to the prompt about the materials.

    Raises UnusableAnswer where models answered and none usably, ModelsSilent where they were asked and none
    answered, ModelsAway where none can be asked now.
    """
    wanted = Struct()
    wanted.update(schema)
    request = pb.GenerateRequest(
        role=role,
        messages=[
            pb.ChatMessage(role="system", content=prompt.system),
            pb.ChatMessage(role="user", content=prompt.user),
        ],
        json_schema=wanted,
        max_tokens=max_tokens,
        materials=[pb.Material(label=material.label, text=material.text) for material in materials],
        prompt_hash=prompt.hash,
    )
    # A crash repeats the attempt and gets the answer that is recorded. New occurrences or commits in between
    # make it another question, which orchestrator would refuse under this id: the question is a part of it.
    request.request_id = derived_id("diag", f"{attempt_id}\0{role}\0{digest_of(request)}")
    try:
        response = await models.Generate(request, timeout=deadline_s(TIMEOUT_S))
    except grpc.aio.AioRpcError as error:
        raise _failure(role, remote_error(error)) from error
    tried = [attempt.model for attempt in response.attempts if not attempt.skipped] or [response.model]
    return Answered(response.text, Asked(tuple(dict.fromkeys(tried)), response.cost_micro_usd))


@cache
def _source(name: str) -> str:
    return files(__package__).joinpath(f"prompts/{name}.txt").read_text(encoding="utf-8")


def _failure(role: str, error: RemoteError) -> UnusableAnswer | ModelsAway:
    code, reason = error.remote_code, error.remote_reason
    if reason == "ERROR_REASON_MODELS_EXHAUSTED":
        return _exhausted(role, error)
    if reason == "ERROR_REASON_BUDGET_SPENT":
        return ModelsAway(f"the budget is spent: {error.message[:300]}", SET_UP_RETRY_S)
    if code is grpc.StatusCode.INVALID_ARGUMENT:
        if any(violation.field == "role" for violation in error.violations):
            return ModelsAway(f"the models file has no role {role!r}", SET_UP_RETRY_S)
        return UnusableAnswer(f"orchestrator refused the question: {error.message[:300]}")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return ModelsSilent(f"no model answered within {TIMEOUT_S:g} s", SLOW_RETRY_S)
    if code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
        return ModelsAway("orchestrator does not take this service's AIARTIST_TOKEN", SET_UP_RETRY_S)
    if reason == "ERROR_REASON_INTERNAL":
        # A bug: the same question would meet it again.
        return UnusableAnswer(f"orchestrator failed: {error.message[:300]}")
    return ModelsAway(f"orchestrator gave no answer: {code.name.lower()}", AWAY_RETRY_S)


def _exhausted(role: str, error: RemoteError) -> UnusableAnswer | ModelsAway:
    if error.remote_code is grpc.StatusCode.FAILED_PRECONDITION:
        return ModelsAway(f"no model is set up for the role {role!r}", SET_UP_RETRY_S)
    told = error.metadata.get("attempts", "")
    attempts = [entry.rpartition(": ")[::2] for entry in told.split("; ") if ": " in entry]
    outcomes = {outcome for _, outcome in attempts}
    called = dict.fromkeys(
        model for model, outcome in attempts if outcome not in ("breaker_open", "cancelled")
    )
    asked = Asked(tuple(called))
    if outcomes & _ANSWERED or (outcomes and outcomes <= _REFUSED):
        return UnusableAnswer(f"no model gave a usable answer: {told[:300]}", asked)
    if not called:
        return ModelsAway(
            f"models failed a short time ago: {told[:300] or 'nobody says why'}", _retry_s(error)
        )
    retry_s = SET_UP_RETRY_S if outcomes and outcomes <= _NOT_SET_UP else _retry_s(error)
    return ModelsSilent(f"no model answered: {told[:300]}", retry_s, asked)


def _retry_s(error: RemoteError) -> float:
    """What orchestrator says, within reason."""
    try:
        told = float(error.metadata.get("retry_after_s", ""))
    except ValueError:
        return AWAY_RETRY_S
    return min(max(told, 5.0), _LONGEST_RETRY_S) if told == told else AWAY_RETRY_S
