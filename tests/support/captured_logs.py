"""The process's log as a test reads it."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal
from unittest import mock

import structlog

from services.chassis import logs


class CapturedLogs:
    """What was logged since the capture began."""

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    @property
    def text(self) -> str:
        """All of it, as it was written."""
        return self._stream.getvalue()

    @property
    def records(self) -> list[dict[str, Any]]:
        """JSON records in order."""
        return [json.loads(line) for line in self.text.splitlines()]

    def of(self, event: str) -> list[dict[str, Any]]:
        """Records of one event."""
        return [record for record in self.records if record["event"] == event]


@contextmanager
def captured_logs(
    *, level: str = "debug", format: Literal["json", "console"] = "json"
) -> Iterator[CapturedLogs]:
    """Logs as a service does, into memory; everything is as before afterwards."""
    root = logging.getLogger()
    handlers, root_level = root.handlers, root.level
    stream = io.StringIO()
    with mock.patch.object(logs, "_SECRETS", set()):
        logs.configure(level=level, format=format, stream=stream)
        try:
            yield CapturedLogs(stream)
        finally:
            structlog.reset_defaults()
            root.handlers = handlers
            root.setLevel(root_level)
