"""Answers that must be JSON: found in what a model wrote, checked against their schema."""

import json
import re
from collections.abc import Mapping
from typing import Any

import jsonschema

from services.orchestrator.domain import Message
from services.orchestrator.prompts import render

_FENCE = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL | re.IGNORECASE)
_SHOWN_PROBLEMS = 8


class BadJson(Exception):
    """The answer is no JSON, or not what its schema asks; the text says what is wrong, for the model."""


def check_schema(schema: Mapping[str, Any]) -> str:
    """What is wrong with a JSON schema itself; empty: nothing."""
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        return error.message
    return ""


def parse(text: str, schema: Mapping[str, Any]) -> Any:
    """The JSON value in an answer, valid by the schema; BadJson where there is none.

    Fences and talk around the value are allowed: small models rarely leave them away.
    """
    value = _find_value(text)
    validator = jsonschema.Draft202012Validator(schema)
    problems = sorted(validator.iter_errors(value), key=lambda error: list(map(str, error.absolute_path)))
    if problems:
        raise BadJson("; ".join(_told(problem) for problem in problems[:_SHOWN_PROBLEMS]))
    return value


def instruction(schema: Mapping[str, Any]) -> str:
    """What to tell a model whose provider does not hold it to a schema."""
    return "Answer with one JSON value and nothing else. It must meet this JSON schema:\n" + json.dumps(
        schema, ensure_ascii=False
    )


def repair_messages(answer: str, problem: str) -> tuple[Message, ...]:
    """What to add to a chat so that the model mends its answer."""
    return (Message("assistant", answer or "(nothing)"), *render("json_repair", problem=problem).messages)


def _find_value(text: str) -> Any:
    fenced = _FENCE.search(text)
    candidate = (fenced.group(1) if fenced else text).strip()
    if not candidate:
        raise BadJson("the answer is empty")
    try:
        return json.loads(candidate)
    except json.JSONDecodeError as error:
        first_problem = f"the answer is not JSON: {error.msg} at character {error.pos}"
    decoder = json.JSONDecoder()
    for start in (match.start() for match in re.finditer(r"[{\[]", candidate)):
        try:
            value, _ = decoder.raw_decode(candidate, start)
        except json.JSONDecodeError:
            continue
        return value
    raise BadJson(first_problem)


def _told(problem: jsonschema.ValidationError) -> str:
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in problem.absolute_path)
    return f"{place.lstrip('.') or 'the answer'}: {problem.message[:300]}"
