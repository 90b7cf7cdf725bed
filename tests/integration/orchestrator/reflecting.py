"""An orchestrator over the real artist_db, with a scripted model as reflector, and songs that are over."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import grpc
from pydantic import SecretStr

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import life_pb2 as life
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.common.v1 import decision_pb2
from aiartist.common.v1.brief_pb2 import Brief, Section
from aiartist.common.v1.persona_pb2 import Persona
from aiartist.orchestrator.v1 import orchestrator_pb2 as pb
from aiartist.orchestrator.v1.orchestrator_pb2_grpc import OrchestratorServiceStub
from services.artist_db.app import build as build_artist_db
from services.artist_db.settings import Settings as ArtistDbSettings
from services.chassis.clients import open_channel
from services.chassis.ids import derived_id
from services.chassis.persona_fields import value_of
from services.orchestrator.app import build
from services.orchestrator.settings import Settings
from tests.integration.artist_db.samples import persona, sha256
from tests.support.fake_upstream import FakeUpstream, Say

PROVIDERS = ("openai", "anthropic", "gemini", "mistral", "deepseek", "xai")
MODELS = """
[models.large]
litellm_model = "openai/large"
api_base = "{url}"
plan = "large"
timeout_s = 20
direct = true
json_mode = "object"
{key}
[roles.{role}]
models = ["large"]
"""


@dataclass
class Bed:
    """Both services, and what a test does with them."""

    artists: ArtistDbServiceStub
    sql: "asyncpg.Connection[asyncpg.Record]"
    upstream: FakeUpstream
    artist: db.Artist
    orchestrator: OrchestratorServiceStub
    restart: Any
    """Begins the orchestrator anew, its models file with another role or a missing key: an async function."""
    _runs: list[str] = field(default_factory=list)

    @property
    def persona(self) -> Persona:
        """As it was at first."""
        return self.artist.persona

    async def now(self) -> db.Artist:
        return (await self.artists.GetArtist(db.GetArtistRequest(artist_id=self.artist.id))).artist

    async def song(self, *, reason: str = "", rejected: bool = False, title: str = "") -> str:
        """A song that is over: a person decided. The run's id."""
        number = len(self._runs) + 1
        run_id = f"run_{number}"
        brief_id = derived_id("brf", run_id)
        await self.artists.SaveBrief(
            db.SaveBriefRequest(
                brief=db.StoredBrief(
                    id=brief_id,
                    artist_id=self.artist.id,
                    run_id=run_id,
                    persona_version=(await self.now()).persona_version,
                    brief=Brief(
                        title=title or f"Neon Rain {number}",
                        genre="synthwave",
                        theme="leaving",
                        mood="wistful",
                        tempo_bpm=96,
                        key="A minor",
                        sections=[Section(kind=Section.KIND_VERSE, bars=8, lines=["I left the light on"])],
                    ),
                    request_digest=sha256(run_id),
                )
            )
        )
        verdict = decision_pb2.VERDICT_REJECTED if rejected else decision_pb2.VERDICT_APPROVED
        outcome = life.RunOutcome(
            run_id=run_id,
            artist_id=self.artist.id,
            state="REJECTED" if rejected else "RELEASED",
            decision=decision_pb2.Decision(verdict=verdict, reason=reason, decided_by="cli:vera"),
            brief_id=brief_id,
            title=title or f"Neon Rain {number}",
            takes=1,
            ending=1,
        )
        moment = await self.sql.fetchval("SELECT clock_timestamp()")
        for time in (outcome.started_at, outcome.ended_at, outcome.decision.decided_at):
            time.FromDatetime(moment)
        await self.artists.RecordRunOutcome(life.RecordRunOutcomeRequest(outcome=outcome))
        self._runs.append(run_id)
        return run_id

    async def songs(self, count: int) -> str:
        """Several, all approved; the last run."""
        for _ in range(count):
            await self.song()
        return self._runs[-1]

    async def evolves(self, how: db.Evolve.ValueType) -> None:
        await self.artists.SetEvolve(db.SetEvolveRequest(artist_id=self.artist.id, evolve=how))

    def answers(self, *answers: Any) -> None:
        """What the model says next: values as JSON, text as it is."""
        told = [answer if isinstance(answer, str) else json.dumps(answer) for answer in answers]
        self.upstream.next("large", *map(Say, told))

    async def reflect(self, run_id: str, request_id: str = "") -> life.PersonaChange:
        request = pb.ReflectRequest(
            request_id=request_id or f"reflect/{run_id}", run_id=run_id, artist_id=self.artist.id
        )
        return (await self.orchestrator.Reflect(request, timeout=30)).change

    @property
    def calls(self) -> int:
        """How often a model was called."""
        return len(self.upstream.asked)

    @property
    def question(self) -> str:
        """All words of the last question."""
        return "\n".join(message["content"] for message in self.upstream.asked[-1].body["messages"])


def wants(field_name: str, new: Any, old: Persona, facts: Sequence[str] = ("F1", "F3")) -> dict[str, Any]:
    """A change as a reflector answers it, from the value that the field has."""
    return {
        "decision": "change",
        "field": field_name,
        "from": json.loads(value_of(old, field_name)),
        "to": new,
        "why": "People like the colder songs.",
        "facts": list(facts),
    }


NOTHING = {
    "decision": "no_change",
    "field": "",
    "from": None,
    "to": None,
    "why": "Too early.",
    "facts": ["F3"],
}


@asynccontextmanager
async def reflecting(
    database_url: str, folder: Path, upstream: FakeUpstream, notifier_addr: str
) -> AsyncIterator[Bed]:
    """The bed while the block runs."""
    of_artists = ArtistDbSettings(
        database_url=SecretStr(database_url), port=0, metrics_port=0, ship_errors=False, stop_grace_s=0
    )
    sql = await asyncpg.connect(database_url, server_settings={"search_path": "artist_db"})
    async with (
        await build_artist_db(of_artists) as artist_db,
        open_channel(f"127.0.0.1:{artist_db.port}", of_artists) as to_artist_db,
    ):
        artists = ArtistDbServiceStub(to_artist_db)
        file = folder / "models.toml"
        running: list[Any] = []

        async def restart(*, role: str = "reflector", key: str = "") -> None:
            for thing in reversed(running):
                await thing.close()
            file.write_text(MODELS.format(url=upstream.url, role=role, key=key))
            settings = Settings(
                port=0,
                metrics_port=0,
                artist_db_addr=f"127.0.0.1:{artist_db.port}",
                notifier_addr=notifier_addr,
                orchestrator_models_file=file,
                stop_grace_s=0,
                other_api_keys={},
                model_overrides={},
                **{f"{provider}_api_key": None for provider in PROVIDERS},  # type: ignore[arg-type]
            )
            app = await build(settings)
            await app.start()
            channel = grpc.aio.insecure_channel(f"127.0.0.1:{app.port}")
            running[:] = [app, channel]
            bed.orchestrator = OrchestratorServiceStub(channel)

        made = await artists.CreateArtist(db.CreateArtistRequest(persona=persona(themes=["neon", "leaving"])))
        bed = Bed(artists, sql, upstream, made.artist, None, restart)  # type: ignore[arg-type]
        await restart()
        try:
            yield bed
        finally:
            for thing in reversed(running):
                await thing.close()
            await sql.close()
