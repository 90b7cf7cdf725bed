"""Log files as programs write and rotate them, and the errors that are in a text."""

import json
import os
import shutil
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from aiartist.error_analyzer.v1.error_analyzer_pb2 import ErrorEvent
from services.error_analyzer.intake.reading import End, read_piece


def errors(text: str | bytes, service: str = "svc") -> Sequence[ErrorEvent]:
    """The errors of a whole text."""
    data = text if isinstance(text, bytes) else text.encode()
    return read_piece(data, service, end=End.CLOSED).events


def only(text: str | bytes) -> ErrorEvent:
    """The one error of a text."""
    (event,) = errors(text)
    return event


def json_error(message: str, **fields: object) -> str:
    """A line as our services write it."""
    return (
        json.dumps({"event": message, "level": "error", "timestamp": "2026-03-01T12:00:00Z", **fields}) + "\n"
    )


def printed(fail: Callable[[], object]) -> str:
    """The traceback that the interpreter prints of what `fail` raises."""
    try:
        fail()
    except BaseException:  # noqa: BLE001 - a syntax error and an exception group are wanted too
        return traceback.format_exc()
    raise AssertionError("it did not fail")


class LogFile:
    """One log, appended to as programs do, and rotated as logrotate does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def write(self, text: str | bytes) -> None:
        with self.path.open("ab") as file:
            file.write(text if isinstance(text, bytes) else text.encode())

    def rename(self, to: str) -> None:
        """Rotation by rename and create."""
        os.replace(self.path, self.path.with_name(to))
        self.path.touch()

    def copytruncate(self, to: str) -> None:
        """Rotation by copying and cutting."""
        shutil.copy(self.path, self.path.with_name(to))
        os.truncate(self.path, 0)
