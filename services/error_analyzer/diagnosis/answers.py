"""What models answer, held against what is known: an invented line is no evidence."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from services.error_analyzer.diagnosis.facts import Facts
from services.error_analyzer.diagnosis.source import SourceFile
from services.error_analyzer.diagnosis.texts import plain
from services.error_analyzer.domain import (
    SEVERITIES,
    Analysis,
    Asked,
    Evidence,
    RepairUnavailable,
    UnusableAnswer,
)

MAX_ANSWER = 1_000_000
MAX_CAUSE = 2_000
MAX_COMPONENT = 200
MAX_EVIDENCE = 6
MAX_QUOTE = 300
LEAST_QUOTE = 4
"""Characters that a line must share with a quotation of a part of it."""
UNFOUNDED = 0.3
"""Confidence at most of an analysis whose evidence was all invented."""
WITHOUT_EVIDENCE = 0.5
"""Confidence at most of an analysis that names none."""
LOG = "log"

ANALYSIS_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["cause", "component", "severity", "confidence", "fixable", "evidence"],
    "properties": {
        "cause": {"type": "string"},
        "component": {"type": "string"},
        "severity": {"type": "string", "enum": list(SEVERITIES)},
        "confidence": {"type": "number"},
        "fixable": {"type": "boolean"},
        "evidence": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["source", "line", "text", "note"],
                "properties": {
                    "source": {"type": "string"},
                    "line": {"type": "integer"},
                    "text": {"type": "string"},
                    "note": {"type": "string"},
                },
            },
        },
    },
}
SUGGESTION_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["explanation", "diff", "test_path", "test_code"],
    "properties": {
        "explanation": {"type": "string"},
        "diff": {"type": "string"},
        "test_path": {"type": "string"},
        "test_code": {"type": "string"},
    },
}
_NUMBER_BEFORE = re.compile(r"\s*\d{1,7}\|\s?")
_COMPONENT = re.compile(r"[\w.-]+(?:/[\w.-]+)*")


def json_object(text: str, asked: Asked) -> dict[str, Any]:
    """The JSON object that an answer is; UnusableAnswer where it is something else."""
    if len(text) > MAX_ANSWER:
        raise UnusableAnswer(f"the answer is {len(text):,} characters long", asked)
    try:
        value = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise UnusableAnswer(f"the answer is not JSON: {plain(str(error), 200)}", asked) from error
    if not isinstance(value, dict):
        raise UnusableAnswer("the answer is not a JSON object", asked)
    return value


def text_of(answer: Mapping[str, Any], name: str, asked: Asked) -> str:
    """A text of the answer; UnusableAnswer where it is none, or can't be kept."""
    value = answer.get(name)
    if not isinstance(value, str):
        raise UnusableAnswer(f"the answer's {name} is not a text", asked)
    return value


async def analysis_of(text: str, facts: Facts, asked: Asked) -> Analysis:
    """The analysis in an answer, as far as it can be believed; UnusableAnswer where it is none."""
    answer = json_object(text, asked)
    cause = plain(text_of(answer, "cause", asked), MAX_CAUSE, lines=True)
    if not cause:
        raise UnusableAnswer("the answer names no cause", asked)
    severity = text_of(answer, "severity", asked).strip().lower()
    if severity not in SEVERITIES:
        raise UnusableAnswer(f"the answer's severity is {plain(severity, 40)!r}", asked)
    fixable = answer.get("fixable")
    if not isinstance(fixable, bool):
        raise UnusableAnswer("the answer does not say whether code can mend it", asked)
    confidence = _confidence(answer.get("confidence"), asked)
    claims = answer.get("evidence")
    if not isinstance(claims, list):
        raise UnusableAnswer("the answer's evidence is not a list", asked)
    evidence = await _found(claims[:MAX_EVIDENCE], facts)
    return Analysis(
        cause=cause,
        component=_component(text_of(answer, "component", asked), facts),
        severity=severity,
        confidence=_founded(confidence, len(claims[:MAX_EVIDENCE]), len(evidence)),
        fixable=fixable,
        evidence=tuple(evidence),
        asked=asked,
    )


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number in JSON")


def _confidence(value: object, asked: Asked) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnusableAnswer("the answer's confidence is not a number", asked)
    # A number too large for a float is a number in JSON, and infinite here.
    if not (0 <= value <= 1) or not math.isfinite(value):
        raise UnusableAnswer("the answer's confidence is not from 0 to 1", asked)
    return float(value)


def _founded(confidence: float, claimed: int, found: int) -> float:
    """As sure as its evidence allows: what was invented tells against the rest."""
    if not claimed:
        return min(confidence, WITHOUT_EVIDENCE)
    if not found:
        return min(confidence, UNFOUNDED)
    return round(confidence * (1 + found / claimed) / 2, 3)


def _component(named: str, facts: Facts) -> str:
    """The named part of the repository; where it is not there, the folder in which the error was raised."""
    component = plain(named, MAX_COMPONENT).strip("/ `").removeprefix("./")
    whole = _COMPONENT.fullmatch(component) is not None and ".." not in component.split("/")
    if whole and facts.code is None and component:
        return component
    if whole and facts.code is not None:
        for path in (component, component.replace(".", "/"), f"{component.replace('.', '/')}.py"):
            if facts.code.holds(path):
                return path
    if facts.files:
        return facts.files[0].rpartition("/")[0] or facts.files[0]
    return plain(facts.group.services[0], 60) if facts.group.services else ""


async def _found(claims: Sequence[object], facts: Facts) -> list[Evidence]:
    found: dict[tuple[str, int, str], Evidence] = {}
    for claim in claims:
        evidence = await _looked_up(claim, facts) if isinstance(claim, dict) else None
        if evidence is not None:
            found.setdefault((evidence.source, evidence.line, evidence.text), evidence)
    return list(found.values())


async def _looked_up(claim: Mapping[str, Any], facts: Facts) -> Evidence | None:
    """The claimed line as it really stands in its file, or in a log; None where it does not."""
    source, line, text, note = (claim.get(name) for name in ("source", "line", "text", "note"))
    if not isinstance(source, str) or not isinstance(text, str):
        return None
    quoted = [
        _joined(_NUMBER_BEFORE.sub("", part, count=1)) for part in text.splitlines()[:20] if part.strip()
    ]
    if not quoted or sum(map(len, quoted)) < LEAST_QUOTE:
        return None
    shown = plain(note, MAX_QUOTE) if isinstance(note, str) else ""
    claimed = line if isinstance(line, int | float) and math.isfinite(line) and 0 <= line < 1e7 else 0
    file = await _file(source, facts)
    if file is not None:
        places = [_places(part, file.lines) for part in quoted]
        if all(places):
            nearest = min(places[0], key=lambda number: abs(number - int(claimed)))
            return Evidence(file.path, nearest, plain(file.lines[nearest - 1], MAX_QUOTE), shown)
    logged = [line for one in facts.occurrences for line in (one.heading, *one.lines, *one.context)]
    places = [_places(part, logged) for part in quoted]
    if all(places):
        return Evidence(LOG, 0, plain(logged[places[0][0] - 1], MAX_QUOTE), shown)
    return None


async def _file(named: str, facts: Facts) -> SourceFile | None:
    if facts.code is None or len(named) > 1_000:
        return None
    path = named.strip().strip("`").removeprefix("./")
    for candidate in (path, path.partition(" ")[2], path.partition(":")[0]):
        if candidate in facts.code.files:
            try:
                return await facts.code.read(candidate)
            except RepairUnavailable:
                return None
    return None


def _places(quoted: str, lines: Sequence[str]) -> list[int]:
    """Numbers of the lines, from 1, that are the quoted one, else of those that hold it."""
    joined = [_joined(line) for line in lines]
    same = [number for number, line in enumerate(joined, start=1) if line == quoted]
    if same or len(quoted) < LEAST_QUOTE:
        return same
    return [number for number, line in enumerate(joined, start=1) if quoted in line]


def _joined(text: str) -> str:
    return " ".join(text.split())
