"""The orchestrator, as far as covers need it: pictures on order."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

import grpc
import numpy as np
from PIL import Image

from aiartist.orchestrator.v1 import orchestrator_pb2 as pb
from aiartist.orchestrator.v1.orchestrator_pb2_grpc import (
    OrchestratorServiceServicer,
    add_OrchestratorServiceServicer_to_server,
)
from services.chassis.chain import Chain
from services.chassis.errors import AppError
from services.chassis.layers import standard_layers


def a_picture(seed: int = 5) -> bytes:
    """A PNG that shows something."""
    tiles = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(tiles).resize((640, 640)).save(buffer, "PNG")
    return buffer.getvalue()


class FakeIllustrator(OrchestratorServiceServicer):
    """Draws the same picture for everybody, until it is told otherwise."""

    def __init__(self) -> None:
        self.picture = a_picture()
        self.refusal: AppError | None = None
        self.requests: list[pb.GenerateImageRequest] = []
        self.address = ""

    @classmethod
    @asynccontextmanager
    async def serving(cls) -> AsyncIterator["FakeIllustrator"]:
        """On a free port of loopback."""
        fake = cls()
        server = grpc.aio.server(interceptors=[Chain(standard_layers("fake", {}, 64))])
        add_OrchestratorServiceServicer_to_server(fake, server)
        fake.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        try:
            yield fake
        finally:
            await server.stop(None)

    async def GenerateImage(self, request: pb.GenerateImageRequest, context: Any) -> pb.GenerateImageResponse:
        self.requests.append(request)
        if self.refusal is not None:
            raise self.refusal
        return pb.GenerateImageResponse(
            image=self.picture, media_type="image/png", model="openai/gpt-image-2", cost_micro_usd=40_000
        )
