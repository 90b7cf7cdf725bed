"""A service with a method of each kind that does what its test says: the chassis and nothing else."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

from services.chassis.clients import open_channel
from services.chassis.lifecycle import App
from services.chassis.settings import ChassisSettings

PACKAGE = "aiartist.tests.v1"
SERVICE = f"{PACKAGE}.EchoService"
KINDS = {
    "Say": "unary",
    "Repeat": "server_stream",
    "Join": "client_stream",
    "Chat": "bidi_stream",
}
"""The methods that change something, by kind. `GetEcho` reads."""
TOKENS = "vera:viewer:viewer-token-0001,olga:operator:operator-token-01,label:service:service-token-001"


def _message(name: str, *fields: str) -> DescriptorProto:
    kind, label = FieldDescriptorProto.TYPE_STRING, FieldDescriptorProto.LABEL_OPTIONAL
    return DescriptorProto(
        name=name,
        field=[
            FieldDescriptorProto(name=field, number=number, type=kind, label=label)
            for number, field in enumerate(fields, start=1)
        ],
    )


def _file() -> Any:
    file = FileDescriptorProto(name="aiartist/tests/v1/echo.proto", package=PACKAGE, syntax="proto3")
    file.message_type.add().CopyFrom(_message("EchoRequest", "request_id", "run_id", "artist_id", "text"))
    file.message_type.add().CopyFrom(_message("EchoResponse", "text"))
    service = file.service.add(name="EchoService")
    for name, kind in {**KINDS, "GetEcho": "unary"}.items():
        service.method.add(
            name=name,
            input_type=f".{PACKAGE}.EchoRequest",
            output_type=f".{PACKAGE}.EchoResponse",
            client_streaming=kind in ("client_stream", "bidi_stream"),
            server_streaming=kind in ("server_stream", "bidi_stream"),
        )
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return pool.FindFileByName(file.name)


DESCRIPTOR = _file()
EchoRequest: Any = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["EchoRequest"])
EchoResponse: Any = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["EchoResponse"])

Act = Callable[[Any, Any], Awaitable[str]]


async def _say_it_back(request: Any, context: Any) -> str:
    return str(request.text)


class Echo:
    """Every method answers with what `act` gives for a request, or fails as it fails."""

    def __init__(self, act: Act = _say_it_back) -> None:
        self.act = act
        self.answers: Iterable[object] = range(2)
        """As many responses a stream gives to one request."""
        self.stream_ended = asyncio.Event()
        """Set when a stream of responses was closed, at its end or before."""

    async def say(self, request: Any, context: Any) -> Any:
        return EchoResponse(text=await self.act(request, context))

    async def repeat(self, request: Any, context: Any) -> AsyncGenerator[Any, None]:
        try:
            for _ in self.answers:
                yield EchoResponse(text=await self.act(request, context))
                await asyncio.sleep(0)
        finally:
            self.stream_ended.set()

    async def join(self, requests: AsyncIterator[Any], context: Any) -> Any:
        return EchoResponse(text=" ".join([await self.act(request, context) async for request in requests]))

    async def chat(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            async with aclosing(self.repeat(request, context)) as responses:
                async for response in responses:
                    yield response


def add_to_server(echo: Echo, server: grpc.aio.Server) -> None:
    codec = {
        "request_deserializer": EchoRequest.FromString,
        "response_serializer": EchoResponse.SerializeToString,
    }
    handlers = {
        "Say": grpc.unary_unary_rpc_method_handler(echo.say, **codec),
        "GetEcho": grpc.unary_unary_rpc_method_handler(echo.say, **codec),
        "Repeat": grpc.unary_stream_rpc_method_handler(echo.repeat, **codec),
        "Join": grpc.stream_unary_rpc_method_handler(echo.join, **codec),
        "Chat": grpc.stream_stream_rpc_method_handler(echo.chat, **codec),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))


class EchoStub:
    """What generated code would give, and `call`, which calls any of them alike."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        codec = {
            "request_serializer": EchoRequest.SerializeToString,
            "response_deserializer": EchoResponse.FromString,
        }
        self.Say: Any = channel.unary_unary(f"/{SERVICE}/Say", **codec)
        self.GetEcho: Any = channel.unary_unary(f"/{SERVICE}/GetEcho", **codec)
        self.Repeat: Any = channel.unary_stream(f"/{SERVICE}/Repeat", **codec)
        self.Join: Any = channel.stream_unary(f"/{SERVICE}/Join", **codec)
        self.Chat: Any = channel.stream_stream(f"/{SERVICE}/Chat", **codec)

    async def call(self, method: str, request: Any, **options: Any) -> list[str]:
        """The texts of all responses to one request."""
        multicallable = getattr(self, method)
        streams_in = method in ("Join", "Chat")
        call = multicallable(iter([request]) if streams_in else request, **options)
        if method in ("Repeat", "Chat"):
            return [response.text async for response in call]
        return [(await call).text]


@dataclass(frozen=True, slots=True)
class RunningEcho:
    """A served Echo and a client of it."""

    app: App
    echo: Echo
    channel: grpc.aio.Channel
    stub: EchoStub


async def build(settings: ChassisSettings, echo: Echo, *, port: int = 0, metrics_port: int = 0) -> App:
    """As every service's `build`."""
    app = App("echo", settings)
    async with app.building():
        app.serve(echo, add_to_server, DESCRIPTOR, port=port, metrics_port=metrics_port)
    return app


@asynccontextmanager
async def running_echo(
    act: Act = _say_it_back, *, client: ChassisSettings | None = None, **settings: Any
) -> AsyncIterator[RunningEcho]:
    """Serves on a free port while the block runs."""
    echo = Echo(act)
    server_settings = ChassisSettings(**{"ship_errors": False, "stop_grace_s": 0, **settings})
    async with (
        await build(server_settings, echo) as app,
        open_channel(f"127.0.0.1:{app.port}", client or ChassisSettings()) as channel,
    ):
        yield RunningEcho(app, echo, channel, EchoStub(channel))
