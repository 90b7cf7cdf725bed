"""Label overview: one look that says whether the label works, what it costs and what it brought out."""

from deploy.grafana.board import Board, Row
from deploy.grafana.dashboards import shared
from deploy.grafana.dashboards.shared import day_usd, grown, in_range
from deploy.grafana.panels import Column, Panel, worry_at
from deploy.grafana.queries import Prom, Shows, Sql

_TODAY = "date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'"
_DAY = 86_400

_WORK = Row(
    "Does work flow?",
    [
        Panel(
            "number",
            "Artists by state",
            "How many artists there are, by lifecycle state. Worry where nobody is active: nothing starts.",
            [Prom("max by (state) (aiartist_artist_db_artists)", "{{state}}")],
            "short",
            width=8,
            height=5,
            shows=Shows.MORE_THAN_ZERO,
            sparkline=False,
        ),
        Panel(
            "number",
            "Runs under way",
            "Runs that are not over, those that wait for a decision included. Worry where it only grows.",
            [Prom("sum(max by (state) (aiartist_scheduler_runs))")],
            "short",
            width=4,
            height=5,
            shows=Shows.MORE_THAN_ZERO,
            link=shared.RUNS,
        ),
        Panel(
            "number",
            "Approvals waiting",
            "Questions that wait for a person. A waiting run costs nothing, but nothing comes out either.",
            [Prom("max(aiartist_scheduler_approvals_waiting)")],
            "short",
            width=4,
            height=5,
            shows=Shows.MORE_THAN_ZERO,
            steps=worry_at(20, 100),
            link=shared.RUNS,
        ),
        Panel(
            "number",
            "Oldest question",
            "How long the oldest open question has waited. Worry from a day on: nobody answers.",
            [Prom("max(aiartist_scheduler_approvals_oldest_seconds)")],
            "s",
            width=4,
            height=5,
            shows=Shows.MORE_THAN_ZERO,
            steps=worry_at(_DAY, 3 * _DAY),
            link=shared.RUNS,
        ),
        Panel(
            "number",
            "Services not ready",
            "Services that run and are not ready for calls. Worry where it stays above zero for minutes.",
            [Prom("sum(aiartist_ready == bool 0)")],
            "short",
            width=4,
            height=5,
            steps=worry_at(1, 2),
            link=shared.SERVICES,
        ),
        Panel(
            "number",
            "Runs started today",
            "Runs that began since midnight UTC. Worry where artists have a cadence and it stays at zero.",
            [Sql(f"SELECT count(*) AS runs FROM runs WHERE created_at >= {_TODAY}")],
            "short",
            width=6,
            height=4,
            shows=Shows.MORE_THAN_ZERO,
        ),
        Panel(
            "number",
            "Releases today",
            "Releases that were packaged since midnight UTC.",
            [Sql(f"SELECT count(*) AS releases FROM releases WHERE created_at >= {_TODAY}")],
            "short",
            width=6,
            height=4,
            shows=Shows.MORE_THAN_ZERO,
            link=shared.STUDIO,
        ),
        Panel(
            "number",
            "Runs failed today",
            "Runs that failed since midnight UTC and were not retried. Worry from the second one on.",
            [Sql(f"SELECT count(*) AS runs FROM runs WHERE state = 'FAILED' AND updated_at >= {_TODAY}")],
            "short",
            width=6,
            height=4,
            steps=worry_at(1, 3),
            link=shared.RUNS,
        ),
        Panel(
            "number",
            "New error groups",
            "Error groups that nobody has looked at, in all services. Worry where it rises after an upgrade.",
            [Prom('sum(max by (service) (aiartist_artist_db_error_groups{status="new"}))')],
            "short",
            width=6,
            height=4,
            shows=Shows.MORE_THAN_ZERO,
            steps=worry_at(1, 10),
            link=shared.ERRORS,
        ),
    ],
)

_MONEY = Row(
    "What does it cost?",
    [
        Panel(
            "number",
            "Budget used today",
            "Spent and held for calls under way, as a part of the label's budget of the day. "
            "At 100 % no call is made until midnight UTC.",
            [Prom(shared.BUDGET_USED)],
            "percentunit",
            width=4,
            steps=worry_at(0.8, 1),
            decimals=1,
            empty="No budget",
            link=shared.MODELS,
        ),
        Panel(
            "lines",
            "Spending of the day",
            "US dollars of the day (UTC): spent, held for calls under way, and the budget. "
            "Worry where the line heads for the budget before the evening.",
            [
                Prom(day_usd("spent"), "spent"),
                Prom(day_usd("held"), "held"),
                Prom(day_usd("budget"), "budget"),
            ],
            "currencyUSD",
            width=8,
            shows=Shows.MORE_THAN_ZERO,
            colours=(("spent", "blue"), ("held", "yellow"), ("budget", "red")),
            link=shared.MODELS,
        ),
        Panel(
            "lines",
            "Runs that ended",
            "Runs by how they ended. Worry where red outgrows green, or where nothing ends at all.",
            [Prom(grown("aiartist_scheduler_runs_ended_total", "state"), "{{state}}", min_step="5m")],
            "short",
            width=12,
            shows=Shows.MORE_THAN_ZERO,
            drawn_as_bars=True,
            stacked=True,
            colours=shared.RUN_COLOURS,
            link=shared.RUNS,
        ),
    ],
)

_OUT = Row(
    "What came out?",
    [
        Panel(
            "table",
            "Recent releases",
            "The newest releases of the time range, with their codes and where they stand now. "
            "Worry where a release stands nowhere: it was packaged, and publishing failed.",
            [
                Sql(
                    """
SELECT released.created_at AS packaged, released.artist, released.title, released.isrc, released.upc,
       string_agg(place.target, ', ' ORDER BY place.target) FILTER (WHERE place.taken_down_at IS NULL)
           AS "stands at",
       string_agg(place.target, ', ' ORDER BY place.target) FILTER (WHERE place.taken_down_at IS NOT NULL)
           AS "taken down from"
FROM (
    SELECT * FROM releases WHERE $__timeFilter(created_at) ORDER BY created_at DESC LIMIT 50
) AS released
LEFT JOIN publications AS place ON place.release_id = released.id
GROUP BY 1, 2, 3, 4, 5, released.id
ORDER BY 1 DESC
""".strip()
                )
            ],
            "none",
            width=16,
            height=9,
            columns=(
                Column("packaged", width=170),
                Column("isrc", width=130),
                Column("upc", width=130),
            ),
            empty="No release in this time",
        ),
        Panel(
            "bars",
            "Releases by state",
            "All releases there ever were: packaged only, published somewhere, or taken down everywhere. "
            "Worry where many are packaged only.",
            [Prom("max by (state) (aiartist_artist_db_releases)", "{{state}}", instant=True)],
            "short",
            width=8,
            height=9,
            shows=Shows.MORE_THAN_ZERO,
        ),
    ],
)

_LEARNED = Row(
    "What does it learn?",
    [
        Panel(
            "number",
            "Waits for a yes",
            "Changes of personas and candidates that wait for a person. Worry where it only grows.",
            [Prom("max by (what) (aiartist_artist_db_waiting_for_people)", "{{what}}")],
            "short",
            width=6,
            height=5,
            sparkline=False,
        ),
        Panel(
            "number",
            "Experiments",
            "Experiments that run, and those whose numbers of runs are wrong: then no winner is named.",
            [Prom("max by (state) (aiartist_artist_db_experiments)", "{{state}}")],
            "short",
            width=6,
            height=5,
            sparkline=False,
        ),
        Panel(
            "bars",
            "Charts that came",
            "How fetches of charts ended; nothing where no artist follows. Worry where nothing is `ok`.",
            [
                Prom(
                    in_range("aiartist_orchestrator_trend_fetches_total", "source, outcome"),
                    "{{source}} {{outcome}}",
                    instant=True,
                )
            ],
            "short",
            width=12,
            height=5,
            shows=Shows.PERHAPS_NOTHING,
        ),
    ],
)

_BROKEN = Row(
    "What breaks?",
    [
        Panel(
            "lines",
            "Errors by service",
            "Errors that services reported. Worry about a service that begins to, and about every step up.",
            [Prom(grown("aiartist_error_analyzer_events_total", "service"), "{{service}}", min_step="5m")],
            "short",
            width=12,
            shows=Shows.MORE_THAN_ZERO,
            drawn_as_bars=True,
            stacked=True,
            link=shared.ERRORS,
        ),
        Panel(
            "table",
            "Errors seen last",
            "The error groups of this time range that were seen last. Click one to read its log.",
            [
                Sql(
                    """
SELECT last_seen AS "last seen", title, culprit, count, status, fingerprint
FROM error_groups WHERE $__timeFilter(last_seen) ORDER BY last_seen DESC LIMIT 20
""".strip()
                )
            ],
            "none",
            width=12,
            columns=(
                Column("last seen", width=170),
                Column(
                    "title",
                    link=f"/d/{shared.ERRORS}?var-group=${{__data.fields.fingerprint}}&${{__url_time_range}}",
                    link_title="Read its log",
                ),
                Column("count", width=80),
                Column("status", width=120),
                Column("fingerprint", hidden=True),
            ),
            empty="No error in this time",
        ),
    ],
)

BOARD = Board(
    shared.LABEL,
    "Label overview",
    "Does the label work, what does it cost, what did it bring out, and what breaks?",
    [_WORK, _MONEY, _OUT, _LEARNED, _BROKEN],
    annotations=[shared.RELEASED, shared.ALERTS],
)
