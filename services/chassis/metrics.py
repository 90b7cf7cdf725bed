"""The process's Prometheus registry and the RED metrics of every RPC, by go-grpc-prometheus' names.

docs/metrics.md lists every metric of the platform.
"""

import grpc
from google.protobuf.descriptor import FileDescriptor
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

# A series beside each other one, saying when it began: nobody asks for it.
disable_created_metrics()  # type: ignore[no-untyped-call]

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

BUILD_INFO = Gauge(
    "aiartist_build_info", "1 for each service of the process.", ("service", "version"), registry=REGISTRY
)
READY = Gauge(
    "aiartist_ready", "1 while the service is ready for calls, else 0.", ("service",), registry=REGISTRY
)
LOOP_LAG = Histogram(
    "aiartist_event_loop_lag_seconds",
    "How much later than wanted the process's event loop did something, in seconds.",
    registry=REGISTRY,
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
SAMPLES_FAILED = Counter(
    "aiartist_samples_failed",
    "Looks at the database for gauges that failed; the gauges keep what they said last.",
    ("service",),
    registry=REGISTRY,
)

OTHER = "other"
_SERVICES = frozenset({"scheduler", "artist_db", "orchestrator", "release", "notifier", "error_analyzer"})
SERVICE_LABELS = (*sorted(_SERVICES), OTHER)
"""What a label that clients choose may say of a service."""


def service_label(name: str) -> str:
    """The name where it is a service's, else `other`: labels must not grow with what clients send."""
    return name if name in _SERVICES else OTHER


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
