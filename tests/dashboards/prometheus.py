"""A real Prometheus that scrapes the platform's processes, asked over its HTTP API."""

import asyncio
import json
import math
import os
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import REPO, SERVICES, free_port

_CONFIG = """
global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
{jobs}
"""
_JOB = """
  - job_name: {service}
    static_configs:
      - targets: ["127.0.0.1:{port}"]
"""


class QueryFailed(Exception):
    """Prometheus refused a query."""


@dataclass(frozen=True, slots=True)
class Series:
    """One answer: its labels, and its values in time, NaN left out."""

    labels: Mapping[str, str]
    values: Sequence[float]


class Prometheus:
    """One server, in a folder of its own."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: asyncio.subprocess.Process | None = None
        self._jobs = "".join(
            _JOB.format(service=service, port=environment[f"AIARTIST_{service.upper()}_METRICS_PORT"])
            for service in SERVICES
        )

    async def start(self) -> None:
        """Starts it and waits until it answers."""
        self._folder.mkdir()
        config = self._folder / "prometheus.yml"
        config.write_text(_CONFIG.format(jobs=self._jobs))
        with (self._folder / "log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                find_program(), f"--config.file={config}", f"--storage.tsdb.path={self._folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self._port}", "--log.level=warn",
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        until = time.monotonic() + 60
        while True:
            try:
                await asyncio.to_thread(self._ask, "/-/ready", {})
                return
            except (OSError, QueryFailed):
                told = (self._folder / "log").read_text()
                assert self._process.returncode is None, f"Prometheus ended:\n{told}"
                assert time.monotonic() < until, f"Prometheus is not ready:\n{told}"
                await asyncio.sleep(0.1)

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    def instant(self, expr: str, at: datetime) -> list[Series]:
        """The values at one moment."""
        data = self._query("query", {"query": expr, "time": str(at.timestamp())})
        if data["resultType"] == "scalar":
            return [Series({}, _values([data["result"]]))]
        return [Series(found["metric"], _values([found["value"]])) for found in data["result"]]

    def range(self, expr: str, start: datetime, end: datetime, step_s: int) -> list[Series]:
        """The values of a graph; its last point is at `end`."""
        times = {"start": str(start.timestamp()), "end": str(end.timestamp()), "step": str(step_s)}
        data = self._query("query_range", {"query": expr, **times})
        return [Series(found["metric"], _values(found["values"])) for found in data["result"]]

    def label_values(self, selector: str, label: str, start: datetime, end: datetime) -> list[str]:
        """What Grafana offers for `label_values(selector, label)`."""
        times = {"start": str(start.timestamp()), "end": str(end.timestamp())}
        found: list[str] = self._data(f"/api/v1/label/{label}/values", {"match[]": selector, **times})
        return found

    def _query(self, kind: str, values: Mapping[str, str]) -> Any:
        return self._data(f"/api/v1/{kind}", values)

    def _data(self, path: str, values: Mapping[str, str]) -> Any:
        return json.loads(self._ask(path, values))["data"]

    def _ask(self, path: str, values: Mapping[str, str]) -> str:
        query = f"?{urllib.parse.urlencode(values)}" if values else ""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}{query}", timeout=30) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                raise QueryFailed(error.read().decode()) from None


def find_program() -> str:
    """Prometheus' program; the test fails where there is none."""
    fallback = REPO / ".venv" / "prometheus" / "usr" / "bin" / "prometheus"
    found = (
        os.environ.get("PROMETHEUS")
        or shutil.which("prometheus")
        or (str(fallback) if fallback.exists() else None)
    )
    if found is None:
        pytest.fail("there is no prometheus on the path; `make dashboards-test` fetches one")
    return found


def _values(pairs: Sequence[Sequence[Any]]) -> list[float]:
    return [value for value in (float(value) for _, value in pairs) if not math.isnan(value)]
