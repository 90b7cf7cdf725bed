"""One grpc.aio server with reflection, health, the layers, and its metrics port."""

import threading
from collections.abc import Callable
from typing import Any
from wsgiref.simple_server import WSGIServer

import grpc
from google.protobuf.descriptor import FileDescriptor
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import start_http_server

from services.chassis.chain import Chain
from services.chassis.clients import KEEPALIVE_MS, MAX_MESSAGE_BYTES
from services.chassis.errors import SetupError
from services.chassis.health import Health
from services.chassis.layers import standard_layers
from services.chassis.metrics import REGISTRY
from services.chassis.settings import ChassisSettings, parse_tokens

AddServicer = Callable[[Any, grpc.aio.Server], None]

_OPTIONS: list[tuple[str, Any]] = [
    # Two servers on one port would share its calls in silence.
    ("grpc.so_reuseport", 0),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", KEEPALIVE_MS // 2),
    ("grpc.keepalive_permit_without_calls", 1),
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
        self.health = Health(services)
        layers = standard_layers(name, parse_tokens(settings.tokens), settings.max_concurrent_rpcs)
        self._grpc = grpc.aio.server(interceptors=[Chain(layers)], options=_OPTIONS)
        add_servicer(servicer, self._grpc)
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self._grpc)
        reflection.enable_server_reflection(
            [*services, "grpc.health.v1.Health", reflection.SERVICE_NAME], self._grpc
        )
        self.port = _bind(self._grpc, name, settings, port)
        self._metrics: tuple[WSGIServer, threading.Thread] = _serve_metrics(name, settings.host, metrics_port)
        self.metrics_port = int(self._metrics[0].server_port)

    async def start(self) -> None:
        """Takes calls from now on; health still says NOT_SERVING."""
        await self._grpc.start()

    async def close(self) -> None:
        """Ends watches, lets running calls end within the grace, then ends them."""
        await self.health.close()
        await self._grpc.stop(self._grace)
        server, thread = self._metrics
        server.shutdown()
        server.server_close()
        thread.join(timeout=1)


def _bind(server: grpc.aio.Server, name: str, settings: ChassisSettings, port: int) -> int:
    address = f"{settings.host}:{port}"
    try:
        if settings.tls_cert is not None and settings.tls_key is not None:
            pair = (settings.tls_key.read_bytes(), settings.tls_cert.read_bytes())
            return server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
        return server.add_insecure_port(address)
    except RuntimeError as error:
        raise _taken(name, address, "PORT") from error
    except OSError as error:
        raise SetupError(f"TLS: cannot read {error.filename}: {error.strerror}") from error


def _serve_metrics(name: str, host: str, port: int) -> tuple[WSGIServer, threading.Thread]:
    try:
        return start_http_server(port, addr=host, registry=REGISTRY)
    except OSError as error:
        raise _taken(name, f"{host}:{port}", "METRICS_PORT") from error


def _taken(name: str, address: str, setting: str) -> SetupError:
    return SetupError(
        f"{name}: cannot listen on {address}: the port is taken or not allowed; stop what uses it, "
        f"or set AIARTIST_{name.upper()}_{setting} to another (0: any free one)"
    )
