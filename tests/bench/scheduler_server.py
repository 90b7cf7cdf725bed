"""A scheduler with stages that do nothing, in a process of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import grpc

from aiartist.artist_db.v1 import artist_db_pb2, artist_db_pb2_grpc, artist_state_pb2, life_pb2
from aiartist.notifier.v1 import notifier_pb2, notifier_pb2_grpc
from services.scheduler.app import build
from services.scheduler.domain import (
    Decided,
    Decision,
    Done,
    Outcome,
    Run,
    RunState,
    StageName,
    Verdict,
)
from services.scheduler.settings import Settings
from services.scheduler.stages import Report


class StubStage:
    """Gives its outcome at once."""

    def __init__(self, name: StageName, state: RunState | None, outcome: Outcome) -> None:
        self.name = name
        self.state = state
        self._outcome = outcome

    async def run(self, run: Run, report: Report) -> Outcome:
        return self._outcome


STUB_STAGES = (
    StubStage(StageName.COMPOSE, RunState.COMPOSING, Done({"brief_id": "brf_1", "title": "Song"})),
    StubStage(
        StageName.PRODUCE, RunState.PRODUCING, Done({"take_id": "tak_1", "content_digest": "sha256:1"})
    ),
    StubStage(
        StageName.APPROVE,
        RunState.AWAITING_APPROVAL,
        Decided(Decision(Verdict.AUTOPILOT_APPROVED, "sha256:1", "autopilot")),
    ),
    StubStage(StageName.PACKAGE, RunState.RELEASING, Done({"release_id": "rel_1"})),
    StubStage(StageName.PUBLISH, RunState.RELEASING, Done({"location": "nowhere"})),
    StubStage(StageName.REFLECT, None, Done(message="no change")),
)


class Peers(artist_db_pb2_grpc.ArtistDbServiceServicer, notifier_pb2_grpc.NotifierServiceServicer):
    """As much of artist_db and notifier as the scheduler itself calls."""

    async def GetArtist(self, request, context):  # type: ignore[no-untyped-def]
        artist = artist_db_pb2.Artist(id=request.artist_id, state=artist_state_pb2.ARTIST_STATE_ACTIVE)
        return artist_db_pb2.GetArtistResponse(artist=artist)

    async def ListArtists(self, request, context):  # type: ignore[no-untyped-def]
        return artist_db_pb2.ListArtistsResponse()

    async def RecordRunOutcome(self, request, context):  # type: ignore[no-untyped-def]
        return life_pb2.RecordRunOutcomeResponse(outcome=request.outcome)

    async def ReviewLives(self, request, context):  # type: ignore[no-untyped-def]
        return life_pb2.ReviewLivesResponse()

    async def ClaimVacancy(self, request, context):  # type: ignore[no-untyped-def]
        return life_pb2.ClaimVacancyResponse()

    async def ListNews(self, request, context):  # type: ignore[no-untyped-def]
        return life_pb2.ListNewsResponse()

    async def Notify(self, request, context):  # type: ignore[no-untyped-def]
        return notifier_pb2.NotifyResponse(message_id="msg_1")


@asynccontextmanager
async def peers() -> AsyncIterator[str]:
    """Serves the doubles in this process, so that they cost the scheduler nothing; their address."""
    server = grpc.aio.server()
    artist_db_pb2_grpc.add_ArtistDbServiceServicer_to_server(Peers(), server)
    notifier_pb2_grpc.add_NotifierServiceServicer_to_server(Peers(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(0)


async def serve_scheduler(
    tell: Callable[[int], None],
    stop: asyncio.Event,
    dsn: str,
    active: int,
    peers_address: str,
    notifier_address: str = "",
) -> None:
    settings = Settings(
        port=0,
        metrics_port=0,
        database_url=dsn,
        artist_db_addr=peers_address,
        notifier_addr=notifier_address or peers_address,
        ship_errors=False,
        log_level="error",
        scheduler_max_active_runs=active,
    )
    async with await build(settings, STUB_STAGES) as app:
        tell(app.port)
        await stop.wait()
