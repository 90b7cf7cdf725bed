"""Gauges of live objects, and labels that clients choose."""

import pytest
from prometheus_client import CollectorRegistry

from services.chassis.metrics import service_label
from services.chassis.metrics_live import LiveGauge


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def gauge(registry: CollectorRegistry) -> LiveGauge:
    return LiveGauge("birds", "Birds.", ("state",), always=[("sitting",)], registry=registry)


def test_what_objects_say_is_added_up(gauge: LiveGauge, registry: CollectorRegistry) -> None:
    with gauge.following(lambda: {("flying",): 2}), gauge.following(lambda: {("flying",): 1}):
        assert registry.get_sample_value("birds", {"state": "flying"}) == 3


def test_an_object_that_is_gone_leaves_no_series(gauge: LiveGauge, registry: CollectorRegistry) -> None:
    with gauge.following(lambda: {("flying",): 2}):
        pass
    assert registry.get_sample_value("birds", {"state": "flying"}) is None


def test_what_is_always_told_is_0_without_objects(gauge: LiveGauge, registry: CollectorRegistry) -> None:
    assert registry.get_sample_value("birds", {"state": "sitting"}) == 0


def test_a_name_can_be_had_once(gauge: LiveGauge, registry: CollectorRegistry) -> None:
    with pytest.raises(ValueError, match="Duplicated"):
        LiveGauge("birds", "Birds again.", registry=registry)


@pytest.mark.parametrize(
    ("name", "label"), [("artist_db", "artist_db"), ("platform", "other"), ("x" * 60, "other")]
)
def test_a_service_that_clients_name_is_one_of_ours_or_other(name: str, label: str) -> None:
    assert service_label(name) == label
