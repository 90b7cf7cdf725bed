"""Steps of error groups: each is done by one, counted once, and by nobody who lost it."""

import asyncio

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from tests.integration.artist_db.errors import (
    A,
    B,
    C,
    change,
    claim,
    finish,
    group,
    occurrences,
    record,
    report,
    sample,
)
from tests.integration.artist_db.samples import INVALID, NOT_FOUND, WRONG_STATE, refused, violations

ANALYZE, FIX, WATCH = pb.ErrorStep.KIND_ANALYZE, pb.ErrorStep.KIND_FIX, pb.ErrorStep.KIND_WATCH
Connection = "asyncpg.Connection[asyncpg.Record]"


async def leases_end(connection: Connection) -> None:
    await connection.execute(
        "UPDATE error_steps SET lease_until = now() - interval '1 ms' WHERE lease_until IS NOT NULL"
    )


async def an_hour_passes(connection: Connection) -> None:
    await connection.execute("UPDATE error_attempts SET began_at = began_at - interval '1 hour'")


async def test_a_step_is_handed_to_one_holder_with_all_that_is_known(stub: ArtistDbServiceStub) -> None:
    await record(stub, occurrences(A, sample(0)))

    first, second = await claim(stub), await claim(stub, holder="worker_2")

    assert (first.group.fingerprint, first.group.step.kind, first.group.step.tries) == (A, ANALYZE, 1)
    assert first.group.step.attempt_id
    assert (len(first.group.samples), len(first.group.hours), first.group.report.status) == (1, 1, "new")
    assert first.now.seconds > 0
    assert not second.HasField("group")
    assert second.now.seconds > 0


async def test_the_step_that_is_due_first_is_handed_out_first(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await record(stub, *(occurrences(f) for f in (A, B, C)))
    await change(stub, B, "analyzed", pb.ErrorStep(kind=FIX))
    for fingerprint, minutes in ((A, -1), (B, -2), (C, 5)):
        await connection.execute(
            "UPDATE error_steps SET due_at = now() + $2 * interval '1 min' WHERE fingerprint = $1",
            fingerprint,
            minutes,
        )

    claimed = [(await claim(stub)).group.fingerprint for _ in range(3)]

    assert claimed == [B, A, ""]


async def test_what_was_forced_comes_before_what_is_due_longer(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await record(stub, occurrences(A), occurrences(B))
    await change(stub, B, "new", pb.ErrorStep(kind=ANALYZE, forced=True))
    await connection.execute(
        "UPDATE error_steps SET due_at = now() - interval '1 h' WHERE fingerprint = $1", A
    )

    claimed = [(await claim(stub, FIX, ANALYZE)).group.fingerprint for _ in range(2)]

    assert claimed == [B, A]


async def test_only_the_kinds_that_are_asked_for_are_handed_out(stub: ArtistDbServiceStub) -> None:
    await record(stub, occurrences(A))

    assert not (await claim(stub, FIX, WATCH)).HasField("group")
    assert (await claim(stub, FIX, ANALYZE)).group.fingerprint == A


async def test_claims_at_once_hand_out_each_step_once_and_no_more_than_the_limit(
    stub: ArtistDbServiceStub,
) -> None:
    await record(stub, *(occurrences(f"{n:032x}") for n in range(12)))

    claims = await asyncio.gather(*(claim(stub, holder=f"w{n}", per_hour=5) for n in range(10)))

    claimed = [c.group.fingerprint for c in claims if c.HasField("group")]
    assert len(claimed) == len(set(claimed)) == 5


async def test_limits_are_of_any_hour_and_of_their_kind(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await record(stub, occurrences(A), occurrences(B), occurrences(C))
    await change(stub, C, "fix_applied", pb.ErrorStep(kind=WATCH))

    assert (await claim(stub, ANALYZE, per_hour=1)).HasField("group")
    assert not (await claim(stub, ANALYZE, per_hour=1)).HasField("group")
    assert (await claim(stub, per_hour=0)).group.fingerprint == C
    await an_hour_passes(connection)
    assert (await claim(stub, ANALYZE, per_hour=1)).HasField("group")


async def test_a_step_whose_holder_died_goes_on_as_the_same_attempt_whatever_the_limits(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await record(stub, occurrences(A))
    dead = (await claim(stub, per_hour=1)).group
    await leases_end(connection)

    heir = (await claim(stub, holder="worker_2", per_hour=1)).group

    assert (heir.step.attempt_id, heir.step.tries) == (dead.step.attempt_id, 1)
    await refused(finish(stub, dead, "analyzed"), WRONG_STATE)
    assert (await group(stub, A)).status == "new"
    assert (await finish(stub, heir, "analyzed", holder="worker_2")).status == "analyzed"


async def test_attempts_that_waited_for_models_begin_no_faster_than_others(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await record(stub, *(occurrences(f) for f in (A, B, C)))
    for _ in range(3):
        held = (await claim(stub, per_hour=1)).group
        await finish(stub, held, then=pb.ErrorStep(kind=ANALYZE), postponed=True, next_in_ms=60_000)
        await an_hour_passes(connection)
    await connection.execute("UPDATE error_steps SET due_at = now()")

    assert [(await claim(stub, per_hour=2)).HasField("group") for _ in range(3)] == [True, True, False]
    await leases_end(connection)
    assert (await claim(stub, per_hour=0)).group.step.takeovers == 1
    await an_hour_passes(connection)
    last = (await claim(stub, ANALYZE, per_hour=0)).group
    assert (last.step.takeovers, (await claim(stub, per_hour=1)).HasField("group")) == (1, True)


async def test_a_postponed_attempt_takes_no_place_but_its_own(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await record(stub, occurrences(A), occurrences(B))
    for _ in range(2):
        held = (await claim(stub, per_hour=2)).group
        await finish(stub, held, then=pb.ErrorStep(kind=ANALYZE), postponed=True, next_in_ms=60_000)
    await connection.execute("UPDATE error_steps SET due_at = now()")

    assert not (await claim(stub, per_hour=1)).HasField("group")
    again = [(await claim(stub, per_hour=2)).group.fingerprint for _ in range(3)]

    assert again == [A, B, ""]


async def test_an_attempt_that_waited_until_it_was_swept_counts_again(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await record(stub, occurrences(A), occurrences(B))
    held = (await claim(stub)).group
    await finish(stub, held, then=pb.ErrorStep(kind=ANALYZE), postponed=True)
    await connection.execute("DELETE FROM error_attempts")

    again = [(await claim(stub, per_hour=1)).group for _ in range(2)]

    assert [found.step.tries for found in again] == [1, 0]


async def test_takeovers_and_postponements_of_an_attempt_are_told(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    async def told() -> tuple[int, int]:
        held = (await claim(stub)).group
        assert (await group(stub, A)).step == held.step
        return held.step.takeovers, held.step.postponements

    await record(stub, occurrences(A))
    seen = [await told()]
    for _ in range(2):
        await leases_end(connection)
        seen.append(await told())
    held = await group(stub, A)
    await finish(stub, held, then=pb.ErrorStep(kind=ANALYZE), postponed=True)
    seen.append(await told())
    await finish(stub, held, then=pb.ErrorStep(kind=ANALYZE))
    seen.append(await told())

    assert seen == [(0, 0), (1, 0), (2, 0), (2, 1), (0, 0)]


async def test_a_late_holder_keeps_its_step_while_nobody_else_took_it(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await record(stub, occurrences(A))
    held = (await claim(stub)).group
    await leases_end(connection)

    await renew(stub, held)

    assert not (await claim(stub, holder="worker_2")).HasField("group")
    await leases_end(connection)
    assert (await finish(stub, held, "analyzed")).status == "analyzed"


async def renew(stub: ArtistDbServiceStub, held: pb.ErrorGroup, holder: str = "worker_1") -> None:
    await stub.RenewErrorStep(
        pb.RenewErrorStepRequest(
            fingerprint=held.fingerprint,
            attempt_id=held.step.attempt_id,
            holder=holder,
            lease_ms=60_000,
        )
    )


async def test_what_is_not_held_is_neither_renewed_nor_finished(stub: ArtistDbServiceStub) -> None:
    await record(stub, occurrences(A))
    held = (await claim(stub)).group
    other = pb.ErrorGroup(fingerprint=A, step=pb.ErrorStep(attempt_id="eat_other"))

    await refused(renew(stub, held, "worker_2"), WRONG_STATE)
    await refused(finish(stub, held, holder="worker_2"), WRONG_STATE)
    await refused(finish(stub, other), WRONG_STATE)
    await finish(stub, held)
    error = await refused(renew(stub, held), WRONG_STATE)
    await refused(finish(stub, held), WRONG_STATE)

    assert error.metadata["id"] == held.step.attempt_id


async def test_a_finished_step_keeps_its_report_and_what_follows_is_a_new_attempt(
    stub: ArtistDbServiceStub,
) -> None:
    await record(stub, occurrences(A))
    first = (await claim(stub)).group

    told = await finish(stub, first, "analyzed", then=pb.ErrorStep(kind=FIX))
    second = (await claim(stub)).group

    assert (told.status, told.step.kind, told.step.attempt_id, told.step.tries) == ("analyzed", FIX, "", 0)
    assert (second.step.kind, second.step.tries) == (FIX, 1)
    assert second.step.attempt_id not in ("", first.step.attempt_id)
    assert not (await finish(stub, second)).HasField("step")


async def test_what_follows_later_is_not_handed_out_before(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await record(stub, occurrences(A))

    await finish(stub, (await claim(stub)).group, then=pb.ErrorStep(kind=FIX), next_in_ms=60_000)

    assert not (await claim(stub)).HasField("group")
    await connection.execute("UPDATE error_steps SET due_at = due_at - interval '1 min'")
    assert (await claim(stub)).group.step.kind == FIX


async def test_a_postponed_step_is_the_same_attempt_and_counts_once(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await record(stub, occurrences(A))
    await change(stub, A, "new", pb.ErrorStep(kind=ANALYZE, forced=True, requested_by="vera"))
    held = (await claim(stub, per_hour=1)).group

    told = await finish(
        stub,
        held,
        then=pb.ErrorStep(kind=ANALYZE, reason="no model answers"),
        postponed=True,
        next_in_ms=60_000,
    )
    early = await claim(stub, per_hour=1)
    await connection.execute("UPDATE error_steps SET due_at = now()")
    again = (await claim(stub, per_hour=1)).group

    assert (told.step.reason, told.step.attempt_id) == ("no model answers", held.step.attempt_id)
    assert not early.HasField("group")
    assert (again.step.attempt_id, again.step.tries) == (held.step.attempt_id, 1)
    assert (again.step.forced, again.step.requested_by) == (True, "vera")


async def test_a_step_is_postponed_as_its_own_kind_only(stub: ArtistDbServiceStub) -> None:
    await record(stub, occurrences(A))
    held = (await claim(stub)).group

    error = await refused(finish(stub, held, then=pb.ErrorStep(kind=FIX), postponed=True), INVALID)

    assert list(violations(error)) == ["next.kind"]


async def test_an_attempt_that_goes_on_keeps_its_lease_and_its_report(stub: ArtistDbServiceStub) -> None:
    await record(stub, occurrences(A))
    held = (await claim(stub)).group

    told = await finish(stub, held, "fix_attempted", goes_on=True)

    assert (told.status, told.step.attempt_id) == ("fix_attempted", held.step.attempt_id)
    assert not (await claim(stub, holder="worker_2")).HasField("group")
    assert (await finish(stub, held, "fix_failed")).status == "fix_failed"


async def test_tries_count_from_when_a_person_last_asked(stub: ArtistDbServiceStub) -> None:
    await record(stub, occurrences(A))
    again = pb.ErrorStep(kind=ANALYZE)
    for tries in (1, 2):
        held = (await claim(stub)).group
        assert held.step.tries == tries
        await finish(stub, held, then=again)

    await change(stub, A, "new", pb.ErrorStep(kind=ANALYZE, requested_by="vera"))

    assert (await claim(stub)).group.step.tries == 1


async def test_a_person_changes_a_group_only_where_it_is_as_they_saw_it(stub: ArtistDbServiceStub) -> None:
    await record(stub, occurrences(A))
    await report(stub, A, "fix_suggested")

    error = await refused(change(stub, A, "ignored", expected=["analyzed", "new"]), WRONG_STATE)
    told = await change(stub, A, "ignored", expected=["analyzed", "fix_suggested"])

    assert error.metadata["state"] == "fix_suggested"
    assert (told.status, told.report.by, told.HasField("step")) == ("ignored", "vera", False)
    await refused(change(stub, B, "ignored"), NOT_FOUND)


async def test_a_step_under_way_is_in_a_person_s_way_until_its_lease_ends(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await record(stub, occurrences(A))
    held = (await claim(stub)).group

    error = await refused(change(stub, A, "ignored"), WRONG_STATE)
    await leases_end(connection)
    await change(stub, A, "ignored")

    assert error.metadata["state"] == "ANALYZE UNDER WAY"
    await refused(finish(stub, held, "analyzed"), WRONG_STATE)
    assert (await group(stub, A)).status == "ignored"


async def test_looking_for_work_in_vain_leaves_nothing_behind(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    empty = await claim(stub, request_id="clm_1")
    await record(stub, occurrences(A))

    assert not empty.HasField("group")
    assert await connection.fetchval("SELECT count(*) FROM idempotency") == 0
    claimed = await claim(stub, request_id="clm_1")
    assert claimed.group.fingerprint == A
    assert await claim(stub, request_id="clm_1") == claimed


async def test_workers_that_die_in_the_middle_leave_no_step_undone_and_none_done_twice(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    fingerprints = [f"{n:032x}" for n in range(6)]
    await record(stub, *map(occurrences, fingerprints))
    done: list[str] = []
    lost: set[str] = set()

    async def work(holder: str) -> None:
        while (claimed := await claim(stub, holder=holder)).HasField("group"):
            attempt = claimed.group.step.attempt_id
            if attempt not in lost:
                lost.add(attempt)
                return
            await finish(stub, claimed.group, "analyzed", holder=holder)
            done.append(claimed.group.fingerprint)

    generation = 0
    while len(done) < len(fingerprints):
        await asyncio.gather(*(work(f"w{generation}.{n}") for n in range(3)))
        await leases_end(connection)
        generation += 1

    assert sorted(done) == fingerprints
    assert await connection.fetchval("SELECT count(*) FROM error_attempts") == len(lost) == len(done)
