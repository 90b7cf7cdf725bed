"""Errors of the release service.

StaleDigest        FAILED_PRECONDITION  a decision about other content
ReviewFailed       FAILED_PRECONDITION  a take that must not be released
UnfitTitle         FAILED_PRECONDITION  a title that no store takes
FilmFailed         FAILED_PRECONDITION  a video that must not be released
CorruptArtifact    DATA_LOSS            bytes that are missing or not what their hash says
TargetUnavailable  UNAVAILABLE          a publication target that refuses or can't be reached
ProvidersExhausted UNAVAILABLE          no music provider gave a song
WorkerLost         UNAVAILABLE          a worker process died
JobFailed          (no status of its own: INTERNAL) a job raised in its worker
"""

import errno
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import grpc

from aiartist.common.v1 import error_reason_pb2 as reasons
from services.chassis.errors import AppError, DependencyUnavailable, StorageError, WrongState
from services.chassis.titles import Fault

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


class UnfitTitle(WrongState):
    """A title breaks rules of `chassis.titles`; the metadata's `rules` names them.

    {"kind": "brief", "id": "brf_…", "state": "titled 'Track 01'", "rules": "generic"}
    """

    def __init__(self, brief_id: str, title: str, faults: Sequence[Fault]) -> None:
        told = "; ".join(fault.text for fault in faults)
        super().__init__(
            "brief", brief_id, state=f"titled {title!r}", expected=f"a title that stores take: {told}"
        )
        self.metadata["rules"] = ", ".join(fault.rule for fault in faults)


class FilmFailed(AppError):
    """A video that was made did not pass its gate, and would not another time.

    {"format": "portrait", "failed_checks": "black_s, frozen_s"}
    """

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = reasons.ERROR_REASON_FILM_FAILED

    def __init__(self, format: str, failed_checks: Sequence[str]) -> None:
        names = ", ".join(failed_checks)
        super().__init__(
            f"the {format} video is not fit to be released ({names})",
            metadata={"format": format, "failed_checks": names},
        )


class CorruptArtifact(AppError):
    code = grpc.StatusCode.DATA_LOSS
    reason = reasons.ERROR_REASON_CORRUPT_ARTIFACT

    def __init__(self, path: str, *, expected: str, found: str) -> None:
        super().__init__(
            f"{path} is not what was kept: expected sha256:{expected}, found {found}",
            metadata={"path": path, "expected": f"sha256:{expected}", "found": found},
        )


class TargetUnavailable(AppError):
    """A publication target refuses, or can't be reached; repeating the call may help.

    {"target": "sftp", "cause": "connection refused"}
    """

    code = grpc.StatusCode.UNAVAILABLE
    reason = reasons.ERROR_REASON_TARGET_UNAVAILABLE
    # Publishing takes minutes: whoever asked decides whether to ask again.
    repeated_by_channels = False

    def __init__(self, target: str, cause: str, remedy: str = "") -> None:
        text = f"the target {target} is not available: {cause}"
        super().__init__(f"{text}; {remedy}" if remedy else text, metadata={"target": target, "cause": cause})


class ProvidersExhausted(AppError):
    """Every music provider of the list was tried and none gave a usable song."""

    code = grpc.StatusCode.UNAVAILABLE
    reason = reasons.ERROR_REASON_PROVIDERS_EXHAUSTED
    repeated_by_channels = False

    def __init__(self, attempts: Sequence[tuple[str, str]], retry_after_s: float | None = None) -> None:
        told = "; ".join(f"{provider}: {outcome}" for provider, outcome in attempts)
        metadata = {"attempts": told}
        if retry_after_s is not None:
            metadata["retry_after_s"] = str(math.ceil(retry_after_s))
        super().__init__(f"no music provider gave a usable song ({told})", metadata=metadata)
        self.attempts = tuple(attempts)


class WorkerLost(DependencyUnavailable):
    def __init__(self, detail: str, *, killed: bool = False) -> None:
        super().__init__("render worker", f"a render worker died ({detail}); repeat the call")
        self.killed = killed
        """By SIGKILL, as for want of memory: the work itself need not be at fault."""


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
