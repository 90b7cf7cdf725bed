"""Does the office's jobs, one a line of JSON on standard input, and logs each that fails."""

import argparse
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

MODULES = (
    "cache",
    "catalogue",
    "charts",
    "covers",
    "export",
    "limiter",
    "lyrics",
    "mail",
    "pagination",
    "playlists",
    "royalties",
    "schedule",
    "timezones",
    "webhooks",
)
_log = logging.getLogger("mixtape.worker")


class JsonLines(logging.Formatter):
    """A record as one line of JSON, its traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "job": getattr(record, "job", ""),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told)


def run(job: Mapping[str, Any]) -> object:
    """Does one job: `name` is `module.function`, `arguments` are the function's."""
    module, _, function = job["name"].partition(".")
    if module not in MODULES:
        raise LookupError(f"no such job: {job['name']}")
    return getattr(import_module(f"mixtape.{module}"), function)(**job["arguments"])


def main(argv: Sequence[str] | None = None) -> int:
    """Works until there are no more jobs; how many failed."""
    parser = argparse.ArgumentParser(description="Does jobs, one a line of JSON.")
    parser.add_argument("--log", choices=("plain", "json"), default="plain")
    arguments = parser.parse_args(argv)
    handler = logging.StreamHandler(sys.stderr)
    plain = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(JsonLines() if arguments.log == "json" else plain)
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    failed = 0
    for line in sys.stdin:
        job = json.loads(line)
        named = {"job": job["name"]}
        _log.info("job begins", extra=named)
        try:
            run(job)
        except Exception:  # noqa: BLE001 - the next job is not to blame
            failed += 1
            _log.exception("job failed", extra=named)
        else:
            _log.info("job done", extra=named)
    return failed


if __name__ == "__main__":
    main()
