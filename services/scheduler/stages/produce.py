"""Produce: the release service renders and reviews a take."""

from aiartist.common.v1 import audio_pb2
from aiartist.release.v1 import release_pb2, release_pb2_grpc
from services.scheduler.domain import Done, Outcome, Run, RunState, StageName, TakeRefused
from services.scheduler.stages import Report
from services.scheduler.stages.streams import PRODUCE_CALL_S, result_of


class Produce:
    name = StageName.PRODUCE
    state = RunState.PRODUCING

    def __init__(self, release: release_pb2_grpc.ReleaseServiceStub) -> None:
        self._release = release

    async def run(self, run: Run, report: Report) -> Outcome:
        request = release_pb2.ProduceTakeRequest(
            request_id=run.request_id,
            run_id=run.id,
            brief_id=run.brief_id,
            take_number=run.take_number,
            note=run.note,
        )
        stream = self._release.ProduceTake(request, timeout=PRODUCE_CALL_S)
        take = (await result_of(stream, report)).take
        if not take.review.passed:
            failed = audio_pb2.ReviewCheck.OUTCOME_FAIL
            return TakeRefused([check.name for check in take.review.checks if check.outcome == failed])
        return Done({"take_id": take.take_id, "content_digest": take.content_digest})
