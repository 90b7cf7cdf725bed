"""Approve: autopilot decides, or a person is asked and the run waits as a row."""

import grpc

from aiartist.artist_db.v1 import artist_db_pb2, artist_db_pb2_grpc
from aiartist.notifier.v1 import notifier_pb2, notifier_pb2_grpc
from services.chassis.errors import remote_error
from services.scheduler.domain import (
    AskPerson,
    Decided,
    Decision,
    Outcome,
    Run,
    RunState,
    StageName,
    Verdict,
)
from services.scheduler.stages import Report
from services.scheduler.stages.streams import SHORT_CALL_S


class Approve:
    name = StageName.APPROVE
    state = RunState.AWAITING_APPROVAL

    def __init__(
        self,
        artist_db: artist_db_pb2_grpc.ArtistDbServiceStub,
        notifier: notifier_pb2_grpc.NotifierServiceStub,
    ) -> None:
        self._artist_db = artist_db
        self._notifier = notifier

    async def run(self, run: Run, report: Report) -> Outcome:
        if run.autopilot:
            return Decided(Decision(Verdict.AUTOPILOT_APPROVED, run.content_digest, "autopilot"))
        try:
            await self._ask(run)
        except grpc.aio.AioRpcError as error:
            raise remote_error(error) from error
        return AskPerson()

    async def _ask(self, run: Run) -> None:
        artist = await self._artist_db.GetArtist(
            artist_db_pb2.GetArtistRequest(artist_id=run.artist_id), timeout=SHORT_CALL_S
        )
        take = await self._artist_db.GetTake(
            artist_db_pb2.GetTakeRequest(take_id=run.take_id), timeout=SHORT_CALL_S
        )
        await self._notifier.RequestApproval(
            notifier_pb2.RequestApprovalRequest(
                request_id=run.request_id,
                run_id=run.id,
                artist_id=run.artist_id,
                artist_name=artist.artist.persona.name,
                brief_id=run.brief_id,
                take_id=run.take_id,
                title=run.title,
                content_digest=run.content_digest,
                audio=take.take.audio,
                review=take.take.review,
            ),
            timeout=SHORT_CALL_S,
        )
