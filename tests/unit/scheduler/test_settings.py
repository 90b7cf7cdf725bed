"""The scheduler's settings by the names that operators use."""

from datetime import UTC, datetime, timedelta

import pytest

from services.chassis.errors import SetupError
from services.scheduler.cadence import Restraint
from services.scheduler.quiet import Quiet
from services.scheduler.settings import Settings


def test_the_defaults_are_those_of_the_documentation() -> None:
    settings = Settings.load()
    assert (settings.port, settings.metrics_port) == (50051, 9101)
    assert settings.artist_db_addr == "127.0.0.1:50052"
    assert settings.scheduler_approval_ttl_s == 7 * 24 * 3_600
    assert settings.scheduler_takes == 1
    assert settings.restraint() == Restraint(7, timedelta(hours=1), Quiet())
    assert settings.scheduler_dequeue_timeout_s < settings.scheduler_heartbeat_timeout_s


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AIARTIST_SCHEDULER_PORT", "-1"),
        ("AIARTIST_SCHEDULER_METRICS_PORT", "x"),
        ("AIARTIST_DB_POOL_SIZE", "2"),
        ("AIARTIST_SCHEDULER_MAX_ACTIVE_RUNS", "0"),
        ("AIARTIST_SCHEDULER_MAX_TAKES", "0"),
        ("AIARTIST_SCHEDULER_TAKES", "0"),
        ("AIARTIST_SCHEDULER_TAKES", "6"),
        ("AIARTIST_SCHEDULER_MAX_FAILURES", "0"),
        ("AIARTIST_SCHEDULER_MAX_ATTEMPTS", "1"),
        ("AIARTIST_SCHEDULER_BACKOFF_BASE_S", "0"),
        ("AIARTIST_SCHEDULER_BACKOFF_MAX_S", "0"),
        ("AIARTIST_SCHEDULER_APPROVAL_TTL_S", "0"),
        ("AIARTIST_SCHEDULER_TICK_S", "0"),
        ("AIARTIST_SCHEDULER_CADENCE_TICK_S", "never"),
        ("AIARTIST_SCHEDULER_HEARTBEAT_TIMEOUT_S", "0.5"),
        ("AIARTIST_SCHEDULER_DEQUEUE_TIMEOUT_S", "0"),
        ("AIARTIST_SCHEDULER_LABEL_TICK_S", "0"),
        ("AIARTIST_SCHEDULER_RUNS_A_WEEK", "-1"),
        ("AIARTIST_SCHEDULER_SPACING_S", "-1"),
        ("AIARTIST_SCHEDULER_QUIET", "night"),
        ("AIARTIST_SCHEDULER_QUIET_ZONE", "Atlantis/Poseidonis"),
    ],
)
def test_a_wrong_value_is_told_by_its_variables_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SetupError, match=f"{variable}: "):
        Settings.load()


def test_a_variable_is_read_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIARTIST_SCHEDULER_MAX_ACTIVE_RUNS", "7")
    monkeypatch.setenv("AIARTIST_ARTIST_DB_ADDR", "artist-db:50052")
    settings = Settings.load()
    assert (settings.scheduler_max_active_runs, settings.artist_db_addr) == (7, "artist-db:50052")


def test_quiet_periods_are_read_by_the_clocks_of_their_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIARTIST_SCHEDULER_QUIET", "22:00-07:00, sun")
    monkeypatch.setenv("AIARTIST_SCHEDULER_QUIET_ZONE", "Asia/Tokyo")
    quiet = Settings.load().restraint().quiet
    # A Wednesday: 22:30 in Tokyo.
    assert quiet.covers(datetime(2026, 3, 4, 13, 30, tzinfo=UTC))
    assert not quiet.covers(datetime(2026, 3, 4, 22, 30, tzinfo=UTC))


def test_a_wrong_quiet_period_is_named_with_what_is_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIARTIST_SCHEDULER_QUIET", "sat-sun, 25:00-07:00")
    with pytest.raises(SetupError, match=r"'25:00-07:00' is no quiet period: expected are times such as"):
        Settings.load()
