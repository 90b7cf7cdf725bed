"""What a request must be like before anything is done for it."""

import re
from collections.abc import Iterator

from aiartist.release.v1 import release_pb2
from services.chassis.errors import FieldViolation, InvalidInput
from services.chassis.idempotency import MAX_REQUEST_ID
from services.release.artifacts import safe_path

_MOST_NOTE = 1000
_MOST_REASON = 1000
_MOST_TAKES = 1000
_MOST_ID = 100


def check_produce(request: release_pb2.ProduceTakeRequest) -> None:
    """InvalidInput with every wrong field."""
    faults = [*_texts(request, "run_id", "brief_id")]
    if not 1 <= request.take_number <= _MOST_TAKES:
        faults.append(FieldViolation("take_number", f"is required: 1 to {_MOST_TAKES}"))
    if len(request.note) > _MOST_NOTE:
        faults.append(FieldViolation("note", f"must have at most {_MOST_NOTE} characters"))
    _raise(faults)


def check_film(request: release_pb2.FilmTakeRequest) -> None:
    """InvalidInput with every wrong field."""
    _raise(_about_a_decided_take(request))


def check_package(request: release_pb2.PackageReleaseRequest) -> None:
    """InvalidInput with every wrong field."""
    _raise(_about_a_decided_take(request))


def _about_a_decided_take(
    request: release_pb2.FilmTakeRequest | release_pb2.PackageReleaseRequest,
) -> list[FieldViolation]:
    faults = [*_texts(request, "run_id"), *_id(request.take_id, "take_id", "tak")]
    if not request.HasField("decision"):
        faults.append(FieldViolation("decision", "is required"))
    else:
        if not request.decision.decided_by:
            faults.append(FieldViolation("decision.decided_by", "is required: who decided"))
        if not request.decision.HasField("decided_at"):
            faults.append(FieldViolation("decision.decided_at", "is required: when it was decided"))
    return faults


def check_publish(request: release_pb2.PublishReleaseRequest) -> None:
    """InvalidInput with every wrong field."""
    _raise([*_texts(request), *_id(request.release_id, "release_id", "rel")])


def check_take_down(request: release_pb2.TakeDownReleaseRequest) -> None:
    """InvalidInput with every wrong field."""
    faults = [*_texts(request), *_id(request.release_id, "release_id", "rel")]
    if not request.reason.strip() or len(request.reason) > _MOST_REASON:
        faults.append(FieldViolation("reason", f"is required: 1 to {_MOST_REASON:,} characters"))
    _raise(faults)


def check_verify(request: release_pb2.VerifyReleaseRequest) -> None:
    """InvalidInput where the id is of the wrong form."""
    _raise([*_id(request.release_id, "release_id", "rel")])


def check_read(request: release_pb2.ReadArtifactRequest) -> None:
    """InvalidInput where this can be no artifact of the store."""
    faults = []
    try:
        safe_path(request.artifact.path)
    except ValueError as error:
        faults.append(FieldViolation("artifact.path", str(error)))
    if not re.fullmatch(r"[0-9a-f]{64}", request.artifact.sha256):
        faults.append(FieldViolation("artifact.sha256", "is required: 64 hex digits in lower case"))
    _raise(faults)


def _texts(
    request: release_pb2.ProduceTakeRequest
    | release_pb2.FilmTakeRequest
    | release_pb2.PackageReleaseRequest
    | release_pb2.PublishReleaseRequest
    | release_pb2.TakeDownReleaseRequest,
    *fields: str,
) -> Iterator[FieldViolation]:
    for field, most in (("request_id", MAX_REQUEST_ID), *((field, _MOST_ID) for field in fields)):
        if not 1 <= len(getattr(request, field)) <= most:
            yield FieldViolation(field, f"is required: 1 to {most} characters")


def _id(value: str, field: str, prefix: str) -> Iterator[FieldViolation]:
    if not re.fullmatch(rf"{prefix}_[0-9a-hjkmnp-tv-z]{{26}}", value):
        yield FieldViolation(field, f"is required: {prefix}_ and 26 characters")


def _raise(faults: list[FieldViolation]) -> None:
    if faults:
        raise InvalidInput(faults)
