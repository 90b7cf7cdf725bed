"""Studio and releases: takes and their reviews, music providers, workers, films, publications, take-downs."""

from deploy.grafana.board import Board, Row, Variable
from deploy.grafana.dashboards import shared
from deploy.grafana.dashboards.shared import grown, in_range, quantile
from deploy.grafana.panels import Column, Panel, worry_at
from deploy.grafana.queries import Prom, Shows, Sql

_RELEASE = "aiartist_release"
_CHOSEN = 'provider=~"$provider"'

_TAKES = Row(
    "Takes and reviews",
    [
        Panel(
            "number",
            "Takes that passed",
            "Which part of the takes passed its review in this time range. Worry below a half: "
            "each take that fails is paid and rendered for nothing.",
            [
                Prom(
                    f"{in_range(f'{_RELEASE}_takes_total', where='review=`passed`')}"
                    f" / ({in_range(f'{_RELEASE}_takes_total')} > 0)",
                    instant=True,
                )
            ],
            "percentunit",
            width=4,
            shows=Shows.MORE_THAN_ZERO,
            decimals=0,
            empty="No take",
        ),
        Panel(
            "lines",
            "Takes by review",
            "Takes that were produced, by how their review ended.",
            [Prom(grown(f"{_RELEASE}_takes_total", "review"), "{{review}}", min_step="5m")],
            "short",
            width=7,
            shows=Shows.MORE_THAN_ZERO,
            drawn_as_bars=True,
            stacked=True,
            colours=(("passed", "green"), ("failed", "red")),
        ),
        Panel(
            "bars",
            "Why takes failed",
            "Checks that failed takes in this time range, the most frequent ones. "
            "Worry where one leads by far: the cause is in the music, not in chance.",
            [
                Prom(
                    f"topk(8, {in_range(f'{_RELEASE}_review_checks_total', 'check', 'outcome=`fail`')} > 0)",
                    "{{check}}",
                    instant=True,
                )
            ],
            "short",
            width=7,
            shows=Shows.PERHAPS_NOTHING,
            steps=((1, "red"),),
            decimals=0,
            empty="No check failed a take",
        ),
        Panel(
            "bars",
            "What a person should listen for",
            "Checks that warned in this time range: the take passes, and the question says so.",
            [
                Prom(
                    f"topk(8, {in_range(f'{_RELEASE}_review_checks_total', 'check', 'outcome=`warn`')} > 0)",
                    "{{check}}",
                    instant=True,
                )
            ],
            "short",
            width=6,
            shows=Shows.PERHAPS_NOTHING,
            steps=((1, "yellow"),),
            decimals=0,
            empty="No check warned",
        ),
    ],
)

_PROVIDERS = Row(
    "Music providers",
    [
        Panel(
            "lines",
            "Songs by provider and outcome",
            "Songs that providers were asked for, by how it ended. Worry where `builtin` takes over from "
            "a provider that is paid for.",
            [
                Prom(
                    f"sum by (provider, outcome) (increase({_RELEASE}_provider_calls_total{{{_CHOSEN}}}"
                    "[$__interval])) > 0",
                    "{{provider}} {{outcome}}",
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
            "How long a song takes",
            "From order to reviewed master, median and 95th percentile. Gaps: no song.",
            [
                Prom(
                    quantile(0.5, f"{_RELEASE}_provider_seconds", "provider", _CHOSEN, "$__interval"),
                    "{{provider}} p50",
                    min_step="10m",
                ),
                Prom(
                    quantile(0.95, f"{_RELEASE}_provider_seconds", "provider", _CHOSEN, "$__interval"),
                    "{{provider}} p95",
                    min_step="10m",
                ),
            ],
            "s",
            width=8,
            shows=Shows.MORE_THAN_ZERO,
        ),
        Panel(
            "lines",
            "What songs cost",
            "US dollars that providers cost. The built-in one costs nothing.",
            [
                Prom(
                    f"{grown(f'{_RELEASE}_provider_cost_micro_usd_total', 'provider', _CHOSEN)} / 1e6",
                    "{{provider}}",
                    min_step="5m",
                )
            ],
            "currencyUSD",
            width=8,
            drawn_as_bars=True,
            stacked=True,
            link=shared.MODELS,
        ),
        Panel(
            "timeline",
            "Breakers of providers",
            "Open: the provider failed and is left alone for a while. Of all replicas, the worst. "
            "Worry where one stays open.",
            [
                Prom(
                    shared.breaker(f"{_RELEASE}_provider_breaker_state", "provider", f",{_CHOSEN}"),
                    "{{provider}}",
                )
            ],
            "short",
            width=12,
            height=6,
            values=shared.BREAKER_VALUES,
        ),
        Panel(
            "lines",
            "Orders, resumed songs",
            "Orders that remote providers took, and songs ordered before a crash, which are not paid again.",
            [
                Prom(
                    grown(f"{_RELEASE}_provider_orders_total", "provider", _CHOSEN),
                    "{{provider}} ordered",
                    min_step="5m",
                ),
                Prom(
                    grown(f"{_RELEASE}_provider_resumed_total", "provider", _CHOSEN),
                    "{{provider}} resumed",
                    min_step="5m",
                ),
            ],
            "short",
            width=12,
            height=6,
            drawn_as_bars=True,
            stacked=True,
        ),
    ],
)

_WORKERS = Row(
    "Workers",
    [
        Panel(
            "lines",
            "Worker processes",
            "Workers of all replicas, busy and idle. Worry where none is idle for long.",
            [Prom(f"sum by (state) ({_RELEASE}_workers)", "{{state}}")],
            "short",
            width=6,
            shows=Shows.MORE_THAN_ZERO,
            stacked=True,
            colours=(("busy", "orange"), ("idle", "green")),
        ),
        Panel(
            "lines",
            "Jobs that wait",
            "Jobs for which no worker is free. Worry where it stays above zero: add replicas of release.",
            [Prom(f"sum({_RELEASE}_jobs_waiting)", "waiting")],
            "short",
            width=6,
            steps=worry_at(2, 10),
        ),
        Panel(
            "lines",
            "How long jobs take",
            # Prometheus calls the metric's own label so, for `job` is what it calls what it scrapes.
            "95th percentile by job. Gaps: none ended then.",
            [
                Prom(
                    quantile(0.95, f"{_RELEASE}_job_seconds", "kind", window="$__interval"),
                    "{{kind}}",
                    min_step="10m",
                )
            ],
            "s",
            width=8,
            shows=Shows.MORE_THAN_ZERO,
        ),
        Panel(
            "number",
            "Workers lost",
            "Worker processes that died on their own in this time range. Worry from the first one on: "
            "most often there is too little memory.",
            [Prom(in_range(f"{_RELEASE}_workers_lost_total"), instant=True)],
            "short",
            width=4,
            steps=worry_at(1, 3),
            decimals=0,
        ),
    ],
)

_PUBLISHED = Row(
    "Pictures, films, publications",
    [
        Panel(
            "lines",
            "Publications by target",
            "Tries to publish: published, found there already, or failed. Worry about failed ones: "
            "the release is packaged and stands nowhere.",
            [
                Prom(
                    f"sum by (target, outcome) (increase({_RELEASE}_publications_total[$__interval]))",
                    "{{target}} {{outcome}}",
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
            "Films",
            "Films by format and by whether they passed their gate. Zero where films are switched off.",
            [
                Prom(
                    f"sum by (format, gate) (increase({_RELEASE}_videos_total[$__interval]))",
                    "{{format}} {{gate}}",
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
            "Covers and stock clips",
            "Pictures that image models were asked for, and stock clips that were fetched, by outcome.",
            [
                Prom(
                    grown(f"{_RELEASE}_cover_pictures_total", "outcome"), "cover {{outcome}}", min_step="5m"
                ),
                Prom(grown(f"{_RELEASE}_stock_clips_total", "outcome"), "clip {{outcome}}", min_step="5m"),
            ],
            "short",
            width=8,
            drawn_as_bars=True,
            stacked=True,
        ),
    ],
)

_LISTED = Row(
    "Which ones",
    [
        Panel(
            "table",
            "Releases",
            "Releases of this time range with their codes, their artist and the target that they stand at; "
            "a line for each target. Worry where `target` is empty.",
            [
                Sql(
                    """
SELECT released.created_at AS packaged, released.artist, released.title, released.isrc, released.upc,
       place.target, place.location, place.published_at AS published, released.id AS release
FROM (
    SELECT * FROM releases WHERE $__timeFilter(created_at) ORDER BY created_at DESC LIMIT 100
) AS released
LEFT JOIN publications AS place ON place.release_id = released.id AND place.taken_down_at IS NULL
ORDER BY released.created_at DESC, place.target
""".strip()
                )
            ],
            "none",
            width=24,
            height=9,
            columns=(
                Column("packaged", width=170),
                Column("isrc", width=130),
                Column("upc", width=130),
                Column("target", width=110),
                Column("published", width=170),
                Column("release", width=270),
            ),
            empty="No release in this time",
        ),
        Panel(
            "table",
            "Releases of the week by artist",
            "Releases that count against an artist's cap, in the seven days up to now. "
            "An artist whose week is full publishes later.",
            [
                Sql(
                    """
SELECT artist, count(*) AS releases, max(admitted_at) AS "last one"
FROM releases WHERE admitted_at > now() - interval '7 days'
GROUP BY artist_id, artist ORDER BY releases DESC, artist LIMIT 20
""".strip()
                )
            ],
            "none",
            width=8,
            columns=(Column("releases", width=90), Column("last one", width=170)),
            empty="No release this week",
        ),
        Panel(
            "table",
            "Runs that a cap holds up",
            "Runs that may not publish yet because their artist's week is full.",
            [
                Sql(
                    """
SELECT updated_at AS since, artist, title, state, id AS run
FROM runs WHERE reason = 'ERROR_REASON_RELEASE_CAP' AND state IN ('RELEASING', 'FAILED')
    AND $__timeFilter(created_at)
ORDER BY updated_at DESC LIMIT 20
""".strip()
                )
            ],
            "none",
            width=8,
            shows=Shows.PERHAPS_NOTHING,
            columns=(Column("since", width=170), Column("state", width=110), Column("run", width=270)),
            empty="No run is held up",
        ),
        Panel(
            "table",
            "Take-downs",
            "What was taken down from where, and why, of releases of this time range.",
            [
                Sql(
                    """
SELECT place.taken_down_at AS "taken down", released.artist, released.title, place.target,
       place.take_down_reason AS reason
FROM releases AS released JOIN publications AS place ON place.release_id = released.id
WHERE $__timeFilter(released.created_at) AND place.taken_down_at IS NOT NULL
ORDER BY place.taken_down_at DESC LIMIT 50
""".strip()
                )
            ],
            "none",
            width=8,
            shows=Shows.PERHAPS_NOTHING,
            columns=(Column("taken down", width=170), Column("target", width=110)),
            empty="Nothing was taken down",
        ),
    ],
)

BOARD = Board(
    shared.STUDIO,
    "Studio and releases",
    "Takes and why they fail, music providers, workers, films, and where releases stand.",
    [_TAKES, _PROVIDERS, _WORKERS, _PUBLISHED, _LISTED],
    variables=[
        Variable(
            "provider",
            "Provider",
            "Music providers, in their row.",
            Prom(f"label_values({_RELEASE}_provider_calls_total, provider)"),
        )
    ],
    annotations=[shared.RELEASED, shared.ALERTS],
)
