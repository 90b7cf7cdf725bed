"""The orchestrator as error_analyzer sees it: scripted, on a real socket, as strict as the real one."""

import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict

from aiartist.orchestrator.v1 import orchestrator_pb2 as pb
from aiartist.orchestrator.v1.orchestrator_pb2_grpc import (
    OrchestratorServiceServicer,
    OrchestratorServiceStub,
    add_OrchestratorServiceServicer_to_server,
)
from services.chassis.chain import Chain
from services.chassis.errors import AppError, RequestIdReused
from services.chassis.ids import digest_of
from services.chassis.layers import ErrorsToStatus
from services.orchestrator.requests import ask_of

MODEL = "openai/scripted"


@dataclass
class FakeModels(OrchestratorServiceServicer):
    """Answers with what `script` holds next: a text, a value as JSON, a response, or an error."""

    script: deque[Any] = field(default_factory=deque)
    requests: list[pb.GenerateRequest] = field(default_factory=list)
    """Questions that were put to a model; a repeat with the same id is none."""
    _recorded: dict[str, tuple[str, pb.GenerateResponse]] = field(default_factory=dict)

    def says(self, *answers: Any) -> None:
        """What the next questions are answered with."""
        self.script.extend(answers)

    @property
    def last_question(self) -> str:
        """All words of the newest question, as a model gets them."""
        return "\n".join(message.content for message in ask_of(self.requests[-1]).messages)

    async def Generate(self, request: pb.GenerateRequest, context: Any) -> pb.GenerateResponse:
        ask_of(request)
        known, answer = self._recorded.get(request.request_id, ("", None))
        if answer is not None:
            if known != digest_of(request):
                raise RequestIdReused(request.request_id)
            return answer
        self.requests.append(request)
        said = self.script.popleft()
        if isinstance(said, AppError):
            raise said
        if not isinstance(said, pb.GenerateResponse):
            text = said if isinstance(said, str) else json.dumps(said)
            said = pb.GenerateResponse(text=text, model=MODEL, cost_micro_usd=1_200)
            said.attempts.add(model=MODEL, outcome="ok", cost_micro_usd=1_200)
        self._recorded[request.request_id] = (digest_of(request), said)
        return said

    def schema(self) -> dict[str, Any]:
        """The JSON schema of the newest question."""
        return MessageToDict(self.requests[-1].json_schema)


@asynccontextmanager
async def fake_models() -> AsyncIterator[tuple[FakeModels, OrchestratorServiceStub]]:
    """The double and a client of it while the block runs."""
    models = FakeModels()
    server = grpc.aio.server(interceptors=[Chain([ErrorsToStatus()])])
    add_OrchestratorServiceServicer_to_server(models, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield models, OrchestratorServiceStub(channel)
    finally:
        await server.stop(None)
