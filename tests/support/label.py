"""The whole platform in processes, with a language model that the test scripts and counts."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from pydantic import SecretStr

from aiartist.artist_db.v1 import artist_db_pb2, artist_db_pb2_grpc
from aiartist.common.v1 import persona_pb2
from aiartist.scheduler.v1 import scheduler_pb2, scheduler_pb2_grpc
from services.chassis.clients import open_channel
from services.chassis.settings import ChassisSettings
from tests.support.processes import clean_environment, ports_environment

FINAL_STATES = {
    scheduler_pb2.RUN_STATE_RELEASED,
    scheduler_pb2.RUN_STATE_REJECTED,
    scheduler_pb2.RUN_STATE_EXPIRED,
    scheduler_pb2.RUN_STATE_FAILED,
    scheduler_pb2.RUN_STATE_CANCELLED,
}

MODELS = """
[models.scripted]
litellm_model = "openai/scripted"
api_base = "{url}"
plan = "large"
timeout_s = 20
input_usd_per_mtok = 0.1
output_usd_per_mtok = 0.4

[roles.songwriter]
models = ["scripted"]
"""


def persona(name: str = "Test Pilot", **more: Any) -> persona_pb2.Persona:
    """A short-winded artist: songs of a minute, so that tests stay quick."""
    fields: dict[str, Any] = {
        "genre": "synthwave",
        "style": "Night drives, told plainly.",
        "themes": ["night drive", "harbour lights"],
        "target_duration_ms": 60_000,
    }
    return persona_pb2.Persona(name=name, **{**fields, **more})


@dataclass(slots=True)
class Label:
    """A platform's clients, made anew after each restart."""

    environment: Mapping[str, str]
    catalog: Path
    token: str = ""
    """What it shows to platforms that want one."""
    _channels: list[grpc.aio.Channel] = field(default_factory=list)

    def _channel(self, service: str) -> grpc.aio.Channel:
        token = SecretStr(self.token) if self.token else None
        settings = ChassisSettings(token=token, ship_errors=False)
        channel = open_channel(self.environment[f"AIARTIST_{service.upper()}_ADDR"], settings)
        self._channels.append(channel)
        return channel

    @property
    def artists(self) -> artist_db_pb2_grpc.ArtistDbServiceStub:
        return artist_db_pb2_grpc.ArtistDbServiceStub(self._channel("artist_db"))

    @property
    def runs(self) -> scheduler_pb2_grpc.SchedulerServiceStub:
        return scheduler_pb2_grpc.SchedulerServiceStub(self._channel("scheduler"))

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close()

    async def take_on(self, name: str = "Test Pilot") -> str:
        """A new artist; the id."""
        created = await self.artists.CreateArtist(
            artist_db_pb2.CreateArtistRequest(persona=persona(name)), timeout=10
        )
        return created.artist.id

    async def all_artists(self) -> list[artist_db_pb2.Artist]:
        """The first fifty."""
        found = await self.artists.ListArtists(artist_db_pb2.ListArtistsRequest(), timeout=10)
        return list(found.artists)

    async def start(self, artist_id: str, *, autopilot: bool = True) -> str:
        """A new run; the id."""
        started = await self.runs.StartRun(
            scheduler_pb2.StartRunRequest(artist_id=artist_id, autopilot=autopilot), timeout=10
        )
        return started.run.id

    async def run(self, run_id: str) -> scheduler_pb2.Run:
        return (await self.runs.GetRun(scheduler_pb2.GetRunRequest(run_id=run_id), timeout=10)).run

    async def until(self, run_id: str, *states: int, within_s: float = 120) -> scheduler_pb2.Run:
        """Waits for one of the states; fails where the run ends in another, or time runs out."""
        until = time.monotonic() + within_s
        while True:
            run = await self.run(run_id)
            if run.state in states:
                return run
            assert run.state not in FINAL_STATES, f"the run ended otherwise: {run}"
            assert time.monotonic() < until, f"the run is stuck: {run}"
            await asyncio.sleep(0.05)

    async def releases(self, run_id: str) -> list[artist_db_pb2.StoredRelease]:
        found = await self.artists.ListReleases(artist_db_pb2.ListReleasesRequest(run_id=run_id), timeout=10)
        return list(found.releases)


def environment_with_model(folder: Path, model_url: str) -> dict[str, str]:
    """The variables of a platform whose data lies in `folder` and whose only model is at `model_url`."""
    models = folder / "models.toml"
    models.write_text(MODELS.format(url=model_url))
    return clean_environment(
        **ports_environment(),
        AIARTIST_DATA_DIR=str(folder / "data"),
        AIARTIST_ORCHESTRATOR_MODELS_FILE=str(models),
        AIARTIST_MODEL_URL=model_url,
        AIARTIST_ORCHESTRATOR_LEASE_S="2",
        AIARTIST_RELEASE_CATALOG_DIR=str(folder / "catalog"),
        AIARTIST_SCHEDULER_HEARTBEAT_TIMEOUT_S="2",
        AIARTIST_LOG_FORMAT="json",
    )
