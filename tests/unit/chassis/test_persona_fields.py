"""A persona's fields by path: read, written, and refused in words."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiartist.common.v1.persona_pb2 import Persona, TempoRange, VisualIdentity, Voice
from services.chassis.persona_fields import FIELDS, canonical, told, top_level, value_of, with_value

WHOLE = Persona(
    name="Nova Vale",
    genre="synthwave",
    style="Night drives.",
    voice=Voice(timbre="female alto", delivery="confiding", point_of_view="second person"),
    themes=["neon", "leaving"],
    moods=["wistful"],
    keys=["A minor"],
    tempo=TempoRange(min_bpm=84, max_bpm=112),
    language="en",
    visual=VisualIdentity(palette=["#101020", "#ff2080"], motif="a wet road"),
    target_duration_ms=96_000,
    trend_alignment=0.25,
)
VALUES = {
    "name": '"Nova Vale"',
    "voice.delivery": '"confiding"',
    "themes": '["neon", "leaving"]',
    "instruments": "[]",
    "tempo": '{"min_bpm": 84, "max_bpm": 112}',
    "visual.palette": '["#101020", "#ff2080"]',
    "bio": '""',
    "target_duration_ms": "96000",
    "trend_alignment": "0.25",
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def test_the_fields_are_those_of_the_contract_with_a_tempo_as_one_value() -> None:
    assert {"style", "voice.timbre", "voice.point_of_view", "tempo", "visual.motif"} < set(FIELDS)
    assert not {"voice", "visual", "tempo.min_bpm"} & set(FIELDS)
    assert {top_level(field) for field in FIELDS} == set(Persona.DESCRIPTOR.fields_by_name)


@pytest.mark.parametrize(("field", "value"), VALUES.items())
def test_a_value_reads_as_in_a_persona_file(field: str, value: str) -> None:
    assert value_of(WHOLE, field) == value


def test_an_absent_tempo_is_null_and_null_makes_it_absent() -> None:
    assert value_of(Persona(), "tempo") == "null"
    assert not with_value(WHOLE, "tempo", "null").HasField("tempo")


@pytest.mark.parametrize("field", FIELDS)
def test_writing_what_was_read_changes_nothing(field: str) -> None:
    written = with_value(WHOLE, field, value_of(WHOLE, field))

    assert written.SerializeToString(deterministic=True) == WHOLE.SerializeToString(deterministic=True)


def test_a_new_value_changes_its_field_of_a_copy_and_no_other() -> None:
    before = WHOLE.SerializeToString(deterministic=True)

    written = with_value(WHOLE, "tempo", '{"max_bpm": 120.0, "min_bpm": 90}')

    assert [f for f in FIELDS if value_of(written, f) != value_of(WHOLE, f)] == ["tempo"]
    assert value_of(written, "tempo") == '{"min_bpm": 90, "max_bpm": 120}'
    assert WHOLE.SerializeToString(deterministic=True) == before


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("nome", '"x"', "'nome' is not a field of a persona"),
        ("voice", '{"delivery": "x"}', "'voice' is not a field"),
        ("style", "plain", "is not JSON"),
        ("style", "3", "expected text"),
        ("style", '"\\ud800"', "half of a surrogate pair"),
        ("style", '"' + "x" * 20_000 + '"', "at most 20,000 characters"),
        ("moods", '"wistful"', "expected a list of texts"),
        ("moods", '["wistful", 3]', "moods[1]: expected text"),
        ("moods", "[" * 5_000 + "]" * 5_000, "is not JSON"),
        ("tempo", "[84, 112]", "expected a range as"),
        ("tempo", '{"min_bpm": 84}', "expected a range as"),
        ("tempo", '{"min_bpm": 84, "max_bpm": 112, "max_bpm": 200}', "is not JSON"),
        ("tempo", '{"min_bpm": -1, "max_bpm": 112}', "from 0 to 4,294,967,295"),
        ("target_duration_ms", "true", "expected a whole number"),
        ("target_duration_ms", "96000.5", "expected a whole number"),
        ("target_duration_ms", "1" * 5_000, "is not JSON"),
        ("trend_alignment", "NaN", "is not JSON"),
        ("trend_alignment", "1e999", "too large"),
        ("trend_alignment", "9" * 400, "too large"),
        ("trend_alignment", '"0.5"', "expected a number"),
    ],
)
def test_what_is_no_value_of_the_field_is_refused_in_words(field: str, value: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)) as refused:
        with_value(WHOLE, field, value)

    assert len(str(refused.value)) < 600


@pytest.mark.parametrize(("field", "one", "other"), [("trend_alignment", "-0.0", "0"), ("keys", "[ ]", "[]")])
def test_equal_values_have_one_canonical_text(field: str, one: str, other: str) -> None:
    assert canonical(field, one) == canonical(field, other)


@given(field=st.sampled_from(FIELDS), value=JSON)
def test_whatever_the_json_a_field_takes_it_whole_or_not_at_all(field: str, value: Any) -> None:
    try:
        written = with_value(WHOLE, field, json.dumps(value))
    except ValueError:
        return
    assert [f for f in FIELDS if f != field and value_of(written, f) != value_of(WHOLE, f)] == []
    assert json.loads(value_of(written, field)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('["wistful", "cold"]', "wistful, cold"),
        ('{"min_bpm": 84, "max_bpm": 112}', "84 to 112 bpm"),
        ("null", "(the genre's usual)"),
        ("[]", "(nothing)"),
        ("96000", "96,000"),
        ("0.25", "0.25"),
        ("no json", "no json"),
    ],
)
def test_values_read_well(value: str, text: str) -> None:
    assert told(value) == text
