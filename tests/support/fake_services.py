"""The services as the command line sees them: in memory, over a real server.

They keep the contract's answers (reasons, states, etags).
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
from grpc_health.v1 import health_pb2_grpc

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import artist_state_pb2
from aiartist.artist_db.v1.artist_db_pb2_grpc import (
    ArtistDbServiceServicer,
    add_ArtistDbServiceServicer_to_server,
)
from aiartist.common.v1.decision_pb2 import SILENCE_ANSWER_HOLD
from aiartist.notifier.v1.notifier_pb2_grpc import add_NotifierServiceServicer_to_server
from aiartist.orchestrator.v1.orchestrator_pb2_grpc import add_OrchestratorServiceServicer_to_server
from aiartist.release.v1 import release_pb2
from aiartist.release.v1.release_pb2_grpc import ReleaseServiceServicer, add_ReleaseServiceServicer_to_server
from aiartist.scheduler.v1.scheduler_pb2_grpc import (
    add_SchedulerServiceServicer_to_server,
)
from services.chassis.chain import Chain
from services.chassis.errors import (
    AlreadyExists,
    EtagMismatch,
    FieldViolation,
    InvalidInput,
    NotFound,
    WrongState,
)
from services.chassis.health import Health
from services.chassis.ids import derived_id
from services.chassis.layers import ErrorsToStatus
from services.chassis.paging import page_request
from tests.support.fake_llm import FakeBudgets, FakeOrchestrator
from tests.support.fake_messages import FakeMessages
from tests.support.fake_scheduler import NOON, FakeScheduler

_NOT_RETIRED = ("CANDIDATE", "ACTIVE", "EVOLVING", "PAUSED")


class FakeArtistDb(FakeBudgets, ArtistDbServiceServicer):
    """Artists by id, their versions, takes, releases, budgets and error groups; every request that came."""

    def __init__(self) -> None:
        super().__init__()
        self.artists: dict[str, db.Artist] = {}
        self.versions: dict[str, list[db.PersonaVersion]] = {}
        self.takes: list[db.StoredTake] = []
        self.releases: list[db.StoredRelease] = []
        self.groups: list[db.ErrorGroup] = []
        self.violations: Sequence[FieldViolation] = ()
        """What the next personas are refused for."""

    def add(self, name: str, **fields: Any) -> db.Artist:
        artist = db.Artist(
            id=derived_id("art", name),
            persona_version=1,
            state=artist_state_pb2.ARTIST_STATE_ACTIVE,
            etag="1",
            **fields,
        )
        artist.persona.name = name
        artist.persona.genre = artist.persona.genre or "synthwave"
        artist.created_at.seconds = artist.updated_at.seconds = NOON
        self.artists[artist.id] = artist
        self._keep_version(artist, "taken on")
        return artist

    def _keep_version(self, artist: db.Artist, reason: str) -> None:
        version = db.PersonaVersion(
            artist_id=artist.id, version=artist.persona_version, persona=artist.persona, reason=reason
        )
        version.created_at.seconds = NOON
        self.versions.setdefault(artist.id, []).insert(0, version)

    def _found(self, artist_id: str) -> db.Artist:
        if artist_id not in self.artists:
            raise NotFound("artist", artist_id)
        return self.artists[artist_id]

    async def CreateArtist(self, request: db.CreateArtistRequest, context: Any) -> db.CreateArtistResponse:
        self.requests.append(request)
        if self.violations:
            raise InvalidInput(self.violations)
        if any(artist.persona.name == request.persona.name for artist in self.artists.values()):
            raise AlreadyExists("artist", request.persona.name)
        artist = self.add(
            request.persona.name,
            persona=request.persona,
            cadence=request.cadence if request.HasField("cadence") else None,
            autopilot_enabled=request.autopilot_enabled,
            on_silence=request.on_silence or SILENCE_ANSWER_HOLD,
        )
        return db.CreateArtistResponse(artist=artist)

    async def GetArtist(self, request: db.GetArtistRequest, context: Any) -> db.GetArtistResponse:
        if request.WhichOneof("by") == "artist_id":
            return db.GetArtistResponse(artist=self._found(request.artist_id))
        for artist in self.artists.values():
            if artist.persona.name == request.name:
                return db.GetArtistResponse(artist=artist)
        raise NotFound("artist", request.name)

    async def ListArtists(self, request: db.ListArtistsRequest, context: Any) -> db.ListArtistsResponse:
        self.requests.append(request)
        page = page_request(request, keys=1)
        rows = sorted(self.artists.values(), key=lambda artist: artist.persona.name)
        rows = [row for row in rows if not request.states or row.state in request.states]
        rows = [row for row in rows if page.after is None or row.persona.name > page.after[0]]
        kept, token = page.cut(rows[: page.size + 1], key=lambda row: (row.persona.name,))
        return db.ListArtistsResponse(artists=kept, next_page_token=token)

    async def UpdateArtist(self, request: db.UpdateArtistRequest, context: Any) -> db.UpdateArtistResponse:
        self.requests.append(request)
        artist = self._found(request.artist_id)
        if request.etag != artist.etag:
            raise EtagMismatch("artist", artist.id, current=artist.etag)
        if request.HasField("persona"):
            artist.persona.CopyFrom(request.persona)
            self._next_version(artist, request.reason)
        if request.HasField("cadence"):
            artist.cadence.CopyFrom(request.cadence)
        return db.UpdateArtistResponse(artist=artist)

    def _next_version(self, artist: db.Artist, reason: str) -> None:
        artist.persona_version += 1
        artist.etag = f"{int(artist.etag) + 1}"
        self._keep_version(artist, reason)

    async def SetAutopilot(self, request: db.SetAutopilotRequest, context: Any) -> db.SetAutopilotResponse:
        self.requests.append(request)
        artist = self._found(request.artist_id)
        artist.autopilot_enabled = request.enabled
        return db.SetAutopilotResponse(artist=artist)

    async def SetSilenceAnswer(
        self, request: db.SetSilenceAnswerRequest, context: Any
    ) -> db.SetSilenceAnswerResponse:
        self.requests.append(request)
        artist = self._found(request.artist_id)
        artist.on_silence = request.on_silence
        return db.SetSilenceAnswerResponse(artist=artist)

    async def PauseArtist(self, request: db.PauseArtistRequest, context: Any) -> db.PauseArtistResponse:
        return db.PauseArtistResponse(artist=self._move(request, "PAUSED", "ACTIVE", "EVOLVING"))

    async def ResumeArtist(self, request: db.ResumeArtistRequest, context: Any) -> db.ResumeArtistResponse:
        return db.ResumeArtistResponse(artist=self._move(request, "ACTIVE", "PAUSED"))

    async def RetireArtist(self, request: db.RetireArtistRequest, context: Any) -> db.RetireArtistResponse:
        return db.RetireArtistResponse(artist=self._move(request, "RETIRED", *_NOT_RETIRED))

    def _move(self, request: Any, to: str, *from_states: str) -> db.Artist:
        self.requests.append(request)
        artist = self._found(request.artist_id)
        now = artist_state_pb2.ArtistState.Name(artist.state).removeprefix("ARTIST_STATE_")
        if now not in from_states:
            raise WrongState("artist", artist.id, state=now, expected=" or ".join(from_states))
        artist.state = artist_state_pb2.ArtistState.Value(f"ARTIST_STATE_{to}")
        return artist

    async def ListPersonaVersions(
        self, request: db.ListPersonaVersionsRequest, context: Any
    ) -> db.ListPersonaVersionsResponse:
        return db.ListPersonaVersionsResponse(versions=self.versions[request.artist_id])

    async def RestorePersonaVersion(
        self, request: db.RestorePersonaVersionRequest, context: Any
    ) -> db.RestorePersonaVersionResponse:
        self.requests.append(request)
        artist = self._found(request.artist_id)
        kept = [v for v in self.versions[artist.id] if v.version == request.version]
        if not kept:
            raise NotFound("persona version", f"{request.version}")
        artist.persona.CopyFrom(kept[0].persona)
        self._next_version(artist, f"restored version {request.version}")
        return db.RestorePersonaVersionResponse(artist=artist)

    async def ListTakes(self, request: db.ListTakesRequest, context: Any) -> db.ListTakesResponse:
        takes = [take for take in self.takes if take.run_id == request.run_id]
        return db.ListTakesResponse(takes=takes[::-1])

    async def ListReleases(self, request: db.ListReleasesRequest, context: Any) -> db.ListReleasesResponse:
        wanted = [r for r in self.releases if not request.artist_id or r.artist_id == request.artist_id]
        return db.ListReleasesResponse(releases=wanted)

    async def GetRelease(self, request: db.GetReleaseRequest, context: Any) -> db.GetReleaseResponse:
        for release in self.releases:
            if release.id == request.release_id:
                return db.GetReleaseResponse(release=release)
        raise NotFound("release", request.release_id)

    async def ListErrorGroups(
        self, request: db.ListErrorGroupsRequest, context: Any
    ) -> db.ListErrorGroupsResponse:
        groups = [g for g in self.groups if not request.service or request.service in g.services]
        return db.ListErrorGroupsResponse(groups=groups)

    async def GetErrorGroup(self, request: db.GetErrorGroupRequest, context: Any) -> db.GetErrorGroupResponse:
        for group in self.groups:
            if group.fingerprint == request.fingerprint:
                return db.GetErrorGroupResponse(group=group)
        raise NotFound("error group", request.fingerprint)


class FakeRelease(ReleaseServiceServicer):
    """VerifyRelease, ListMusicProviders, PublishRelease and TakeDownRelease alone."""

    def __init__(self) -> None:
        self.problems: list[release_pb2.PackageProblem] = []
        self.music_providers: list[release_pb2.MusicProvider] = []
        self.outcomes: list[release_pb2.TargetOutcome] = []
        self.requests: list[Any] = []

    async def PublishRelease(
        self, request: release_pb2.PublishReleaseRequest, context: Any
    ) -> AsyncIterator[release_pb2.PublishReleaseResponse]:
        self.requests.append(request)
        for done in range(3):
            response = release_pb2.PublishReleaseResponse()
            response.progress.step, response.progress.done, response.progress.total = "s3: uploading", done, 3
            yield response
        publication = release_pb2.PublishedRelease(release_id=request.release_id, targets=self.outcomes)
        yield release_pb2.PublishReleaseResponse(publication=publication)

    async def TakeDownRelease(
        self, request: release_pb2.TakeDownReleaseRequest, context: Any
    ) -> release_pb2.TakeDownReleaseResponse:
        self.requests.append(request)
        return release_pb2.TakeDownReleaseResponse(targets=self.outcomes)

    async def ListMusicProviders(
        self, request: release_pb2.ListMusicProvidersRequest, context: Any
    ) -> release_pb2.ListMusicProvidersResponse:
        return release_pb2.ListMusicProvidersResponse(providers=self.music_providers)

    async def VerifyRelease(
        self, request: release_pb2.VerifyReleaseRequest, context: Any
    ) -> release_pb2.VerifyReleaseResponse:
        return release_pb2.VerifyReleaseResponse(
            problems=self.problems, files_checked=6, location=f"releases/{request.release_id}"
        )


class FakePlatform:
    """The five on one server, with health; it can stop and come back at the same address."""

    def __init__(self) -> None:
        self.artist_db = FakeArtistDb()
        self.scheduler = FakeScheduler()
        self.release = FakeRelease()
        self.orchestrator = FakeOrchestrator()
        self.notifier = FakeMessages()
        self.port = 0
        self._server: grpc.aio.Server | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Where the command line finds everything."""
        services = ("SCHEDULER", "ARTIST_DB", "ORCHESTRATOR", "RELEASE", "NOTIFIER", "ERROR_ANALYZER")
        return {f"AIARTIST_{service}_ADDR": self.address for service in services}

    async def start(self, *, ready: bool = True) -> None:
        """Serves, at the address of before where there was one."""
        server = grpc.aio.server(interceptors=[Chain([ErrorsToStatus()])], options=[("grpc.so_reuseport", 0)])
        add_ArtistDbServiceServicer_to_server(self.artist_db, server)
        add_SchedulerServiceServicer_to_server(self.scheduler, server)
        add_ReleaseServiceServicer_to_server(self.release, server)
        add_OrchestratorServiceServicer_to_server(self.orchestrator, server)
        add_NotifierServiceServicer_to_server(self.notifier, server)
        health = Health([])
        await health.set_ready(ready)
        health_pb2_grpc.add_HealthServicer_to_server(health, server)
        self.port = server.add_insecure_port(f"127.0.0.1:{self.port}")
        await server.start()
        self._server = server

    async def stop(self) -> None:
        """Breaks every call off at once."""
        if self._server is not None:
            await self._server.stop(None)
            self._server = None


@asynccontextmanager
async def fake_platform() -> AsyncIterator[FakePlatform]:
    """Serves while the block runs."""
    platform = FakePlatform()
    await platform.start()
    try:
        yield platform
    finally:
        await platform.stop()
