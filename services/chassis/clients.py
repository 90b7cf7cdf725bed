"""The one way to call another service: round robin, retries, keepalive, token, trace, TLS."""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import grpc
from pydantic import SecretStr

from services.chassis import tracing
from services.chassis.chain import DEADLINE
from services.chassis.errors import SetupError

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
KEEPALIVE_MS = 30_000
"""How often an idle client asks whether the server lives; the server allows half of it."""

_SERVICE_CONFIG = json.dumps(
    {
        "loadBalancingConfig": [{"round_robin": {}}],
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 4,
                    "initialBackoff": "0.1s",
                    "maxBackoff": "2s",
                    "backoffMultiplier": 2,
                    # A server that stops answers CANCELLED to calls that reached it before its clients heard
                    # so. Who cancels a call of its own is not waiting for another try.
                    "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
                },
            }
        ],
    }
)

_OPTIONS: Sequence[tuple[str, Any]] = (
    ("grpc.service_config", _SERVICE_CONFIG),
    ("grpc.enable_retries", 1),
    ("grpc.keepalive_time_ms", KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.use_local_subchannel_pool", 1),
    # With its default of 30 s a client could know only addresses that a rolling update has taken away.
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
)

_NO_LOOKUP = ("unix:", "ipv4:", "ipv6:")


class ClientSettings(Protocol):
    """What a client needs to know of the settings."""

    @property
    def token(self) -> SecretStr | None: ...
    @property
    def tls_ca(self) -> Path | None: ...


def open_channel(address: str, settings: ClientSettings) -> grpc.aio.Channel:
    """A channel to `host:port`; every address behind the name gets its share of the calls.

    `ipv4:10.0.0.1:50051,10.0.0.2:50051`, `ipv6:…` and `unix:…` name addresses without a lookup,
    `dns://10.0.0.10:53/release:50054` says which name server is asked.
    """
    target = address if "://" in address or address.startswith(_NO_LOOKUP) else f"dns:///{address}"
    token = settings.token.get_secret_value() if settings.token is not None else ""
    interceptors = _metadata(token) if token or tracing.is_on() else None
    if settings.tls_ca is None:
        return grpc.aio.insecure_channel(target, options=_OPTIONS, interceptors=interceptors)
    try:
        trusted = settings.tls_ca.read_bytes()
    except OSError as error:
        raise SetupError(f"AIARTIST_TLS_CA: cannot read {settings.tls_ca}: {error.strerror}") from error
    return grpc.aio.secure_channel(
        target, grpc.ssl_channel_credentials(trusted), options=_OPTIONS, interceptors=interceptors
    )


def deadline_s(most: float) -> float:
    """Seconds that a call may take: `most`, or what is left of the call that we serve, if less."""
    until = DEADLINE.get()
    if until is None:
        return most
    return max(0.001, min(most, until - asyncio.get_running_loop().time()))


def _metadata(token: str) -> Sequence[grpc.aio.ClientInterceptor]:
    return (_UnaryMetadata(token), _StreamMetadata(token))


class _Metadata:
    """What goes with every call: who we are, and of which trace it is a part."""

    def __init__(self, token: str) -> None:
        self._token = (("authorization", f"Bearer {token}"),) if token else ()

    def _added(self, details: grpc.aio.ClientCallDetails) -> grpc.aio.ClientCallDetails:
        metadata = grpc.aio.Metadata(*(details.metadata or ()), *self._token, *tracing.headers())
        return grpc.aio.ClientCallDetails(
            details.method, details.timeout, metadata, details.credentials, details.wait_for_ready
        )


class _UnaryMetadata(_Metadata, grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(
        self, continuation: Callable[..., Any], client_call_details: grpc.aio.ClientCallDetails, request: Any
    ) -> Any:
        return await continuation(self._added(client_call_details), request)


class _StreamMetadata(_Metadata, grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(
        self, continuation: Callable[..., Any], client_call_details: grpc.aio.ClientCallDetails, request: Any
    ) -> Any:
        return await continuation(self._added(client_call_details), request)
