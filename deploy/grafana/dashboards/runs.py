"""Runs and approvals: where runs are, how long they take, what waits for a person, what failed."""

from deploy.grafana.board import Board, Row, Variable
from deploy.grafana.dashboards import run_tables, shared
from deploy.grafana.dashboards.shared import grown, in_range, quantile
from deploy.grafana.panels import Panel, worry_at
from deploy.grafana.queries import Prom, Shows, Sql

_DAY = 86_400
_STAGE_SECONDS = "aiartist_scheduler_stage_seconds"
_OF_STAGES = 'stage=~"$stage"'

_NOW = Row(
    "Now",
    [
        Panel(
            "number",
            "Approvals waiting",
            "Questions that wait for a person's decision.",
            [Prom("max(aiartist_scheduler_approvals_waiting)")],
            "short",
            width=4,
            height=4,
            shows=Shows.MORE_THAN_ZERO,
            steps=worry_at(20, 100),
        ),
        Panel(
            "number",
            "Oldest question",
            "How long the oldest of them has waited. Worry from a day on.",
            [Prom("max(aiartist_scheduler_approvals_oldest_seconds)")],
            "s",
            width=4,
            height=4,
            shows=Shows.MORE_THAN_ZERO,
            steps=worry_at(_DAY, 3 * _DAY),
        ),
        Panel(
            "number",
            "Runs in hand",
            "Runs that the replicas of the scheduler drive at this moment. "
            "Worry where it is zero while jobs are due.",
            [Prom("sum(aiartist_scheduler_runs_in_hand)")],
            "short",
            width=4,
            height=4,
        ),
        Panel(
            "number",
            "Oldest job due",
            "How long the job that is due longest waits for a replica. Worry from half a minute on: "
            "replicas are missing or stuck.",
            [Prom("max(aiartist_scheduler_queue_oldest_seconds)")],
            "s",
            width=4,
            height=4,
            steps=worry_at(30, 300),
        ),
        Panel(
            "number",
            "Released in this time",
            "Runs that ended in a release in the dashboard's time range.",
            [Prom(in_range("aiartist_scheduler_runs_ended_total", where='state="released"'), instant=True)],
            "short",
            width=4,
            height=4,
            shows=Shows.MORE_THAN_ZERO,
            decimals=0,
        ),
        Panel(
            "number",
            "Failed in this time",
            "Runs that failed in the dashboard's time range. Worry from the second one on.",
            [Prom(in_range("aiartist_scheduler_runs_ended_total", where='state="failed"'), instant=True)],
            "short",
            width=4,
            height=4,
            steps=worry_at(1, 3),
            decimals=0,
        ),
        Panel(
            "bars",
            "Runs by state",
            "Runs that are not over, by state. Worry where runs queue while few are at work.",
            [Prom("max by (state) (aiartist_scheduler_runs)", "{{state}}", instant=True)],
            "short",
            width=8,
            shows=Shows.MORE_THAN_ZERO,
        ),
        Panel(
            "lines",
            "Queue depth",
            "Jobs of the scheduler: due now, later (a retry that waits), or picked by a replica. "
            "Worry where due ones pile up.",
            [Prom("max by (status) (aiartist_scheduler_queue_jobs)", "{{status}}")],
            "short",
            width=8,
            colours=(("due", "red"), ("later", "yellow"), ("picked", "green")),
        ),
        Panel(
            "lines",
            "Waiting times",
            "How long the oldest question and the oldest due job wait. A question may wait for days, "
            "a job only for seconds.",
            [
                Prom("max(aiartist_scheduler_approvals_oldest_seconds)", "oldest question"),
                Prom("max(aiartist_scheduler_queue_oldest_seconds)", "oldest job due"),
            ],
            "s",
            width=8,
            shows=Shows.MORE_THAN_ZERO,
        ),
    ],
)

_FLOW = Row(
    "Flow",
    [
        Panel(
            "lines",
            "Runs under way",
            "Runs that are not over, by state, over time. Worry about a band that only widens.",
            [Prom("max by (state) (aiartist_scheduler_runs)", "{{state}}")],
            "short",
            width=12,
            shows=Shows.MORE_THAN_ZERO,
            stacked=True,
            colours=shared.RUN_COLOURS,
        ),
        Panel(
            "lines",
            "Runs started",
            "Runs started by operators and by artists' cadence. Worry where the cadence stops.",
            [
                Prom(
                    grown("aiartist_scheduler_runs_started_total", "started_by"),
                    "{{started_by}}",
                    min_step="5m",
                )
            ],
            "short",
            width=6,
            shows=Shows.MORE_THAN_ZERO,
            drawn_as_bars=True,
            stacked=True,
        ),
        Panel(
            "lines",
            "Runs ended",
            "Runs by how they ended. Worry where red outgrows green.",
            [Prom(grown("aiartist_scheduler_runs_ended_total", "state"), "{{state}}", min_step="5m")],
            "short",
            width=6,
            shows=Shows.MORE_THAN_ZERO,
            drawn_as_bars=True,
            stacked=True,
            colours=shared.RUN_COLOURS,
        ),
    ],
)

_STAGES = Row(
    "How long stages take",
    [
        Panel(
            "bars",
            "Half of all took less than",
            "The median duration of each stage over the time range.",
            [
                Prom(
                    quantile(0.5, _STAGE_SECONDS, "stage", _OF_STAGES, "$__range") + " >= 0",
                    "{{stage}}",
                    instant=True,
                )
            ],
            "s",
            width=6,
            shows=Shows.MORE_THAN_ZERO,
        ),
        Panel(
            "bars",
            "95 of 100 took less than",
            "The 95th percentile of each stage over the time range. Worry where it is many times the median.",
            [
                Prom(
                    quantile(0.95, _STAGE_SECONDS, "stage", _OF_STAGES, "$__range") + " >= 0",
                    "{{stage}}",
                    instant=True,
                )
            ],
            "s",
            width=6,
            shows=Shows.MORE_THAN_ZERO,
            steps=worry_at(120, 300),
        ),
        Panel(
            "lines",
            "95th percentile over time",
            "How long stages take, slowest 5 % left out. Gaps: no stage ended then.",
            [
                Prom(
                    quantile(0.95, _STAGE_SECONDS, "stage", _OF_STAGES, "$__interval"),
                    "{{stage}}",
                    min_step="10m",
                )
            ],
            "s",
            width=6,
            shows=Shows.MORE_THAN_ZERO,
        ),
        Panel(
            "lines",
            "Failed tries by stage",
            "Tries of stages that failed; most are retried. Worry where one stage fails again and again.",
            [
                Prom(
                    grown(f"{_STAGE_SECONDS}_count", "stage", f'outcome="failed",{_OF_STAGES}'),
                    "{{stage}}",
                    min_step="5m",
                )
            ],
            "short",
            width=6,
            drawn_as_bars=True,
            stacked=True,
        ),
    ],
)

_PEOPLE = Row(
    "Decisions and messages",
    [
        Panel(
            "bars",
            "Decisions by verdict",
            "What was decided last about runs that began in this time range, by whomever. "
            "Worry where most are rejected or expire.",
            [
                Sql(
                    """
SELECT lower(verdict) AS verdict, count(*) AS runs
FROM runs WHERE $__timeFilter(created_at) AND verdict IS NOT NULL
GROUP BY verdict ORDER BY runs DESC
""".strip()
                )
            ],
            "short",
            width=6,
            shows=Shows.MORE_THAN_ZERO,
            empty="Nothing was decided",
        ),
        Panel(
            "lines",
            "What people decided",
            "Decisions of people, by verdict, when they made them.",
            [
                Prom(
                    grown("aiartist_scheduler_decisions_total", "verdict") + " > 0",
                    "{{verdict}}",
                    min_step="5m",
                )
            ],
            "short",
            width=6,
            shows=Shows.PERHAPS_NOTHING,
            drawn_as_bars=True,
            stacked=True,
            empty="Nobody decided anything",
        ),
        Panel(
            "lines",
            "Deliveries of messages",
            "Messages to people by how their delivery ended. Worry about every failed one: "
            "somebody was not asked.",
            [Prom(grown("aiartist_notifier_deliveries_total", "outcome"), "{{outcome}}", min_step="5m")],
            "short",
            width=6,
            shows=Shows.MORE_THAN_ZERO,
            drawn_as_bars=True,
            stacked=True,
            colours=(("delivered", "green"), ("failed", "red")),
        ),
        Panel(
            "lines",
            "Presses and words",
            "What became of what people pressed and wrote: counted, or why not. "
            "Worry where strangers or those with too low a role press often.",
            [
                Prom(
                    grown("aiartist_notifier_decisions_total", "outcome") + " > 0",
                    "{{outcome}}",
                    min_step="5m",
                )
            ],
            "short",
            width=6,
            shows=Shows.PERHAPS_NOTHING,
            drawn_as_bars=True,
            stacked=True,
            empty="Nobody pressed anything",
        ),
    ],
)

BOARD = Board(
    shared.RUNS,
    "Runs and approvals",
    "Where runs are, how long their stages take, what waits for a person, and what failed.",
    [_NOW, _FLOW, _STAGES, _PEOPLE, run_tables.ROW],
    variables=[
        Variable(
            "stage",
            "Stage",
            "Stages of runs to look at, in the row of durations.",
            Prom(f"label_values({_STAGE_SECONDS}_count, stage)"),
        ),
        Variable("artist", "Artist", "Part of an artist's name, for the tables; empty: all artists."),
    ],
    annotations=[shared.RELEASED, shared.ALERTS],
)
