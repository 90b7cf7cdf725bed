"""Reflect: after a run's final decision the orchestrator learns from it. How the run ended stays as it is."""

from collections.abc import Awaitable, Callable

import grpc

from aiartist.artist_db.v1 import life_pb2
from aiartist.orchestrator.v1 import orchestrator_pb2, orchestrator_pb2_grpc
from services.chassis.errors import remote_error
from services.scheduler.domain import Done, Outcome, Run, StageName
from services.scheduler.stages import Report
from services.scheduler.stages.streams import LONG_CALL_S


class Reflect:
    name = StageName.REFLECT
    state = None

    def __init__(
        self,
        orchestrator: orchestrator_pb2_grpc.OrchestratorServiceStub,
        *,
        record: Callable[[Run], Awaitable[None]],
    ) -> None:
        """`record` lets artist_db know how the run ended: the reflector is shown that."""
        self._orchestrator = orchestrator
        self._record = record

    async def run(self, run: Run, report: Report) -> Outcome:
        request = orchestrator_pb2.ReflectRequest(
            request_id=run.request_id, run_id=run.id, artist_id=run.artist_id
        )
        try:
            await self._record(run)
            response = await self._orchestrator.Reflect(request, timeout=LONG_CALL_S)
        except grpc.aio.AioRpcError as error:
            raise remote_error(error) from error
        return Done(message=told(response.change))


def told(change: life_pb2.PersonaChange) -> str:
    """What became of the reflection: `no change: too few runs`, `proposed: moods`, `version 4: tempo`."""
    field = change.change.field
    match change.state:
        case life_pb2.PersonaChange.STATE_APPLIED:
            return f"version {change.version}: {field}"
        case life_pb2.PersonaChange.STATE_NO_CHANGE:
            return f"no change: {change.outcome or change.reason}"
        case life_pb2.PersonaChange.STATE_REFUSED:
            return f"refused: {field}: {change.outcome}"
        case state:
            word = life_pb2.PersonaChange.State.Name(state).removeprefix("STATE_").lower()
            return f"{word}: {field}"
