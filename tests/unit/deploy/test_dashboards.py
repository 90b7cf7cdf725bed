"""The dashboards as files: whole, readable, and about metrics that exist."""

import json
import re
from importlib import import_module
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Panel as GrafanaPanel
from prometheus_client import generate_latest

from cli.dashboards import ROLE
from deploy.grafana.board import COLUMNS, Board
from deploy.grafana.build import FOLDER, files, write
from deploy.grafana.dashboards import BOARDS
from deploy.grafana.dashboards.errors import STATUSES
from deploy.grafana.queries import Prom, Sql
from services.artist_db.domain import error_reports as error_domain
from services.chassis.metrics import REGISTRY

ROOT = Path(__file__).resolve().parents[3]
PROVISIONING = ROOT / "deploy" / "grafana" / "provisioning"
COUNTED_IN = (
    "artist_db.metrics",
    "chassis.metrics",
    "chassis.metrics_pools",
    "error_analyzer.metrics",
    "notifier.metrics",
    "orchestrator.metrics",
    "release.films",
    "release.illustrator",
    "release.metrics",
    "release.pool",
    "release.providers.metrics",
    "release.takes",
    "release.targets.publisher",
    "release.video.pexels",
    "scheduler.metrics",
)
"""Modules that define metrics."""
OF_PROMETHEUS = {"up", "ALERTS"}
_NAME = re.compile(r"\b(?:aiartist_\w+|grpc_server_\w+|process_\w+|up|ALERTS)\b")
_GROUPED = re.compile(r"\b(?:by|on|without|ignoring) \([^)]*\)")

by_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)


@pytest.mark.parametrize("name", sorted({*files(), *(path.name for path in FOLDER.glob("*"))}))
def test_the_files_are_what_the_code_gives(name: str) -> None:
    path = FOLDER / name
    written = path.read_text(encoding="utf-8") if path.exists() else None
    assert written == files().get(name), "run `make dashboards`"


def test_a_dashboard_that_is_no_more_loses_its_file(tmp_path: Path) -> None:
    (tmp_path / "aiartist-of-old.json").write_text("{}")
    write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(files())


def test_uids_and_titles_are_unique() -> None:
    assert len({board.uid for board in BOARDS}) == len(BOARDS)
    assert len({board.title for board in BOARDS}) == len(BOARDS)


@by_board
def test_panels_have_ids_of_their_own_and_titles_that_differ(board: Board) -> None:
    panels = _panels(board)
    assert sorted(panel["id"] for panel in panels) == list(range(1, len(panels) + 1))
    titles = [panel["title"] for panel in panels]
    assert len(set(titles)) == len(titles)


@by_board
def test_no_panel_lies_on_another_or_outside_the_grid(board: Board) -> None:
    places = [(panel["title"], panel["gridPos"]) for panel in _panels(board)]
    for title, place in places:
        assert place["x"] >= 0, title
        assert place["x"] + place["w"] <= COLUMNS, title
    for (one, a), (other, b) in combinations(places, 2):
        apart = (
            a["x"] + a["w"] <= b["x"]
            or b["x"] + b["w"] <= a["x"]
            or a["y"] + a["h"] <= b["y"]
            or b["y"] + b["h"] <= a["y"]
        )
        assert apart, f"{one} lies on {other}"


@by_board
def test_every_line_of_panels_is_as_wide_as_the_screen(board: Board) -> None:
    for y in {panel["gridPos"]["y"] for panel in _panels(board)}:
        line = [panel for panel in _panels(board) if panel["gridPos"]["y"] == y]
        assert sum(panel["gridPos"]["w"] for panel in line) == COLUMNS, [panel["title"] for panel in line]
        assert len({panel["gridPos"]["h"] for panel in line}) == 1, [panel["title"] for panel in line]


@by_board
def test_every_panel_says_what_it_shows_in_which_unit_and_from_where(board: Board) -> None:
    for panel in _panels(board):
        if panel["type"] == "row":
            continue
        defaults = panel["fieldConfig"]["defaults"]
        assert len(panel["description"]) >= 30, panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert defaults["unit"], panel["title"]
        assert defaults["noValue"], panel["title"]
        assert defaults["thresholds"]["steps"][0] == {"value": None, "color": "green"}, panel["title"]
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == panel["datasource"]["uid"], panel["title"]
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs), panel["title"]


@by_board
def test_the_sdk_reads_every_panel_as_it_was_written(board: Board) -> None:
    """Nothing in a panel that Grafana's schema does not know, which is all that the SDK keeps."""
    register_default_plugins()
    for panel in _panels(board):
        if panel["type"] != "row":
            read = json.loads(json.dumps(GrafanaPanel.from_json(panel), cls=JSONEncoder))
            assert read == panel, panel["title"]


@by_board
def test_thresholds_rise(board: Board) -> None:
    for panel in _panels(board):
        if panel["type"] != "row":
            values = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"][1:]]
            assert values == sorted(set(values)), panel["title"]


@by_board
def test_links_lead_to_dashboards_and_name_columns_that_are_there(board: Board) -> None:
    uids = {board.uid for board in BOARDS}
    for panel in board.panels:
        assert not panel.link or panel.link in uids - {board.uid}, panel.title
        for column in panel.columns:
            text = " ".join(query.text for query in panel.queries if isinstance(query, Sql))
            if text:
                assert re.search(rf"\b{re.escape(column.name)}\b", text), f"{panel.title}: {column.name}"
            if column.link:
                assert re.match(r"/d/([\w-]+)\?", column.link)[1] in uids, panel.title  # type: ignore[index]
                for field in re.findall(r"\$\{__data\.fields\.(\w+)\}", column.link):
                    assert re.search(rf"\b{field}\b", text), f"{panel.title}: {field}"


@by_board
def test_a_select_uses_no_variable_whose_all_is_a_pattern(board: Board) -> None:
    patterns = {variable.name for variable in board.variables if isinstance(variable.query, Prom)}
    for panel in board.panels:
        for query in panel.queries:
            if isinstance(query, Sql):
                assert not patterns & set(re.findall(r"\$\{(\w+)", query.text)), panel.title


@pytest.fixture(scope="module")
def metrics() -> set[str]:
    """Every series name that the services can show."""
    for module in COUNTED_IN:
        import_module(f"services.{module}")
    names = set(OF_PROMETHEUS)
    for line in generate_latest(REGISTRY).decode().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            endings = ("_bucket", "_count", "_sum") if kind == "histogram" else ("",)
            names |= {f"{name}{ending}" for ending in endings}
    return names


@by_board
def test_every_metric_that_is_asked_for_exists(board: Board, metrics: set[str]) -> None:
    asked = [query for panel in board.panels for query in panel.queries]
    asked += [variable.query for variable in board.variables if variable.query is not None]
    asked += [annotation.query for annotation in board.annotations]
    named = set()
    for query in asked:
        if isinstance(query, Prom):
            without_labels = re.sub(r"\{[^}]*\}", "", _GROUPED.sub("", query.expr))
            names = set(_NAME.findall(without_labels))
            assert names, query.expr
            named |= names
    assert named - metrics == set()


def test_the_statuses_to_choose_from_are_those_of_error_reports() -> None:
    assert STATUSES == error_domain.STATUSES


def test_data_sources_have_the_uids_that_dashboards_use() -> None:
    text = (PROVISIONING / "datasources" / "datasources.yaml").read_text()
    found = {source["uid"]: source for source in yaml.safe_load(text)["datasources"]}
    used = set(re.findall(r'"uid": "(prometheus|postgres)"', "".join(files().values())))
    assert set(found) == used
    assert found["postgres"]["user"] == ROLE
    scraping = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    assert found["prometheus"]["jsonData"]["timeInterval"] == scraping["global"]["scrape_interval"]


def test_no_password_stands_in_a_file() -> None:
    text = (PROVISIONING / "datasources" / "datasources.yaml").read_text()
    (source,) = [s for s in yaml.safe_load(text)["datasources"] if s["uid"] == "postgres"]
    assert source["secureJsonData"]["password"].startswith("$__file{")


def test_compose_mounts_what_is_provisioned() -> None:
    provided = yaml.safe_load((PROVISIONING / "dashboards" / "dashboards.yaml").read_text())["providers"]
    grafana = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["grafana"]
    mounted = dict(volume.removesuffix(":ro").split(":")[::-1] for volume in grafana["volumes"])
    assert mounted[provided[0]["options"]["path"]] == "./deploy/grafana/json"
    assert mounted["/etc/grafana/provisioning"] == "./deploy/grafana/provisioning"


def _panels(board: Board) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(board.to_json())["panels"]
    return found
