"""What a reflector answered, read with distrust: a change to hand on, or why there is none. Pure.

artist_db judges whether a change may be made; here it only has to be one, about this artist, for reasons that
exist.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiartist.artist_db.v1.life_pb2 import FieldChange
from services.chassis.persona_fields import canonical
from services.orchestrator.reflection.facts import Facts
from services.orchestrator.reflection.words import cleaned

MOST_WHY = 900
MOST_VALUE = 4_000
"""Characters of a new value as JSON."""
MOST_FACTS = 10


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer comes to."""

    why: str
    """Never empty."""
    change: FieldChange | None = None
    evidence: tuple[str, ...] = ()
    """Facts in words, for people."""


def read(text: str, values: Mapping[str, str], facts: Facts) -> Reading:
    """Reads an answer; `values` are the fields that may change with their values as canonical JSON."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        return Reading("the reflector's answer could not be read")
    why = cleaned(_text(told.get("why")), MOST_WHY) or "the reflector gave no reason"
    evidence = _evidence(told.get("facts"), facts)
    if told.get("decision") != "change":
        return Reading(why, evidence=evidence)
    if not evidence:
        return Reading(f"what was wanted relies on no fact that there is: {why}"[:MOST_WHY])
    field = told.get("field")
    if not isinstance(field, str) or field not in values:
        shown = cleaned(_text(field), 60) or "nothing"
        return Reading(
            f"what was wanted is no change of a field that may change, but of {shown!r}", None, evidence
        )
    try:
        old, new = (json.dumps(told.get(end), ensure_ascii=False) for end in ("from", "to"))
        if len(new) > MOST_VALUE:
            return Reading(f"the new value of {field} is too long: {len(new):,} characters", None, evidence)
        if canonical(field, old) != values[field]:
            return Reading(
                f"what was wanted begins with a value of {field} that it does not have", None, evidence
            )
        new = canonical(field, new)
    except (ValueError, RecursionError) as error:
        return Reading(cleaned(f"what was wanted is no value: {error}", MOST_WHY), None, evidence)
    return Reading(why, FieldChange(field=field, to=new, **{"from": values[field]}), evidence)


def _evidence(named: Any, facts: Facts) -> tuple[str, ...]:
    """The facts among what was named, each once."""
    if not isinstance(named, list):
        return ()
    names = dict.fromkeys(name.strip() for name in named[:100] if isinstance(name, str))
    # `F1` and `F01` are one fact.
    return tuple(dict.fromkeys(filter(None, map(facts.evidence, names))))[:MOST_FACTS]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
