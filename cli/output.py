"""Standard output: tables and sentences for people, protobuf JSON for scripts."""

import json
import sys
from typing import Any, Literal

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.texts import plain, shortened

WIDTH = 100
"""Columns of a table that goes to a file or a pipe."""

_STYLES = {
    "released": "green",
    "active": "green",
    "succeeded": "green",
    "sent": "green",
    "pass": "green",
    "failed": "red",
    "fail": "red",
    "rejected": "red",
    "retired": "dim",
    "cancelled": "dim",
    "expired": "dim",
    "dropped": "dim",
    "paused": "yellow",
    "warn": "yellow",
    "awaiting approval": "yellow",
    "waiting": "yellow",
}


class Output:
    """Where a command says what it found."""

    def __init__(self, *, json_wanted: bool) -> None:
        self.json = json_wanted
        # Highlighting and emoji codes would change what is not ours to change.
        self.console = Console(highlight=False, emoji=False, markup=False, soft_wrap=False)
        if not self.console.is_terminal:
            self.console = Console(highlight=False, emoji=False, markup=False, width=WIDTH)

    def document(self, message: Message | dict[str, Any]) -> None:
        """One JSON document, indented."""
        self.write(f"{json.dumps(as_dict(message), indent=2, ensure_ascii=False)}\n")

    def line(self, message: Message) -> None:
        """One JSON document on a line of its own, out at once."""
        self.write(f"{json.dumps(as_dict(message), ensure_ascii=False)}\n")

    def say(self, text: str) -> None:
        """A sentence or a path, never broken into lines."""
        self.console.print(Text(text), soft_wrap=True)

    def show(self, table: Table) -> None:
        """A table; in a file or a pipe without the spaces that fill its lines."""
        if self.console.is_terminal:
            self.console.print(table)
            return
        with self.console.capture() as captured:
            self.console.print(table)
        self.write("".join(f"{line.rstrip()}\n" for line in captured.get().rstrip("\n").split("\n")))

    def agreed(self, question: str) -> bool:
        """Asks on standard error; anything but a clear yes, and no answer too, is a no."""
        sys.stderr.write(f"{question} [y/N] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def write(self, text: str) -> None:
        """Text as it is, out at once."""
        sys.stdout.write(text)
        sys.stdout.flush()


def complain(*lines: str) -> None:
    """Lines on standard error, the first with the command's name."""
    for number, line in enumerate(lines):
        sys.stderr.write(f"{'aiartist: ' if number == 0 else '  '}{line}\n")
    sys.stderr.flush()


def note(*lines: str) -> None:
    """Lines on standard error that are about the answer and no part of it."""
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    sys.stderr.flush()


def listing(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """A table of rows, a line each; cells are to fit 100 columns together."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        justify: Literal["left", "right"] = "right" if column in right else "left"
        table.add_column(column, no_wrap=True, overflow="ellipsis", justify=justify)
    return table


def facts(**values: str | Text) -> Table:
    """Names and values, a line each; what is empty is left out."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in values.items():
        if value:
            table.add_row(name.replace("_", " "), value if isinstance(value, Text) else cell(value))
    return table


def cell(text: str, most: int = 0) -> Text:
    """Text from elsewhere, as it is; at most so many characters, 0: all."""
    return Text(shortened(plain(text), most) if most else plain(text))


def state_cell(word: str) -> Text:
    """A state in its colour."""
    return Text(word, style=_STYLES.get(word, ""))


def as_dict(message: Message | dict[str, Any]) -> dict[str, Any]:
    """A message as `--json` tells it."""
    if isinstance(message, Message):
        return MessageToDict(
            message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
    return message
