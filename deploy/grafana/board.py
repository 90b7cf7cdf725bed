"""A dashboard as a value: rows of panels, variables, annotations, and how it becomes Grafana's JSON."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog import builder as cog
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from deploy.grafana.panels import Panel, build
from deploy.grafana.queries import (
    BuiltAnnotation,
    BuiltPromAnnotation,
    Prom,
    PromAnnotation,
    Query,
    Shows,
    SqlAnnotation,
    source_of,
)

TAG = "aiartist"
COLUMNS = 24


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading, from left to right; a new line begins where one does not fit any more."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice at the top of the dashboard.

    `query` gives the choices: PromQL's `label_values(metric, label)`, or a SELECT of one column or of
    `__text` and `__value`. Without a query, `choices` are the choices, and without those, people write.
    """

    name: str
    label: str
    description: str
    query: Query | None = None
    choices: tuple[str, ...] = ()
    several: bool = True
    """Any number of choices, at first all."""
    shows: Shows = Shows.DATA


@dataclass(frozen=True, slots=True)
class Annotation:
    """Marks on all graphs: a SELECT of `time`, `text` and `tags`, or a PromQL expression that is there."""

    name: str
    query: Query
    colour: str
    shows: Shows = Shows.DATA


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard."""

    uid: str
    title: str
    description: str
    rows: Sequence[Row]
    variables: Sequence[Variable] = ()
    annotations: Sequence[Annotation] = ()
    since: str = "now-24h"
    refresh: str = "30s"

    @property
    def panels(self) -> Iterator[Panel]:
        """All panels, in reading order."""
        return (panel for row in self.rows for panel in row.panels)

    def to_json(self) -> str:
        """The file that Grafana provisions; the same code gives the same bytes."""
        return json.dumps(self._build(), cls=JSONEncoder, indent=2, ensure_ascii=False) + "\n"

    def _build(self) -> models.Dashboard:
        built = (
            builders.Dashboard(self.title)
            .uid(self.uid)
            .description(self.description)
            .tags([TAG])
            .timezone("browser")
            .time(self.since, "now")
            .refresh(self.refresh)
            .timepicker(builders.TimePicker().refresh_intervals(["10s", "30s", "1m", "5m", "15m", "1h"]))
            .tooltip(models.DashboardCursorSync.CROSSHAIR)
            # What is changed by hand would be lost with the next start: the code is where to change it.
            .readonly()
            .link(
                builders.DashboardLink("Dashboards")
                .type(models.DashboardLinkType.DASHBOARDS)
                .tags([TAG])
                .keep_time(True)
                .as_dropdown(False)
            )
        )
        for variable in self.variables:
            built = built.with_variable(_variable(variable))
        for annotation in self.annotations:
            built = built.annotation(_annotation(annotation))
        found = built.build()
        found.panels = list(self._placed())
        return found

    def _placed(self) -> Iterator[models.Panel | models.RowPanel]:
        number, top = 1, 0
        for row in self.rows:
            place = models.GridPos(h=1, w=COLUMNS, x=0, y=top)
            yield builders.Row(row.title).id(number).grid_pos(place).build()
            number, top = number + 1, top + 1
            left, line_height = 0, 0
            for panel in row.panels:
                if left + panel.width > COLUMNS:
                    left, top, line_height = 0, top + line_height, 0
                place = models.GridPos(h=panel.height, w=panel.width, x=left, y=top)
                yield build(panel, number, place)
                number, left = number + 1, left + panel.width
                line_height = max(line_height, panel.height)
            top += line_height


_ALL = models.VariableOption(selected=True, text="All", value="$__all")


def _variable(
    variable: Variable,
) -> builders.QueryVariable | builders.CustomVariable | builders.TextBoxVariable:
    if variable.query is not None:
        chosen = (
            builders.QueryVariable(variable.name)
            .query(variable.query.expr if isinstance(variable.query, Prom) else variable.query.text)
            .datasource(source_of(variable.query))
            .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .label(variable.label)
            .description(variable.description)
            .multi(variable.several)
            .include_all(variable.several)
        )
        if variable.several:
            chosen = chosen.current(_ALL)
            if isinstance(variable.query, Prom):
                # One pattern, however many values there are.
                chosen = chosen.all_value(".+").sort(models.VariableSort.ALPHABETICAL_ASC)
        return chosen
    if variable.choices:
        return (
            builders.CustomVariable(variable.name)
            .values(",".join(variable.choices))
            .label(variable.label)
            .description(variable.description)
            .multi(variable.several)
            .include_all(variable.several)
            .current(_ALL)
        )
    return (
        builders.TextBoxVariable(variable.name)
        .default_value("")
        .label(variable.label)
        .description(variable.description)
    )


def _annotation(annotation: Annotation) -> cog.Builder[models.AnnotationQuery]:
    if isinstance(annotation.query, Prom):
        return BuiltPromAnnotation(PromAnnotation(annotation.name, annotation.query, annotation.colour))
    return (
        builders.AnnotationQuery()
        .name(annotation.name)
        .datasource(source_of(annotation.query))
        .enable(True)
        .icon_color(annotation.colour)
        .target(BuiltAnnotation(SqlAnnotation(annotation.query.text)))
    )
