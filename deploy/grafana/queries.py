"""Questions to the two data sources, and what an answer must have after one good release."""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.cog import builder as cog
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.models.dashboard import AnnotationQuery, AnnotationTarget, DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat, QueryEditorMode

PROMETHEUS = DataSourceRef("prometheus", "prometheus")
POSTGRES = DataSourceRef("grafana-postgresql-datasource", "postgres")


class Shows(Enum):
    """What a query answers after one release, with one question open and one error group."""

    DATA = "at least one value"
    MORE_THAN_ZERO = "at least one value above zero"
    PERHAPS_NOTHING = "rightly nothing, where nothing went wrong"


@dataclass(frozen=True, slots=True)
class Prom:
    """One PromQL expression. `legend` names its series, as `{{label}}`."""

    expr: str
    legend: str = ""
    instant: bool = False
    """Only the newest value, for tables, bars and single numbers over `$__range`."""
    min_step: str = ""
    """The least of `$__interval`, as `5m`."""


@dataclass(frozen=True, slots=True)
class Sql:
    """One SELECT on the views of the schema `dashboards`."""

    text: str


Query: TypeAlias = Prom | Sql


def source_of(query: Query) -> DataSourceRef:
    """The data source that answers a query."""
    return PROMETHEUS if isinstance(query, Prom) else POSTGRES


class SqlTarget(variants.Dataquery):
    """A query for Grafana's PostgreSQL plugin, which the SDK has no type for."""

    def __init__(self, text: str, ref_id: str) -> None:
        self.text = text
        self.ref_id = ref_id

    def to_json(self) -> dict[str, object]:
        return {
            "datasource": POSTGRES,
            "editorMode": "code",
            "format": "table",
            "rawQuery": True,
            "rawSql": self.text,
            "refId": self.ref_id,
        }


class SqlAnnotation(AnnotationTarget):
    """The same as the source of an annotation: a table with `time`, `text` and `tags`."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.target = SqlTarget(text, "Anno")

    def to_json(self) -> dict[str, object]:
        return self.target.to_json()


@dataclass(frozen=True, slots=True)
class Built(cog.Builder[variants.Dataquery]):
    """What is built already, where the SDK wants a builder."""

    query: variants.Dataquery

    def build(self) -> variants.Dataquery:
        return self.query


class PromAnnotation(AnnotationQuery):
    """Where a PromQL expression is there, marked with a title, which names labels as `{{label}}`."""

    def __init__(self, name: str, query: Prom, colour: str) -> None:
        super().__init__(name=name, datasource=PROMETHEUS, icon_color=colour, expr=query.expr)
        self.title_format = query.legend

    def to_json(self) -> dict[str, object]:
        return {**super().to_json(), "titleFormat": self.title_format}


@dataclass(frozen=True, slots=True)
class BuiltPromAnnotation(cog.Builder[AnnotationQuery]):
    """The same for the SDK."""

    annotation: PromAnnotation

    def build(self) -> AnnotationQuery:
        return self.annotation


@dataclass(frozen=True, slots=True)
class BuiltAnnotation(cog.Builder[AnnotationTarget]):
    """The same for an annotation's source."""

    target: SqlAnnotation

    def build(self) -> AnnotationTarget:
        return self.target


def target(query: Query, ref_id: str, *, as_table: bool = False) -> cog.Builder[variants.Dataquery]:
    """A panel's query as the SDK takes it."""
    if isinstance(query, Sql):
        return Built(SqlTarget(query.text, ref_id))
    built = (
        prometheus.Dataquery()
        .datasource(PROMETHEUS)
        .expr(query.expr)
        .ref_id(ref_id)
        .editor_mode(QueryEditorMode.CODE)
        .format(PromQueryFormat.TABLE if as_table else PromQueryFormat.TIME_SERIES)
    )
    built = built.instant() if query.instant else built.range()
    if query.legend:
        built = built.legend_format(query.legend)
    if query.min_step:
        built = built.interval(query.min_step)
    return built
