"""Fields of a persona by path, with their values as JSON: what experiments vary and reflections change.

A value is as in a persona file: text, a list of text, a number, or for `tempo` a range as
`{"min_bpm": 90, "max_bpm": 110}` (`null`: the genre's usual one). What is a field comes from persona.proto.
Which values are allowed is for artist_db to say: here a value only has to be of the field's kind. Pure.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from aiartist.common.v1.persona_pb2 import Persona, TempoRange

MAX_JSON = 20_000
"""Characters of a value as JSON, at most."""

_WHOLE = frozenset({"tempo"})
"""Messages that are one value: half a range says nothing."""
_MAX_UINT32 = 2**32 - 1


def _paths(descriptor: Descriptor, prefix: str = "") -> tuple[str, ...]:
    found: list[str] = []
    for field in descriptor.fields:
        if field.message_type is None or field.name in _WHOLE:
            found.append(prefix + field.name)
        else:
            found += _paths(field.message_type, f"{field.name}.")
    return tuple(found)


FIELDS = _paths(Persona.DESCRIPTOR)
"""Every field in the proto's order, for example `name`, `voice.delivery`, `tempo`, `visual.motif`."""


def top_level(field: str) -> str:
    """The field of Persona that a path is in: `voice` for `voice.delivery`. ValueError: no such path."""
    _check(field)
    return field.partition(".")[0]


def value_of(persona: Persona, field: str) -> str:
    """The value of a field as canonical JSON: equal values have equal texts. ValueError: no such path."""
    _check(field)
    if field == "tempo":
        if not persona.HasField("tempo"):
            return "null"
        return _dumped({"min_bpm": persona.tempo.min_bpm, "max_bpm": persona.tempo.max_bpm})
    holder, descriptor = _place(persona, field)
    value = getattr(holder, descriptor.name)
    return _dumped(list(value) if descriptor.is_repeated else value)


def with_value(persona: Persona, field: str, value_json: str) -> Persona:
    """A copy with another value; all other fields are as they were.

    ValueError, with a sentence for people: an unknown path, no JSON, or JSON of the wrong kind.
    """
    _check(field)
    value = _loaded(field, value_json)
    whole = Persona()
    whole.CopyFrom(persona)
    if field == "tempo":
        _set_tempo(whole, value)
        return whole
    holder, descriptor = _place(whole, field)
    if descriptor.is_repeated:
        values = _texts(field, value)
        del getattr(holder, descriptor.name)[:]
        getattr(holder, descriptor.name).extend(values)
    elif descriptor.type == FieldDescriptor.TYPE_STRING:
        setattr(holder, descriptor.name, _text(field, value))
    elif descriptor.type == FieldDescriptor.TYPE_DOUBLE:
        setattr(holder, descriptor.name, _number(field, value))
    else:
        setattr(holder, descriptor.name, _whole_number(field, value))
    return whole


def canonical(field: str, value_json: str) -> str:
    """A value as `value_of` would give it. ValueError as in `with_value`."""
    return value_of(with_value(Persona(), field, value_json), field)


def told(value_json: str) -> str:
    """A value for people: `wistful, cold`, `84 to 112 bpm`, `(nothing)`; what is no value stays as it is."""
    try:
        value = json.loads(value_json)
    except (ValueError, RecursionError):
        return value_json
    match value:
        case None:
            return "(the genre's usual)"
        case "" | []:
            return "(nothing)"
        case str():
            return value
        case list():
            return ", ".join(map(str, value))
        case {"min_bpm": slowest, "max_bpm": fastest}:
            return f"{slowest} to {fastest} bpm"
        case bool() | dict():
            return value_json
    return f"{value:g}" if isinstance(value, float) else f"{value:,}"


def _check(field: str) -> None:
    if field not in FIELDS:
        shown = field if len(field) <= 60 else f"{field[:59]}…"
        raise ValueError(f"{shown!r} is not a field of a persona; the fields are {', '.join(FIELDS)}")


def _place(persona: Persona, field: str) -> tuple[Any, FieldDescriptor]:
    """The message that holds a field, and the field in it."""
    holder: Any = persona
    *outer, last = field.split(".")
    for name in outer:
        holder = getattr(holder, name)
    return holder, holder.DESCRIPTOR.fields_by_name[last]


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _loaded(field: str, value_json: str) -> Any:
    if len(value_json) > MAX_JSON:
        raise ValueError(
            f"{field}: a value has at most {MAX_JSON:,} characters of JSON, has {len(value_json):,}"
        )
    try:
        return json.loads(value_json, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"{field}: {_short(value_json)} is not JSON: {error.msg}") from None
    except (ValueError, RecursionError):
        raise ValueError(f"{field}: {_short(value_json)} is not JSON that a persona could hold") from None


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is given twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number in JSON")


def _text(field: str, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f'{field}: expected text as "…", was given {_kind(value)}')
    if not value.isascii() and any("\ud800" <= sign <= "\udfff" for sign in value):
        raise ValueError(f"{field}: has half of a surrogate pair, which is no character")
    return value


def _texts(field: str, value: object) -> list[str]:
    if not isinstance(value, list):
        raise ValueError(f'{field}: expected a list of texts as ["…"], was given {_kind(value)}')
    return [_text(f"{field}[{index}]", entry) for index, entry in enumerate(value)]


def _number(field: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{field}: expected a number, was given {_kind(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{field}: expected a number, was given one that is too large")
    # Without the sign of a zero: -0.0 equals 0.0 and would be kept as another value.
    return number + 0.0


def _whole_number(field: str, value: object) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{field}: expected a whole number, was given {_kind(value)}")
    if not 0 <= value <= _MAX_UINT32:
        raise ValueError(f"{field}: expected a whole number from 0 to {_MAX_UINT32:,}")
    return value


def _set_tempo(persona: Persona, value: object) -> None:
    if value is None:
        persona.ClearField("tempo")
        return
    names = [field.name for field in TempoRange.DESCRIPTOR.fields]
    if not isinstance(value, dict) or sorted(value) != sorted(names):
        raise ValueError(
            'tempo: expected a range as {"min_bpm": 90, "max_bpm": 110}, or null for the genre\'s usual one, '
            f"was given {_kind(value)}"
        )
    numbers = {name: _whole_number(f"tempo.{name}", value[name]) for name in names}
    persona.tempo.CopyFrom(TempoRange(**numbers))


def _kind(value: object) -> str:
    """What a JSON value is, for people."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, dict):
        keys = ", ".join(map(_short, list(value)[:4]))
        return f"an object with {keys}" if keys else "an empty object"
    kinds = {str: "text", list: "a list", int: "a whole number", float: "a number"}
    return kinds.get(type(value), "something else")


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:59]}…")
