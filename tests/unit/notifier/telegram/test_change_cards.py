"""A change of a persona as people read it, and what they may do about it."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import life_pb2 as life
from services.chassis.ids import derived_id
from services.notifier.telegram import change_cards
from services.notifier.telegram.text import MESSAGE_MOST, joined
from tests.support.fake_telegram.html_text import parse_html

Change = life.PersonaChange
ARTIST = derived_id("art", "1")
HOSTILE = ("</pre>", "<b>", "&", "\n", "\u2028", "\u202e", "\x00", "✅ Version 9 has it", '"', "[", "x" * 900)
hostile = st.lists(st.sampled_from(HOSTILE), max_size=12).map("".join)
_QUOTED = re.compile(r"<blockquote.*?</blockquote>|<pre>.*?</pre>", re.DOTALL)


def a_change(
    state: Change.State.ValueType = Change.STATE_PROPOSED,
    *,
    field: str = "moods",
    before: str = '["wistful"]',
    after: str = '["wistful", "bright"]',
    **fields: Any,
) -> Change:
    change = Change(id=derived_id("chg", "1"), artist_id=ARTIST, state=state, **fields)
    change.change.CopyFrom(life.FieldChange(field=field, to=after, **{"from": before}))
    return change


def words(change: Change) -> str:
    return parse_html(joined(change_cards.facts(change)).html)[0]


@pytest.mark.parametrize(
    ("field", "before", "after", "shown"),
    [
        ("moods", '["wistful"]', '["wistful", "bright"]', "moods\n- wistful\n+ wistful, bright"),
        ("voice.delivery", '"close"', '"shouted"', "voice delivery\n- close\n+ shouted"),
        ("trend_alignment", "0.2", "0.35", "trend alignment\n- 0.2\n+ 0.35"),
        (
            "tempo",
            "null",
            '{"min_bpm": 90, "max_bpm": 110}',
            "tempo\n- (the genre's usual)\n+ 90 to 110 bpm",
        ),
        ("bio", '""', "no json", "bio\n- (nothing)\n+ no json"),
    ],
)
def test_a_change_reads_as_two_lines_for_people(field: str, before: str, after: str, shown: str) -> None:
    assert words(a_change(field=field, before=before, after=after)).startswith(f"Field: {shown}")


def test_the_diff_stands_in_letters_of_one_width() -> None:
    _, entities = parse_html(joined(change_cards.facts(a_change())).html)
    assert "pre" in {entity.type for entity in entities}


@pytest.mark.parametrize(
    ("state", "fields", "told"),
    [
        (Change.STATE_PROPOSED, {}, "⏳ Nothing is changed without a person's yes"),
        (Change.STATE_APPLIED, {"version": 5}, "✅ Version 5 has it, changed by itself, within its bounds"),
        (
            Change.STATE_APPLIED,
            {"version": 5, "decided_by": "telegram:Vera"},
            "✅ Version 5 has it, agreed to by Vera",
        ),
        (Change.STATE_DECLINED, {"decided_by": "cli:vera"}, "❌ Declined by vera (command line)"),
        (
            Change.STATE_LAPSED,
            {"outcome": "a later reflection came"},
            "⌛ It lapsed: a later reflection came",
        ),
        (Change.STATE_REFUSED, {"outcome": "too large a step"}, "🚫 Refused: too large a step"),
        (Change.STATE_NO_CHANGE, {"outcome": "it is thin"}, "Nothing is changed: it is thin"),
    ],
)
def test_a_change_says_what_became_of_it(
    state: Change.State.ValueType, fields: dict[str, Any], told: str
) -> None:
    assert change_cards.standing(a_change(state, **fields)) == told


@pytest.mark.parametrize(
    ("state", "current", "offered"),
    [
        (Change.STATE_PROPOSED, 4, ["agree", "decline"]),
        (Change.STATE_APPLIED, 5, ["restore"]),
        # Another version has come since: taking this one back would take that one back too.
        (Change.STATE_APPLIED, 6, []),
        (Change.STATE_DECLINED, 4, []),
        (Change.STATE_LAPSED, 4, []),
        (Change.STATE_REFUSED, 4, []),
    ],
)
def test_only_what_can_still_be_done_is_offered(
    state: Change.State.ValueType, current: int, offered: list[str]
) -> None:
    artist = db.Artist(id=ARTIST, persona_version=current)
    buttons = change_cards.orders(a_change(state, version=5), artist)
    assert [button.data.split(":")[1] for button in buttons] == offered


def test_ids_of_full_length_fit_a_button_and_come_back_from_it() -> None:
    change, move = derived_id("chg", "1"), derived_id("mov", "1")
    agree, decline = change_cards.orders(a_change(), None)
    assert all(len(button.data) <= 64 for button in (agree, decline))
    assert change_cards.change_of(decline.data.removeprefix("x:decline:")) == (change, ARTIST)
    assert change_cards.move_of(change_cards.both_ids(move, ARTIST)) == (move, ARTIST)


@settings(max_examples=100, deadline=None)
@given(hostile, hostile, hostile, st.lists(hostile, max_size=20), st.sampled_from(Change.State.values()))
def test_whatever_models_and_listeners_say_a_change_adds_no_line_and_no_markup(
    value: str, reason: str, outcome: str, evidence: list[str], state: Change.State.ValueType
) -> None:
    change = a_change(state, after=value, field=value, reason=reason, evidence=evidence, outcome=outcome)
    text, entities = parse_html(joined(change_cards.facts(change)).html)
    assert len(text) <= MESSAGE_MOST
    lines = text.split("\n")
    # Field, diff, why, evidence with its heading, and how it stands: one line each.
    assert len(lines) <= 16
    # What is theirs is quoted, or stands in the diff; the rest is ours, and begins as ours does.
    ours = _QUOTED.sub("", joined(change_cards.facts(change)).html).split("\n")
    assert not any(line.startswith("✅") for line in ours[:-1])
    assert {entity.type for entity in entities} <= {"bold", "pre", "blockquote", "expandable_blockquote"}
