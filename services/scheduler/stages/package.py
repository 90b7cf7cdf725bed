"""Package: the release service builds what a distributor would accept."""

from aiartist.release.v1 import release_pb2, release_pb2_grpc
from services.scheduler.convert import decision_to_proto
from services.scheduler.domain import Done, Outcome, Run, RunState, StageName
from services.scheduler.stages import Report, decision_of
from services.scheduler.stages.streams import LONG_CALL_S, result_of


class Package:
    name = StageName.PACKAGE
    state = RunState.RELEASING

    def __init__(self, release: release_pb2_grpc.ReleaseServiceStub) -> None:
        self._release = release

    async def run(self, run: Run, report: Report) -> Outcome:
        request = release_pb2.PackageReleaseRequest(
            request_id=run.request_id,
            run_id=run.id,
            take_id=run.take_id,
            decision=decision_to_proto(decision_of(run)),
        )
        stream = self._release.PackageRelease(request, timeout=LONG_CALL_S)
        return Done({"release_id": (await result_of(stream, report)).package.release_id})
