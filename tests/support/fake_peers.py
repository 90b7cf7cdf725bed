"""scheduler, artist_db and release as notifier's questions need them: in memory, over one real server."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import grpc

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import artist_db_pb2_grpc
from aiartist.common.v1 import audio_pb2, brief_pb2, decision_pb2
from aiartist.notifier.v1 import notifier_pb2 as pb
from aiartist.release.v1 import release_pb2, release_pb2_grpc
from aiartist.scheduler.v1 import scheduler_pb2 as sched
from aiartist.scheduler.v1 import scheduler_pb2_grpc
from services.chassis.chain import Chain
from services.chassis.errors import DependencyUnavailable, FieldViolation, InvalidInput, NotFound, WrongState
from services.chassis.layers import standard_layers
from services.scheduler.errors import StaleDigest
from tests.support.fake_lives import FakeLives
from tests.support.fake_telegram import small_mp3, small_picture


class FakePeers(
    FakeLives,
    scheduler_pb2_grpc.SchedulerServiceServicer,
    release_pb2_grpc.ReleaseServiceServicer,
):
    """Runs that wait, their songs and files; decisions count as the scheduler counts them."""

    def __init__(self) -> None:
        super().__init__()
        self.address = ""
        self.away: set[str] = set()
        """Methods that answer UNAVAILABLE."""
        self.slow: set[str] = set()
        """Methods that do not answer before they are taken out of here."""
        self.slowed = asyncio.Event()
        self.refused: set[str] = set()
        """Methods that answer INVALID_ARGUMENT."""
        self.runs: dict[str, sched.Run] = {}
        self.briefs: dict[str, db.StoredBrief] = {}
        self.takes: dict[str, db.StoredTake] = {}
        self.artists: dict[str, db.Artist] = {}
        self.files: dict[str, bytes] = {}
        self.asked: list[sched.DecideRunRequest] = []
        """Every DecideRun that came, repeats too."""
        self.decided: dict[str, sched.Run] = {}
        """The answer by request id."""
        self.before_answer: asyncio.Event | None = None
        """DecideRun decides, and answers when this is set."""
        self.deciding = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def serving(cls) -> AsyncIterator["FakePeers"]:
        """On a free port of loopback."""
        peers = cls()
        server = grpc.aio.server(interceptors=[Chain(standard_layers("peers", {}, 256))])
        scheduler_pb2_grpc.add_SchedulerServiceServicer_to_server(peers, server)
        artist_db_pb2_grpc.add_ArtistDbServiceServicer_to_server(peers, server)
        release_pb2_grpc.add_ReleaseServiceServicer_to_server(peers, server)
        peers.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        try:
            yield peers
        finally:
            await server.stop(None)

    def song(
        self,
        number: int = 1,
        *,
        title: str = "Neon Rain",
        artist: str = "Nova Vale",
        lines: Sequence[str] = ("Rain on the wire", "Light in the lane"),
        takes: int = 1,
    ) -> pb.RequestApprovalRequest:
        """A run that waits with so many takes that passed; the question about its newest."""
        run_id, brief_id, artist_id = f"run_{number}", f"brf_{number}", "art_1"
        self.artists[artist_id] = db.Artist(id=artist_id, persona={"name": artist})
        brief = brief_pb2.Brief(title=title, genre="synthwave", theme="rain", tempo_bpm=118, key="A minor")
        brief.sections.add(kind=brief_pb2.Section.KIND_VERSE, bars=8, lines=lines)
        self.briefs[brief_id] = db.StoredBrief(id=brief_id, artist_id=artist_id, run_id=run_id, brief=brief)
        for take_number in range(1, takes + 1):
            self._take(run_id, brief_id, take_number)
        newest = self.takes[f"tak_{number}_{takes}"]
        self.runs[run_id] = sched.Run(
            id=run_id,
            artist_id=artist_id,
            state=sched.RUN_STATE_AWAITING_APPROVAL,
            take_number=takes,
            brief_id=brief_id,
            take_id=newest.id,
            content_digest=newest.content_digest,
            title=title,
        )
        return self.question(run_id, artist_name=artist)

    def question(self, run_id: str, *, artist_name: str = "Nova Vale") -> pb.RequestApprovalRequest:
        """What the scheduler asks about the run's present take."""
        run = self.runs[run_id]
        take = self.takes[run.take_id]
        return pb.RequestApprovalRequest(
            request_id=f"{run.id}/approve/{run.take_number}",
            run_id=run.id,
            artist_id=run.artist_id,
            artist_name=artist_name,
            brief_id=run.brief_id,
            take_id=run.take_id,
            title=run.title,
            content_digest=run.content_digest,
            audio=take.audio,
            review=take.review,
            take_number=run.take_number,
        )

    def another_take(self, run_id: str) -> pb.RequestApprovalRequest:
        """The run waits again, with one more take; the question about it."""
        run = self.runs[run_id]
        take = self._take(run_id, run.brief_id, run.take_number + 1)
        run.state = sched.RUN_STATE_AWAITING_APPROVAL
        run.take_number, run.take_id, run.content_digest = take.take_number, take.id, take.content_digest
        return self.question(run_id)

    def _take(self, run_id: str, brief_id: str, number: int) -> db.StoredTake:
        take_id = f"tak_{run_id.removeprefix('run_')}_{number}"
        review = audio_pb2.Review(
            passed=True,
            duration_ms=94_300,
            loudness_lufs=-14.02,
            true_peak_dbtp=-1.2,
            tempo_bpm=118,
            key="A minor",
        )
        review.checks.add(
            name="loudness_range",
            outcome=audio_pb2.ReviewCheck.OUTCOME_WARN,
            message="3.1 LU is flatter than 4.0",
        )
        self.takes[take_id] = db.StoredTake(
            id=take_id,
            brief_id=brief_id,
            run_id=run_id,
            take_number=number,
            provider="builtin",
            content_digest=f"sha256:{hashlib.sha256(take_id.encode()).hexdigest()}",
            review=review,
            audio=self._file(f"takes/{take_id}/master.flac", b"fLaC", "audio/flac"),
            preview=self._file(f"takes/{take_id}/preview.mp3", small_mp3(), "audio/mpeg"),
            cover=self._file(f"takes/{take_id}/cover.jpg", small_picture(640, 640), "image/jpeg"),
            thumbnail=self._file(f"takes/{take_id}/thumbnail.jpg", small_picture(320, 320), "image/jpeg"),
        )
        return self.takes[take_id]

    def _file(self, path: str, content: bytes, media_type: str) -> audio_pb2.Artifact:
        self.files[path] = content
        sha256 = hashlib.sha256(content).hexdigest()
        return audio_pb2.Artifact(path=path, media_type=media_type, size_bytes=len(content), sha256=sha256)

    def _answers(self, method: str) -> None:
        if method in self.away or "*" in self.away:
            raise DependencyUnavailable("database")
        if method in self.refused:
            raise InvalidInput([FieldViolation("id", "is odd")])

    async def GetBrief(self, request: db.GetBriefRequest, context: Any) -> db.GetBriefResponse:
        self._answers("GetBrief")
        if request.brief_id not in self.briefs:
            raise NotFound("brief", request.brief_id)
        return db.GetBriefResponse(brief=self.briefs[request.brief_id])

    async def ListTakes(self, request: db.ListTakesRequest, context: Any) -> db.ListTakesResponse:
        self._answers("ListTakes")
        return db.ListTakesResponse(takes=[t for t in self.takes.values() if t.run_id == request.run_id])

    async def GetSpend(self, request: db.GetSpendRequest, context: Any) -> db.GetSpendResponse:
        self._answers("GetSpend")
        use = brief_pb2.ModelUse(role="songwriter", model="openai/gpt-5", calls=3, cost_micro_usd=12_300)
        return db.GetSpendResponse(uses=[use], total_cost_micro_usd=12_300)

    async def GetArtist(self, request: db.GetArtistRequest, context: Any) -> db.GetArtistResponse:
        self._answers("GetArtist")
        if request.artist_id not in self.artists:
            raise NotFound("artist", request.artist_id)
        return db.GetArtistResponse(artist=self.artists[request.artist_id])

    async def ReadArtifact(
        self, request: release_pb2.ReadArtifactRequest, context: Any
    ) -> AsyncIterator[release_pb2.ReadArtifactResponse]:
        self._answers("ReadArtifact")
        content = self.files.get(request.artifact.path)
        if content is None:
            raise NotFound("artifact", request.artifact.path)
        for start in range(0, len(content), 1 << 20):
            yield release_pb2.ReadArtifactResponse(data=content[start : start + (1 << 20)])

    async def GetRun(self, request: sched.GetRunRequest, context: Any) -> sched.GetRunResponse:
        self._answers("GetRun")
        if request.run_id not in self.runs:
            raise NotFound("run", request.run_id)
        return sched.GetRunResponse(run=self.runs[request.run_id])

    async def ListRuns(self, request: sched.ListRunsRequest, context: Any) -> sched.ListRunsResponse:
        self._answers("ListRuns")
        while "ListRuns" in self.slow:
            self.slowed.set()
            await asyncio.sleep(0.02)
        return sched.ListRunsResponse(runs=self.runs.values())

    async def RetryRun(self, request: sched.RetryRunRequest, context: Any) -> sched.RetryRunResponse:
        self._answers("RetryRun")
        raise WrongState("run", request.run_id, state="RELEASING", expected="FAILED")

    async def DecideRun(self, request: sched.DecideRunRequest, context: Any) -> sched.DecideRunResponse:
        self.asked.append(sched.DecideRunRequest.FromString(request.SerializeToString()))
        self._answers("DecideRun")
        if request.request_id not in self.decided:
            self.decide(request)
        self.deciding.set()
        if self.before_answer is not None:
            await self.before_answer.wait()
        return sched.DecideRunResponse(run=self.decided[request.request_id])

    def decide(self, request: sched.DecideRunRequest) -> sched.Run:
        """One decision about a run that waits, from wherever."""
        run = self.runs.get(request.run_id)
        if run is None:
            raise NotFound("run", request.run_id)
        if run.state != sched.RUN_STATE_AWAITING_APPROVAL:
            raise WrongState("run", run.id, state="RELEASING", expected="AWAITING_APPROVAL")
        take = self.takes[request.take_id] if request.take_id else self.takes[run.take_id]
        if take.content_digest != request.content_digest:
            raise StaleDigest(run.id, given=request.content_digest, current=take.content_digest)
        run.state = {
            decision_pb2.VERDICT_REJECTED: sched.RUN_STATE_REJECTED,
            decision_pb2.VERDICT_APPROVED: sched.RUN_STATE_RELEASING,
        }.get(request.verdict, sched.RUN_STATE_PRODUCING)
        run.take_id = take.id
        run.decision.CopyFrom(
            decision_pb2.Decision(
                verdict=request.verdict,
                reason=request.reason,
                decided_by=request.decided_by,
                content_digest=request.content_digest,
            )
        )
        run.decision.decided_at.FromDatetime(datetime(2026, 3, 1, 12, 5, tzinfo=UTC))
        self.decided[request.request_id] = sched.Run.FromString(run.SerializeToString())
        return run
