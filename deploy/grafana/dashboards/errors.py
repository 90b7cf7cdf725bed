"""Errors and fixes: the list of error groups, and behind each its log, its diagnosis and its diff."""

from deploy.grafana.board import Board, Row, Variable
from deploy.grafana.dashboards import shared
from deploy.grafana.dashboards.shared import grown, in_range
from deploy.grafana.panels import Column, Panel, worry_at
from deploy.grafana.queries import Prom, Shows, Sql

STATUSES = (
    "new",
    "analyzed",
    "analysis_failed",
    "fix_suggested",
    "fix_attempted",
    "fix_failed",
    "fix_applied",
    "fix_skipped_invalid",
    "ignored",
    "reverted",
)
"""What an error report may say; a test holds them to artist_db's."""

_GROUPS = "aiartist_artist_db_error_groups"
_FILTER = (
    "$__timeFilter(last_seen) AND status IN (${status:sqlstring}) AND services && ARRAY[${service:sqlstring}]"
)
_CHOSEN = "fingerprint = ${group:sqlstring}"
_STATUS = Column(
    "status",
    width=150,
    colours=(
        ("new", "red"),
        ("analyzed", "yellow"),
        ("analysis_failed", "orange"),
        ("fix_suggested", "blue"),
        ("fix_attempted", "purple"),
        ("fix_failed", "orange"),
        ("fix_applied", "green"),
        ("fix_skipped_invalid", "#8f8f8f"),
        ("ignored", "#8f8f8f"),
        ("reverted", "orange"),
    ),
)

_NOW = Row(
    "How many",
    [
        Panel(
            "number",
            "New groups in this time",
            "Error groups that were seen for the first time. Worry where they come with an upgrade.",
            [Prom(in_range("aiartist_error_analyzer_new_groups_total"), instant=True)],
            "short",
            width=4,
            height=8,
            shows=Shows.MORE_THAN_ZERO,
            steps=worry_at(1, 10),
            decimals=0,
        ),
        Panel(
            "bars",
            "Groups by status",
            "All error groups, by what became of them. Worry about many that are new. "
            "One of several services counts in each.",
            [Prom(f"sum by (status) (max by (status, service) ({_GROUPS})) > 0", "{{status}}", instant=True)],
            "short",
            width=5,
            height=8,
            shows=Shows.MORE_THAN_ZERO,
        ),
        Panel(
            "lines",
            "Errors by service",
            "Occurrences that services reported, known groups included. Worry about every step up.",
            [
                Prom(
                    grown("aiartist_error_analyzer_events_total", "service", 'service=~"$service"'),
                    "{{service}}",
                    min_step="5m",
                )
            ],
            "short",
            width=10,
            height=8,
            shows=Shows.MORE_THAN_ZERO,
            drawn_as_bars=True,
            stacked=True,
        ),
        Panel(
            "lines",
            "Errors that got lost",
            "Errors that a service could not send because there were too many. Worry from the first one on: "
            "the list below is not whole.",
            [
                Prom(
                    "sum(increase(aiartist_error_analyzer_dropped_total[$__interval]))", "told", min_step="5m"
                ),
                Prom(
                    'sum(increase(aiartist_errors_shipped_total{result="dropped"}[$__interval]))',
                    "dropped",
                    min_step="5m",
                ),
            ],
            "short",
            width=5,
            height=8,
            drawn_as_bars=True,
        ),
    ],
)

_LIST = Row(
    "Which ones",
    [
        Panel(
            "table",
            "Error groups",
            "Groups of this time range with the chosen statuses and services, last seen first. "
            "Click a title to see its log, its diagnosis and its fix below.",
            [
                Sql(
                    f"""
SELECT last_seen AS "last seen", title, culprit, array_to_string(services, ', ') AS services, count, status,
       first_seen AS "first seen", fingerprint
FROM error_groups WHERE {_FILTER}
ORDER BY last_seen DESC, fingerprint DESC LIMIT 200
""".strip()
                )
            ],
            "none",
            width=24,
            height=10,
            columns=(
                Column("last seen", width=170),
                Column(
                    "title",
                    link=f"/d/{shared.ERRORS}?var-group=${{__data.fields.fingerprint}}&${{__url_time_range}}"
                    "&${status:queryparam}&${service:queryparam}",
                    link_title="Read its log",
                ),
                Column("services", width=200),
                Column("count", width=90),
                _STATUS,
                Column("first seen", width=170),
                Column("fingerprint", width=290),
            ),
            empty="No error with these statuses and services in this time",
        ),
    ],
)

_ONE = Row(
    "The chosen group",
    [
        Panel(
            "table",
            "What it is",
            "The chosen group: how often it happened, since when, and what became of it.",
            [
                Sql(
                    f"""
SELECT title, culprit, array_to_string(services, ', ') AS services, count, first_seen AS "first seen",
       last_seen AS "last seen", status
FROM error_groups WHERE {_CHOSEN}
""".strip()
                )
            ],
            "none",
            width=24,
            height=4,
            columns=(
                Column("services", width=200),
                Column("count", width=90),
                Column("first seen", width=170),
                Column("last seen", width=170),
                _STATUS,
            ),
            empty="Choose a group in the list above",
        ),
        Panel(
            "table",
            "Log",
            "The newest occurrences that were kept, at most ten, redacted: the log line, the traceback, "
            "and the fields of the log record.",
            [
                Sql(
                    f"""
SELECT seen_at AS seen, service, code_version AS version, message, text AS traceback,
       (SELECT string_agg(key || '=' || value, ' ' ORDER BY key) FROM jsonb_each_text(context)) AS context,
       error_id AS "error id"
FROM error_samples WHERE {_CHOSEN} ORDER BY seen_at DESC LIMIT 10
""".strip()
                )
            ],
            "none",
            width=24,
            height=14,
            columns=(
                Column("seen", width=170),
                Column("service", width=110),
                Column("version", width=80),
                Column("message", width=260, wrap=True),
                Column("traceback", wrap=True),
                Column("context", width=330, wrap=True),
                Column("error id", width=130),
            ),
            empty="Choose a group in the list above",
        ),
        Panel(
            "table",
            "Diagnosis",
            "Every report about the group, the newest first: what causes it, as models found out, and why "
            "it has its status.",
            [
                Sql(
                    f"""
SELECT created_at AS made, status, severity, cause, reason
FROM error_reports WHERE {_CHOSEN} ORDER BY id DESC LIMIT 10
""".strip()
                )
            ],
            "none",
            width=10,
            height=12,
            columns=(
                Column("made", width=170),
                _STATUS,
                Column("severity", width=90),
                Column("cause", wrap=True),
                Column("reason", wrap=True),
            ),
            empty="Nobody has looked at it yet",
            shows=Shows.PERHAPS_NOTHING,
        ),
        Panel(
            "table",
            "Diff",
            "The fix that the newest report with one suggests: its unified diff, its test, and its branch.",
            [
                Sql(
                    f"""
SELECT created_at AS made, diff, test_code AS test, branch
FROM error_reports WHERE {_CHOSEN} AND diff <> '' ORDER BY id DESC LIMIT 1
""".strip()
                )
            ],
            "none",
            width=14,
            height=12,
            columns=(
                Column("made", width=170),
                Column("diff", wrap=True),
                Column("test", wrap=True),
                Column("branch", width=200),
            ),
            empty="No fix is suggested",
            shows=Shows.PERHAPS_NOTHING,
        ),
    ],
)

_FIXES = Row(
    "What became of errors",
    [
        Panel(
            "lines",
            "Groups that models explained",
            "Analyses by what came of them; one that is `unchanged` cost nothing. Worry where they fail.",
            [Prom(grown("aiartist_error_analyzer_analyses_total", "outcome"), "{{outcome}}", min_step="5m")],
            "short",
            width=12,
            drawn_as_bars=True,
            stacked=True,
        ),
        Panel(
            "lines",
            "Fixes tried and kept",
            "Fixes by how far they came: suggested, proven on a branch, applied, kept after they were "
            "watched; or invalid, failed, reverted. Worry where one is reverted.",
            [Prom(grown("aiartist_error_analyzer_fixes_total", "outcome"), "{{outcome}}", min_step="5m")],
            "short",
            width=12,
            drawn_as_bars=True,
            stacked=True,
        ),
        Panel(
            "lines",
            "Groups by status over time",
            "How many groups are in which status. Worry where `new` only grows.",
            [
                Prom(
                    f'sum by (status) (max by (status, service) ({_GROUPS}{{service=~"$service"}})) > 0',
                    "{{status}}",
                )
            ],
            "short",
            width=12,
            shows=Shows.MORE_THAN_ZERO,
            stacked=True,
        ),
        Panel(
            "table",
            "Reports made last",
            "Reports of this time range about any group: diagnoses, fixes that were tried, kept or reverted.",
            [
                Sql(
                    """
SELECT report.created_at AS made, report.status, found.title, report.cause, report.fingerprint
FROM (
    SELECT * FROM error_reports WHERE $__timeFilter(created_at) ORDER BY id DESC LIMIT 50
) AS report JOIN error_groups AS found ON found.fingerprint = report.fingerprint
ORDER BY report.id DESC
""".strip()
                )
            ],
            "none",
            width=12,
            shows=Shows.PERHAPS_NOTHING,
            columns=(
                Column("made", width=170),
                _STATUS,
                Column("cause", wrap=True),
                Column("fingerprint", hidden=True),
                Column(
                    "title",
                    link=f"/d/{shared.ERRORS}?var-group=${{__data.fields.fingerprint}}&${{__url_time_range}}",
                    link_title="Read its log",
                ),
            ),
            empty="No report in this time",
        ),
    ],
)

BOARD = Board(
    shared.ERRORS,
    "Errors and fixes",
    "Which errors there are, where, since when, and behind each its log, its diagnosis and its fix.",
    [_NOW, _LIST, _ONE, _FIXES],
    variables=[
        Variable("status", "Status", "What became of the groups that are listed.", choices=STATUSES),
        Variable(
            "service",
            "Service",
            "Services whose errors are listed.",
            Sql(
                """
SELECT service FROM (
    SELECT unnest(services) AS service FROM error_groups
    UNION VALUES ('scheduler'), ('artist_db'), ('orchestrator'), ('release'), ('notifier'),
        ('error_analyzer'), ('other')
) AS known ORDER BY service
""".strip()
            ),
        ),
        Variable(
            "group",
            "Group",
            "The group whose log is shown, last seen first; or click one in the list.",
            Sql(
                # More than the list shows: what is clicked there must be among the choices.
                f"""
SELECT title || ' · ' || culprit AS __text, fingerprint AS __value
FROM error_groups WHERE {_FILTER}
ORDER BY last_seen DESC, fingerprint DESC LIMIT 1000
""".strip()
            ),
            several=False,
        ),
    ],
    annotations=[shared.RESTARTS, shared.ALERTS],
    since="now-7d",
    refresh="1m",
)
