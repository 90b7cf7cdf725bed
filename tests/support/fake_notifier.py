"""notifier on a real socket, keeping what it was told; can be told to fail."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from aiartist.notifier.v1 import notifier_pb2 as pb
from aiartist.notifier.v1.notifier_pb2_grpc import (
    NotifierServiceServicer,
    add_NotifierServiceServicer_to_server,
)
from services.chassis.chain import Chain
from services.chassis.errors import DependencyUnavailable
from services.chassis.layers import standard_layers


class FakeNotifier(NotifierServiceServicer):
    """What was told, each request_id once."""

    def __init__(self) -> None:
        self.told: dict[str, pb.NotifyRequest] = {}
        self.closed: dict[str, pb.CloseApprovalRequest] = {}
        """Questions that were closed, each request_id once."""
        self.failures = 0
        """How many of the next calls fail with UNAVAILABLE."""
        self.address = ""
        self._changed = asyncio.Condition()

    @classmethod
    @asynccontextmanager
    async def serving(cls) -> AsyncIterator["FakeNotifier"]:
        """On a free port of loopback."""
        notifier = cls()
        server = grpc.aio.server(interceptors=[Chain(standard_layers("notifier", {}, 256))])
        add_NotifierServiceServicer_to_server(notifier, server)
        notifier.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        try:
            yield notifier
        finally:
            await server.stop(None)

    @property
    def titles(self) -> list[str]:
        """In the order in which they came."""
        return [request.title for request in self.told.values()]

    async def until_told(self, count: int) -> None:
        """Returns when so many notices are here."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.told) >= count)

    def told_about(self, topic: pb.Topic.ValueType) -> list[pb.NotifyRequest]:
        """Notices of one topic, in the order in which they came."""
        return [request for request in self.told.values() if request.topic == topic]

    async def CloseApproval(self, request: pb.CloseApprovalRequest, context: Any) -> pb.CloseApprovalResponse:
        self._fail_if_told()
        async with self._changed:
            is_new = request.request_id not in self.closed
            self.closed.setdefault(request.request_id, request)
            self._changed.notify_all()
        return pb.CloseApprovalResponse(closed=int(is_new))

    def _fail_if_told(self) -> None:
        if self.failures:
            self.failures -= 1
            raise DependencyUnavailable("database")

    async def Notify(self, request: pb.NotifyRequest, context: Any) -> pb.NotifyResponse:
        self._fail_if_told()
        async with self._changed:
            self.told.setdefault(request.request_id, request)
            self._changed.notify_all()
        return pb.NotifyResponse()
