"""Runs by name: those that wait, those under way, those that failed, and what took longest."""

from deploy.grafana.board import Row
from deploy.grafana.dashboards import shared
from deploy.grafana.panels import Column, Panel
from deploy.grafana.queries import Shows, Sql

_OF_ARTISTS = "artist ILIKE '%' || ${artist:sqlstring} || '%'"
_RUN = Column("run", width=270)
ROW = Row(
    "Which ones",
    [
        Panel(
            "table",
            "Waiting for a person",
            "Runs that wait for a decision, the oldest first. Worry where one is about to expire.",
            [
                Sql(
                    f"""
SELECT updated_at AS "waits since", artist, title, take_number AS take,
       approval_expires_at AS expires, id AS run
FROM runs WHERE state = 'AWAITING_APPROVAL' AND {_OF_ARTISTS}
ORDER BY updated_at LIMIT 50
""".strip()
                )
            ],
            "none",
            width=24,
            height=6,
            columns=(
                Column("waits since", width=170),
                Column("expires", width=170),
                Column("take", width=60),
                _RUN,
            ),
            empty="Nobody is asked",
        ),
        Panel(
            "table",
            "Open runs",
            "Runs that are at work or queued, the newest first. Worry about one with many attempts.",
            [
                Sql(
                    f"""
SELECT created_at AS started, artist, state, stage, take_number AS take, attempts, failures, reason, id AS run
FROM runs
WHERE state IN ('QUEUED', 'COMPOSING', 'PRODUCING', 'AWAITING_APPROVAL', 'RELEASING') AND {_OF_ARTISTS}
ORDER BY created_at DESC LIMIT 50
""".strip()
                )
            ],
            "none",
            width=24,
            columns=(
                Column("started", width=170),
                shared.RUN_STATE,
                Column("take", width=60),
                Column("attempts", width=80),
                Column("failures", width=80),
                _RUN,
            ),
            empty="No run under way",
        ),
        Panel(
            "table",
            "Runs that failed last",
            "Runs that failed in this time range: in which stage, and why. "
            "`aiartist run retry RUN` goes on where one failed.",
            [
                Sql(
                    f"""
SELECT updated_at AS failed, artist, stage, reason, message, failures, id AS run
FROM runs WHERE state = 'FAILED' AND $__timeFilter(updated_at) AND {_OF_ARTISTS}
ORDER BY updated_at DESC LIMIT 50
""".strip()
                )
            ],
            "none",
            width=24,
            shows=Shows.PERHAPS_NOTHING,
            columns=(
                Column("failed", width=170),
                Column("stage", width=110),
                shared.REASON,
                Column("message", wrap=True),
                Column("failures", width=80),
                _RUN,
            ),
            empty="No run failed in this time",
        ),
        Panel(
            "table",
            "Stages that took longest",
            "The slowest executions of stages that ended in this time range, tries and waits for a "
            "decision included.",
            [
                Sql(
                    f"""
SELECT step.ended_at AS ended, run.artist, step.stage, step.state, step.attempts,
       extract(epoch FROM step.ended_at - step.started_at) AS seconds, step.reason, run.id AS run
FROM runs AS run JOIN run_stages AS step ON step.run_id = run.id
WHERE $__timeFilter(run.created_at) AND step.ended_at IS NOT NULL AND run.{_OF_ARTISTS}
ORDER BY step.ended_at - step.started_at DESC LIMIT 20
""".strip()
                )
            ],
            "none",
            width=24,
            columns=(
                Column("ended", width=170),
                Column("stage", width=110),
                Column("state", width=120),
                Column("attempts", width=80),
                Column("seconds", unit="s", width=110),
                shared.REASON,
                _RUN,
            ),
            empty="No stage ended in this time",
        ),
    ],
)
