"""The event loop's lag: measured once for each loop, and as long as somebody wants it."""

import asyncio

import pytest

from services.chassis import metrics_loop
from services.chassis.metrics_loop import watched_loop


class Heard:
    """Stands for the histogram; the clock jumps by 2 s between any two looks."""

    def __init__(self) -> None:
        self.lags: list[float] = []
        self.heard = asyncio.Event()
        self._now = 0.0

    def monotonic(self) -> float:
        self._now += 2.0
        return self._now

    def observe(self, lag: float) -> None:
        self.lags.append(lag)
        self.heard.set()


def tasks() -> list[asyncio.Task[object]]:
    return [task for task in asyncio.all_tasks() if task.get_name() == "event loop lag"]


async def test_what_the_loop_is_late_by_is_observed(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard()
    monkeypatch.setattr(metrics_loop, "LOOP_LAG", heard)
    monkeypatch.setattr(metrics_loop, "time", heard)
    monkeypatch.setattr(metrics_loop, "INTERVAL_S", 0.5)
    async with watched_loop():
        await heard.heard.wait()
    assert heard.lags[0] == 1.5


async def test_a_loop_that_many_services_share_is_measured_once() -> None:
    async with watched_loop(), watched_loop():
        assert len(tasks()) == 1


async def test_the_measuring_lasts_until_the_last_one_leaves() -> None:
    async with watched_loop():
        async with watched_loop():
            pass
        assert len(tasks()) == 1
    assert tasks() == []
