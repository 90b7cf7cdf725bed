"""The other services, as far as people are told of them or change them over Telegram."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
from grpc_health.v1 import health_pb2

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import experiment_pb2, life_pb2
from aiartist.common.v1.audio_pb2 import Artifact
from aiartist.common.v1.brief_pb2 import ModelUse
from aiartist.error_analyzer.v1 import error_analyzer_pb2 as errors_pb
from aiartist.release.v1 import release_pb2
from aiartist.scheduler.v1 import scheduler_pb2 as sched
from services.chassis.errors import RemoteError, remote_error

if TYPE_CHECKING:
    from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
    from aiartist.error_analyzer.v1.error_analyzer_pb2_grpc import ErrorAnalyzerServiceStub
    from aiartist.release.v1.release_pb2_grpc import ReleaseServiceStub
    from aiartist.scheduler.v1.scheduler_pb2_grpc import SchedulerServiceStub

CALL_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 20.0
FILE_MOST = 48 << 20
"""Bytes of a file that a bot may send, with room for the rest of the call; Telegram takes 50 MB."""
_TAKES = 20
TOLD_CHANGES = (
    life_pb2.PersonaChange.STATE_PROPOSED,
    life_pb2.PersonaChange.STATE_APPLIED,
    life_pb2.PersonaChange.STATE_DECLINED,
    life_pb2.PersonaChange.STATE_LAPSED,
    life_pb2.PersonaChange.STATE_REFUSED,
)
"""Reflections that wanted something; most of the others say that nothing has to change."""
_LOOKED_THROUGH = 500
"""Changes or moves of an artist, the newest, among which one is looked for by its id."""

Answer = TypeVar("Answer")


class PeerAway(Exception):
    """A service does not answer; the same may work a little later."""

    def __init__(self, what: str, error: RemoteError) -> None:
        super().__init__(f"{what} does not answer: {error.message}")
        self.what = what


class FileUnreadable(Exception):
    """A file is missing, damaged or too large to be sent, and will stay so."""


@dataclass(frozen=True, slots=True)
class Song:
    """What people judge a run by. Parts that are not there any more are empty."""

    brief: db.StoredBrief = field(default_factory=db.StoredBrief)
    takes: tuple[db.StoredTake, ...] = ()
    """Those that passed their review, in order."""
    uses: tuple[ModelUse, ...] = ()
    cost_micro_usd: int = 0

    def take(self, take_id: str) -> db.StoredTake:
        """An empty one where it is not there."""
        return next((take for take in self.takes if take.id == take_id), db.StoredTake())


class Peers:
    """scheduler, artist_db, release and error_analyzer."""

    def __init__(
        self,
        scheduler: "SchedulerServiceStub",
        artist_db: "ArtistDbServiceStub",
        release: "ReleaseServiceStub",
        error_analyzer: "ErrorAnalyzerServiceStub",
        health: Mapping[str, Any],
    ) -> None:
        self.scheduler = scheduler
        self.artist_db = artist_db
        self.release = release
        self.error_analyzer = error_analyzer
        self._health = health

    async def trouble(self, within_s: float) -> dict[str, str]:
        """By service what is wrong with it, for people; empty: it is ready."""
        return dict(
            zip(
                self._health,
                await asyncio.gather(*(self._trouble(n, within_s) for n in self._health)),
                strict=True,
            )
        )

    async def _trouble(self, name: str, within_s: float) -> str:
        request = health_pb2.HealthCheckRequest(service="readiness")
        try:
            answer = await self._health[name].Check(request, timeout=within_s)
        except grpc.aio.AioRpcError:
            return "does not answer"
        return "" if answer.status == health_pb2.HealthCheckResponse.SERVING else "is not ready"

    async def song(self, run_id: str, brief_id: str) -> Song:
        """All that is told of a run's song; PeerAway where artist_db does not answer."""
        brief = await found(
            "artist_db",
            self.artist_db.GetBrief(db.GetBriefRequest(brief_id=brief_id), timeout=CALL_TIMEOUT_S),
        )
        takes = await found(
            "artist_db",
            self.artist_db.ListTakes(
                db.ListTakesRequest(run_id=run_id, page_size=_TAKES), timeout=CALL_TIMEOUT_S
            ),
        )
        spend = await found(
            "artist_db", self.artist_db.GetSpend(db.GetSpendRequest(run_id=run_id), timeout=CALL_TIMEOUT_S)
        )
        passed = [take for take in takes.takes if take.review.passed] if takes else []
        return Song(
            brief=brief.brief if brief else db.StoredBrief(),
            takes=tuple(sorted(passed, key=lambda take: take.take_number)),
            uses=tuple(spend.uses) if spend else (),
            cost_micro_usd=spend.total_cost_micro_usd if spend else 0,
        )

    async def run(self, run_id: str) -> sched.Run | None:
        """None where there is no such run; PeerAway where scheduler does not answer."""
        response = await found(
            "scheduler", self.scheduler.GetRun(sched.GetRunRequest(run_id=run_id), timeout=CALL_TIMEOUT_S)
        )
        return response.run if response else None

    async def artist(self, artist_id: str) -> db.Artist | None:
        """None where there is no such artist; PeerAway where artist_db does not answer."""
        response = await found(
            "artist_db",
            self.artist_db.GetArtist(db.GetArtistRequest(artist_id=artist_id), timeout=CALL_TIMEOUT_S),
        )
        return response.artist if response else None

    async def changes(
        self,
        artist_id: str = "",
        states: Sequence[life_pb2.PersonaChange.State.ValueType] = TOLD_CHANGES,
        *,
        most: int = _LOOKED_THROUGH,
    ) -> Sequence[life_pb2.PersonaChange]:
        """What reflections wanted, newest first, of one artist or of all."""
        request = life_pb2.ListChangesRequest(artist_id=artist_id, states=states, page_size=most)
        response = await found("artist_db", self.artist_db.ListChanges(request, timeout=CALL_TIMEOUT_S))
        return response.changes if response else ()

    async def change(self, artist_id: str, change_id: str) -> life_pb2.PersonaChange | None:
        """None where the artist has none of that id, or has it no more among the newest."""
        changes = await self.changes(artist_id)
        return next((change for change in changes if change.id == change_id), None)

    async def moves(self, artist_id: str, *, most: int = _LOOKED_THROUGH) -> Sequence[life_pb2.Move]:
        """An artist's moves, newest first; PeerAway where artist_db does not answer."""
        request = life_pb2.ListMovesRequest(artist_id=artist_id, page_size=most)
        response = await found("artist_db", self.artist_db.ListMoves(request, timeout=CALL_TIMEOUT_S))
        return response.moves if response else ()

    async def move(self, artist_id: str, move_id: str) -> life_pb2.Move | None:
        """None where the artist has none of that id, or has it no more among the newest."""
        moves = await self.moves(artist_id)
        return next((move for move in moves if move.id == move_id), None)

    async def versions(self, artist_id: str, *, most: int) -> Sequence[db.PersonaVersion]:
        """An artist's persona versions, newest first; PeerAway where artist_db does not answer."""
        request = db.ListPersonaVersionsRequest(artist_id=artist_id, page_size=most)
        response = await found(
            "artist_db", self.artist_db.ListPersonaVersions(request, timeout=CALL_TIMEOUT_S)
        )
        return response.versions if response else ()

    async def experiment(self, experiment_id: str) -> experiment_pb2.Experiment | None:
        """With how it stands; None where there is none. PeerAway where artist_db does not answer."""
        request = experiment_pb2.GetExperimentRequest(experiment_id=experiment_id)
        response = await found("artist_db", self.artist_db.GetExperiment(request, timeout=CALL_TIMEOUT_S))
        return response.experiment if response else None

    async def error(self, fingerprint: str) -> db.ErrorGroup | None:
        """None where there is no such group of errors; PeerAway where artist_db does not answer."""
        request = db.GetErrorGroupRequest(fingerprint=fingerprint)
        response = await found("artist_db", self.artist_db.GetErrorGroup(request, timeout=CALL_TIMEOUT_S))
        return response.group if response else None

    async def applies_fixes(self) -> bool:
        """Whether fixes can be brought into the code here; PeerAway where error_analyzer does not answer."""
        response = await found(
            "error_analyzer",
            self.error_analyzer.GetRepairSetup(errors_pb.GetRepairSetupRequest(), timeout=CALL_TIMEOUT_S),
        )
        return response is not None and response.effective_mode == "apply"

    async def read(self, artifact: Artifact) -> bytes:
        """A file's bytes; PeerAway or FileUnreadable."""
        if artifact.size_bytes > FILE_MOST:
            raise FileUnreadable(
                f"{artifact.path} has {artifact.size_bytes} bytes, at most {FILE_MOST} can be sent"
            )
        pieces, size = [], 0
        try:
            async for piece in self.release.ReadArtifact(
                release_pb2.ReadArtifactRequest(artifact=artifact), timeout=READ_TIMEOUT_S
            ):
                pieces.append(piece.data)
                size += len(piece.data)
                if size > FILE_MOST:
                    raise FileUnreadable(f"{artifact.path} has more bytes than it should")
        except grpc.aio.AioRpcError as error:
            remote = remote_error(error)
            if remote.retryable or not remote.from_platform:
                raise PeerAway("release", remote) from error
            raise FileUnreadable(remote.message) from error
        return b"".join(pieces)


async def found(what: str, call: Awaitable[Answer]) -> Answer | None:
    """The answer; None where there is no such thing; PeerAway where the same may work later.

    What else the service refuses is raised as it is: RemoteError.
    """
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        remote = remote_error(error)
        if remote.remote_code is grpc.StatusCode.NOT_FOUND:
            return None
        if remote.retryable or not remote.from_platform:
            raise PeerAway(what, remote) from error
        raise remote from error
