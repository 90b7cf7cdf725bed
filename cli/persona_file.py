"""An artist's file: Persona's fields by their proto names, and beside them `cadence`, `autopilot_enabled`,
`on_silence` and `evolve`.

What a value must be comes from the proto's descriptors, so that a new field needs no code here.
Which values are allowed is the server's to say; its answer is shown with the file's lines.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from aiartist.artist_db.v1.artist_db_pb2 import (
    Artist,
    Cadence,
    CreateArtistRequest,
    Evolve,
    UpdateArtistRequest,
)
from aiartist.common.v1.decision_pb2 import SilenceAnswer
from aiartist.common.v1.persona_pb2 import Persona
from cli.texts import plain, shortened
from cli.yaml_file import FileProblems, Problem, given, kind_of, line_of, read_tree
from services.chassis.errors import FieldViolation

REQUIRED = {
    "name": "the artist's name as listeners see it",
    "genre": "for example synthwave",
    "style": "what the artist is like, in prose",
    "themes": "a list of what the songs are about",
}
_BESIDE_PERSONA = ("cadence", "autopilot_enabled", "on_silence", "evolve")
_BITS = {FieldDescriptor.TYPE_UINT32: 32, FieldDescriptor.TYPE_UINT64: 64}
_DECIMAL = re.compile(r"[-+]?[0-9][0-9_]{0,30}")
_TRUE, _FALSE = ("true", "yes", "on"), ("false", "no", "off")
_MAX_SHOWN = 60
_INDEX = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class ArtistFile:
    """A file that could be read. What it leaves out is at its default, as `given` tells."""

    path: Path
    persona: Persona
    cadence: Cadence
    autopilot_enabled: bool
    on_silence: SilenceAnswer.ValueType
    evolve: Evolve.ValueType
    given: frozenset[str]
    """The fields at the top of the file."""
    lines: Mapping[str, int]
    """The line of each field and entry, by its path, for example `themes[2]`."""

    @classmethod
    def read(cls, path: Path) -> "ArtistFile":
        """Reads a file. FileProblems names everything that is wrong with it."""
        root = read_tree(path)
        request = CreateArtistRequest()
        reader = _Reader()
        reader.mapping(root, "", _top(request))
        reader.require(request.persona)
        if reader.problems:
            raise FileProblems(str(path), reader.problems)
        top = frozenset(place for place in reader.lines if "." not in place and "[" not in place)
        return cls(
            path,
            request.persona,
            request.cadence,
            request.autopilot_enabled,
            request.on_silence,
            request.evolve,
            top,
            reader.lines,
        )

    def create_request(self, request_id: str = "") -> CreateArtistRequest:
        """Takes the artist on."""
        return CreateArtistRequest(
            request_id=request_id,
            persona=self.persona,
            cadence=self.cadence if "cadence" in self.given else None,
            autopilot_enabled=self.autopilot_enabled,
            on_silence=self.on_silence,
            evolve=self.evolve,
        )

    def update_request(self, artist: Artist, *, reason: str, request_id: str = "") -> UpdateArtistRequest:
        """Brings a known artist up to date; a cadence that the file leaves out stays as it is."""
        return UpdateArtistRequest(
            request_id=request_id,
            artist_id=artist.id,
            etag=artist.etag,
            persona=self.persona,
            cadence=self.cadence if "cadence" in self.given else None,
            reason=reason,
        )

    def refused(self, violations: Iterable[FieldViolation]) -> FileProblems:
        """What the server found, at its place in this file."""
        return FileProblems(str(self.path), [self._problem(violation) for violation in violations])

    def _problem(self, violation: FieldViolation) -> Problem:
        path = violation.field.removeprefix("persona.")
        return Problem(self._line(path), path, plain(violation.description))

    def _line(self, path: str) -> int:
        """The line of the field, or of what it would be in."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = _INDEX.sub("", path) if path.endswith("]") else path.rpartition(".")[0]
        return 0


Targets = Mapping[str, tuple[Any, Any]]
"""Key in the file -> the message that it goes to, and as which field."""


def _top(request: CreateArtistRequest) -> Targets:
    beside = request.DESCRIPTOR.fields_by_name
    return _fields(request.persona) | {name: (request, beside[name]) for name in _BESIDE_PERSONA}


def _fields(message: Message) -> dict[str, tuple[Any, Any]]:
    return {field.name: (message, field) for field in message.DESCRIPTOR.fields}


class _Reader:
    """Walks the tree along the descriptors and notes every problem on the way."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.lines: dict[str, int] = {}

    def require(self, persona: Persona) -> None:
        """Notes required fields that are not there."""
        wrong = {problem.path for problem in self.problems}
        for name, meaning in REQUIRED.items():
            if name not in self.lines:
                self.problems.append(Problem(0, name, f"is missing; expected {meaning}"))
            elif (
                not getattr(persona, name)
                and name not in wrong
                and not any(p.startswith(f"{name}[") for p in wrong)
            ):
                self.problems.append(Problem(self.lines[name], name, f"is empty; expected {meaning}"))

    def mapping(self, node: yaml.MappingNode, path: str, targets: Targets) -> None:
        """Every key of a mapping into its field."""
        seen: dict[str, int] = {}
        for key_node, value in node.value:
            if kind_of(key_node) not in ("str", "merge"):
                self._note(key_node, path, f"expected the name of a field, was given {given(key_node)}")
                continue
            key = str(key_node.value)
            place = f"{path}.{key}" if path else key
            if key not in targets:
                shown = shortened(plain(place), _MAX_SHOWN)
                self._note(key_node, shown, f"is not a field{_did_you_mean(key, path, targets)}")
                continue
            if key in seen:
                self._note(key_node, place, f"is given twice, first on line {seen[key]}")
                continue
            seen[key] = self.lines[place] = line_of(key_node)
            message, field = targets[key]
            self._field(value, place, message, field)
        self._refuse_both(node, path, seen, targets)

    def _field(self, node: yaml.Node, place: str, message: Any, field: FieldDescriptor) -> None:
        if field.is_repeated:
            self._list(node, place, getattr(message, field.name), field)
        elif field.message_type is not None:
            if not isinstance(node, yaml.MappingNode):
                names = ", ".join(inner.name for inner in field.message_type.fields)
                self._expected(node, place, f"a mapping with {names}")
                return
            inner = getattr(message, field.name)
            inner.SetInParent()
            self.mapping(node, place, _fields(inner))
        elif (value := self._scalar(node, place, field)) is not None:
            setattr(message, field.name, value)

    def _list(self, node: yaml.Node, place: str, values: Any, field: FieldDescriptor) -> None:
        if not isinstance(node, yaml.SequenceNode):
            self._expected(node, place, "a list", '; begin each entry on a line of its own with "- "')
            return
        for number, entry in enumerate(node.value):
            entry_place = f"{place}[{number}]"
            self.lines[entry_place] = line_of(entry)
            if (value := self._scalar(entry, entry_place, field)) is not None:
                values.append(value)

    def _scalar(self, node: yaml.Node, place: str, field: FieldDescriptor) -> str | float | bool | None:
        """The value, or None where it is noted what is wrong with it."""
        kind = kind_of(node)
        if field.type == FieldDescriptor.TYPE_STRING:
            if kind == "str":
                return str(node.value)
            quotes = "; put it in quotes" if kind in ("int", "float", "bool", "timestamp") else ""
            self._expected(node, place, "text", quotes)
            return None
        if field.type == FieldDescriptor.TYPE_BOOL:
            value = str(node.value).lower()
            if kind == "bool" and value in _TRUE + _FALSE:
                return value in _TRUE
            self._expected(node, place, "true or false")
            return None
        if field.type == FieldDescriptor.TYPE_DOUBLE:
            return self._fraction(node, place)
        if field.type in _BITS:
            return self._number(node, place, 2 ** _BITS[field.type] - 1)
        if field.enum_type is not None:
            return self._word(node, place, field.enum_type)
        raise AssertionError(f"{field.full_name}: an artist has text, numbers, truth and words only")

    def _word(self, node: yaml.Node, place: str, enum: EnumDescriptor) -> int | None:
        """A value of an enum, by its name without the enum's own."""
        prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
        words = {
            value.name.removeprefix(prefix).lower(): value.number for value in enum.values if value.number
        }
        word = str(node.value).strip().lower()
        # YAML takes a bare `off` for a truth value.
        if kind_of(node) == "str" or (kind_of(node) == "bool" and word == "off"):
            number = words.get(word)
            if number is not None:
                return number
        self._expected(node, place, f"one of {', '.join(words)}")
        return None

    def _number(self, node: yaml.Node, place: str, most: int) -> int | None:
        if kind_of(node) == "int" and _DECIMAL.fullmatch(node.value):
            number = int(node.value.replace("_", ""))
            if 0 <= number <= most:
                return number
            self._expected(node, place, f"a whole number from 0 to {most}")
            return None
        quoted = kind_of(node) == "str" and _DECIMAL.fullmatch(str(node.value)) is not None
        self._expected(node, place, "a whole number", "; leave the quotes away" if quoted else "")
        return None

    def _fraction(self, node: yaml.Node, place: str) -> float | None:
        if kind_of(node) in ("int", "float"):
            try:
                number = float(str(node.value).replace("_", ""))
            except ValueError:
                number = math.nan
            if math.isfinite(number):
                return number
        self._expected(node, place, "a number")
        return None

    def _refuse_both(
        self, node: yaml.MappingNode, path: str, seen: Mapping[str, int], targets: Targets
    ) -> None:
        groups: dict[str, list[str]] = {}
        for key in seen:
            group = targets[key][1].containing_oneof
            if group is not None:
                groups.setdefault(group.full_name, []).append(key)
        for keys in groups.values():
            if len(keys) > 1:
                self._note(node, path, f"expected one of {' and '.join(keys)}, was given both")

    def _expected(self, node: yaml.Node, place: str, what: str, hint: str = "") -> None:
        self._note(node, place, f"expected {what}, was given {given(node)}{hint}")

    def _note(self, node: yaml.Node, place: str, text: str) -> None:
        self.problems.append(Problem(line_of(node), place, text))


def _did_you_mean(key: str, path: str, targets: Targets) -> str:
    close = get_close_matches(key.lower(), targets, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {f'{path}.{close[0]}' if path else close[0]}?"
    if not path and (deeper := _deeper(Persona.DESCRIPTOR) | _deeper(Cadence.DESCRIPTOR, "cadence")).get(key):
        return f"; did you mean {deeper[key]}?"
    return f"; the fields are {', '.join(targets)}"


def _deeper(descriptor: Descriptor, path: str = "") -> dict[str, str]:
    """Fields within fields: `timbre` -> `voice.timbre`."""
    if path:
        return {field.name: f"{path}.{field.name}" for field in descriptor.fields}
    return {
        name: place
        for field in descriptor.fields
        if field.message_type is not None
        for name, place in _deeper(field.message_type, field.name).items()
    }
