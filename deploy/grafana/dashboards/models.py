"""Models and spend: who asks which model, how it answers, what it costs, and what is refused."""

from deploy.grafana.board import Board, Row, Variable
from deploy.grafana.dashboards import shared
from deploy.grafana.dashboards.shared import day_usd, grown, in_range, quantile
from deploy.grafana.panels import Column, Panel, worry_at
from deploy.grafana.queries import Prom, Shows, Sql

_ORCHESTRATOR = "aiartist_orchestrator"
_CALLS = f"{_ORCHESTRATOR}_model_calls_total"
_SECONDS = f"{_ORCHESTRATOR}_model_call_seconds"
_CHOSEN = 'role=~"$role",model=~"$model"'

_NOW = Row(
    "In this time",
    [
        Panel(
            "number",
            "Calls",
            "Calls of models in the dashboard's time range, failed ones included.",
            [Prom(in_range(_CALLS, where=_CHOSEN), instant=True)],
            "short",
            width=4,
            height=4,
            shows=Shows.MORE_THAN_ZERO,
            decimals=0,
        ),
        Panel(
            "number",
            "Failed calls",
            "Which part of the calls failed. Worry from a tenth on: runs go on with the next model of their "
            "role, slower or dearer.",
            [
                Prom(
                    f"1 - {in_range(_CALLS, where=_CHOSEN + ',outcome=`ok`')}"
                    f" / ({in_range(_CALLS, where=_CHOSEN)} > 0)",
                    instant=True,
                )
            ],
            "percentunit",
            width=4,
            height=4,
            steps=worry_at(0.1, 0.5),
            decimals=1,
            empty="No call",
        ),
        Panel(
            "number",
            "Tokens",
            "Tokens of prompts and completions in the dashboard's time range.",
            [Prom(in_range(f"{_ORCHESTRATOR}_tokens_total", where=_CHOSEN), instant=True)],
            "short",
            width=4,
            height=4,
            shows=Shows.MORE_THAN_ZERO,
        ),
        Panel(
            "number",
            "Spent on models",
            "US dollars that calls of language models cost in the dashboard's time range.",
            [Prom(f"{in_range(f'{_ORCHESTRATOR}_cost_micro_usd_total', where=_CHOSEN)} / 1e6", instant=True)],
            "currencyUSD",
            width=4,
            height=4,
        ),
        Panel(
            "number",
            "Budget used today",
            "Spent and held, as a part of the label's budget of the day, music providers included. "
            "At 100 % no call is made until midnight UTC.",
            [Prom(shared.BUDGET_USED)],
            "percentunit",
            width=4,
            height=4,
            steps=worry_at(0.8, 1),
            decimals=1,
            empty="No budget",
        ),
        Panel(
            "number",
            "Refused by a budget",
            "Calls that were not made because they did not fit a budget. Worry from the first one on: "
            "runs fail at once.",
            [Prom(in_range(f"{_ORCHESTRATOR}_over_budget_total", where='role=~"$role"'), instant=True)],
            "short",
            width=4,
            height=4,
            steps=worry_at(1, 10),
            decimals=0,
        ),
    ],
)

_CALLED = Row(
    "Who asks, and what comes of it",
    [
        Panel(
            "lines",
            "Calls by role and model",
            "Who asks which model. Worry where a role's second model takes over: its first one is down.",
            [
                Prom(
                    f"sum by (role, model) (increase({_CALLS}{{{_CHOSEN}}}[$__interval])) > 0",
                    "{{role}} · {{model}}",
                    min_step="5m",
                )
            ],
            "short",
            width=8,
            shows=Shows.MORE_THAN_ZERO,
            drawn_as_bars=True,
            stacked=True,
        ),
        Panel(
            "lines",
            "Calls by outcome",
            "How calls ended. Worry about bad_key and unknown_model: somebody must act.",
            [Prom(grown(_CALLS, "outcome", _CHOSEN) + " > 0", "{{outcome}}", min_step="5m")],
            "short",
            width=8,
            shows=Shows.MORE_THAN_ZERO,
            drawn_as_bars=True,
            stacked=True,
            colours=(
                ("ok", "green"),
                ("timeout", "orange"),
                ("bad_key", "red"),
                ("unknown_model", "dark-red"),
            ),
        ),
        Panel(
            "lines",
            "Answers from the record",
            "Answers that were recorded before and not paid again: a run went on after a crash or a retry. "
            "Worry where there are many: something restarts.",
            [
                Prom(
                    grown(f"{_ORCHESTRATOR}_replayed_answers_total", "role", 'role=~"$role"'),
                    "{{role}}",
                    min_step="5m",
                )
            ],
            "short",
            width=8,
            drawn_as_bars=True,
            stacked=True,
        ),
    ],
)

_TIME_AND_MONEY = Row(
    "Time, tokens and money",
    [
        Panel(
            "lines",
            "How long calls take",
            "Median and 95th percentile by model. Worry where the 95th nears the model's timeout. "
            "Gaps: no call.",
            [
                Prom(
                    quantile(0.5, _SECONDS, "model", _CHOSEN, "$__interval"), "{{model}} p50", min_step="10m"
                ),
                Prom(
                    quantile(0.95, _SECONDS, "model", _CHOSEN, "$__interval"), "{{model}} p95", min_step="10m"
                ),
            ],
            "s",
            width=8,
            shows=Shows.MORE_THAN_ZERO,
        ),
        Panel(
            "lines",
            "Tokens by role",
            "Tokens of prompts and completions. Worry where prompts grow from day to day.",
            [
                Prom(
                    grown(f"{_ORCHESTRATOR}_tokens_total", "role, direction", _CHOSEN) + " > 0",
                    "{{role}} {{direction}}",
                    min_step="5m",
                )
            ],
            "short",
            width=8,
            shows=Shows.MORE_THAN_ZERO,
            drawn_as_bars=True,
            stacked=True,
        ),
        Panel(
            "lines",
            "US dollars by role and model",
            "What calls cost. The local model costs nothing. Worry about a colour that is new.",
            [
                Prom(
                    f"sum by (role, model) (increase({_ORCHESTRATOR}_cost_micro_usd_total{{{_CHOSEN}}}"
                    "[$__interval])) / 1e6",
                    "{{role}} · {{model}}",
                    min_step="5m",
                )
            ],
            "currencyUSD",
            width=8,
            drawn_as_bars=True,
            stacked=True,
        ),
    ],
)

_BREAKERS = Row(
    "Breakers",
    [
        Panel(
            "timeline",
            "Breakers of models",
            "Open: the model failed and is left alone for a while. Half-open: one call tries it. "
            "Of all replicas, the worst. Worry where one stays open.",
            [Prom(shared.breaker(f"{_ORCHESTRATOR}_breaker_state", "model"), "{{model}}")],
            "short",
            width=12,
            values=shared.BREAKER_VALUES,
        ),
        Panel(
            "lines",
            "Breakers that opened, and why",
            "How often a model's breaker opened, by the outcome that opened it.",
            [
                Prom(
                    grown(f"{_ORCHESTRATOR}_breaker_opened_total", "model, outcome") + " > 0",
                    "{{model}} {{outcome}}",
                    min_step="5m",
                )
            ],
            "short",
            width=6,
            shows=Shows.PERHAPS_NOTHING,
            drawn_as_bars=True,
            stacked=True,
            empty="No breaker opened",
        ),
        Panel(
            "lines",
            "Probes",
            "Calls that looked whether a model is back after its cool-down.",
            [Prom(grown(f"{_ORCHESTRATOR}_probes_total", "model"), "{{model}}", min_step="5m")],
            "short",
            width=6,
            drawn_as_bars=True,
            stacked=True,
        ),
    ],
)

_BUDGETS = Row(
    "Budgets",
    [
        Panel(
            "lines",
            "The label's day",
            "US dollars of the day (UTC): spent, held for calls under way, and the budget.",
            [
                Prom(day_usd("spent"), "spent"),
                Prom(day_usd("held"), "held"),
                Prom(day_usd("budget"), "budget"),
            ],
            "currencyUSD",
            width=12,
            shows=Shows.MORE_THAN_ZERO,
            colours=(("spent", "blue"), ("held", "yellow"), ("budget", "red")),
        ),
        Panel(
            "lines",
            "Refused, by scope",
            "Calls that were not made, by whose budget they did not fit: the day's, the artist's, the run's.",
            [
                Prom(
                    grown(f"{_ORCHESTRATOR}_over_budget_total", "scope", 'role=~"$role"'),
                    "{{scope}}",
                    min_step="5m",
                )
            ],
            "short",
            width=12,
            drawn_as_bars=True,
            stacked=True,
        ),
        Panel(
            "table",
            "Most expensive artists",
            "Artists by what their calls cost in this time range, music included, and what they spent today. "
            "`budget` is shown where an artist has its own.",
            [
                Sql(
                    """
SELECT artist.name AS artist, call.calls, call.tokens, call.usd,
       today.spent_micro_usd / 1e6 AS "usd today", today.limit_micro_usd / 1e6 AS budget
FROM (
    SELECT artist_id, count(*) AS calls, sum(prompt_tokens + completion_tokens) AS tokens,
           sum(cost_micro_usd) / 1e6 AS usd
    FROM model_calls WHERE $__timeFilter(created_at) AND artist_id <> ''
    GROUP BY artist_id ORDER BY usd DESC, calls DESC LIMIT 20
) AS call
JOIN artists AS artist ON artist.id = call.artist_id
LEFT JOIN spending AS today
    ON today.scope = 'artist' AND today.subject = call.artist_id
    AND today.period = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')
ORDER BY call.usd DESC, call.calls DESC
""".strip()
                )
            ],
            "none",
            width=10,
            columns=(
                Column("calls", width=80),
                Column("tokens", unit="short", width=100),
                Column("usd", unit="currencyUSD", width=100),
                Column("usd today", unit="currencyUSD", width=100),
                Column("budget", unit="currencyUSD", width=100),
            ),
            empty="No call in this time",
        ),
        Panel(
            "table",
            "Most expensive runs",
            "Runs by what their calls cost in this time range, music included. "
            "Worry where one costs far more than the others.",
            [
                Sql(
                    """
SELECT run.artist, run.title, run.state, call.calls, call.tokens, call.usd, call.run_id AS run
FROM (
    SELECT run_id, count(*) AS calls, sum(prompt_tokens + completion_tokens) AS tokens,
           sum(cost_micro_usd) / 1e6 AS usd
    FROM model_calls WHERE $__timeFilter(created_at) AND run_id <> ''
    GROUP BY run_id ORDER BY usd DESC, calls DESC LIMIT 20
) AS call JOIN runs AS run ON run.id = call.run_id
ORDER BY call.usd DESC, call.calls DESC
""".strip()
                )
            ],
            "none",
            width=14,
            columns=(
                shared.RUN_STATE,
                Column("calls", width=80),
                Column("tokens", unit="short", width=100),
                Column("usd", unit="currencyUSD", width=100),
                Column("run", width=270),
            ),
            empty="No call in this time",
        ),
        Panel(
            "table",
            "Calls that failed last",
            "Calls in this time range that gave no answer that could be used, and what the provider said.",
            [
                Sql(
                    """
SELECT created_at AS "time", role, model, outcome, latency_ms AS latency, detail, run_id AS run
FROM model_calls WHERE $__timeFilter(created_at) AND outcome <> 'ok'
ORDER BY created_at DESC LIMIT 50
""".strip()
                )
            ],
            "none",
            width=24,
            shows=Shows.PERHAPS_NOTHING,
            columns=(
                Column("time", width=170),
                Column("role", width=110),
                Column("outcome", width=120),
                Column("latency", unit="ms", width=90),
                Column("detail", wrap=True),
                Column("run", width=270),
            ),
            empty="Every call was answered",
        ),
    ],
)

BOARD = Board(
    shared.MODELS,
    "Models and spend",
    "Who asks which model, how it answers, what it costs, and what a budget refused.",
    [_NOW, _CALLED, _TIME_AND_MONEY, _BREAKERS, _BUDGETS],
    variables=[
        Variable(
            "role",
            "Role",
            "What models are asked as, as in the models file.",
            Prom(f"label_values({_CALLS}, role)"),
        ),
        Variable(
            "model",
            "Model",
            "Models, as litellm calls them.",
            Prom(f'label_values({_CALLS}{{role=~"$role"}}, model)'),
        ),
    ],
    annotations=[shared.ALERTS],
)
