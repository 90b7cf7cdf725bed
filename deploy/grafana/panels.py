"""Panels as values, and how each becomes one of Grafana's: numbers, lines, bars, timelines and tables."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from grafana_foundation_sdk.builders import bargauge, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import common as parts
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models

from deploy.grafana.queries import PROMETHEUS, Prom, Query, Shows, source_of, target

Kind: TypeAlias = Literal["number", "lines", "bars", "timeline", "table"]
Steps: TypeAlias = tuple[tuple[float, str], ...]
"""From which value on a colour holds; below the first it is green."""

NOTHING = "Nothing here yet"


def worry_at(some: float, much: float) -> Steps:
    """Yellow from `some` on, red from `much` on."""
    return (some, "yellow"), (much, "red")


@dataclass(frozen=True, slots=True)
class Column:
    """How one column of a table looks. `link` may name `${__value.text}` and `${__data.fields.name}`."""

    name: str
    unit: str = ""
    width: int = 0
    link: str = ""
    link_title: str = ""
    colours: tuple[tuple[str, str], ...] = ()
    """Values, and the colour of their text."""
    hidden: bool = False
    wrap: bool = False
    shown_as: str = ""
    """Its heading, where that is not its name."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: what it asks, how it says so, and how large it is on a grid of 24 columns."""

    kind: Kind
    title: str
    description: str
    """What it shows, and when to worry."""
    queries: Sequence[Query]
    unit: str
    width: int
    height: int = 8
    shows: Shows = Shows.DATA
    steps: Steps = ()
    decimals: int | None = None
    max: float | None = None
    stacked: bool = False
    drawn_as_bars: bool = False
    colours: tuple[tuple[str, str], ...] = ()
    """Fixed colours of series, by name."""
    values: tuple[tuple[str, str, str], ...] = ()
    """A value, the word that stands for it, and its colour."""
    columns: tuple[Column, ...] = ()
    joined_by: str = ""
    """The label by which the answers of several queries become one table."""
    link: str = ""
    """The uid of the dashboard that says more."""
    empty: str = NOTHING
    sparkline: bool = True


def _steps(steps: Steps) -> builders.ThresholdsConfig:
    return (
        builders.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(None, "green"), *(models.Threshold(value, name) for value, name in steps)])
    )


def _mapping(values: tuple[tuple[str, str, str], ...]) -> list[models.ValueMapping]:
    options = {
        value: models.ValueMappingResult(text=word, color=colour, index=index)
        for index, (value, word, colour) in enumerate(values)
    }
    return [models.ValueMap(options)] if options else []


def _fixed(colour: str) -> list[models.DynamicConfigValue]:
    return [models.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})]


def _newest() -> parts.ReduceDataOptions:
    return parts.ReduceDataOptions().calcs(["lastNotNull"]).values(False)


def _number(panel: Panel) -> stat.Panel:
    several = any(isinstance(query, Prom) and "{{" in query.legend for query in panel.queries)
    from_sql = source_of(panel.queries[0]) is not PROMETHEUS
    named = common.BigValueTextMode.VALUE_AND_NAME if several else common.BigValueTextMode.VALUE
    curve = panel.sparkline and not from_sql and not several
    return (
        stat.Panel()
        .reduce_options(_newest())
        .graph_mode(common.BigValueGraphMode.AREA if curve else common.BigValueGraphMode.NONE)
        .color_mode(common.BigValueColorMode.VALUE)
        .justify_mode(common.BigValueJustifyMode.AUTO)
        .orientation(common.VizOrientation.AUTO)
        .text_mode(named)
        .color_scheme(builders.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
    )


def _lines(panel: Panel) -> timeseries.Panel:
    built = (
        timeseries.Panel()
        .legend(
            parts.VizLegendOptions()
            .show_legend(True)
            .display_mode(common.LegendDisplayMode.TABLE)
            .placement(common.LegendPlacement.BOTTOM)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(
            parts.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING)
        )
        .line_width(1 if panel.drawn_as_bars else 2)
        .fill_opacity(70 if panel.drawn_as_bars else 20 if panel.stacked else 5)
        .show_points(common.VisibilityMode.AUTO)
        .axis_soft_min(0)
        .color_scheme(builders.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC))
    )
    if panel.drawn_as_bars:
        built = built.draw_style(common.GraphDrawStyle.BARS)
    if panel.stacked:
        built = built.stacking(parts.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
    if panel.steps:
        built = built.thresholds_style(
            parts.GraphThresholdsStyleConfig().mode(common.GraphTresholdsStyleMode.DASHED)
        )
    for name, colour in panel.colours:
        built = built.override_by_name(name, _fixed(colour))
    return built


def _bars(panel: Panel) -> bargauge.Panel:
    # Of a table, each row is a bar; of series, each one's newest value.
    rows = source_of(panel.queries[0]) is not PROMETHEUS
    return (
        bargauge.Panel()
        .reduce_options(_newest().values(rows))
        .orientation(common.VizOrientation.HORIZONTAL)
        .display_mode(common.BarGaugeDisplayMode.GRADIENT)
        .show_unfilled(True)
        .min(0)
        .color_scheme(builders.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
    )


def _timeline(panel: Panel) -> statetimeline.Panel:
    return (
        statetimeline.Panel()
        .merge_values(True)
        .show_value(common.VisibilityMode.NEVER)
        .row_height(0.8)
        .fill_opacity(80)
        .legend(
            parts.VizLegendOptions()
            .show_legend(True)
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
        )
        .color_scheme(builders.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
    )


def _properties(column: Column) -> list[models.DynamicConfigValue]:
    found: list[tuple[str, object]] = []
    if column.unit:
        found.append(("unit", column.unit))
    if column.width:
        found.append(("custom.width", column.width))
    if column.shown_as:
        found.append(("displayName", column.shown_as))
    if column.hidden:
        found.append(("custom.hidden", True))
    if column.link:
        link = {"title": column.link_title or f"Open {column.name}", "url": column.link}
        found.append(("links", [link]))
    if column.colours:
        options = {value: {"color": colour, "index": i} for i, (value, colour) in enumerate(column.colours)}
        found.append(("mappings", [{"type": "value", "options": options}]))
    if column.colours or column.wrap:
        kind = "color-text" if column.colours else "auto"
        found.append(("custom.cellOptions", {"type": kind, "wrapText": column.wrap}))
    return [models.DynamicConfigValue(name, value) for name, value in found]


def _table(panel: Panel) -> table.Panel:
    built = table.Panel().show_header(True).cell_height(common.TableCellHeight.SM)
    if panel.joined_by:
        join = {"byField": panel.joined_by, "mode": "outer"}
        # Each answer brings its own time, which is the same for all.
        kept = {"include": {"pattern": f"^({panel.joined_by}|Value.*)$"}}
        built = built.transformations(
            [
                models.DataTransformerConfig(id_val="joinByField", options=join),
                models.DataTransformerConfig(id_val="filterFieldsByName", options=kept),
            ]
        )
    for column in panel.columns:
        built = built.override_by_name(column.name, _properties(column))
    return built


_Built: TypeAlias = stat.Panel | timeseries.Panel | bargauge.Panel | statetimeline.Panel | table.Panel
_MAKERS: Mapping[Kind, Callable[[Panel], _Built]] = {
    "number": _number,
    "lines": _lines,
    "bars": _bars,
    "timeline": _timeline,
    "table": _table,
}


def build(panel: Panel, number: int, place: models.GridPos) -> models.Panel:
    """The panel as Grafana takes it, with its id and its place on the grid."""
    built = (
        _MAKERS[panel.kind](panel)
        .id(number)
        .title(panel.title)
        .description(panel.description)
        .datasource(source_of(panel.queries[0]))
        .unit(panel.unit)
        .thresholds(_steps(panel.steps))
        .mappings(_mapping(panel.values))
        .no_value(panel.empty)
        .grid_pos(place)
    )
    for position, query in enumerate(panel.queries):
        built = built.with_target(target(query, chr(ord("A") + position), as_table=panel.kind == "table"))
    if panel.decimals is not None:
        built = built.decimals(panel.decimals)
    if panel.max is not None:
        built = built.max(panel.max)
    if panel.link:
        # The time range goes along.
        url = f"/d/{panel.link}?${{__url_time_range}}"
        more = builders.DashboardLink("See more").type(models.DashboardLinkType.LINK).url(url)
        built = built.links([more])
    return built.build()
