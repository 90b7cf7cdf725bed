"""Orders about error groups over the real artist_db: what they leave there, once, and who may give them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import grpc
import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.error_analyzer.v1 import error_analyzer_pb2 as pb
from services.chassis.errors import RemoteError, remote_error
from services.chassis.settings import TokenOwner
from tests.support.error_desk import CALL_S, COMMIT, FIX, ErrorDesk, FixedSetup, error_desk
from tests.support.error_store import real_error_store

Kind = db.ErrorStep


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[str]:
    async with real_error_store(database_url) as (address, _):
        yield address


@pytest.fixture
async def desk(store: str) -> AsyncIterator[ErrorDesk]:
    async with error_desk(store) as serving:
        yield serving


async def refused(call: Any) -> RemoteError:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return remote_error(error.value)


def ignore(fingerprint: str, request_id: str = "press-1", **fields: str) -> pb.IgnoreErrorRequest:
    return pb.IgnoreErrorRequest(request_id=request_id, fingerprint=fingerprint, **fields)


async def test_an_error_is_ignored_and_taken_up_again(desk: ErrorDesk) -> None:
    error = await desk.group("analyzed", cause="because", severity="low")
    asked = ignore(error, requested_by="telegram: Ana", reason="harmless\x07 sk-0123456789abcdef")
    answer = await desk.stub.IgnoreError(asked, timeout=CALL_S)
    assert (answer.group.status, answer.group.HasField("step")) == ("ignored", False)
    kept = (await desk.read(error)).report
    assert (kept.by, kept.cause, kept.severity) == ("telegram: Ana", "because", "low")
    assert kept.reason.startswith("harmless\ufffd ")
    assert "sk-0123456789abcdef" not in kept.reason
    again = pb.ReopenErrorRequest(request_id="press-2", fingerprint=error)
    group = (await desk.stub.ReopenError(again, timeout=CALL_S)).group
    assert (group.status, group.step.kind, group.step.forced) == ("new", Kind.KIND_ANALYZE, False)
    assert (await desk.read(error)).report.by == "operator"
    assert (await desk.read(error)).report.cause == "because"


async def test_an_error_is_explained_again_though_nothing_changed(desk: ErrorDesk) -> None:
    error = await desk.group("fix_failed", cause="because", fixable=True)
    request = pb.AnalyzeErrorRequest(request_id="press-1", fingerprint=error, requested_by="Ana")
    group = (await desk.stub.AnalyzeError(request, timeout=CALL_S)).group
    assert group.status == "new"
    assert (group.step.kind, group.step.forced, group.step.requested_by) == (Kind.KIND_ANALYZE, True, "Ana")


async def test_a_proven_fix_is_applied_and_taken_out_by_steps(desk: ErrorDesk) -> None:
    error = await desk.group("fix_suggested", **FIX)
    request = pb.ApplyFixRequest(request_id="press-1", fingerprint=error, commit=COMMIT[:12])
    group = (await desk.stub.ApplyFix(request, timeout=CALL_S)).group
    assert (group.status, group.step.kind) == ("fix_suggested", Kind.KIND_APPLY)
    twice = await refused(
        desk.stub.ApplyFix(pb.ApplyFixRequest(request_id="press-2", fingerprint=error), timeout=CALL_S)
    )
    assert (twice.remote_reason, twice.metadata["state"]) == ("ERROR_REASON_WRONG_STATE", "about to be fixed")
    applied = await desk.group("fix_applied", **FIX)
    out = pb.RevertFixRequest(
        request_id="press-3", fingerprint=applied, requested_by="Ana", reason="too slow"
    )
    group = (await desk.stub.RevertFix(out, timeout=CALL_S)).group
    assert (group.status, group.step.kind) == ("fix_applied", Kind.KIND_REVERT)
    assert (group.report.reason, group.report.by, group.report.commit) == ("too slow", "Ana", COMMIT)


async def test_another_fix_than_the_one_that_was_seen_is_not_applied(desk: ErrorDesk) -> None:
    error = await desk.group("fix_suggested", **FIX)
    request = pb.ApplyFixRequest(request_id="press-1", fingerprint=error, commit="e" * 12)
    stale = await refused(desk.stub.ApplyFix(request, timeout=CALL_S))
    assert stale.remote_code is grpc.StatusCode.FAILED_PRECONDITION
    assert stale.remote_reason == "ERROR_REASON_STALE_DIGEST"
    assert stale.metadata == {"fingerprint": error, "given": "e" * 12, "current": COMMIT}
    assert not (await desk.read(error)).report.by


@pytest.mark.parametrize(
    ("setup", "mode", "setting"),
    [
        (FixedSetup("branch", "branch", repository="/srv/label"), "branch", "AIARTIST_AUTO_FIX_MODE"),
        (FixedSetup("apply", "suggest", lacks="no repository"), "suggest", "AIARTIST_AUTO_FIX_REPOSITORY"),
    ],
)
async def test_where_fixes_are_not_applied_the_setting_that_would_allow_it_is_named(
    store: str, setup: FixedSetup, mode: str, setting: str
) -> None:
    async with error_desk(store, setup=setup) as desk:
        suggested, applied = await desk.group("fix_suggested", **FIX), await desk.group("fix_applied", **FIX)
        for call in (
            desk.stub.ApplyFix(pb.ApplyFixRequest(request_id="a", fingerprint=suggested), timeout=CALL_S),
            desk.stub.RevertFix(pb.RevertFixRequest(request_id="r", fingerprint=applied), timeout=CALL_S),
        ):
            off = await refused(call)
            assert off.remote_reason == "ERROR_REASON_REPAIR_OFF"
            assert off.metadata == {"mode": mode, "needed": "apply", "setting": setting}


async def test_a_repeat_gets_the_first_answer_also_after_more_happened(desk: ErrorDesk) -> None:
    error = await desk.group("analysis_failed", cause="before")
    first = await desk.stub.IgnoreError(ignore(error), timeout=CALL_S)
    reopen = pb.ReopenErrorRequest(request_id="press-2", fingerprint=error)
    await desk.stub.ReopenError(reopen, timeout=CALL_S)
    await desk.report(error, "analyzed", cause="after")
    assert await desk.stub.IgnoreError(ignore(error), timeout=CALL_S) == first
    assert (await desk.read(error)).status == "analyzed"


async def test_of_equal_orders_at_once_one_counts(desk: ErrorDesk) -> None:
    error = await desk.group("analyzed")
    answers = await asyncio.gather(*(desk.stub.IgnoreError(ignore(error), timeout=CALL_S) for _ in range(5)))
    assert all(answer == answers[0] for answer in answers)
    statuses = [report.status for report in (await desk.read(error)).history]
    assert "ignored" not in statuses


async def test_a_request_id_with_another_order_is_refused_by_its_own_name(desk: ErrorDesk) -> None:
    error = await desk.group("analyzed")
    await desk.stub.IgnoreError(ignore(error), timeout=CALL_S)
    other = await refused(desk.stub.IgnoreError(ignore(error, reason="another"), timeout=CALL_S))
    assert other.remote_reason == "ERROR_REASON_REQUEST_ID_REUSED"
    assert other.metadata == {"request_id": "press-1"}


async def test_what_the_status_does_not_allow_is_refused_with_how_it_stands(desk: ErrorDesk) -> None:
    error = await desk.group("fix_applied", **FIX)
    wrong = await refused(desk.stub.IgnoreError(ignore(error), timeout=CALL_S))
    assert wrong.remote_reason == "ERROR_REASON_WRONG_STATE"
    assert (wrong.metadata["kind"], wrong.metadata["state"]) == ("error group", "fix_applied")


async def test_nobody_changes_what_is_worked_on_right_now(desk: ErrorDesk) -> None:
    error = await desk.group()
    claim = db.ClaimErrorStepRequest(
        holder="somebody", lease_ms=60_000, analyses_per_hour=9, fixes_per_hour=9
    )
    assert (await desk.artist_db.ClaimErrorStep(claim, timeout=CALL_S)).group.fingerprint == error
    busy = await refused(desk.stub.IgnoreError(ignore(error), timeout=CALL_S))
    assert busy.remote_reason == "ERROR_REASON_WRONG_STATE"
    assert busy.metadata["state"] == "worked on right now"
    assert (await desk.read(error)).status == "new"


async def claimed(desk: ErrorDesk, kind: db.ErrorStep.Kind.ValueType) -> db.ErrorStep:
    """The step of that kind, which somebody now holds."""
    claim = db.ClaimErrorStepRequest(holder="somebody", lease_ms=60_000, kinds=[kind])
    step: db.ErrorStep = (await desk.artist_db.ClaimErrorStep(claim, timeout=CALL_S)).group.step
    return step


async def put_off(desk: ErrorDesk, fingerprint: str, step: db.ErrorStep) -> None:
    """As whoever holds the step does where it can't be done now."""
    later = db.FinishErrorStepRequest(
        fingerprint=fingerprint,
        attempt_id=step.attempt_id,
        holder="somebody",
        postponed=True,
        next=db.ErrorStep(kind=step.kind, reason="it can't be done now"),
        next_in_ms=600_000,
    )
    await desk.artist_db.FinishErrorStep(later, timeout=CALL_S)


async def test_a_fix_whose_revert_never_works_can_be_ignored_but_not_while_it_is_tried(
    desk: ErrorDesk,
) -> None:
    error = await desk.group("fix_applied", **FIX)
    out = pb.RevertFixRequest(request_id="press-1", fingerprint=error)
    await desk.stub.RevertFix(out, timeout=CALL_S)
    step = await claimed(desk, Kind.KIND_REVERT)
    busy = await refused(desk.stub.IgnoreError(ignore(error, "press-2"), timeout=CALL_S))
    assert busy.metadata["state"] == "worked on right now"
    await put_off(desk, error, step)
    ignored = await desk.stub.IgnoreError(ignore(error, "press-3"), timeout=CALL_S)
    assert (ignored.group.status, ignored.group.HasField("step")) == ("ignored", False)
    assert ignored.group.report.commit == COMMIT
    assert await desk.stub.IgnoreError(ignore(error, "press-3"), timeout=CALL_S) == ignored


async def test_a_revert_that_was_put_off_is_due_at_once_where_somebody_asks_for_it(desk: ErrorDesk) -> None:
    error = await desk.group("fix_applied", **FIX)
    await desk.stub.RevertFix(pb.RevertFixRequest(request_id="press-1", fingerprint=error), timeout=CALL_S)
    again = pb.RevertFixRequest(request_id="press-2", fingerprint=error, requested_by="Ana")
    waits = await refused(desk.stub.RevertFix(again, timeout=CALL_S))
    assert waits.metadata["state"] == "about to be reverted"
    await put_off(desk, error, await claimed(desk, Kind.KIND_REVERT))
    assert not (await claimed(desk, Kind.KIND_REVERT)).attempt_id
    answer = await desk.stub.RevertFix(again, timeout=CALL_S)
    assert answer.group.step.requested_by == "Ana"
    assert (await claimed(desk, Kind.KIND_REVERT)).attempt_id
    assert await desk.stub.RevertFix(again, timeout=CALL_S) == answer


async def test_a_fix_that_somebody_began_to_apply_and_left_is_not_ignored(
    desk: ErrorDesk, database_url: str
) -> None:
    error = await desk.group("fix_suggested", **FIX)
    await desk.stub.ApplyFix(pb.ApplyFixRequest(request_id="press-1", fingerprint=error), timeout=CALL_S)
    await claimed(desk, Kind.KIND_APPLY)
    connection = await asyncpg.connect(database_url)
    try:
        assert await connection.execute("UPDATE artist_db.error_steps SET lease_until = now()") == "UPDATE 1"
    finally:
        await connection.close()
    left = await refused(desk.stub.IgnoreError(ignore(error, "press-2"), timeout=CALL_S))
    assert (left.remote_reason, left.metadata["state"]) == ("ERROR_REASON_WRONG_STATE", "being fixed")
    assert (await desk.read(error)).status == "fix_suggested"
    await put_off(desk, error, await claimed(desk, Kind.KIND_APPLY))
    assert (await desk.stub.IgnoreError(ignore(error, "press-3"), timeout=CALL_S)).group.status == "ignored"


async def test_an_error_that_there_is_not_and_fields_that_are_wrong(desk: ErrorDesk) -> None:
    missing = await refused(desk.stub.IgnoreError(ignore("f" * 32), timeout=CALL_S))
    assert missing.remote_code is grpc.StatusCode.NOT_FOUND
    wrong = await refused(
        desk.stub.IgnoreError(
            ignore("F" * 32, " ", requested_by="x" * 101, reason="x" * 1_001), timeout=CALL_S
        )
    )
    assert [violation.field for violation in wrong.violations] == [
        "request_id",
        "fingerprint",
        "requested_by",
        "reason",
    ]
    short = pb.ApplyFixRequest(request_id="a", fingerprint="f" * 32, commit="c0ffee")
    assert [v.field for v in (await refused(desk.stub.ApplyFix(short, timeout=CALL_S))).violations] == [
        "commit"
    ]


async def test_viewers_look_operators_order_and_who_asks_is_the_tokens_name(store: str) -> None:
    owners = {"v" * 16: TokenOwner("vito", "viewer"), "o" * 16: TokenOwner("olga", "operator")}

    def token(letter: str) -> Any:
        return (("authorization", f"Bearer {letter * 16}"),)

    async with error_desk(store, owners=owners) as desk:
        error = await desk.group("analyzed")
        low = await refused(desk.stub.IgnoreError(ignore(error), timeout=CALL_S, metadata=token("v")))
        assert low.remote_reason == "ERROR_REASON_ROLE_TOO_LOW"
        setup = await desk.stub.GetRepairSetup(
            pb.GetRepairSetupRequest(), timeout=CALL_S, metadata=token("v")
        )
        assert (setup.mode, setup.isolation, setup.tries_per_group) == ("apply", "landlock, rlimit", 2)
        assert list(setup.allowed_paths) == ["services/**/*.py"]
        await desk.stub.IgnoreError(ignore(error), timeout=CALL_S, metadata=token("o"))
        assert (await desk.read(error)).report.by == "olga"


async def test_where_artist_db_is_gone_the_order_may_be_given_again() -> None:
    async with error_desk("127.0.0.1:1") as desk:
        away = await refused(desk.stub.IgnoreError(ignore("f" * 32), timeout=CALL_S))
        assert (away.remote_reason, away.metadata) == (
            "ERROR_REASON_DEPENDENCY_UNAVAILABLE",
            {"dependency": "artist_db"},
        )
