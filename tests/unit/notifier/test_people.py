"""The allowlist, the hours and the rest of the settings: what they mean, and what they refuse."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from services.chassis.errors import SetupError
from services.notifier.hours import QuietHours, age, told, zone
from services.notifier.people import People, Role
from services.notifier.settings import Settings

BERLIN = zone("Europe/Berlin")


def test_people_have_a_role_and_a_name_that_the_owner_gave() -> None:
    people = People.parse("11:approver:Vera Voss, 12:operator")
    vera, other = people.get(11), people.get(12)
    assert vera is not None
    assert other is not None
    assert (vera.role, vera.decided_by) == (Role.APPROVER, "telegram:Vera Voss")
    assert (other.role, other.decided_by) == (Role.OPERATOR, "telegram:12")
    assert people.get(13) is None
    assert people.may(Role.OPERATOR) == [other]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("11", "entry 1"),
        ("11:viewer,vera:operator", "entry 2"),
        ("11:boss", "entry 1"),
        ("11:viewer,11:operator", "user 11 stands there twice"),
        ("-5:viewer", "entry 1"),
        ("11:viewer:Vera,12:operator:vera", "two people are called 'vera'"),
    ],
)
def test_a_wrong_entry_is_named(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        People.parse(text)


@pytest.mark.parametrize(
    ("hours", "clock", "quiet"),
    [
        ("22:00-07:30", "21:59", False),
        ("22:00-07:30", "22:00", True),
        ("22:00-07:30", "03:00", True),
        ("22:00-07:30", "07:30", False),
        ("13:00-15:00", "14:00", True),
        ("13:00-15:00", "15:00", False),
    ],
)
def test_quiet_hours_are_meant_in_the_owners_time(hours: str, clock: str, quiet: bool) -> None:
    hour, minute = map(int, clock.split(":"))
    moment = datetime(2026, 7, 1, hour, minute, tzinfo=BERLIN)
    assert QuietHours.parse(hours).cover(moment.astimezone(UTC), BERLIN) is quiet


@pytest.mark.parametrize("text", ["", "22-7", "25:00-07:00", "22:00", "22:00-22:00", "22:60-07:00"])
def test_quiet_hours_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        QuietHours.parse(text)


def test_moments_and_spans_are_told_as_people_say_them() -> None:
    assert told(datetime(2026, 11, 22, 13, 3, tzinfo=UTC), BERLIN) == "Sun 22 Nov 14:03 CET"
    assert told(datetime(2026, 7, 1, 12, 0, tzinfo=UTC), BERLIN) == "Wed 1 Jul 14:00 CEST"
    assert [age(s) for s in (0.4, 59, 61, 7300, 50 * 3600)] == ["0 s", "59 s", "1 min", "2 h", "2 days"]


@pytest.mark.parametrize(
    ("values", "variable"),
    [
        ({"telegram_people": "11:boss"}, "AIARTIST_TELEGRAM_PEOPLE"),
        ({"telegram_chat_ids": "12,abc"}, "AIARTIST_TELEGRAM_CHAT_IDS"),
        ({"telegram_chat_ids": "0"}, "AIARTIST_TELEGRAM_CHAT_IDS"),
        ({"telegram_chat_ids": "--5"}, "AIARTIST_TELEGRAM_CHAT_IDS"),
        ({"notifier_time_zone": "Mars/Olympus"}, "AIARTIST_NOTIFIER_TIME_ZONE"),
        ({"notifier_time_zone": "../../etc/passwd"}, "AIARTIST_NOTIFIER_TIME_ZONE"),
        ({"notifier_quiet_hours": "22 to 7"}, "AIARTIST_NOTIFIER_QUIET_HOURS"),
        ({"telegram_api_base": "api.telegram.org"}, "AIARTIST_TELEGRAM_API_BASE"),
        ({"notifier_channel": "telegram"}, "AIARTIST_TELEGRAM_TOKEN"),
        ({"telegram_webhook_url": "https://label.example/telegram"}, "AIARTIST_TELEGRAM_WEBHOOK_SECRET"),
    ],
)
def test_a_wrong_setting_is_named(values: dict[str, Any], variable: str) -> None:
    with pytest.raises(SetupError, match=variable):
        Settings.load(**values)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "TELEGRAM_CHAT_IDS": "-1001, 7,7",
        "TELEGRAM_PEOPLE": "11:operator:Vera",
        "NOTIFIER_QUIET_HOURS": "22:00-07:00",
        "TELEGRAM_API_BASE": "http://127.0.0.1:8081/",
    }.items():
        monkeypatch.setenv(f"AIARTIST_{name}", value)
    settings = Settings.load()
    assert settings.telegram_chat_ids == (-1001, 7)
    assert settings.telegram_people.get(11) is not None
    assert settings.notifier_quiet_hours == QuietHours.parse("22:00-07:00")
    assert settings.telegram_api_base == "http://127.0.0.1:8081"


@pytest.mark.parametrize(
    ("channel", "token", "used"),
    [
        ("auto", None, "console"),
        ("auto", "1:x", "telegram"),
        ("console", "1:x", "console"),
        ("telegram", "1:x", "telegram"),
    ],
)
def test_telegram_is_used_where_there_is_a_token(channel: Any, token: str | None, used: str) -> None:
    settings = Settings.load(notifier_channel=channel, telegram_token=SecretStr(token) if token else None)
    assert settings.channel == used
