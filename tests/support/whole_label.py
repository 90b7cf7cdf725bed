"""A label of real services on one database and one folder; only who writes the songs is a double."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from pydantic import SecretStr

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.common.v1 import audio_pb2
from aiartist.notifier.v1.notifier_pb2_grpc import NotifierServiceStub
from aiartist.orchestrator.v1 import orchestrator_pb2
from aiartist.release.v1 import release_pb2
from aiartist.release.v1.release_pb2_grpc import ReleaseServiceStub
from services.artist_db import app as artist_db
from services.artist_db.settings import Settings as ArtistDbSettings
from services.chassis.ids import derived_id
from services.notifier import app as notifier
from services.notifier.settings import Settings as NotifierSettings
from services.release import app as release
from services.release.settings import Settings as ReleaseSettings
from tests.support import media, tiny_studio
from tests.support.scheduler_peers import Peers, serve_peers
from tests.support.scheduler_replica import Replica, running_scheduler


class Songwriter(Peers):
    """Writes a song of two seconds and keeps its brief where the label keeps them."""

    def __init__(self, label: ArtistDbServiceStub) -> None:
        super().__init__()
        self._label = label

    async def ComposeSong(
        self, request: Any, context: Any
    ) -> AsyncIterator[orchestrator_pb2.ComposeSongResponse]:
        self._take(request)
        # Of the whole id: two songs of one seed would be two renderings of one.
        brief_id = derived_id("brf", request.request_id)
        title = f"Song {brief_id[-8:]}"
        brief = db.StoredBrief(
            id=brief_id,
            artist_id=request.artist_id,
            run_id=request.run_id,
            persona_version=1,
            brief=media.brief(title, seed=int.from_bytes(brief_id.encode()[-8:], "big") >> 1),
            request_digest="0" * 64,
        )
        await self._label.SaveBrief(db.SaveBriefRequest(brief=brief), timeout=10)
        song = orchestrator_pb2.ComposedSong(brief_id=brief_id, brief=brief.brief)
        yield orchestrator_pb2.ComposeSongResponse(song=song)


@dataclass(frozen=True, slots=True)
class WholeLabel:
    """Its clients and its folder."""

    artists: Any
    runs: Replica
    releases: Any
    messages: Any
    songwriter: Songwriter
    data: Path

    async def stored_takes(self) -> list[db.StoredTake]:
        return list((await self.artists.ListTakes(db.ListTakesRequest(page_size=500))).takes)

    async def stored_releases(self) -> list[db.StoredRelease]:
        return list((await self.artists.ListReleases(db.ListReleasesRequest(page_size=500))).releases)

    async def artifacts(self) -> list[audio_pb2.Artifact]:
        """Every file that the books name."""
        found: list[audio_pb2.Artifact] = []
        for take in await self.stored_takes():
            for name in ("audio", "preview", "cover", "thumbnail"):
                if take.HasField(name):
                    found.append(getattr(take, name))
        for kept in await self.stored_releases():
            found += kept.files
        return found

    async def read(self, artifact: audio_pb2.Artifact) -> int:
        """How many bytes it has; an error where they are not those that were kept."""
        request = release_pb2.ReadArtifactRequest(artifact=artifact)
        return sum([len(piece.data) async for piece in self.releases.ReadArtifact(request)])

    async def problems(self, release_id: str) -> Sequence[Any]:
        """What VerifyRelease finds wrong."""
        found = await self.releases.VerifyRelease(release_pb2.VerifyReleaseRequest(release_id=release_id))
        return list(found.problems)


@asynccontextmanager
async def whole_label(database_url: str, data: Path, **release_settings: Any) -> AsyncIterator[WholeLabel]:
    """Runs while the block does; its recordings get codes of the prefixes QZABC and 4012345."""
    common: dict[str, Any] = {"port": 0, "metrics_port": 0, "ship_errors": False, "stop_grace_s": 0.0}
    stored: dict[str, Any] = {**common, "database_url": SecretStr(database_url), "db_pool_size": 5}
    async with AsyncExitStack() as stack:
        codes = {"isrc_prefix": "QZABC", "upc_prefix": "4012345"}
        books = await stack.enter_async_context(await artist_db.build(ArtistDbSettings(**stored, **codes)))
        books_at = f"127.0.0.1:{books.port}"
        teller = await stack.enter_async_context(
            await notifier.build(NotifierSettings(**stored, artist_db_addr=books_at))
        )
        artists = ArtistDbServiceStub(await _channel(stack, books.port))
        songwriter = Songwriter(artists)
        writer_at = await stack.enter_async_context(serve_peers(songwriter))
        # Nobody draws and nobody is told of providers: there are no such services at that address.
        others = {"artist_db_addr": books_at, "orchestrator_addr": books_at, "notifier_addr": books_at}
        made = ReleaseSettings(
            **common,
            **others,
            **{"data_dir": data, "release_workers": 1, "release_video": "off", **release_settings},
        )
        studio = await stack.enter_async_context(await release.build(made, tiny_studio.__name__))
        runs = await stack.enter_async_context(
            running_scheduler(
                database_url,
                writer_at,
                artist_db_addr=books_at,
                release_addr=f"127.0.0.1:{studio.port}",
                notifier_addr=f"127.0.0.1:{teller.port}",
            )
        )
        yield WholeLabel(
            artists,
            runs,
            ReleaseServiceStub(await _channel(stack, studio.port)),
            NotifierServiceStub(await _channel(stack, teller.port)),
            songwriter,
            data,
        )


async def _channel(stack: AsyncExitStack, port: int) -> grpc.aio.Channel:
    return await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}"))
