"""OrchestratorService: messages to domain and back."""

from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from typing import Any, TypeAlias

import grpc

from aiartist.orchestrator.v1 import orchestrator_pb2 as pb
from aiartist.orchestrator.v1.orchestrator_pb2_grpc import OrchestratorServiceServicer
from services.chassis.breaker import Breaker, State
from services.chassis.logs import mask_text
from services.orchestrator.domain import Answer, Attempt, Piece, Restart
from services.orchestrator.gateway.gateway import Gateway
from services.orchestrator.models.catalog import Model
from services.orchestrator.reflection.reflector import Reflector
from services.orchestrator.requests import ask_of, drawing_of
from services.orchestrator.scouting.scout import Scout
from services.orchestrator.songs import Studio

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

_STATES = {
    State.CLOSED: pb.Breaker.STATE_CLOSED,
    State.OPEN: pb.Breaker.STATE_OPEN,
    State.HALF_OPEN: pb.Breaker.STATE_HALF_OPEN,
}


class OrchestratorServicer(OrchestratorServiceServicer):
    """Maps messages to the gateway, the studio, the reflector and the scout; nothing more."""

    def __init__(self, gateway: Gateway, studio: Studio, reflector: Reflector, scout: Scout) -> None:
        self._gateway = gateway
        self._studio = studio
        self._reflector = reflector
        self._scout = scout

    async def Generate(self, request: pb.GenerateRequest, context: Context) -> pb.GenerateResponse:
        return _answer(await self._gateway.ask(ask_of(request)))

    async def GenerateStream(
        self, request: pb.GenerateStreamRequest, context: Context
    ) -> AsyncIterator[pb.GenerateStreamResponse]:
        async with aclosing(self._gateway.follow(ask_of(request.question))) as updates:
            async for update in updates:
                if isinstance(update, Piece):
                    yield pb.GenerateStreamResponse(text=update.text)
                elif isinstance(update, Restart):
                    restart = pb.Restart(model=update.model, outcome=update.outcome)
                    yield pb.GenerateStreamResponse(restart=restart)
                else:
                    yield pb.GenerateStreamResponse(answer=_answer(update))

    async def GenerateImage(
        self, request: pb.GenerateImageRequest, context: Context
    ) -> pb.GenerateImageResponse:
        answer = await self._gateway.ask(drawing_of(request))
        assert answer.picture is not None, "a drawing is answered with a picture"
        return pb.GenerateImageResponse(
            image=answer.picture.data,
            media_type=answer.picture.media_type,
            model=answer.model,
            attempts=_attempts(answer.attempts),
            cost_micro_usd=answer.cost_micro_usd,
            replayed=answer.replayed,
        )

    async def ComposeSong(
        self, request: pb.ComposeSongRequest, context: Context
    ) -> AsyncIterator[pb.ComposeSongResponse]:
        async with aclosing(self._studio.compose(request)) as updates:
            async for update in updates:
                yield update

    async def Reflect(self, request: pb.ReflectRequest, context: Context) -> pb.ReflectResponse:
        return await self._reflector.reflect(request)

    async def InventArtist(
        self, request: pb.InventArtistRequest, context: Context
    ) -> pb.InventArtistResponse:
        return await self._scout.invent(request)

    async def ListModels(self, request: pb.ListModelsRequest, context: Context) -> pb.ListModelsResponse:
        catalog = self._gateway.catalog
        return pb.ListModelsResponse(
            models=[self._model(model) for model in catalog.models.values()],
            roles=[pb.Role(name=role.name, models=role.models) for role in catalog.roles.values()],
        )

    def _model(self, model: Model) -> pb.Model:
        return pb.Model(
            name=model.name,
            litellm_model=model.litellm_model,
            api_base=mask_text(model.api_base),
            available=model.available,
            unavailable_reason=model.unavailable_reason,
            plan=model.plan or "",
            kind=model.kind,
            breaker=_breaker(self._gateway.gate(model).breaker),
            context_tokens=model.context_tokens or 0,
            concurrency=model.concurrency,
            price=self._gateway.price(model).told() if model.available else "",
            api_key_env=model.api_key_env,
        )


def _answer(answer: Answer) -> pb.GenerateResponse:
    return pb.GenerateResponse(
        text=answer.text,
        model=answer.model,
        attempts=_attempts(answer.attempts),
        prompt_tokens=answer.usage.prompt_tokens,
        completion_tokens=answer.usage.completion_tokens,
        cost_micro_usd=answer.cost_micro_usd,
        replayed=answer.replayed,
    )


def _attempts(attempts: Iterable[Attempt]) -> list[pb.Attempt]:
    return [
        pb.Attempt(
            model=attempt.model,
            outcome=attempt.outcome,
            latency_ms=attempt.latency_ms,
            detail=attempt.detail,
            skipped=attempt.skipped,
            cost_micro_usd=attempt.usage.cost_micro_usd,
        )
        for attempt in attempts
    ]


def _breaker(breaker: Breaker) -> pb.Breaker:
    told = pb.Breaker(state=_STATES[breaker.state], failures=breaker.failures, probes=breaker.probes)
    if breaker.last_opened is not None:
        told.outcome, told.detail = breaker.last_opened.outcome, breaker.last_opened.detail
        told.opened_at.FromDatetime(breaker.last_opened.at)
    if breaker.retry_at is not None:
        told.retry_at.FromDatetime(breaker.retry_at)
    return told
