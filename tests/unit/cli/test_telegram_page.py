"""docs/telegram.md has every variable of notifier, with its default."""

import re
from pathlib import Path

from services.notifier.settings import Settings

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "telegram.md").read_text()
ROWS = dict(
    re.findall(r"^\| `(AIARTIST_(?:TELEGRAM|NOTIFIER)_[A-Z_]+)` \| (?:`([^`]*)`)? \|", PAGE, re.MULTILINE)
)


def test_the_table_has_every_variable_with_its_default() -> None:
    told = {}
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        variable = alias if isinstance(alias, str) else f"AIARTIST_{name.upper()}"
        if variable.startswith(("AIARTIST_TELEGRAM_", "AIARTIST_NOTIFIER_")):
            default = field.get_default()
            told[variable] = f"{default}" if isinstance(default, str | int | float) else ""
    assert told == ROWS


def test_no_other_variable_of_notifier_is_named_anywhere_on_the_page() -> None:
    named = set(re.findall(r"AIARTIST_(?:TELEGRAM|NOTIFIER)_[A-Z_]+[A-Z]", PAGE))
    assert named == set(ROWS)
