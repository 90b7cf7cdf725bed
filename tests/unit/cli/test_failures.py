"""Every failure is a line or two: what, and what to do."""

from collections.abc import Mapping

import grpc
import pytest

from cli.failures import BAD_INPUT, FAILED, UNREACHABLE, ServiceFailure, explain
from services.chassis.errors import FieldViolation, RemoteError


def failure(code: grpc.StatusCode, message: str, reason: str = "", **metadata: str) -> ServiceFailure:
    name = f"ERROR_REASON_{reason}" if reason else ""
    return ServiceFailure(
        "scheduler", "127.0.0.1:50051", RemoteError(code, message, reason=name, metadata=metadata)
    )


@pytest.mark.parametrize(
    ("reason", "metadata", "advice", "exit_code"),
    [
        ("NOT_FOUND", {"kind": "run", "id": "x"}, "see which there are: aiartist run list", FAILED),
        ("NOT_FOUND", {"kind": "artist", "id": "x"}, "see who there is: aiartist artist list", FAILED),
        (
            "NOT_FOUND",
            {"kind": "open question of run", "id": "x"},
            "see which wait: aiartist run list --state awaiting_approval",
            FAILED,
        ),
        (
            "ALREADY_EXISTS",
            {"kind": "artist"},
            "to bring them up to date: aiartist artist add FILE --update",
            FAILED,
        ),
        ("WRONG_STATE", {"kind": "run", "id": "run_1"}, "see how it stands: aiartist run show run_1", FAILED),
        ("NOT_FOUND", {"kind": "experiment"}, "see which there are: aiartist experiment list", FAILED),
        ("NOT_FOUND", {"kind": "change"}, "see which there are: aiartist artist changes", FAILED),
        ("NOT_FOUND", {"kind": "move"}, "see which there are: aiartist artist moves", FAILED),
        (
            "WRONG_STATE",
            {"kind": "experiment", "id": "exp_1"},
            "see how it stands: aiartist experiment show exp_1",
            FAILED,
        ),
        ("WRONG_STATE", {"kind": "change"}, "see how it stands: aiartist artist changes", FAILED),
        ("WRONG_STATE", {"kind": "move"}, "see how it stands: aiartist artist moves", FAILED),
        ("STALE_DIGEST", {"run_id": "run_1"}, "look at it again: aiartist run show run_1", FAILED),
        ("ETAG_MISMATCH", {}, "repeat the command", FAILED),
        ("OVERLOADED", {}, "repeat the command", FAILED),
        ("DEPENDENCY_UNAVAILABLE", {}, "see what is down: aiartist doctor", UNREACHABLE),
        (
            "MODELS_EXHAUSTED",
            {"role": "songwriter"},
            "see which models can be called: aiartist llm status",
            FAILED,
        ),
        ("BUDGET_SPENT", {"scope": "day"}, "raise it: aiartist budget set day USD", FAILED),
        (
            "BUDGET_SPENT",
            {"scope": "artist", "subject": "art_1f"},
            "raise it: aiartist budget set artist USD --artist art_1f",
            FAILED,
        ),
        (
            "BUDGET_SPENT",
            {"scope": "run", "subject": "run_2c"},
            "raise it: aiartist budget set run USD --run run_2c",
            FAILED,
        ),
        ("BUDGET_SPENT", {}, "see which one is spent: aiartist budget", FAILED),
        ("UNAUTHENTICATED", {}, "set AIARTIST_TOKEN to a token of AIARTIST_TOKENS", FAILED),
        ("ROLE_TOO_LOW", {}, "set AIARTIST_TOKEN to a token with that role", FAILED),
    ],
)
def test_each_reason_has_its_advice(reason: str, metadata: Mapping[str, str], advice: str, exit_code: int):
    explained = explain(failure(grpc.StatusCode.UNKNOWN, "what happened", reason, **metadata))
    assert explained.lines == ("what happened", advice)
    assert explained.exit_code == exit_code


@pytest.mark.parametrize("reason", ["INTERNAL", "STORAGE", "CORRUPT_ARTIFACT", "SOMETHING_NEW"])
def test_a_reason_without_advice_says_what_it_is(reason: str):
    assert explain(failure(grpc.StatusCode.UNKNOWN, "what happened", reason)).lines == ("what happened",)


def test_bad_input_names_every_field():
    remote = RemoteError(
        grpc.StatusCode.INVALID_ARGUMENT,
        "note: too long; artist_id: is required",
        reason="ERROR_REASON_INVALID_INPUT",
        violations=[FieldViolation("note", "too long"), FieldViolation("artist_id", "is required")],
    )
    explained = explain(ServiceFailure("scheduler", "x:1", remote))
    assert explained.lines == ("note: too long", "artist_id: is required")
    assert explained.exit_code == BAD_INPUT


@pytest.mark.parametrize(
    ("code", "detail", "line", "exit_code"),
    [
        (
            grpc.StatusCode.UNAVAILABLE,
            "failed to connect to all addresses",
            "cannot reach scheduler at 127.0.0.1:50051: is the platform up? start it with: make up",
            UNREACHABLE,
        ),
        (
            grpc.StatusCode.UNAVAILABLE,
            "Ssl handshake failed",
            "cannot reach scheduler at 127.0.0.1:50051: TLS failed; is AIARTIST_TLS_CA right for it?",
            UNREACHABLE,
        ),
        (
            grpc.StatusCode.DEADLINE_EXCEEDED,
            "Deadline Exceeded",
            "scheduler at 127.0.0.1:50051 did not answer in time; see what is wrong: aiartist doctor",
            UNREACHABLE,
        ),
        (
            grpc.StatusCode.UNIMPLEMENTED,
            "Method not found!",
            "scheduler at 127.0.0.1:50051 does not know this call: is AIARTIST_SCHEDULER_ADDR its address?",
            FAILED,
        ),
        (grpc.StatusCode.UNKNOWN, "odd", "scheduler at 127.0.0.1:50051 failed: UNKNOWN: odd", FAILED),
    ],
)
def test_what_never_reached_a_service_says_where_it_was_sought(
    code: grpc.StatusCode, detail: str, line: str, exit_code: int
):
    explained = explain(failure(code, detail))
    assert (explained.lines[0], explained.exit_code) == (line, exit_code)


def test_what_a_service_says_commands_no_terminal():
    assert "\x1b" not in explain(failure(grpc.StatusCode.NOT_FOUND, "no \x1b[2Jrun", "NOT_FOUND")).lines[0]
