"""Services: rate, errors and duration of every RPC, and what the processes have left."""

from deploy.grafana.board import Board, Row, Variable
from deploy.grafana.dashboards import shared
from deploy.grafana.dashboards.shared import quantile
from deploy.grafana.panels import Column, Panel, worry_at
from deploy.grafana.queries import Prom, Shows

_CHOSEN = 'grpc_service=~"$service",grpc_method=~"$method"'
_STARTED = "grpc_server_started_total"
_HANDLED = "grpc_server_handled_total"
_SECONDS = "grpc_server_handling_seconds"
_OURS = "and on (instance) aiartist_build_info"
# What the service is to blame for, as the alerts have it; the rest is the caller's.
_BROKEN = (
    'grpc_code=~"UNKNOWN|INTERNAL|DATA_LOSS|UNAVAILABLE|DEADLINE_EXCEEDED|RESOURCE_EXHAUSTED|UNIMPLEMENTED"'
)
_UNARY = 'grpc_type="unary"'


def _rate(counter: str, by: str, where: str) -> str:
    return f"sum by ({by}) (rate({counter}{{{where}}}[$__rate_interval]))"


_BY_SERVICE = Row(
    "Rate, errors, duration by service",
    [
        Panel(
            "lines",
            "Calls per second",
            "RPCs that began, by service. Worry about a fall to zero as much as about a flood.",
            [Prom(_rate(_STARTED, "grpc_service", _CHOSEN), "{{grpc_service}}")],
            "reqps",
            width=8,
            shows=Shows.MORE_THAN_ZERO,
        ),
        Panel(
            "lines",
            "Share of failed calls",
            "RPCs that ended in a fault of the service: internal, unavailable, too late. "
            "Worry from one in a hundred on. Gaps: no call.",
            [
                Prom(
                    f"{_rate(_HANDLED, 'grpc_service', f'{_CHOSEN},{_BROKEN}')}"
                    f" / ({_rate(_HANDLED, 'grpc_service', _CHOSEN)} > 0)",
                    "{{grpc_service}}",
                )
            ],
            "percentunit",
            width=8,
            steps=worry_at(0.01, 0.05),
        ),
        Panel(
            "lines",
            "95th percentile",
            "How long calls take, without streams, which last as long as somebody watches. "
            "Worry where it is many times what it was. Gaps: no call.",
            [Prom(quantile(0.95, _SECONDS, "grpc_service", f"{_CHOSEN},{_UNARY}"), "{{grpc_service}}")],
            "s",
            width=8,
            shows=Shows.MORE_THAN_ZERO,
        ),
    ],
)

_BY_METHOD = Row(
    "By method",
    [
        Panel(
            "lines",
            "Calls per second by method",
            "The twelve methods that are called most.",
            [Prom(f"topk(12, {_rate(_STARTED, 'grpc_method', _CHOSEN)} > 0)", "{{grpc_method}}")],
            "reqps",
            width=8,
            height=10,
            shows=Shows.MORE_THAN_ZERO,
        ),
        Panel(
            "lines",
            "Failed calls by method and code",
            "RPCs that did not end in OK, by code: here with the caller's mistakes. "
            "Worry about INTERNAL and UNKNOWN: there is an error group for each.",
            [
                Prom(
                    f"{_rate(_HANDLED, 'grpc_method, grpc_code', f'{_CHOSEN},grpc_code!=`OK`')} > 0",
                    "{{grpc_method}} {{grpc_code}}",
                )
            ],
            "reqps",
            width=8,
            height=10,
            shows=Shows.PERHAPS_NOTHING,
            drawn_as_bars=True,
            stacked=True,
            empty="Every call was answered",
            link=shared.ERRORS,
        ),
        Panel(
            "table",
            "Duration by method",
            "Calls and how long they took over the time range, streams left out. "
            "Worry where the 99th percentile nears the callers' deadlines.",
            [
                Prom(
                    f"sum by (grpc_method) (increase({_SECONDS}_count{{{_CHOSEN},{_UNARY}}}[$__range])) > 0",
                    instant=True,
                ),
                *(
                    Prom(
                        quantile(part, _SECONDS, "grpc_method", f"{_CHOSEN},{_UNARY}", "$__range") + " >= 0",
                        instant=True,
                    )
                    for part in (0.5, 0.95, 0.99)
                ),
            ],
            "s",
            width=8,
            height=10,
            shows=Shows.MORE_THAN_ZERO,
            columns=(
                Column("Time", hidden=True),
                Column("Value #A", unit="short", width=90, shown_as="calls"),
                Column("Value #B", unit="s", width=90, shown_as="p50"),
                Column("Value #C", unit="s", width=90, shown_as="p95"),
                Column("Value #D", unit="s", width=90, shown_as="p99"),
                Column("grpc_method", shown_as="method"),
            ),
            joined_by="grpc_method",
            empty="No call in this time",
        ),
    ],
)

_INSIDE = Row(
    "Inside",
    [
        Panel(
            "lines",
            "Calls under way",
            "RPCs that began and have not ended, by service, watches included. "
            "Worry near the limit, which is 256 unless set: calls are refused there.",
            [
                Prom(
                    f"sum by (grpc_service) ({_STARTED}{{{_CHOSEN}}})"
                    f" - sum by (grpc_service) ({_HANDLED}{{{_CHOSEN}}})",
                    "{{grpc_service}}",
                )
            ],
            "short",
            width=8,
            steps=worry_at(128, 230),
        ),
        Panel(
            "lines",
            "Event loop's lag",
            "How much later than wanted a process does things, 99th percentile. "
            "Worry from a tenth of a second on: something computes in the loop.",
            [Prom(quantile(0.99, "aiartist_event_loop_lag_seconds", "instance"), "{{instance}}")],
            "s",
            width=8,
            shows=Shows.MORE_THAN_ZERO,
            steps=worry_at(0.1, 1),
        ),
        Panel(
            "lines",
            "Database connections in use",
            "Which part of its pool a service uses. Worry at 100 %: calls wait for a connection.",
            [
                Prom(
                    'sum by (service) (aiartist_db_pool_connections{state="used"})'
                    " / (sum by (service) (aiartist_db_pool_size) > 0)",
                    "{{service}}",
                )
            ],
            "percentunit",
            width=8,
            steps=worry_at(0.8, 1),
            max=1,
        ),
        Panel(
            "lines",
            "Errors on their way",
            "Errors that services shipped to error_analyzer, or dropped.",
            [
                Prom(
                    "sum by (result) (increase(aiartist_errors_shipped_total[$__interval]))",
                    "{{result}}",
                    min_step="5m",
                )
            ],
            "short",
            width=8,
            shows=Shows.MORE_THAN_ZERO,
            drawn_as_bars=True,
            stacked=True,
            colours=(("sent", "blue"), ("dropped", "red")),
            link=shared.ERRORS,
        ),
        Panel(
            "lines",
            "Gauges that could not be read",
            "Looks at the database for gauges that failed. Worry where it goes on: the other dashboards then "
            "show what was.",
            [
                Prom(
                    "sum by (service) (increase(aiartist_samples_failed_total[$__interval]))",
                    "{{service}}",
                    min_step="5m",
                )
            ],
            "short",
            width=8,
            drawn_as_bars=True,
            stacked=True,
        ),
        Panel(
            "lines",
            "Pools without a free connection",
            "Pools of connections that are used up, by service. Worry where it stays above zero.",
            [Prom("sum by (service) (aiartist_db_pools_exhausted)", "{{service}}")],
            "short",
            width=8,
            steps=worry_at(1, 2),
        ),
    ],
)

_PROCESSES = Row(
    "Processes",
    [
        Panel(
            "timeline",
            "Ready",
            "Whether a service is ready for calls in any replica. Red: it runs and is not. Gaps: it is down.",
            [Prom("max by (service) (aiartist_ready)", "{{service}}")],
            "short",
            width=8,
            shows=Shows.MORE_THAN_ZERO,
            values=(("0", "not ready", "red"), ("1", "ready", "green")),
        ),
        Panel(
            "timeline",
            "Up",
            "Whether Prometheus reaches each process. Red: it does not answer.",
            [
                Prom(
                    "min by (instance) (up and on (instance) last_over_time(aiartist_build_info[1h]))",
                    "{{instance}}",
                )
            ],
            "short",
            width=8,
            shows=Shows.MORE_THAN_ZERO,
            values=(("0", "down", "red"), ("1", "up", "green")),
        ),
        Panel(
            "table",
            "Versions",
            "Which version of each service runs, in how many processes. Worry where there are two for long: "
            "an upgrade is stuck.",
            [Prom("count by (service, version) (aiartist_build_info)", instant=True)],
            "short",
            width=8,
            shows=Shows.MORE_THAN_ZERO,
            columns=(Column("Time", hidden=True), Column("Value", shown_as="processes", width=110)),
        ),
        Panel(
            "lines",
            "Memory",
            "Resident memory of each process. Worry where it grows for days, or nears its limit.",
            [Prom(f"process_resident_memory_bytes {_OURS}", "{{instance}}")],
            "bytes",
            width=6,
            shows=Shows.MORE_THAN_ZERO,
        ),
        Panel(
            "lines",
            "CPU",
            "Cores that each process uses. Worry where a process other than release stays near one.",
            [Prom(f"rate(process_cpu_seconds_total[$__rate_interval]) {_OURS}", "{{instance}}")],
            "short",
            width=6,
            shows=Shows.MORE_THAN_ZERO,
            decimals=2,
        ),
        Panel(
            "lines",
            "Open files",
            "Which part of the files that a process may open it has open. Worry from a half on.",
            [Prom(f"process_open_fds / process_max_fds {_OURS}", "{{instance}}")],
            "percentunit",
            width=6,
            shows=Shows.MORE_THAN_ZERO,
            steps=worry_at(0.5, 0.9),
        ),
        Panel(
            "number",
            "Restarts",
            "How often processes began anew in the time range. Worry where nobody upgraded.",
            [Prom(f"sum(changes(process_start_time_seconds[$__range]) {_OURS})", instant=True)],
            "short",
            width=6,
            steps=worry_at(1, 5),
            decimals=0,
        ),
    ],
)

BOARD = Board(
    shared.SERVICES,
    "Services",
    "Rate, errors and duration of every RPC, and what the processes have left.",
    [_BY_SERVICE, _BY_METHOD, _INSIDE, _PROCESSES],
    variables=[
        Variable(
            "service",
            "Service",
            "gRPC services, by their full name.",
            Prom(f"label_values({_STARTED}, grpc_service)"),
        ),
        Variable(
            "method",
            "Method",
            "Methods of the chosen services.",
            Prom(f'label_values({_STARTED}{{grpc_service=~"$service"}}, grpc_method)'),
        ),
    ],
    annotations=[shared.RESTARTS, shared.ALERTS],
    since="now-3h",
)
