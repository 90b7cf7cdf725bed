"""Between the domain's values and the contract's: every value there is has its twin."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from aiartist.common.v1 import decision_pb2
from aiartist.scheduler.v1 import scheduler_pb2 as pb
from services.scheduler import convert
from services.scheduler.domain import Decision, Run, RunError, RunState, StageName, Verdict

NOON = datetime(2026, 3, 4, 12, 0, 0, 250_000, tzinfo=UTC)


def run(state: RunState) -> Run:
    return Run("run_1", "art_1", state, StageName.PRODUCE, autopilot=True, started_by="cadence")


@pytest.mark.parametrize("state", RunState)
def test_every_state_has_its_value_in_the_contract(state: RunState) -> None:
    assert convert.state_from_proto(convert.state_to_proto(state)) is state


def test_the_contract_has_no_state_that_nobody_knows() -> None:
    assert {f"RUN_STATE_{state}" for state in RunState} == set(pb.RunState.keys()) - {"RUN_STATE_UNSPECIFIED"}
    assert {f"STAGE_NAME_{stage}" for stage in StageName} == set(pb.StageName.keys()) - {
        "STAGE_NAME_UNSPECIFIED"
    }
    assert {f"VERDICT_{verdict}" for verdict in Verdict} == set(decision_pb2.Verdict.keys()) - {
        "VERDICT_UNSPECIFIED"
    }


@pytest.mark.parametrize("number", [0, 99])
def test_a_number_that_is_no_state_is_refused(number: int) -> None:
    with pytest.raises(ValueError):
        convert.state_from_proto(number)  # type: ignore[arg-type]


@pytest.mark.parametrize("verdict", Verdict)
def test_a_decision_keeps_all_that_it_says(verdict: Verdict) -> None:
    told = convert.decision_to_proto(Decision(verdict, "sha256:1", "cli:vera", "because", NOON))
    assert told is not None
    assert convert.verdict_from_proto(told.verdict) is verdict
    assert (told.content_digest, told.decided_by, told.reason) == ("sha256:1", "cli:vera", "because")
    assert told.decided_at.ToDatetime(UTC) == NOON


def test_what_is_not_there_is_absent() -> None:
    assert convert.decision_to_proto(None) is None
    assert convert.timestamp(None) is None
    told = convert.run_to_proto(run(RunState.QUEUED))
    for field in ("decision", "error", "created_at", "approval_expires_at"):
        assert not told.HasField(field)


def test_a_time_is_the_same_moment_wherever_it_was_noted() -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=-7)))
    assert convert.timestamp(elsewhere) == convert.timestamp(NOON)


@pytest.mark.parametrize("state", RunState)
def test_only_a_failed_run_shows_an_error(state: RunState) -> None:
    failing = replace(run(state), error=RunError("ERROR_REASON_INTERNAL", "x", retryable=True))
    assert convert.run_to_proto(failing).HasField("error") is (state is RunState.FAILED)
