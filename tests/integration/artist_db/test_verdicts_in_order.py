"""A rejection is recorded at once, an approval when its song is released: rules go by when people decided."""

from datetime import UTC, datetime, timedelta
from typing import Any

from aiartist.artist_db.v1 import life_pb2
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from tests.integration.artist_db.lives import APPROVED, REJECTED, outcome, state_of
from tests.integration.artist_db.samples import artist


async def test_rejections_that_are_known_before_the_approvals_between_them_retire_nobody(
    stub: ArtistDbServiceStub,
):
    made = await artist(stub)
    began = datetime.now(UTC)

    def decided(place: int, end: dict[str, Any], **fields: Any) -> life_pb2.RunOutcome:
        told = outcome(made.id, **end, **fields)
        # After the artist was taken on, and not after the end.
        told.decision.decided_at.FromDatetime(began + timedelta(milliseconds=place))
        told.ended_at.FromDatetime(datetime.now(UTC) + timedelta(milliseconds=100))
        return told

    # Decisions in a row, every other one a yes: each no is recorded at once.
    for number in range(5):
        told = decided(2 * number, REJECTED, approved_under_way=number)
        answer = await stub.RecordRunOutcome(life_pb2.RecordRunOutcomeRequest(outcome=told))
        assert not answer.HasField("move")
    for number in range(4):
        told = decided(2 * number + 1, APPROVED, approved_under_way=3 - number)
        answer = await stub.RecordRunOutcome(life_pb2.RecordRunOutcomeRequest(outcome=told))
        assert not answer.HasField("move")
    assert await state_of(stub, made.id) == "ACTIVE"


async def test_rejections_in_a_row_retire_when_the_last_approval_before_them_is_released(
    stub: ArtistDbServiceStub,
):
    made = await artist(stub)
    for _ in range(5):
        told = outcome(made.id, **REJECTED, approved_under_way=1)
        answer = await stub.RecordRunOutcome(life_pb2.RecordRunOutcomeRequest(outcome=told))
        assert not answer.HasField("move"), "the approved one may stand between them"
    told = outcome(made.id, **APPROVED)
    told.decision.decided_at.FromDatetime(datetime.now(UTC) - timedelta(hours=1))
    answer = await stub.RecordRunOutcome(life_pb2.RecordRunOutcomeRequest(outcome=told))

    assert answer.move.rule == "rejections"
    assert await state_of(stub, made.id) == "RETIRED"
