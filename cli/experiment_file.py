"""Experiments as files: what `aiartist experiment create FILE` reads."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cli.yaml_file import FileProblems, Problem, Sort, given, kind_of, line_of, read_tree

_TEXTS = ("name", "kind", "field", "metric")
_NUMBERS = ("floor", "min_outcomes")
_LISTS = ("arms", "artists")
_SORT = Sort("experiment", needs="name, kind and arms", example="name: Darker words")


@dataclass(frozen=True, slots=True)
class Wanted:
    """An experiment as somebody described it, in a file or by options; empty and 0: not said."""

    name: str
    kind: str
    arms: tuple[tuple[str, str], ...]
    """Names and values; of a persona field JSON."""
    field: str = ""
    metric: str = ""
    artists: tuple[str, ...] = ()
    """Names or ids."""
    floor: float = 0.0
    min_outcomes: int = 0


def read_experiment(path: Path) -> Wanted:
    """Reads a file. FileProblems names everything that is wrong with it."""
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    for key, node in read_tree(path, _SORT).value:
        name = str(key.value)
        if name not in (*_TEXTS, *_NUMBERS, *_LISTS):
            known = ", ".join((*_TEXTS, *_NUMBERS, *_LISTS))
            problems.append(Problem(line_of(key), name, f"is not known; there are {known}"))
        elif name in values:
            problems.append(Problem(line_of(key), name, "is there twice"))
        else:
            values[name] = _value(name, node, problems)
    for name in ("name", "kind", "arms"):
        if name not in values:
            problems.append(Problem(0, name, "is required"))
    if problems:
        raise FileProblems(str(path), problems)
    return Wanted(**values)


def _value(name: str, node: yaml.Node, problems: list[Problem]) -> Any:
    kind = kind_of(node)
    if name in _TEXTS and kind == "str":
        return str(node.value)
    if name == "min_outcomes" and kind == "int" and str(node.value).isdecimal():
        return int(node.value)
    if name == "floor" and kind in ("int", "float"):
        return float(yaml.safe_load(yaml.serialize(node)))
    if name == "artists" and isinstance(node, yaml.SequenceNode):
        return tuple(_text(f"{name}[{index}]", entry, problems) for index, entry in enumerate(node.value))
    if name == "arms" and isinstance(node, yaml.MappingNode):
        return tuple(
            (str(key.value), _arm(f"{name}.{key.value}", value, problems)) for key, value in node.value
        )
    expected = {
        "arms": "a mapping such as `dark: write darker words`",
        "artists": "a list of names",
        "floor": "a number from 0 to 0.2",
        "min_outcomes": "a whole number",
    }.get(name, "text")
    problems.append(Problem(line_of(node), name, f"expected {expected}, was given {given(node)}"))
    return None


def _text(place: str, node: yaml.Node, problems: list[Problem]) -> str:
    if kind_of(node) != "str":
        problems.append(Problem(line_of(node), place, f"expected text, was given {given(node)}"))
    return str(node.value)


def _arm(place: str, node: yaml.Node, problems: list[Problem]) -> str:
    """Text as it is; a list, a mapping or a number, which only persona fields have, as JSON."""
    if kind_of(node) == "str":
        return str(node.value)
    if kind_of(node) == "null" and not node.value:
        return ""
    try:
        return json.dumps(yaml.safe_load(yaml.serialize(node)), ensure_ascii=False)
    except (yaml.YAMLError, TypeError, ValueError):
        problems.append(Problem(line_of(node), place, f"can't be used, was given {given(node)}"))
        return ""
