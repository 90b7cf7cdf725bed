"""Errors of the release service.

StaleDigest      FAILED_PRECONDITION  a decision about other content
ReviewFailed     FAILED_PRECONDITION  a take that must not be released
CorruptArtifact  DATA_LOSS            bytes that are missing or not what their hash says
WorkerLost       UNAVAILABLE          a worker process died
JobFailed        (no status of its own: INTERNAL) a job raised in its worker
"""

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import grpc

from aiartist.common.v1 import error_reason_pb2 as reasons
from services.chassis.errors import AppError, DependencyUnavailable, StorageError

_DISK = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
}


class StaleDigest(AppError):
    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = reasons.ERROR_REASON_STALE_DIGEST

    def __init__(self, run_id: str, *, given: str, current: str) -> None:
        super().__init__(
            f"the decision is about {given or 'nothing'}, the take is {current}; look at the run again",
            metadata={"run_id": run_id, "given": given, "current": current},
        )


class ReviewFailed(AppError):
    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = reasons.ERROR_REASON_REVIEW_FAILED

    def __init__(self, take_id: str, failed_checks: Sequence[str]) -> None:
        names = ", ".join(failed_checks)
        super().__init__(
            f"take {take_id!r} did not pass its review ({names}); a release needs one that did",
            metadata={"takes": "1", "failed_checks": names},
        )


class CorruptArtifact(AppError):
    code = grpc.StatusCode.DATA_LOSS
    reason = reasons.ERROR_REASON_CORRUPT_ARTIFACT

    def __init__(self, path: str, *, expected: str, found: str) -> None:
        super().__init__(
            f"{path} is not what was kept: expected sha256:{expected}, found {found}",
            metadata={"path": path, "expected": f"sha256:{expected}", "found": found},
        )


class WorkerLost(DependencyUnavailable):
    def __init__(self, detail: str) -> None:
        super().__init__("render worker", f"a render worker died ({detail}); repeat the call")


class JobFailed(Exception):
    """A job raised something unexpected in its worker; the text is the worker's traceback."""


@contextmanager
def storage_errors(place: str) -> Iterator[None]:
    """Turns what a full or unwritable disk says inside the block into a StorageError with the place."""
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK:
            raise
        cause = (error.strerror or str(error)).lower()
        raise StorageError(f"cannot write to {place}: {cause}; {remedy(error)}", cause=cause) from error


def remedy(error: BaseException) -> str:
    """What a person can do about a failed write."""
    text = str(error).lower()
    if any(hint in text for hint in ("no space left", "quota", "file too large", "storagefull")):
        return "make room there and repeat"
    if any(hint in text for hint in ("permission", "read-only", "denied")):
        return "let this user write there and repeat"
    return "repeat, and look at that place if it stays"
