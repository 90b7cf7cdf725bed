"""What a report about an error group, and an order about its step, must look like."""

import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from services.artist_db.domain.checks import Checks
from services.artist_db.domain.error_reports import STATUSES, check_report
from services.artist_db.domain.error_steps import Kind, check_claim, check_finish

A, B = "a" * 32, "b" * 32


def report_problems(**fields: object) -> list[str]:
    checks = Checks()
    check_report(checks, pb.ErrorReport(**{"fingerprint": A, "status": "analyzed", **fields}))
    return [violation.field for violation in checks.found]


def finish_problems(**fields: object) -> list[str]:
    checks = Checks()
    given = {"fingerprint": A, "attempt_id": "eat_1", "holder": "worker_1", **fields}
    check_finish(checks, pb.FinishErrorStepRequest(**given))
    return [violation.field for violation in checks.found]


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_of_the_contract_may_be_reported(status: str) -> None:
    assert report_problems(status=status) == []


def test_a_report_of_another_status_is_refused() -> None:
    assert report_problems(fingerprint="", status="done") == ["report.fingerprint", "report.status"]


def test_fields_out_of_their_bounds_are_named() -> None:
    assert report_problems(
        severity="dire",
        confidence=float("nan"),
        subject_digest="abc",
        proof="x" * 8_001,
        models=["m"] * 51,
        evidence=[pb.ErrorEvidence(text="x" * 4_001)],
    ) == [
        "report.severity",
        "report.confidence",
        "report.subject_digest",
        "report.proof",
        "report.models",
        "report.evidence[0].text",
    ]


def test_what_a_test_printed_is_kept_with_its_control_characters() -> None:
    assert report_problems(proof="\x1b[31mFAILED\x1b[0m \0", diff="+\u202e") == []


def test_a_step_that_is_finished_has_a_group_an_attempt_and_a_holder() -> None:
    assert finish_problems() == []
    assert finish_problems(fingerprint="", attempt_id="", holder="") == [
        "fingerprint", "attempt_id", "holder",
    ]  # fmt: skip


def test_a_report_of_another_group_is_refused() -> None:
    assert finish_problems(report=pb.ErrorReport(fingerprint=B, status="analyzed")) == ["report.fingerprint"]


def test_an_attempt_that_goes_on_keeps_a_report_and_nothing_else() -> None:
    assert finish_problems(goes_on=True, postponed=True, next=pb.ErrorStep(kind=pb.ErrorStep.KIND_FIX)) == [
        "report",
        "postponed",
        "next",
    ]


def test_what_is_postponed_says_what_follows() -> None:
    assert finish_problems(postponed=True) == ["next"]
    assert finish_problems(next=pb.ErrorStep()) == ["next.kind"]


def test_wrong_claims_are_refused_with_every_field() -> None:
    checks = Checks()
    check_claim(checks, pb.ClaimErrorStepRequest(lease_ms=999, kinds=[0], fixes_per_hour=10**6))
    assert [v.field for v in checks.found] == ["holder", "lease_ms", "kinds[0]", "fixes_per_hour"]


def test_every_kind_of_the_contract_has_a_name() -> None:
    values = [value for value in pb.ErrorStep.Kind.values() if value != pb.ErrorStep.KIND_UNSPECIFIED]
    assert [kind.value_in_messages for kind in Kind] == values
    assert [Kind.of(value) for value in values] == list(Kind)
