"""A label for the control panel: real artist_db, scheduler and orders about errors over one
database, and a stub of release."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import grpc
from grpc_health.v1.health_pb2_grpc import HealthStub
from pydantic import SecretStr

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.error_analyzer.v1.error_analyzer_pb2_grpc import ErrorAnalyzerServiceStub
from aiartist.notifier.v1.notifier_pb2 import RequestApprovalRequest
from aiartist.release.v1 import release_pb2, release_pb2_grpc
from aiartist.scheduler.v1 import scheduler_pb2 as sched
from aiartist.scheduler.v1.scheduler_pb2_grpc import SchedulerServiceStub
from services.artist_db.app import build as build_artist_db
from services.artist_db.settings import Settings as ArtistDbSettings
from services.chassis.chain import Chain
from services.chassis.clients import open_channel
from services.chassis.database import Database
from services.chassis.errors import FieldViolation, InvalidInput
from services.chassis.layers import ErrorsToStatus
from services.chassis.lifecycle import App
from services.notifier.domain import question
from services.notifier.panel.panel import Panel
from services.notifier.panel.screen import Screen, Shown
from services.notifier.peers import Peers
from services.notifier.people import Person, Role
from services.notifier.schema import SCHEMA
from services.notifier.store import approvals, messages
from services.notifier.telegram.writer import Habits
from tests.support import scheduler_peers
from tests.support.error_desk import ErrorDesk, error_desk
from tests.support.fake_telegram.html_text import parse_html
from tests.support.label import persona
from tests.support.scheduler_replica import Replica, running_scheduler
from tests.support.stub_stages import StubStages

CALL_S = 30.0
VIEWER = Person(11, Role.VIEWER, "vito")
APPROVER = Person(12, Role.APPROVER, "anna")
OPERATOR = Person(13, Role.OPERATOR, "olga")


class _Release(release_pb2_grpc.ReleaseServiceServicer):
    async def VerifyRelease(self, request: Any, context: Any) -> release_pb2.VerifyReleaseResponse:
        if not request.release_id:
            raise InvalidInput([FieldViolation("release_id", "is required")])
        return release_pb2.VerifyReleaseResponse()


@dataclass(slots=True)
class FakeLabel:
    """The services, their clients, the panel, and short ways to use it."""

    database: Database
    """notifier's own."""
    artist_db: App
    scheduler: Replica
    stages: StubStages
    peers: Peers
    panel: Panel
    sql: "asyncpg.Connection[asyncpg.Record]"
    """Beside the services; names need their schema."""
    errors: ErrorDesk
    """error_analyzer's part in orders."""
    asked: int = field(default=0)

    @classmethod
    @asynccontextmanager
    async def running(cls, database_url: str) -> AsyncIterator["FakeLabel"]:
        """All of it while the block runs."""
        stages = StubStages()
        settings = ArtistDbSettings(
            database_url=SecretStr(database_url), port=0, metrics_port=0, ship_errors=False, stop_grace_s=1
        )
        async with (
            await build_artist_db(settings) as artist_db,
            _release_served() as release_address,
            scheduler_peers.serve_peers(scheduler_peers.Peers()) as others,
            running_scheduler(
                database_url, others, stages.all, artist_db_addr=f"127.0.0.1:{artist_db.port}"
            ) as scheduler,
            open_channel(f"127.0.0.1:{scheduler.app.port}", settings) as to_scheduler,
            open_channel(f"127.0.0.1:{artist_db.port}", settings) as to_artist_db,
            open_channel(release_address, settings) as to_release,
            error_desk(f"127.0.0.1:{artist_db.port}") as errors,
            open_channel(errors.address, settings) as to_errors,
            Database.open(database_url, schema=SCHEMA, pool_size=4) as database,
        ):
            peers = Peers(
                SchedulerServiceStub(to_scheduler),
                ArtistDbServiceStub(to_artist_db),
                release_pb2_grpc.ReleaseServiceStub(to_release),
                ErrorAnalyzerServiceStub(to_errors),
                {"scheduler": HealthStub(to_scheduler), "artist_db": HealthStub(to_artist_db)},
            )
            panel = Panel(peers, Habits(ZoneInfo("UTC"), None))
            sql = await asyncpg.connect(database_url)
            try:
                yield cls(database, artist_db, scheduler, stages, peers, panel, sql, errors)
            finally:
                await sql.close()

    async def send(self, person: Person, text: str, *, key: str = "") -> Screen:
        """Somebody writes a command."""
        name, _, rest = text.removeprefix("/").partition(" ")
        async with self.database.transaction() as connection:
            return await self.panel.command(connection, person, name, rest, key=key or self._next_key())

    async def press(self, person: Person, data: str, *, key: str = "") -> Shown:
        """Somebody presses a button."""
        async with self.database.transaction() as connection:
            return await self.panel.press(connection, person, data, key=key or self._next_key())

    def _next_key(self) -> str:
        self.asked += 1
        return f"telegram/1/{self.asked}"

    async def take_on(self, name: str = "Nova Vale") -> str:
        """A new artist; the id."""
        request = db.CreateArtistRequest(persona=persona(name))
        return str((await self.peers.artist_db.CreateArtist(request, timeout=CALL_S)).artist.id)

    async def artist(self, artist_id: str) -> db.Artist:
        found = await self.peers.artist(artist_id)
        assert found is not None
        return found

    async def runs(self) -> list[sched.Run]:
        """The newest 500."""
        request = sched.ListRunsRequest(page_size=500)
        return list((await self.peers.scheduler.ListRuns(request, timeout=CALL_S)).runs)

    async def insert_runs(self, count: int, artist_id: str, state: str = "RELEASED") -> list[str]:
        """Old runs, each a second older than the one before; ids, the newest first."""
        rows = await self.sql.fetch(
            """
            INSERT INTO scheduler.runs (id, artist_id, state, stage, place, autopilot, started_by, title,
                created_at, updated_at)
            SELECT 'run_' || lpad(n::text, 26, '0'), $2, $3, 'PUBLISH', 'none', true, 'cadence',
                'Song ' || n, now() - n * interval '1 second', now()
            FROM generate_series(1, $1::integer) AS n
            RETURNING id
            """,
            count, artist_id, state,
        )  # fmt: skip
        return sorted(row["id"] for row in rows)

    async def ask(self, run_id: str, title: str = "Neon Rain", artist: str = "Nova Vale") -> str:
        """A question that is open; the message's id."""
        request = RequestApprovalRequest(
            run_id=run_id, artist_id="art_1", title=title, artist_name=artist, content_digest="sha256:1"
        )
        async with self.database.transaction() as connection:
            message_id = await messages.insert(connection, question(request))
            await approvals.insert(connection, message_id, request, remind_after_s=0)
        return message_id

    async def record_error(self, number: int, seen: datetime, *, title: str = "", text: str = "") -> str:
        """One occurrence of an error group; its fingerprint."""
        fingerprint = f"{number:032x}"
        occurrence = db.ErrorOccurrences(
            fingerprint=fingerprint, title=title or f"Trouble {number}", culprit="services.x.y", count=1
        )
        sample = occurrence.samples.add(service="scheduler", message="stage failed", text=text or "boom")
        sample.time.FromDatetime(seen)
        request = db.RecordErrorsRequest(occurrences=[occurrence])
        await self.peers.artist_db.RecordErrors(request, timeout=CALL_S)
        return fingerprint


def text_of(screen: Screen | None) -> str:
    """What people read."""
    assert screen is not None
    return parse_html(screen.text.html)[0]


def buttons(screen: Screen | None) -> dict[str, str]:
    """Data by text."""
    assert screen is not None
    return {button.text: button.data for row in screen.keyboard for button in row}


@asynccontextmanager
async def _release_served() -> AsyncIterator[str]:
    server = grpc.aio.server(interceptors=[Chain([ErrorsToStatus()])], options=[("grpc.so_reuseport", 0)])
    release_pb2_grpc.add_ReleaseServiceServicer_to_server(_Release(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)
