"""What charts can be told by settings."""

from pathlib import Path

import pytest

from services.chassis.errors import SetupError
from services.orchestrator.settings import Settings
from services.orchestrator.trends.addresses import is_allowed
from services.orchestrator.trends.sources import sources_of
from services.orchestrator.trends.web import Web


def settings(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name in ("LASTFM_API_KEY", "YOUTUBE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Settings.load()


def names(settings: Settings) -> list[str]:
    return [source.name for source in sources_of(settings, Web(1))]


def test_without_settings_the_sources_that_need_no_key_are_asked_for_one_country(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usual = settings(monkeypatch)
    assert names(usual) == ["apple_music", "deezer"]
    assert usual.trends_countries == ("us",)


def test_a_key_or_a_file_adds_its_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = settings(
        monkeypatch, LASTFM_API_KEY="k\n", YOUTUBE_API_KEY=" ", AIARTIST_TRENDS_FILE=str(tmp_path / "c.csv")
    )
    assert names(given) == ["apple_music", "deezer", "last_fm", "owner_csv"]


def test_sources_can_be_named_and_turned_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = str(tmp_path / "c.csv")
    named = settings(monkeypatch, AIARTIST_TRENDS_SOURCES="YouTube, deezer,deezer", AIARTIST_TRENDS_FILE=file)
    assert names(named) == ["deezer", "youtube", "owner_csv"]
    off = settings(monkeypatch, AIARTIST_TRENDS_SOURCES="off", AIARTIST_TRENDS_FILE=file)
    assert names(off) == []


def test_countries_are_read_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings(monkeypatch, AIARTIST_TRENDS_COUNTRIES="US, de").trends_countries == ("us", "de")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AIARTIST_TRENDS_SOURCES", "spotify"),
        ("AIARTIST_TRENDS_SOURCES", "off,deezer"),
        ("AIARTIST_TRENDS_COUNTRIES", "usa"),
        ("AIARTIST_TRENDS_COUNTRIES", "us,../x"),
        ("AIARTIST_TRENDS_COUNTRIES", ",".join(f"{a}{b}" for a in "abcd" for b in "abc")),
        ("AIARTIST_TRENDS_DEEZER_URL", "http://charts.example.com"),
        ("AIARTIST_TRENDS_LAST_FM_URL", "https://ws.audioscrobbler.com/2.0/?api_key=secret"),
        ("AIARTIST_TRENDS_EVERY_S", "10"),
    ],
)
def test_a_wrong_value_ends_the_start_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    with pytest.raises(SetupError, match=variable) as caught:
        settings(monkeypatch, **{variable: value})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://api.deezer.com", True),
        ("http://127.0.0.1:8080/x", True),
        ("http://[::1]/x", True),
        ("http://api.deezer.com", False),
        ("http://169.254.169.254/latest", False),
        ("ftp://127.0.0.1/", False),
        ("https://user:password@api.deezer.com", False),
        ("https://", False),
        ("https://api.deezer.com:99999", False),
        ("file:///etc/passwd", False),
        ("", False),
    ],
)
def test_only_https_and_this_machine_itself_are_asked(url: str, allowed: bool) -> None:
    assert is_allowed(url) is allowed
