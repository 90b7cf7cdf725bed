"""Answers that must be JSON: found in what a model wrote, checked against their schema."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any
from urllib.parse import unquote

import jsonschema
import referencing
import regex

from services.orchestrator.domain import Message
from services.orchestrator.prompts import render

_FENCE = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL | re.IGNORECASE)
_SHOWN_PROBLEMS = 8
_MOST_STARTS = 20
"""Places in an answer where a JSON value is looked for."""
PATTERN_TIMEOUT_S = 0.1
_MOST_EXACT = 2**53
"""Up to here every whole number is one that a float holds."""


class BadJson(Exception):
    """The answer is no JSON, or not what its schema asks; the text says what is wrong, for the model."""


def check_schema(schema: Mapping[str, Any]) -> str:
    """What is wrong with a JSON schema itself; empty: nothing."""
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
        return _unusable(schema, schema)
    except jsonschema.SchemaError as error:
        return error.message
    except RecursionError:
        return "it is too deep"


def parse(text: str, schema: Mapping[str, Any]) -> Any:
    """The JSON value in an answer, valid by the schema; BadJson where there is none.

    Fences and talk around the value are allowed: small models rarely leave them away.
    """
    try:
        value = _find_value(text)
        validator = _Validator(schema, registry=referencing.Registry())
        problems = sorted(validator.iter_errors(value), key=lambda error: list(map(str, error.absolute_path)))
    except RecursionError:
        raise BadJson("the answer is nested too deep") from None
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
        return _DECODER.decode(candidate)
    except json.JSONDecodeError as error:
        first_problem = f"the answer is not JSON: {error.msg} at character {error.pos}"
    except ValueError as error:
        raise BadJson(f"the answer is not JSON: {error}") from None
    for start in islice((match.start() for match in re.finditer(r"[{\[]", candidate)), _MOST_STARTS):
        try:
            value, _ = _DECODER.raw_decode(candidate, start)
        except ValueError:
            continue
        return value
    raise BadJson(first_problem)


def _finite(text: str) -> float:
    """A number; `90.0` is a whole one, as it is for schemas: who asked for an integer gets one."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no number in JSON")
    return int(number) if number.is_integer() and abs(number) <= _MOST_EXACT else number


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_finite)


def _unusable(part: Any, whole: Mapping[str, Any]) -> str:
    """What a schema may say and this service does not do; empty: nothing."""
    if isinstance(part, list):
        return next(filter(None, (_unusable(inner, whole) for inner in part)), "")
    if not isinstance(part, dict):
        return ""
    if "patternProperties" in part:
        return "patternProperties is not supported"
    if isinstance(pattern := part.get("pattern"), str):
        try:
            regex.compile(pattern)
        except regex.error as error:
            return f"pattern {pattern[:80]!r} is no regular expression: {error}"
    for name in ("$ref", "$dynamicRef"):
        # Nothing is fetched, and what is not there is found out before a call is paid.
        if name in part and not _is_there(part[name], whole):
            return f"{name} must point into this schema, as #/$defs/name, is {str(part[name])[:80]!r}"
    return next(filter(None, (_unusable(inner, whole) for inner in part.values())), "")


def _is_there(pointer: object, whole: Any) -> bool:
    if not isinstance(pointer, str) or not pointer.startswith("#/"):
        return False
    for step in pointer[2:].split("/"):
        step = unquote(step).replace("~1", "/").replace("~0", "~")
        if not isinstance(whole, dict) or step not in whole:
            return False
        whole = whole[step]
    return True


def _pattern(
    _validator: Any, pattern: str, instance: Any, _schema: Any
) -> Iterator[jsonschema.ValidationError]:
    """`pattern` of JSON schema, given up where an expression takes for ever on an answer."""
    if not isinstance(instance, str):
        return
    try:
        found = regex.search(pattern, instance, timeout=PATTERN_TIMEOUT_S)
    except TimeoutError:
        found = None
    if not found:
        yield jsonschema.ValidationError(f"{instance[:100]!r} does not match {pattern!r}")


_Validator: Any = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft202012Validator, {"pattern": _pattern}
)


def _told(problem: jsonschema.ValidationError) -> str:
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in problem.absolute_path)
    return f"{place.lstrip('.') or 'the answer'}: {problem.message[:300]}"
