"""Errors: each knows its status and reason, and what one service sends the other reads."""

import json
import re
from pathlib import Path

import grpc
import pytest
from google.rpc import status_pb2
from grpc.aio import AioRpcError, Metadata

from aiartist.common.v1 import error_reason_pb2
from services.chassis import errors
from services.chassis.chain import DETAILS_KEY
from services.chassis.errors import AppError, FieldViolation, InvalidInput, RemoteError, remote_error

PROTO = Path(__file__).parents[3] / "protos/aiartist/common/v1/error_reason.proto"
VIOLATIONS = [FieldViolation("persona.name", "is required"), FieldViolation("cadence.cron", "is no cron")]
RAISED: list[AppError] = [
    InvalidInput(VIOLATIONS),
    errors.PageTokenError(),
    errors.NotFound("artist", "art_1"),
    errors.AlreadyExists("artist", "Nova Vale"),
    errors.RequestIdReused("r-1"),
    errors.WrongState("run", "run_1", state="RELEASED", expected="FAILED"),
    errors.EtagMismatch("artist", "art_1", current="4"),
    errors.Unauthenticated(),
    errors.RoleTooLow(role="viewer", needed="operator"),
    errors.Overloaded(64),
    errors.StorageError("the disk is full", cause="no space left on device"),
    errors.DependencyUnavailable("database"),
]


def sent(error: AppError) -> AioRpcError:
    """The error as a client's gRPC library raises it."""
    status = error.status()
    code = next(c for c in grpc.StatusCode if c.value[0] == status.code)
    return AioRpcError(
        code,
        Metadata(),
        Metadata((DETAILS_KEY, status.SerializeToString())),
        status.message,
        "debug text",
    )


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_what_is_raised_here_is_read_there(error: AppError) -> None:
    read = remote_error(sent(error))
    assert read.remote_code is error.code
    assert read.remote_reason == error_reason_pb2.ErrorReason.Name(error.reason)
    assert read.message == str(error) == error.message
    assert read.metadata == error.metadata
    assert read.violations == error.violations
    assert read.from_platform


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_an_error_that_is_passed_on_stays_the_same(error: AppError) -> None:
    assert remote_error(sent(error)).status() == error.status()


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_an_error_has_the_metadata_that_its_reason_documents(error: AppError) -> None:
    documented = documented_examples()[error_reason_pb2.ErrorReason.Name(error.reason)]
    assert set(error.metadata) == set(documented["metadata"])
    assert documented["domain"] == errors.DOMAIN


def documented_examples() -> dict[str, dict[str, object]]:
    """The ErrorInfo that stands as an example above each reason, by the reason."""
    text = PROTO.read_text().replace("//", "")
    found = [json.loads(example) for example in re.findall(r"\{\"reason\".*?\}\s*\}", text, re.DOTALL)]
    return {example["reason"]: example for example in found}


def test_every_reason_is_documented_by_an_example() -> None:
    reasons = set(error_reason_pb2.ErrorReason.keys()) - {"ERROR_REASON_UNSPECIFIED"}
    assert set(documented_examples()) == reasons


def test_bad_input_names_every_field() -> None:
    error = InvalidInput(VIOLATIONS)
    assert str(error) == "persona.name: is required; cadence.cron: is no cron"
    assert error.metadata == {"fields": "persona.name, cadence.cron"}


@pytest.mark.parametrize(
    ("code", "retryable"),
    [
        (grpc.StatusCode.UNAVAILABLE, True),
        (grpc.StatusCode.DEADLINE_EXCEEDED, True),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, True),
        (grpc.StatusCode.INTERNAL, True),
        (grpc.StatusCode.INVALID_ARGUMENT, False),
        (grpc.StatusCode.NOT_FOUND, False),
        (grpc.StatusCode.FAILED_PRECONDITION, False),
        (grpc.StatusCode.UNIMPLEMENTED, False),
        (grpc.StatusCode.UNAUTHENTICATED, False),
    ],
)
def test_what_may_pass_is_retryable(code: grpc.StatusCode, retryable: bool) -> None:
    assert RemoteError(code, "text").retryable is retryable


@pytest.mark.parametrize("reason", ["ERROR_REASON_BUDGET_SPENT", "ERROR_REASON_ETAG_MISMATCH"])
def test_some_reasons_never_pass_by_themselves(reason: str) -> None:
    assert not RemoteError(grpc.StatusCode.ABORTED, "text", reason=reason).retryable


def test_an_error_from_the_wire_has_no_reason() -> None:
    read = remote_error(AioRpcError(grpc.StatusCode.UNAVAILABLE, Metadata(), Metadata(), "no route"))
    assert not read.from_platform
    assert (read.message, read.retryable) == ("no route", True)


def test_an_error_without_a_text_says_its_status() -> None:
    read = remote_error(AioRpcError(grpc.StatusCode.DEADLINE_EXCEEDED, Metadata(), Metadata(), ""))
    assert read.message == "deadline_exceeded"


def test_another_domains_error_info_is_not_taken_for_ours() -> None:
    status = errors.NotFound("artist", "art_1").status()
    info = errors.error_details_pb2.ErrorInfo(reason="ERROR_REASON_NOT_FOUND", domain="example.test")
    del status.details[:]
    status.details.add().Pack(info)
    error = AioRpcError(
        grpc.StatusCode.NOT_FOUND,
        Metadata(),
        Metadata((DETAILS_KEY, status.SerializeToString())),
        status.message,
    )
    assert not remote_error(error).from_platform


@pytest.mark.parametrize("code", [grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INTERNAL])
def test_details_that_contradict_the_status_are_not_believed(code: grpc.StatusCode) -> None:
    garbage = status_pb2.Status(code=grpc.StatusCode.ABORTED.value[0], message="other")
    error = AioRpcError(code, Metadata(), Metadata((DETAILS_KEY, garbage.SerializeToString())), "text")
    assert remote_error(error).remote_code is code


def test_details_that_are_garbage_are_not_believed() -> None:
    error = AioRpcError(grpc.StatusCode.NOT_FOUND, Metadata(), Metadata((DETAILS_KEY, b"\xff\xff")), "text")
    read = remote_error(error)
    assert (read.remote_code, read.remote_reason) == (grpc.StatusCode.NOT_FOUND, "")
