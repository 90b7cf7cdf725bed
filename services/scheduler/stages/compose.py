"""Compose: the orchestrator writes the brief."""

from aiartist.orchestrator.v1 import orchestrator_pb2, orchestrator_pb2_grpc
from services.scheduler.domain import Done, Outcome, Run, RunState, StageName
from services.scheduler.stages import Report
from services.scheduler.stages.streams import LONG_CALL_S, result_of


class Compose:
    name = StageName.COMPOSE
    state = RunState.COMPOSING

    def __init__(self, orchestrator: orchestrator_pb2_grpc.OrchestratorServiceStub) -> None:
        self._orchestrator = orchestrator

    async def run(self, run: Run, report: Report) -> Outcome:
        request = orchestrator_pb2.ComposeSongRequest(
            request_id=run.request_id, artist_id=run.artist_id, run_id=run.id, note=run.note
        )
        stream = self._orchestrator.ComposeSong(request, timeout=LONG_CALL_S)
        song = (await result_of(stream, report)).song
        return Done({"brief_id": song.brief_id, "title": song.brief.title}, song.brief.title)
