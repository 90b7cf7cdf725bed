"""JSON answers."""

import pytest

from services.orchestrator.structured import BadJson, check_schema, parse

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
