"""An error, its fix and the buttons that its status allows, as people see them on Telegram."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiartist.artist_db.v1 import artist_db_pb2 as db
from services.notifier.panel import errors
from services.notifier.panel.screen import Screen
from services.notifier.telegram import error_buttons
from tests.support.fake_telegram.html_text import parse_html

UTC = ZoneInfo("UTC")
FINGERPRINT = "3f2a" * 8
DIFF = "--- a/x.py\n+++ b/x.py\n@@ -1 +1,2 @@\n-    return a.lenght\n+    n = len(a)\n+\treturn n < 3\n"


def a_group(
    status: str, step: db.ErrorStep.Kind.ValueType = db.ErrorStep.KIND_UNSPECIFIED, **fields: Any
) -> db.ErrorGroup:
    report = db.ErrorReport(
        **{
            "status": status,
            "cause": "a name is misspelt",
            "severity": "high",
            "confidence": 0.9,
            "fixable": True,
            "diff": DIFF,
            "commit": "c0ffee" * 6 + "1234",
            "explanation": "asks the list for its length",
            "test_path": "tests/autofix/test_x.py",
            "proof": "collected 1\n1 passed",
            "reason": "proven",
            "by": "telegram: Ana",
            **fields,
        }
    )
    return db.ErrorGroup(
        fingerprint=FINGERPRINT,
        title="KeyError",
        status=status,
        count=3,
        report=report,
        step=db.ErrorStep(kind=step),
    )


def words(screen: Screen) -> str:
    return parse_html(screen.text.html)[0]


def orders(screen: Screen) -> list[str]:
    """What the buttons do that change something."""
    return [b.data.split(":")[1] for row in screen.keyboard for b in row if b.data.startswith("x:")]


@pytest.mark.parametrize(
    ("status", "allowed"),
    [
        ("new", ["error.ignore", "error.analyze"]),
        ("analyzed", ["error.ignore", "error.analyze"]),
        ("analysis_failed", ["error.ignore", "error.analyze", "error.reopen"]),
        ("fix_suggested", ["error.apply", "error.ignore", "error.analyze"]),
        ("fix_attempted", ["error.ignore"]),
        ("fix_failed", ["error.ignore", "error.analyze", "error.reopen"]),
        ("fix_applied", ["error.revert"]),
        ("reverted", ["error.ignore", "error.analyze", "error.reopen"]),
        ("ignored", ["error.reopen"]),
    ],
)
def test_operators_get_the_buttons_that_the_status_allows_and_others_none(
    status: str, allowed: list[str]
) -> None:
    group = a_group(status)
    assert orders(errors.group_screen(group, UTC, operates=True, applies=True)) == allowed
    assert orders(errors.group_screen(group, UTC, operates=False, applies=True)) == []


def test_a_fix_that_is_not_proven_or_can_not_be_applied_here_has_no_button() -> None:
    for group, applies in ((a_group("fix_suggested", commit=""), True), (a_group("fix_suggested"), False)):
        assert "error.apply" not in orders(errors.group_screen(group, UTC, operates=True, applies=applies))
        assert (
            orders(errors.fix_screen(group, operates=True, applies=applies and bool(group.report.commit)))
            == []
        )


def test_what_is_ordered_already_is_told_and_not_offered_again() -> None:
    applied = a_group("fix_suggested", db.ErrorStep.KIND_APPLY)
    screen = errors.group_screen(applied, UTC, operates=True, applies=True)
    assert "a fix waits, to be applied" in words(screen)
    assert orders(screen) == ["error.ignore"]
    out = errors.group_screen(
        a_group("fix_applied", db.ErrorStep.KIND_REVERT), UTC, operates=True, applies=True
    )
    assert orders(out) == []


def test_an_error_tells_how_bad_it_is_why_and_what_its_fix_is() -> None:
    told = words(errors.group_screen(a_group("fix_suggested"), UTC, operates=False, applies=False))
    for line in (
        "3 times · a fix waits",
        "🟠 high · 90 % sure · code can mend it",
        "↳ by telegram: Ana: proven",
        "a name is misspelt",
        "🔧 +2 -1 in 1 file · proven, c0ffeec0ffee",
    ):
        assert line in told.split("\n"), line


def test_the_button_that_applies_a_fix_names_its_commit_and_is_short_enough() -> None:
    screen = errors.fix_screen(a_group("fix_suggested"), operates=True, applies=True)
    (data,) = [button.data for row in screen.keyboard for button in row if button.data.startswith("x:")]
    assert data == f"x:error.apply:{FINGERPRINT}:c0ffeec0ffee"
    assert len(data.encode()) <= 64


def test_a_fix_is_shown_as_it_is_with_its_test_and_its_proof() -> None:
    screen = errors.fix_screen(a_group("fix_suggested"), operates=False, applies=False)
    text, entities = parse_html(screen.text.html)
    assert "-    return a.lenght\n+    n = len(a)\n+   return n < 3" in text
    assert [entity.type for entity in entities] == ["bold", "pre", "expandable_blockquote"]
    assert "tests/autofix/test_x.py" in text
    assert "1 passed" in text


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=9_000), st.integers(0, 400))
def test_whatever_a_model_wrote_a_fix_is_one_message(diff: str, lines: int) -> None:
    group = a_group(
        "fix_suggested", diff=diff + "\n+<b>&\u202e" * lines, explanation=diff, proof=diff, reason=diff
    )
    screen = errors.fix_screen(group, operates=True, applies=True)
    text, entities = parse_html(screen.text.html)
    assert 0 < screen.text.size <= 4096
    assert {entity.type for entity in entities} <= {"bold", "pre", "expandable_blockquote"}
    assert "\u202e" not in text


def test_a_long_diff_says_how_much_of_it_is_left_out() -> None:
    group = a_group("fix_suggested", diff=DIFF + "+more\n" * 500)
    assert "more lines" in words(errors.fix_screen(group, operates=True, applies=True))


def test_where_there_is_no_fix_that_is_said() -> None:
    screen = errors.fix_screen(a_group("analyzed", diff="", commit=""), operates=True, applies=False)
    assert words(screen) == "There is no fix of this error now."


def test_a_notice_about_an_error_that_can_not_be_read_has_the_buttons_that_need_no_state() -> None:
    keyboard = error_buttons.notice_keyboard(FINGERPRINT, None, applies=False)
    assert [[button.text for button in row] for row in keyboard] == [
        ["🐞 Show"],
        ["🙈 Ignore", "🔎 Explain again"],
    ]


def test_a_fingerprint_that_fits_no_button_makes_none() -> None:
    assert error_buttons.notice_keyboard("x" * 200, None, applies=False) == ()
