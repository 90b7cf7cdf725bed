"""The release service as its callers meet it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.common.v1 import audio_pb2, decision_pb2
from aiartist.release.v1 import release_pb2 as pb
from aiartist.release.v1.release_pb2_grpc import ReleaseServiceStub
from services.chassis.lifecycle import App
from services.release.app import build
from services.release.settings import Settings
from tests.support import media, tiny_studio
from tests.support.fake_artist_db_media import FakeArtistDb


class ReleaseService:
    """A running service, a stub for it, and short ways to call its stages."""

    def __init__(self, app: App, stub: Any, artist_db: FakeArtistDb, data: Path) -> None:
        self.app = app
        self.stub = stub
        self.artist_db = artist_db
        self.data = data

    @classmethod
    @asynccontextmanager
    async def running(
        cls, artist_db: FakeArtistDb, data: Path, studio: str = tiny_studio.__name__, **settings: Any
    ) -> AsyncIterator["ReleaseService"]:
        """With the quick studio unless told otherwise, one worker, and no grace at its end."""
        # Nobody draws and nobody is told: there are no such services at artist_db's address.
        others = {"orchestrator_addr": artist_db.address, "notifier_addr": artist_db.address}
        chosen = {"release_workers": 1, "stop_grace_s": 0.0, **others, **settings}
        app = await build(
            Settings(
                data_dir=data,
                port=0,
                metrics_port=0,
                artist_db_addr=artist_db.address,
                ship_errors=False,
                **chosen,
            ),
            studio,
        )
        async with app, grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as channel:
            yield cls(app, ReleaseServiceStub(channel), artist_db, data)

    def keep_brief(self, title: str = "Neon in the Rain", seed: int = 7) -> db.StoredBrief:
        """Puts a brief and its artist into artist_db."""
        brief = media.stored_brief(title, seed)
        self.artist_db.briefs[brief.id] = brief
        self.artist_db.personas[media.ARTIST] = [
            db.PersonaVersion(artist_id=media.ARTIST, version=1, persona=media.persona()),
            db.PersonaVersion(artist_id=media.ARTIST, version=2, persona=media.persona("Somebody Else")),
        ]
        return brief

    def take_request(
        self, brief_id: str, request_id: str = "r-take", number: int = 1
    ) -> pb.ProduceTakeRequest:
        return pb.ProduceTakeRequest(
            request_id=request_id, run_id=media.RUN, brief_id=brief_id, take_number=number
        )

    async def produce(self, brief_id: str, request_id: str = "r-take", number: int = 1) -> pb.ProducedTake:
        """The last message of ProduceTake."""
        updates = [u async for u in self.stub.ProduceTake(self.take_request(brief_id, request_id, number))]
        assert [u.WhichOneof("update") for u in updates[:-1]] == ["progress"] * (len(updates) - 1)
        return updates[-1].take

    async def package(
        self,
        take: pb.ProducedTake,
        request_id: str = "r-package",
        verdict: decision_pb2.Verdict = decision_pb2.VERDICT_APPROVED,
        digest: str | None = None,
    ) -> pb.PackagedRelease:
        """The last message of PackageRelease."""
        request = pb.PackageReleaseRequest(
            request_id=request_id,
            run_id=media.RUN,
            take_id=take.take_id,
            decision=media.decision(take.content_digest if digest is None else digest, verdict),
        )
        return [update async for update in self.stub.PackageRelease(request)][-1].package

    async def publish(self, release_id: str, request_id: str = "r-publish") -> pb.PublishedRelease:
        """The last message of PublishRelease."""
        request = pb.PublishReleaseRequest(request_id=request_id, release_id=release_id)
        return [update async for update in self.stub.PublishRelease(request)][-1].publication

    async def verify(self, release_id: str) -> pb.VerifyReleaseResponse:
        return await self.stub.VerifyRelease(pb.VerifyReleaseRequest(release_id=release_id))

    async def read(self, artifact: audio_pb2.Artifact) -> bytes:
        """All that ReadArtifact sends."""
        request = pb.ReadArtifactRequest(artifact=artifact)
        return b"".join([piece.data async for piece in self.stub.ReadArtifact(request)])

    def renders(self) -> int:
        """How often the studio has rendered."""
        log = self.data / "scratch" / "release" / "renders"
        return len(log.read_text().splitlines()) if log.exists() else 0

    def artifact(self, path: str) -> Path:
        """A file of the artifact store."""
        return self.data / "artifacts" / path

    def leftovers(self) -> list[Path]:
        """Work in progress and half-written files, wherever they may be."""
        return [
            path
            for path in self.data.rglob("*")
            if path.name.endswith(".partial") or ".partial/" in str(path) or "#" in path.name
        ]
