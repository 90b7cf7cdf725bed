"""Error groups as artist_db gives them."""

from collections.abc import Sequence
from typing import Any

from aiartist.artist_db.v1 import artist_db_pb2 as db

FINGERPRINT = "0123456789abcdef0123456789abcdef"
TEXT = "asyncio.tasks.run:3  (library)\nservices.scheduler.worker.Worker.drive:13\nKeyError: 'job_7'"


def error_sample(text: str = TEXT, *, second: int = 1, **fields: Any) -> db.ErrorSample:
    """One occurrence in scheduler."""
    made = db.ErrorSample(
        **{"service": "scheduler", "message": "stage failed", "text": text, "code_version": "1.0", **fields}
    )
    made.time.FromSeconds(1_760_000_000 + second)
    return made


def error_group(samples: Sequence[db.ErrorSample] | None = None, **fields: Any) -> db.ErrorGroup:
    """A KeyError in the worker of `code_repository`."""
    made = db.ErrorGroup(
        **{
            "fingerprint": FINGERPRINT,
            "title": "KeyError",
            "exception_type": "KeyError",
            "culprit": "services.scheduler.worker.Worker.drive",
            "count": 12,
            "services": ["scheduler"],
            "samples": [error_sample()] if samples is None else samples,
            **fields,
        }
    )
    made.first_seen.FromSeconds(1_760_000_000)
    return made
