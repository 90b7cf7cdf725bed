"""ErrorAnalyzerService: proto <-> domain."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.error_analyzer.v1 import error_analyzer_pb2 as pb
from aiartist.error_analyzer.v1.error_analyzer_pb2_grpc import ErrorAnalyzerServiceServicer
from services.error_analyzer.grouping import Grouper
from services.error_analyzer.ingesting import Ingest
from services.error_analyzer.news import News
from services.error_analyzer.setup import Limits, RepairSetup
from services.error_analyzer.statuses import Verb
from services.error_analyzer.teller import Teller
from services.error_analyzer.verbs import Verbs
from services.error_analyzer.watching import Watching


class ErrorAnalyzerServicer(ErrorAnalyzerServiceServicer):
    """Takes errors and orders; what follows from them is the work of others."""

    def __init__(
        self,
        artist_db: ArtistDbServiceStub,
        teller: Teller,
        grouper: Grouper,
        setup: RepairSetup,
        limits: Limits,
        closing: asyncio.Event,
        news: News,
    ) -> None:
        self._ingest = Ingest(grouper, teller, news)
        self._verbs = Verbs(artist_db, setup, news)
        self._watching = Watching(artist_db, news, closing)
        self._setup = setup
        self._limits = limits

    async def ingest(self, request: pb.IngestErrorsRequest) -> pb.IngestErrorsResponse:
        """What IngestErrors does, for what this process reads by itself."""
        return await self._ingest.ingest(request)

    async def IngestErrors(self, request: pb.IngestErrorsRequest, context: Any) -> pb.IngestErrorsResponse:
        return await self._ingest.ingest(request)

    async def AnalyzeError(self, request: pb.AnalyzeErrorRequest, context: Any) -> pb.AnalyzeErrorResponse:
        return pb.AnalyzeErrorResponse(group=await self._verbs.follow(Verb.ANALYZE, request))

    async def IgnoreError(self, request: pb.IgnoreErrorRequest, context: Any) -> pb.IgnoreErrorResponse:
        group = await self._verbs.follow(Verb.IGNORE, request, reason=request.reason)
        return pb.IgnoreErrorResponse(group=group)

    async def ReopenError(self, request: pb.ReopenErrorRequest, context: Any) -> pb.ReopenErrorResponse:
        group = await self._verbs.follow(Verb.REOPEN, request, reason=request.reason)
        return pb.ReopenErrorResponse(group=group)

    async def ApplyFix(self, request: pb.ApplyFixRequest, context: Any) -> pb.ApplyFixResponse:
        group = await self._verbs.follow(Verb.APPLY, request, commit=request.commit)
        return pb.ApplyFixResponse(group=group)

    async def RevertFix(self, request: pb.RevertFixRequest, context: Any) -> pb.RevertFixResponse:
        group = await self._verbs.follow(Verb.REVERT, request, reason=request.reason)
        return pb.RevertFixResponse(group=group)

    async def WatchErrors(
        self, request: pb.WatchErrorsRequest, context: Any
    ) -> AsyncIterator[pb.WatchErrorsResponse]:
        async for update in self._watching.watch(request):
            yield update

    async def GetRepairSetup(
        self, request: pb.GetRepairSetupRequest, context: Any
    ) -> pb.GetRepairSetupResponse:
        return pb.GetRepairSetupResponse(
            mode=self._setup.mode,
            effective_mode=self._setup.effective_mode,
            lacks=self._setup.lacks,
            repository=self._setup.repository,
            isolation=self._setup.isolation,
            analyses_per_hour=self._limits.analyses_per_hour,
            fixes_per_hour=self._limits.fixes_per_hour,
            tries_per_group=self._limits.tries_per_group,
            allowed_paths=self._limits.allowed_paths,
            applied_classes=self._limits.applied_classes,
        )
