"""What the scout is asked for: a whole persona as JSON, and whether a name is somebody's."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aiartist.common.v1.persona_pb2 import Persona, TempoRange, VisualIdentity, Voice
from services.chassis.genres import GENRES
from services.orchestrator.reflection.words import cleaned

CORE = ("name", "genre", "language")
"""What no reflection may change of an invented artist."""

MOST_WHO = 100
"""Characters of whom a name belongs to: people are told."""

NAME_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["verdict", "who"],
    "properties": {
        "verdict": {"type": "string", "enum": ["yes", "no", "unsure"]},
        "who": {"type": "string", "maxLength": 300},
    },
}


def _text(most: int, least: int = 1) -> dict[str, Any]:
    return {"type": "string", "minLength": least, "maxLength": most}


def _texts(least: int, most: int, characters: int) -> dict[str, Any]:
    return {"type": "array", "minItems": least, "maxItems": most, "items": _text(characters)}


def _object(**properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }


def schema(languages: Sequence[str]) -> Mapping[str, Any]:
    """Of a persona that sings in one of these languages. Bounds are those of persona.proto or narrower."""
    bpm = {"type": "integer", "minimum": 40, "maximum": 220}
    key = {"type": "string", "pattern": "^[A-G][#b]? (major|minor)$"}
    colour = {"type": "string", "pattern": "^#[0-9a-fA-F]{6}$"}
    return _object(
        name=_text(40, least=2),
        genre={"type": "string", "enum": list(GENRES)},
        style=_text(1_200, least=40),
        voice=_object(
            timbre=_text(200),
            delivery=_text(200),
            point_of_view={"type": "string", "enum": ["first person", "second person", "third person"]},
        ),
        themes=_texts(3, 10, 80),
        moods=_texts(1, 6, 40),
        instruments=_texts(2, 8, 60),
        keys={"type": "array", "minItems": 1, "maxItems": 8, "items": key},
        tempo=_object(min_bpm=bpm, max_bpm=bpm),
        language={"type": "string", "enum": list(languages)},
        visual=_object(
            palette={"type": "array", "minItems": 3, "maxItems": 6, "items": colour}, motif=_text(400)
        ),
        bio=_text(800),
        song_length_s={"type": "integer", "minimum": 60, "maximum": 240},
    )


def persona_of(text: str) -> Persona:
    """The persona in an answer that meets the schema. What only people set stays at its default."""
    told = json.loads(text)
    return Persona(
        name=_line(told["name"]),
        genre=told["genre"],
        style=told["style"].strip(),
        voice=Voice(
            timbre=_line(told["voice"]["timbre"]),
            delivery=_line(told["voice"]["delivery"]),
            point_of_view=told["voice"]["point_of_view"],
        ),
        themes=_lines(told["themes"]),
        moods=_lines(told["moods"]),
        instruments=_lines(told["instruments"]),
        keys=list(dict.fromkeys(told["keys"])),
        tempo=TempoRange(**told["tempo"]),
        language=told["language"],
        visual=VisualIdentity(palette=told["visual"]["palette"], motif=_line(told["visual"]["motif"])),
        bio=told["bio"].strip(),
        preserve_core_identity=CORE,
        target_duration_ms=told["song_length_s"] * 1_000,
    )


def verdict_of(text: str) -> tuple[str, str]:
    """`yes`, `no` or `unsure`, and who it is, of an answer that meets `NAME_SCHEMA`."""
    told = json.loads(text)
    return told["verdict"], cleaned(told["who"], MOST_WHO)


def _line(text: str) -> str:
    return " ".join(text.split())


def _lines(texts: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(filter(None, map(_line, texts))))
