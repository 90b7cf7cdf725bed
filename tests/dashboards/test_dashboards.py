"""Every query of every dashboard, asked of a real Prometheus and a real database after a real run."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import grpc
import pytest

from aiartist.artist_db.v1.artist_db_pb2 import ErrorReport, SaveErrorReportRequest
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from deploy.grafana.board import Annotation, Board, Variable
from deploy.grafana.dashboards import BOARDS
from deploy.grafana.panels import Panel
from deploy.grafana.queries import Prom, Query, Shows
from tests.dashboards.bed import Bed, made_bed
from tests.dashboards.interpolation import TimeRange, Values, promql, sql, step_s
from tests.support.postgres import TestServer, fresh_database

pytestmark = [pytest.mark.dashboards, pytest.mark.timeout(900)]

_LEGEND = re.compile(r"\{\{(\w+)\}\}")
_LABEL_VALUES = re.compile(r"label_values\((.*), (\w+)\)")
PANELS = [(board, panel) for board in BOARDS for panel in board.panels]
VARIABLES = [(board, variable) for board in BOARDS for variable in board.variables]
ANNOTATIONS = [(board, annotation) for board in BOARDS for annotation in board.annotations]


@pytest.fixture(scope="module")
def bed(postgres: TestServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """The run, made once for all queries."""
    with fresh_database(postgres) as url, asyncio.Runner() as runner:
        made = made_bed(tmp_path_factory.mktemp("bed"), url)
        try:
            yield runner.run(made.__aenter__())
        finally:
            runner.run(made.__aexit__(None, None, None))


def _named(pairs: list[tuple[Board, Any]], attribute: str) -> list[str]:
    return [f"{board.title} / {getattr(what, attribute)}" for board, what in pairs]


@pytest.mark.parametrize(("board", "panel"), PANELS, ids=_named(PANELS, "title"))
def test_a_panel_shows_what_a_release_leaves_behind(bed: Bed, board: Board, panel: Panel) -> None:
    values = _values(bed, board)
    _check(bed, panel.queries, values, panel.shows, f"{board.title} / {panel.title}")


@pytest.mark.parametrize(("board", "variable"), VARIABLES, ids=_named(VARIABLES, "name"))
def test_a_variable_offers_choices(bed: Bed, board: Board, variable: Variable) -> None:
    choices = _values(bed, board)[variable.name]
    assert choices, f"{board.title}: ${variable.name} offers nothing"
    if variable.query is not None:
        assert all(choices), f"{board.title}: ${variable.name} offers an empty choice: {choices}"


@pytest.mark.parametrize(("board", "annotation"), ANNOTATIONS, ids=_named(ANNOTATIONS, "name"))
def test_an_annotation_can_be_asked_for(bed: Bed, board: Board, annotation: Annotation) -> None:
    where = f"{board.title} / annotation {annotation.name}"
    _check(bed, [annotation.query], _values(bed, board), annotation.shows, where)
    if not isinstance(annotation.query, Prom):
        rows = asyncio.run(bed.rows(sql(annotation.query.text, _shown(bed), {})))
        assert set(rows[0].keys()) == {"time", "text", "tags"}, where


def test_the_error_dashboard_leads_from_the_list_to_the_log(bed: Bed) -> None:
    board = next(board for board in BOARDS if board.uid == "aiartist-errors")
    values = _values(bed, board)
    panels = {panel.title: panel for panel in board.panels}
    (listed,) = asyncio.run(bed.rows(_text(panels["Error groups"], bed, values)))
    chosen = {**values, "group": [listed["fingerprint"]]}
    (log,) = asyncio.run(bed.rows(_text(panels["Log"], bed, chosen)))
    assert listed["services"] == "artist_db"
    assert log["service"] == "artist_db"
    assert 'relation "films" does not exist' in log["traceback"]
    nobody = {**values, "group": ["f" * 32]}
    assert asyncio.run(bed.rows(_text(panels["Log"], bed, nobody))) == []
    other = {**values, "service": ["scheduler"]}
    assert asyncio.run(bed.rows(_text(panels["Error groups"], bed, other))) == []
    fixed = {**values, "status": ["fix_applied"]}
    assert asyncio.run(bed.rows(_text(panels["Error groups"], bed, fixed))) == []


def test_the_error_dashboard_shows_the_diagnosis_and_the_diff_of_a_report(bed: Bed) -> None:
    board = next(board for board in BOARDS if board.uid == "aiartist-errors")
    values = _values(bed, board)
    (fingerprint,) = values["group"]
    report = ErrorReport(
        fingerprint=fingerprint,
        status="fix_suggested",
        cause="No table.",
        severity="high",
        reason="proven",
        diff="-a\n+b\n",
        test_code="def test_it(): ...",
        branch=f"autofix/{fingerprint}",
    )
    with grpc.insecure_channel(bed.artist_db_addr) as channel:
        ArtistDbServiceStub(channel).SaveErrorReport(SaveErrorReportRequest(report=report), timeout=10)
    panels = {panel.title: panel for panel in board.panels}
    # Before it came the report that a new group begins with.
    diagnosis, *_ = asyncio.run(bed.rows(_text(panels["Diagnosis"], bed, values)))
    (fix,) = asyncio.run(bed.rows(_text(panels["Diff"], bed, values)))
    (group,) = asyncio.run(bed.rows(_text(panels["What it is"], bed, values)))
    assert (diagnosis["status"], diagnosis["cause"]) == ("fix_suggested", "No table.")
    assert (diagnosis["severity"], diagnosis["reason"]) == ("high", "proven")
    assert (fix["diff"], fix["test"]) == ("-a\n+b\n", "def test_it(): ...")
    assert fix["branch"] == f"autofix/{fingerprint}"
    assert group["status"] == "fix_suggested"


def _text(panel: Panel, bed: Bed, values: Values) -> str:
    (query,) = panel.queries
    assert not isinstance(query, Prom)
    return sql(query.text, _shown(bed), values)


def _shown(bed: Bed) -> TimeRange:
    return TimeRange.up_to(bed.now, timedelta(hours=1))


def _values(bed: Bed, board: Board) -> Values:
    """What is chosen when the dashboard opens: everything; of a single choice, the first."""
    shown = _shown(bed)
    values: dict[str, list[str]] = {}
    for variable in board.variables:
        if variable.query is None:
            values[variable.name] = list(variable.choices) or [""]
        elif isinstance(variable.query, Prom):
            match = _LABEL_VALUES.fullmatch(variable.query.expr)
            assert match, f"{board.title}: {variable.query.expr} is no label_values(selector, label)"
            selector = promql(match[1], shown, values)
            found = bed.prometheus.label_values(selector, match[2], shown.start, shown.end)
            # Grafana sends one pattern for all of them; without any, the variable is of no use.
            values[variable.name] = [".+"] if found else []
        else:
            rows = asyncio.run(bed.rows(sql(variable.query.text, shown, values)))
            found = [str(dict(row).get("__value", row[0])) for row in rows]
            values[variable.name] = found if variable.several else found[:1]
    return values


def _check(bed: Bed, queries: Sequence[Query], values: Values, shows: Shows, where: str) -> None:
    """Every query answers; where there must be more than zero, one of them says so."""
    above = []
    for query in queries:
        asked, found = _asked(bed, query, values)
        told = f"{where}\n{asked}\n-> {found[:20]}"
        if shows is not Shows.PERHAPS_NOTHING:
            assert found, f"shows nothing: {told}"
        above.append(any(isinstance(value, int | float | Decimal) and value > 0 for value in found))
    if shows is Shows.MORE_THAN_ZERO:
        assert any(above), f"shows only zero: {told}"


def _asked(bed: Bed, query: Query, values: Values) -> tuple[str, list[object]]:
    """The query as it was asked, and every value of its answer."""
    shown = _shown(bed)
    if isinstance(query, Prom):
        asked = promql(query.expr, shown, values, query.min_step)
        if query.instant:
            series = bed.prometheus.instant(asked, shown.end)
        else:
            series = bed.prometheus.range(asked, shown.start, shown.end, step_s(shown, query.min_step))
        for one in series:
            missing = set(_LEGEND.findall(query.legend)) - set(one.labels)
            assert not missing, (
                f"a legend names labels that series do not have: {missing} in {one.labels}: {asked}"
            )
        return asked, [value for one in series for value in one.values]
    asked = sql(query.text, shown, values)
    rows = asyncio.run(bed.rows(asked))
    return asked, [value for row in rows for value in row.values() if value is not None]
