"""The order of the layers, and what a client may see of an exception."""

import errno
from itertools import pairwise
from typing import Any

import asyncpg
import grpc
import pytest
from asyncpg.exceptions._base import DataError as WrongArgument
from google.rpc import status_pb2
from grpc.aio import AioRpcError, Metadata

from aiartist.common.v1 import error_reason_pb2 as reasons
from aiartist.scheduler.v1.scheduler_pb2 import DecideRunRequest, ListRunsRequest
from services.chassis.chain import DETAILS_KEY
from services.chassis.errors import (
    AppError,
    NotFound,
    RemoteError,
    RoleTooLow,
    Unauthenticated,
    remote_error,
)
from services.chassis.layers import is_quiet, is_read, method_name, standard_layers
from services.chassis.translation import status_of
from tests.support.captured_logs import captured_logs

WHY_IN_THIS_ORDER = {
    ("log context", "metrics"): "what any layer logs says of which call",
    ("metrics", "access log"): "the log is written within the measured call, not the other way round",
    ("access log", "exceptions to status"): "both outer ones tell the status that the client gets",
    ("exceptions to status", "auth"): "a refusal is an AppError too, counted and logged as any other",
    ("auth", "concurrency limit"): "a stranger takes no place",
}


def test_the_layers_stand_in_the_order_that_their_jobs_need() -> None:
    names = [layer.name for layer in standard_layers("echo", {}, 1)]
    assert list(pairwise(names)) == list(WHY_IN_THIS_ORDER)


@pytest.mark.parametrize(
    ("method", "reads"),
    [
        ("/aiartist.scheduler.v1.SchedulerService/GetRun", True),
        ("/aiartist.scheduler.v1.SchedulerService/ListRuns", True),
        ("/aiartist.scheduler.v1.SchedulerService/WatchRun", True),
        ("/aiartist.release.v1.ReleaseService/VerifyRelease", True),
        ("/aiartist.release.v1.ReleaseService/ReadArtifact", True),
        ("/grpc.health.v1.Health/Check", True),
        ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", True),
        ("/aiartist.scheduler.v1.SchedulerService/StartRun", False),
        ("/aiartist.scheduler.v1.SchedulerService/DecideRun", False),
        ("/aiartist.error_analyzer.v1.ErrorAnalyzerService/IngestErrors", False),
    ],
)
def test_a_method_that_changes_nothing_is_known_by_its_verb(method: str, reads: bool) -> None:
    assert is_read(method) is reads
    assert method.endswith(method_name(method))


def seen(error: BaseException, request: object = None) -> RemoteError:
    """What the client reads of the status that the server makes of an exception."""
    status: status_pb2.Status = status_of(error, request)
    code = next(c for c in grpc.StatusCode if c.value[0] == status.code)
    details = Metadata((DETAILS_KEY, status.SerializeToString()))
    return remote_error(AioRpcError(code, Metadata(), details, status.message))


def reason(value: reasons.ErrorReason.ValueType) -> str:
    return reasons.ErrorReason.Name(value)


BUGS: list[BaseException] = [
    ValueError("secret plan"),
    KeyError("secret plan"),
    RuntimeError("secret plan"),
    asyncpg.UndefinedTableError("secret plan"),
    asyncpg.UniqueViolationError("secret plan"),
    asyncpg.InterfaceError("the server expects 2 arguments, 1 was passed: secret plan"),
    WrongArgument("invalid input for query argument $1: 'closed secret plan'"),
    PermissionError(errno.EACCES, "secret plan"),
    AioRpcError(grpc.StatusCode.UNIMPLEMENTED, Metadata(), Metadata(), "secret plan"),
    RemoteError(grpc.StatusCode.NOT_FOUND, "secret plan"),
]


@pytest.mark.parametrize("error", BUGS, ids=repr)
def test_what_nobody_expected_is_internal_with_an_id_that_the_log_has(error: BaseException) -> None:
    with captured_logs() as found:
        told = seen(error)
    assert told.remote_code is grpc.StatusCode.INTERNAL
    assert told.remote_reason == reason(reasons.ERROR_REASON_INTERNAL)
    assert "secret plan" not in str(told.status())
    assert set(told.metadata) == {"error_id"}
    (record,) = found.of("unexpected error")
    assert record["error_id"] == told.metadata["error_id"]
    assert "secret plan" in record["exception"]


GONE: list[BaseException] = [
    asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
    asyncpg.InterfaceError("connection is closed"),
    asyncpg.InterfaceError("pool is closing"),
    asyncpg.InterfaceError("cannot call Connection.fetch(): connection has been released back to the pool"),
    asyncpg.AdminShutdownError("terminating connection due to administrator command"),
    asyncpg.CannotConnectNowError("the database system is starting up"),
    asyncpg.TooManyConnectionsError("sorry, too many clients already"),
    asyncpg.InternalClientError("cannot switch to state 11; another operation (2) is in progress"),
    asyncpg.DeadlockDetectedError("deadlock detected"),
    ConnectionResetError(errno.ECONNRESET, "reset by peer"),
    TimeoutError(),
]


@pytest.mark.parametrize("error", GONE, ids=repr)
def test_a_lost_database_is_unavailable_and_worth_another_try(error: BaseException) -> None:
    with captured_logs() as found:
        told = seen(error)
    assert told.remote_code is grpc.StatusCode.UNAVAILABLE
    assert told.remote_reason == reason(reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE)
    assert told.metadata == {"dependency": "database"}
    assert str(error) not in str(told) or not str(error)
    assert [record["level"] for record in found.records] == ["warning"]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        asyncpg.DiskFullError("could not extend file"),
    ],
    ids=repr,
)
def test_a_full_disk_is_told_as_such(error: BaseException) -> None:
    told = seen(error)
    assert told.remote_code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert told.remote_reason == reason(reasons.ERROR_REASON_STORAGE)


def test_another_services_answer_passes_through() -> None:
    answer = NotFound("artist", "art_1")
    details = Metadata((DETAILS_KEY, answer.status().SerializeToString()))
    error = AioRpcError(answer.code, Metadata(), details, answer.message)
    for raised in (error, remote_error(error)):
        told = seen(raised)
        assert (told.remote_code, told.metadata) == (answer.code, {"kind": "artist", "id": "art_1"})


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED])
@pytest.mark.parametrize("wrap", [False, True], ids=["raw", "wrapped"])
def test_a_service_that_does_not_answer_is_unavailable_without_the_wires_text(
    code: grpc.StatusCode, wrap: bool
) -> None:
    error = AioRpcError(code, Metadata(), Metadata(), "failed to connect to ipv4:10.0.0.7:50052")
    told = seen(remote_error(error) if wrap else error)
    assert told.remote_code is grpc.StatusCode.UNAVAILABLE
    assert told.metadata == {"dependency": "service"}
    assert "10.0.0.7" not in str(told)


@pytest.mark.parametrize(
    "refusal",
    [Unauthenticated(), RoleTooLow(role="viewer", needed="operator")],
    ids=lambda e: type(e).__name__,
)
def test_a_refusal_of_our_own_token_is_no_refusal_of_the_callers(refusal: AppError) -> None:
    details = Metadata((DETAILS_KEY, refusal.status().SerializeToString()))
    with captured_logs() as found:
        told = seen(AioRpcError(refusal.code, Metadata(), details, refusal.message))
    assert told.remote_code is grpc.StatusCode.INTERNAL
    assert len(found.of("unexpected error")) == 1


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (DecideRunRequest(run_id="a\0b"), ["run_id"]),
        (DecideRunRequest(run_id="\0", reason="ok", decided_by="\0"), ["run_id", "decided_by"]),
    ],
)
@pytest.mark.parametrize(
    "kind", [asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError]
)
def test_a_text_that_postgres_cannot_hold_is_the_callers_to_mend(
    kind: Any, request_: DecideRunRequest, fields: list[str]
) -> None:
    told = seen(kind("invalid byte sequence"), request_)
    assert told.remote_code is grpc.StatusCode.INVALID_ARGUMENT
    assert [v.field for v in told.violations] == fields


def test_the_same_complaint_about_our_own_text_is_a_bug() -> None:
    told = seen(asyncpg.CharacterNotInRepertoireError("invalid"), ListRunsRequest(artist_id="fine"))
    assert told.remote_code is grpc.StatusCode.INTERNAL


def test_what_is_asked_all_the_time_is_no_news_and_what_changes_something_is() -> None:
    of = "/aiartist.artist_db.v1.ArtistDbService/"
    for quiet in (
        "/grpc.health.v1.Health/Check",
        f"{of}GetArtist",
        f"{of}ClaimErrorStep",
        f"{of}RenewErrorStep",
    ):
        assert is_quiet(quiet), quiet
    for news in (f"{of}FinishErrorStep", f"{of}ClaimClips", f"{of}RenewHolds", f"{of}CreateArtist"):
        assert not is_quiet(news), news
