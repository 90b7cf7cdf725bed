"""Publish: the release service publishes the package and reads it back."""

from aiartist.release.v1 import release_pb2, release_pb2_grpc
from services.scheduler.domain import Done, Outcome, Run, RunState, StageName
from services.scheduler.stages import Report
from services.scheduler.stages.streams import LONG_CALL_S, result_of


class Publish:
    name = StageName.PUBLISH
    state = RunState.RELEASING

    def __init__(self, release: release_pb2_grpc.ReleaseServiceStub) -> None:
        self._release = release

    async def run(self, run: Run, report: Report) -> Outcome:
        request = release_pb2.PublishReleaseRequest(request_id=run.request_id, release_id=run.release_id)
        stream = self._release.PublishRelease(request, timeout=LONG_CALL_S)
        location = (await result_of(stream, report)).publication.location
        return Done({"location": location}, location)
