"""One grpc.aio server with reflection, health, the layers, and its metrics port."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.descriptor import FileDescriptor
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from services.chassis import metrics, tracing
from services.chassis.chain import Chain
from services.chassis.clients import KEEPALIVE_MS, MAX_MESSAGE_BYTES
from services.chassis.errors import SetupError
from services.chassis.health import Health, HealthOnly, listening_address
from services.chassis.layers import standard_layers
from services.chassis.metrics_port import MetricsPort
from services.chassis.settings import ChassisSettings, parse_tokens

AddServicer = Callable[[Any, grpc.aio.Server], None]

MAX_CONNECTION_AGE_MS = 120_000
"""After about so long, by gRPC's own jitter 10 % more or less, a client is asked to connect anew."""

_OPTIONS: list[tuple[str, Any]] = [
    # Two servers on one port would share its calls in silence.
    ("grpc.so_reuseport", 0),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", KEEPALIVE_MS // 2),
    # On a machine out of breath pings that were sent in time arrive in a bunch. An idle connection must
    # not be closed for that, and with it every call on it: its clients are our own.
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    # A client asks its resolver who serves only when a connection ends. So each ends now and then, and
    # replicas that came since get their share. Calls under way, however long, end as they would have.
    ("grpc.max_connection_age_ms", MAX_CONNECTION_AGE_MS),
]


class Server:
    """Bound when made, serving after `start`, gone after `close`."""

    def __init__(
        self,
        name: str,
        settings: ChassisSettings,
        *,
        servicer: Any,
        add_servicer: AddServicer,
        descriptor: FileDescriptor,
        port: int,
        metrics_port: int,
    ) -> None:
        self._grace = settings.stop_grace_s
        services = [service.full_name for service in descriptor.services_by_name.values()]
        metrics.prepare(descriptor)
        self.health = Health(services)
        layers = standard_layers(
            name, parse_tokens(settings.tokens), settings.max_concurrent_rpcs, tracing.tracer(name)
        )
        self._grpc = grpc.aio.server(interceptors=[Chain(layers)], options=_OPTIONS)
        add_servicer(servicer, self._grpc)
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self._grpc)
        reflection.enable_server_reflection(
            [*services, "grpc.health.v1.Health", reflection.SERVICE_NAME], self._grpc
        )
        credentials = _credentials(settings)
        self._health_only = HealthOnly(self.health)
        self._metrics = _serve_metrics(name, settings.host, metrics_port)
        try:
            self.port = _bind(self._grpc, name, settings.host, port, credentials)
            self.health_port = _bind_health(self._health_only, name, settings)
        except BaseException:
            self._metrics.close()
            raise
        self.metrics_port = self._metrics.port
        self._started = self._closed = False

    async def start(self) -> None:
        """Takes calls from now on; health still says NOT_SERVING."""
        self._started = True
        await self._grpc.start()
        await self._health_only.start()

    async def close(self) -> None:
        """Ends watches, lets running calls end within the grace, then ends them."""
        if self._closed:
            return
        self._closed = True
        await self.health.close()
        if not self._started:
            # gRPC lets the port go only where the server ran.
            await self._grpc.start()
            await self._health_only.start()
        await self._grpc.stop(self._grace)
        await self._health_only.close()
        await asyncio.to_thread(self._metrics.close)


def _credentials(settings: ChassisSettings) -> grpc.ServerCredentials | None:
    """What the server shows to its clients; None: it speaks plain. SetupError where it is no good."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    try:
        # gRPC itself would only say that it cannot listen.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_cert, settings.tls_key)
        pair = (settings.tls_key.read_bytes(), settings.tls_cert.read_bytes())
    except OSError as error:
        where = f"AIARTIST_TLS_CERT ({settings.tls_cert}) and AIARTIST_TLS_KEY ({settings.tls_key})"
        why = error.reason if isinstance(error, ssl.SSLError) and error.reason else error.strerror
        raise SetupError(f"{where}: not a certificate and its key in PEM: {why}") from error
    return grpc.ssl_server_credentials([pair])


def _bind(
    server: grpc.aio.Server, name: str, host: str, port: int, credentials: grpc.ServerCredentials | None
) -> int:
    address = listening_address(host, port)
    try:
        if credentials is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise _taken(name, address, "PORT") from error


def _bind_health(health_only: HealthOnly, name: str, settings: ChassisSettings) -> int | None:
    if settings.health_port is None:
        return None
    try:
        return health_only.bind(settings.host, settings.health_port)
    except OSError as error:
        raise SetupError(
            f"{name}: cannot listen on {settings.host}:{settings.health_port}: the port is taken or not "
            "allowed; stop what uses it, set AIARTIST_HEALTH_PORT to another, or unset it"
        ) from error


def _serve_metrics(name: str, host: str, port: int) -> MetricsPort:
    try:
        return MetricsPort(host, port, metrics.REGISTRY)
    except OSError as error:
        raise _taken(name, f"{host}:{port}", "METRICS_PORT") from error


def _taken(name: str, address: str, setting: str) -> SetupError:
    return SetupError(
        f"{name}: cannot listen on {address}: the port is taken or not allowed; stop what uses it, "
        f"or set AIARTIST_{name.upper()}_{setting} to another (0: any free one)"
    )
