"""OrchestratorService: messages to domain and back."""

from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import grpc
from google.protobuf.json_format import MessageToDict

from aiartist.orchestrator.v1 import orchestrator_pb2 as pb
from aiartist.orchestrator.v1.orchestrator_pb2_grpc import OrchestratorServiceServicer
from services.chassis.errors import FieldViolation, InvalidInput
from services.chassis.ids import digest_of
from services.orchestrator.domain import Ask, Message
from services.orchestrator.gateway import Gateway
from services.orchestrator.songs import MAX_REQUEST_ID, Studio
from services.orchestrator.structured import check_schema

MAX_TOKENS = 32_768
DEFAULT_MAX_TOKENS = 1_024
ROLES = ("system", "user", "assistant")

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class OrchestratorServicer(OrchestratorServiceServicer):
    """Maps messages to the gateway and the studio; nothing more."""

    def __init__(self, gateway: Gateway, studio: Studio) -> None:
        self._gateway = gateway
        self._studio = studio

    async def Generate(self, request: pb.GenerateRequest, context: Context) -> pb.GenerateResponse:
        answer = await self._gateway.ask(_ask_of(request))
        response = pb.GenerateResponse(
            text=answer.text,
            model=answer.model,
            prompt_tokens=answer.usage.prompt_tokens,
            completion_tokens=answer.usage.completion_tokens,
            cost_micro_usd=answer.cost_micro_usd,
            replayed=answer.replayed,
        )
        for attempt in answer.attempts:
            response.attempts.add(
                model=attempt.model,
                outcome=attempt.outcome,
                latency_ms=attempt.latency_ms,
                detail=attempt.detail,
            )
        return response

    async def ComposeSong(
        self, request: pb.ComposeSongRequest, context: Context
    ) -> AsyncIterator[pb.ComposeSongResponse]:
        async for update in self._studio.compose(request):
            yield update

    async def ListModels(self, request: pb.ListModelsRequest, context: Context) -> pb.ListModelsResponse:
        catalog = self._gateway.catalog
        return pb.ListModelsResponse(
            models=[
                pb.Model(
                    name=model.name,
                    litellm_model=model.litellm_model,
                    api_base=model.api_base,
                    available=model.available,
                    unavailable_reason=model.unavailable_reason,
                    plan=model.plan,
                )
                for model in catalog.models.values()
            ],
            roles=[pb.Role(name=role.name, models=role.models) for role in catalog.roles.values()],
        )


def _ask_of(request: pb.GenerateRequest) -> Ask:
    schema = MessageToDict(request.json_schema) if request.HasField("json_schema") else None
    _check(request, schema)
    return Ask(
        request_id=request.request_id,
        role=request.role,
        messages=tuple(Message(message.role, message.content) for message in request.messages),
        digest=digest_of(request),
        json_schema=schema,
        max_tokens=request.max_tokens or DEFAULT_MAX_TOKENS,
        temperature=request.temperature if request.HasField("temperature") else None,
        artist_id=request.artist_id,
        run_id=request.run_id,
    )


def _check(request: pb.GenerateRequest, schema: dict[str, Any] | None) -> None:
    found = []
    if not 1 <= len(request.request_id.strip()) <= MAX_REQUEST_ID:
        found.append(FieldViolation("request_id", "is required: 1 to 200 characters"))
    if not request.role:
        found.append(FieldViolation("role", "is required: one of the configured roles, see ListModels"))
    if not request.messages:
        found.append(FieldViolation("messages", "is required: at least one message"))
    for index, message in enumerate(request.messages):
        if message.role not in ROLES:
            found.append(
                FieldViolation(
                    f"messages[{index}].role", f"must be one of {', '.join(ROLES)}, is {message.role[:40]!r}"
                )
            )
        if not message.content.strip():
            found.append(FieldViolation(f"messages[{index}].content", "is required"))
    if request.max_tokens > MAX_TOKENS:
        found.append(FieldViolation("max_tokens", f"must be 1 to 32,768, is {request.max_tokens:,}"))
    if request.HasField("temperature") and not 0 <= request.temperature <= 2:
        found.append(FieldViolation("temperature", f"must be 0 to 2, is {request.temperature:g}"))
    if schema is not None and (problem := check_schema(schema)):
        found.append(FieldViolation("json_schema", f"is no JSON schema: {problem[:200]}"))
    if found:
        raise InvalidInput(found)
