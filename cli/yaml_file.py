"""YAML as a tree of nodes that know their lines; nothing of it is ever constructed as an object."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from cli.texts import plain, shortened

MAX_BYTES = 256 * 1024
_MAX_SHOWN = 40
_TAG = "tag:yaml.org,2002:"
_WORDS = {
    "int": "the number",
    "float": "the number",
    "bool": "the true/false value",
    "timestamp": "the date",
    "str": "the text",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a file. `line` counts from 1, 0: nowhere in particular."""

    line: int
    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}" if self.path else self.text


@dataclass(frozen=True, slots=True)
class Sort:
    """What a file describes, for the words about one that describes nothing."""

    name: str
    """After `an`."""
    needs: str
    example: str
    """A line of such a file."""


ARTIST = Sort("artist", needs="name, genre, style and themes", example="name: Nova Vale")


class FileProblems(Exception):
    """A file that can't be used, and everything that is wrong with it."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        super().__init__(f"{file}: {len(problems)} problems")
        self.file = file
        self.problems = sorted(problems, key=lambda problem: problem.line)

    def lines(self, most: int = 40) -> Iterator[str]:
        """`file:line: path: what was expected, what was given`, one a problem."""
        for problem in self.problems[:most]:
            place = f"{plain(self.file)}:{problem.line}" if problem.line else plain(self.file)
            yield f"{place}: {problem}"
        if len(self.problems) > most:
            yield f"{plain(self.file)}: and {len(self.problems) - most} problems more"


def read_tree(path: Path, sort: Sort = ARTIST) -> yaml.MappingNode:
    """The file's mapping. FileProblems where there is none that can be used."""
    text = _decoded(path, _bytes_of(path, sort))
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = ", ".join(part for part in (error.context, error.problem) if part)
        raise _unusable(path, f"is not YAML: {plain(what)}", mark.line + 1 if mark else 0) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _unusable(path, f"holds the control character U+{int(error.character):04X}", line) from error
    except RecursionError as error:
        raise _unusable(path, "is nested too deeply") from error
    if root is None:
        raise _unusable(path, f"is empty; an {sort.name} needs at least {sort.needs}")
    if not isinstance(root, yaml.MappingNode):
        raise _unusable(
            path, f"expected fields such as `{sort.example}`, was given {given(root)}", line_of(root)
        )
    return root


def line_of(node: yaml.Node) -> int:
    """From 1."""
    return int(node.start_mark.line) + 1


def kind_of(node: yaml.Node) -> str:
    """`str`, `int`, `float`, `bool`, `null`, `timestamp`, `seq`, `map`, or another tag as it is."""
    return str(node.tag).removeprefix(_TAG)


def given(node: yaml.Node) -> str:
    """What stands there, in words."""
    kind = kind_of(node)
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if kind == "null":
        return "nothing"
    value = shortened(plain(str(node.value)), _MAX_SHOWN)
    if kind not in _WORDS:
        return f"a value with the tag {shortened(plain(str(node.tag)), _MAX_SHOWN)}"
    if kind == "str":
        return f'the text "{value}"' if value else "an empty text"
    return f"{_WORDS[kind]} {value}"


def _bytes_of(path: Path, sort: Sort) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise _unusable(path, "there is no such file") from error
    except IsADirectoryError as error:
        raise _unusable(path, f"is a folder; name an {sort.name}'s file in it") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _unusable(path, f"cannot be read: {reason}") from error
    if len(data) > MAX_BYTES:
        raise _unusable(path, f"is larger than {MAX_BYTES // 1024} KiB; that is no {sort.name}'s file")
    return data


def _decoded(path: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _unusable(
            path, f"is not UTF-8: byte 0x{data[error.start]:02x}; save it as UTF-8", line
        ) from error


def _unusable(path: Path, text: str, line: int = 0) -> FileProblems:
    return FileProblems(str(path), [Problem(line, "", text)])
