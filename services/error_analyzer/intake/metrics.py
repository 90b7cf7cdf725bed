"""What the intake counts."""

from prometheus_client import Counter, Gauge

from services.chassis.metrics import REGISTRY

LINES = Counter("aiartist_error_analyzer_log_lines", "Lines read from log files.", registry=REGISTRY)
LINES_CUT = Counter(
    "aiartist_error_analyzer_log_lines_cut",
    "Lines of log files of which only the beginning was read, because they are too long.",
    registry=REGISTRY,
)
LOG_ERRORS = Counter(
    "aiartist_error_analyzer_log_errors", "Errors found in log files, and stored.", registry=REGISTRY
)
LOG_REFUSED = Counter(
    "aiartist_error_analyzer_log_errors_refused",
    "Errors found in log files that could not be read, or stored, for what they hold.",
    registry=REGISTRY,
)
SKIPPED = Counter(
    "aiartist_error_analyzer_log_bytes_skipped",
    "Bytes of log files that were never read: older than the first start, too far behind, or gone.",
    ("reason",),
    registry=REGISTRY,
)
FILES = Gauge("aiartist_error_analyzer_log_files", "Log files that are read.", registry=REGISTRY)
BACKLOG = Gauge(
    "aiartist_error_analyzer_log_backlog_bytes", "Bytes of log files not read yet.", registry=REGISTRY
)
ALERTS = Counter(
    "aiartist_error_analyzer_alerts", "Alerts that Alertmanager sent.", ("outcome",), registry=REGISTRY
)
for _reason in ("first_start", "lag", "gone"):
    SKIPPED.labels(_reason)
for _outcome in ("stored", "repeated", "resolved", "about_errors", "refused", "failed"):
    ALERTS.labels(_outcome)
