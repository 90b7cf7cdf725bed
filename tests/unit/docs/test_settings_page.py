"""docs/settings.md names every variable that the platform reads."""

from importlib import import_module
from pathlib import Path

import pytest

from cli.settings import CliSettings
from services.chassis.settings import ChassisSettings

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "settings.md").read_text()
MODULES = (
    "artist_db",
    "error_analyzer",
    "notifier",
    "orchestrator",
    "orchestrator.local_model",
    "release",
    "scheduler",
)
CLASSES = [
    ChassisSettings,
    CliSettings,
    *(import_module(f"services.{name}.settings").Settings for name in MODULES),
]


@pytest.mark.parametrize("settings", CLASSES, ids=lambda cls: cls.__module__)
def test_every_variable_is_on_the_page(settings: type) -> None:
    missing = []
    for name, field in settings.model_fields.items():
        alias = field.validation_alias
        variable = alias if isinstance(alias, str) else f"AIARTIST_{name.upper()}"
        if field.repr and f"`{variable}`" not in PAGE:
            missing.append(variable)
    assert missing == []
