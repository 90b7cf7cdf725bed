"""The question to the reflector role. Pure."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aiartist.artist_db.v1.artist_db_pb2 import Artist
from aiartist.artist_db.v1.life_pb2 import ChangeableField
from services.chassis.ids import derived_id
from services.chassis.persona_fields import FIELDS, told, value_of
from services.orchestrator.domain import Ask
from services.orchestrator.gateway.gateway import question_digest
from services.orchestrator.gateway.outgoing import with_materials
from services.orchestrator.prompts import render
from services.orchestrator.reflection.facts import Facts
from services.orchestrator.reflection.words import cleaned, without_addresses

ROLE = "reflector"
MAX_TOKENS = 6_000
"""Reasoning models think out of the same purse."""

_VALUE: Mapping[str, Any] = {
    "anyOf": [
        {"type": "string"},
        {"type": "array", "items": {"type": "string"}},
        {"type": "number"},
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["min_bpm", "max_bpm"],
            "properties": {"min_bpm": {"type": "integer"}, "max_bpm": {"type": "integer"}},
        },
        {"type": "null"},
    ]
}


def schema(fields: Sequence[str]) -> Mapping[str, Any]:
    """What an answer must be, for an artist of whom these fields may change."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["decision", "field", "from", "to", "why", "facts"],
        "properties": {
            "decision": {"type": "string", "enum": ["no_change", "change"]},
            "field": {"type": "string", "enum": ["", *fields]},
            "from": _VALUE,
            "to": _VALUE,
            "why": {"type": "string", "minLength": 1, "maxLength": 900},
            "facts": {"type": "array", "maxItems": 10, "items": {"type": "string", "maxLength": 8}},
        },
    }


def question(run_id: str, artist: Artist, fields: Sequence[ChangeableField], facts: Facts) -> Ask:
    """What is asked about a run; one question a run, whatever the request."""
    # A value that can't be shown as it is can't be changed from it either.
    fields = [field for field in fields if without_addresses(field.value) == field.value]
    names = [field.field for field in fields]
    kept = [
        f"{field}: {cleaned(told(value_of(artist.persona, field)), 200)}"
        for field in FIELDS
        if field not in names and field != "preserve_core_identity"
    ]
    may_change = [f"{field.field} = {field.value}\nbound: {field.bound}" for field in fields]
    prompt = render("reflect", kept=kept, may_change=may_change, facts=facts.lines)
    messages = with_materials(prompt.messages, facts.materials)
    wanted = schema(names)
    return Ask(
        request_id=derived_id("rfl", run_id),
        role=ROLE,
        messages=messages,
        digest=question_digest(messages, schema=json.dumps(wanted, sort_keys=True)),
        json_schema=wanted,
        max_tokens=MAX_TOKENS,
        prompt_hash=prompt.hash,
        artist_id=artist.id,
        run_id=run_id,
        # Scores and states of changes move on between a call and its repeat after a crash.
        strict=False,
    )
