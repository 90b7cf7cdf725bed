"""JSON answers."""

import json
from typing import Any

import pytest

from services.orchestrator.gateway.structured import BadJson, check_schema, parse

SCHEMA = {"type": "object", "required": ["mood"], "properties": {"mood": {"type": "string"}}}


@pytest.mark.parametrize(
    "answer",
    [
        '{"mood": "sad"}',
        '```json\n{"mood": "sad"}\n```',
        'Here you are: {"mood": "sad"} - enjoy',
        ' {"mood":"sad"}\n',
    ],
)
def test_a_value_is_found_in_fences_and_talk(answer: str) -> None:
    assert parse(answer, SCHEMA) == {"mood": "sad"}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("", "empty"),
        ("no", "not JSON"),
        ('{"mood": "sa', "not JSON"),
        ('{"mood": 3}', "mood: 3 is not"),
        ("{}", "'mood' is a required"),
    ],
)
def test_what_is_wrong_is_told_so_that_a_model_can_mend_it(answer: str, told: str) -> None:
    with pytest.raises(BadJson, match=told):
        parse(answer, SCHEMA)


def test_a_schema_that_is_none_is_noticed() -> None:
    assert check_schema({"type": "banana"})
    assert check_schema(SCHEMA) == ""


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:9/internal.json"},
        {"$ref": "#"},
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/gone"}}},
        {"type": "object", "patternProperties": {"a": {}}},
        {"type": "string", "pattern": "(a"},
    ],
)
def test_a_schema_that_could_not_be_checked_is_refused_before_anything_is_paid(schema: Any) -> None:
    assert check_schema(schema)


def test_a_schema_may_point_into_itself() -> None:
    schema = {"$defs": {"line": {"type": "string"}}, "type": "array", "items": {"$ref": "#/$defs/line"}}
    assert check_schema(schema) == ""
    assert parse('["a"]', schema) == ["a"]
    with pytest.raises(BadJson):
        parse("[1]", schema)


@pytest.mark.parametrize("text", ['{"tempo": NaN}', '{"tempo": Infinity}', '{"tempo": 1e999}'])
def test_what_is_no_number_in_json_is_no_answer(text: str) -> None:
    with pytest.raises(BadJson):
        parse(text, {"type": "object", "properties": {"tempo": {"type": "number"}}})


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 50_000])
def test_an_answer_without_a_bottom_is_no_answer(text: str) -> None:
    with pytest.raises(BadJson):
        parse(text, {})


def test_a_whole_number_with_a_point_is_a_whole_number() -> None:
    value = parse('{"bpm": 90.0, "share": 0.5, "much": 1e300}', {"properties": {"bpm": {"type": "integer"}}})
    assert [type(value[name]) for name in ("bpm", "share", "much")] == [int, float, float]


def test_an_expression_that_takes_for_ever_is_given_up() -> None:
    with pytest.raises(BadJson, match="does not match"):
        parse(json.dumps("a" * 40 + "!"), {"type": "string", "pattern": "^(a|a)+$"})
