"""Approve: autopilot decides, or a person is asked and the run waits as a row."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import grpc

from aiartist.artist_db.v1 import artist_db_pb2, artist_db_pb2_grpc
from aiartist.notifier.v1 import notifier_pb2, notifier_pb2_grpc
from services.chassis.errors import remote_error
from services.scheduler.convert import silence_from_proto, silence_to_proto
from services.scheduler.domain import (
    AskPerson,
    Decided,
    Decision,
    Outcome,
    Run,
    RunState,
    Silence,
    StageName,
    Verdict,
)
from services.scheduler.stages import Report
from services.scheduler.stages.streams import SHORT_CALL_S

_ASKED_BEFORE = "ERROR_REASON_REQUEST_ID_REUSED"


class Approve:
    name = StageName.APPROVE
    state = RunState.AWAITING_APPROVAL

    def __init__(
        self,
        artist_db: artist_db_pb2_grpc.ArtistDbServiceStub,
        notifier: notifier_pb2_grpc.NotifierServiceStub,
        *,
        now: Callable[[], Awaitable[datetime]],
        ttl_s: float,
    ) -> None:
        self._artist_db = artist_db
        self._notifier = notifier
        self._now = now
        self._ttl = timedelta(seconds=ttl_s)

    async def run(self, run: Run, report: Report) -> Outcome:
        if run.autopilot:
            return Decided(Decision(Verdict.AUTOPILOT_APPROVED, run.content_digest, "autopilot"))
        try:
            return AskPerson(await self._ask(run))
        except grpc.aio.AioRpcError as error:
            raise remote_error(error) from error

    async def _ask(self, run: Run) -> Silence:
        """Asks; what the question says about silence."""
        found = await self._artist_db.GetArtist(
            artist_db_pb2.GetArtistRequest(artist_id=run.artist_id), timeout=SHORT_CALL_S
        )
        take = await self._artist_db.GetTake(
            artist_db_pb2.GetTakeRequest(take_id=run.take_id), timeout=SHORT_CALL_S
        )
        on_silence = silence_from_proto(found.artist.on_silence)
        request = notifier_pb2.RequestApprovalRequest(
            request_id=run.request_id,
            run_id=run.id,
            artist_id=run.artist_id,
            artist_name=found.artist.persona.name,
            brief_id=run.brief_id,
            take_id=run.take_id,
            title=run.title,
            content_digest=run.content_digest,
            audio=take.take.audio,
            review=take.take.review,
            on_silence=silence_to_proto(on_silence),
            take_number=run.take_number,
        )
        if on_silence is not Silence.HOLD:
            request.expires_at.FromDatetime(await self._now() + self._ttl)
        try:
            await self._notifier.RequestApproval(request, timeout=SHORT_CALL_S)
        except grpc.aio.AioRpcError as error:
            # Asked already, before a crash; only the time, or how the artist is set, has changed since.
            if remote_error(error).remote_reason != _ASKED_BEFORE:
                raise
        return on_silence
