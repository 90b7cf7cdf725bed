"""The process's Prometheus registry and the RED metrics of every RPC, by go-grpc-prometheus' names."""

import grpc
from google.protobuf.descriptor import FileDescriptor
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

_LABELS = ("grpc_type", "grpc_service", "grpc_method")

STARTED = Counter("grpc_server_started", "RPCs started.", _LABELS, registry=REGISTRY)
HANDLED = Counter("grpc_server_handled", "RPCs ended, by status.", (*_LABELS, "grpc_code"), registry=REGISTRY)
SECONDS = Histogram(
    "grpc_server_handling_seconds",
    "How long RPCs took, in seconds.",
    _LABELS,
    registry=REGISTRY,
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)
SHIPPED = Counter(
    "aiartist_errors_shipped", "Errors sent to error_analyzer, or dropped.", ("result",), registry=REGISTRY
)
for _result in ("sent", "dropped"):
    SHIPPED.labels(_result)


_KINDS = {
    (False, False): "unary",
    (False, True): "server_stream",
    (True, False): "client_stream",
    (True, True): "bidi_stream",
}


def prepare(descriptor: FileDescriptor) -> None:
    """Begins every series of a service at zero, so that the first failure is seen as a rise."""
    for service in descriptor.services_by_name.values():
        for method in service.methods:
            labels = (
                _KINDS[method.client_streaming, method.server_streaming],
                service.full_name,
                method.name,
            )
            STARTED.labels(*labels)
            SECONDS.labels(*labels)
            for code in grpc.StatusCode:
                HANDLED.labels(*labels, code.name)
