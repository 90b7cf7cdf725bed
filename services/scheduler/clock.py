"""What happens by time alone: retries that are due, silence that is answered, artists whose turn it is."""

import asyncio
from datetime import UTC

import grpc

from aiartist.artist_db.v1 import artist_db_pb2, artist_db_pb2_grpc, artist_state_pb2
from services.chassis import logs, tracing
from services.chassis.database import DATABASE_TROUBLE
from services.chassis.errors import remote_error
from services.chassis.ids import new_id
from services.chassis.outage import Outage
from services.scheduler import metrics, traces
from services.scheduler.admission import Admission
from services.scheduler.cadence import NO_RESTRAINT, Cadence, Regular, Restraint, due_now
from services.scheduler.domain import Machine
from services.scheduler.stages.streams import SHORT_CALL_S
from services.scheduler.store import Store
from services.scheduler.waiting import Bell, first_of

SILENCE_BATCH = 100
PAGE = 500

_log = logs.get_logger("scheduler.clock")


class Clock:
    """Ticks in every replica; what a tick does is decided in the database, once."""

    def __init__(
        self,
        store: Store,
        machine: Machine,
        admission: Admission,
        over: Bell,
        artist_db: artist_db_pb2_grpc.ArtistDbServiceStub,
        closing: asyncio.Event,
        restraint: Restraint = NO_RESTRAINT,
    ) -> None:
        self._store = store
        self._admission = admission
        self._over = over
        self._restraint = restraint
        self._machine = machine
        self._artist_db = artist_db
        self._closing = closing

    async def tick_runs(self, every_s: float) -> None:
        """Answers silence, rescues runs, and wakes the admission for runs whose time has come."""
        database = Outage(_log, "the database")
        while not self._closing.is_set():
            try:
                await self.answer_silence()
                await self.rescue()
                if await self._store.anybody_wants_a_place():
                    self._admission.wake()
            except DATABASE_TROUBLE as error:
                database.noticed(error)
            else:
                database.over()
            await first_of(self._closing, timeout_s=every_s)

    async def tick_cadence(self, every_s: float) -> None:
        """Starts runs of artists that are due."""
        database, artist_db = Outage(_log, "the database"), Outage(_log, "artist_db")
        while not self._closing.is_set():
            try:
                await self.start_due()
            except grpc.aio.AioRpcError as error:
                artist_db.noticed(remote_error(error))
            except DATABASE_TROUBLE as error:
                database.noticed(error)
            else:
                artist_db.over()
                database.over()
            await first_of(self._closing, timeout_s=every_s)

    async def rescue(self) -> None:
        """Gives a job to runs that hold a place but lost theirs, as when the database broke off."""
        rescued = await self._store.rescue()
        if rescued:
            _log.warning("runs had lost their jobs and got new ones", run_ids=rescued)

    async def answer_silence(self) -> None:
        """Ends or approves what nobody answered in time, as each run says."""
        for run in await self._store.expired(SILENCE_BATCH):
            answered = await self._store.save(self._machine.answer_silence(run))
            if answered is not None:
                traces.tell(run, answered)
                self._admission.wake()
                self._over.ring()
                _log.info(
                    "nobody answered in time", run_id=run.id, artist_id=run.artist_id, state=answered.state
                )

    async def start_due(self) -> None:
        """One run for each artist that is due and may start."""
        artists = await self._regulars()
        last_runs = await self._store.last_runs(
            [artist.artist_id for artist in artists], most_a_week=self._restraint.most_a_week
        )
        for due in due_now(artists, last_runs, await self._store.now(), self._restraint):
            run_id, artist_id = new_id("run"), due.regular.artist_id
            with tracing.root(traces.SERVICE, "start by cadence", run_id=run_id, artist_id=artist_id) as span:
                run = self._machine.new(
                    run_id,
                    artist_id,
                    autopilot=due.regular.autopilot,
                    started_by="cadence",
                    traceparent=tracing.traceparent(),
                )
                async with self._store.transaction() as connection:
                    started = await self._store.insert(connection, run, due_at=due.due_at)
                span.set(outcome="started" if started else "another replica was faster")
            self._admission.wake()
            if started is not None:
                metrics.RUNS_STARTED.labels("cadence").inc()
                _log.info("run started by cadence", run_id=run.id, artist_id=run.artist_id)

    async def _regulars(self) -> list[Regular]:
        found: list[Regular] = []
        token = ""
        while True:
            page = await self._artist_db.ListArtists(
                artist_db_pb2.ListArtistsRequest(
                    states=[artist_state_pb2.ARTIST_STATE_ACTIVE, artist_state_pb2.ARTIST_STATE_EVOLVING],
                    with_cadence=True,
                    page_size=PAGE,
                    page_token=token,
                ),
                timeout=SHORT_CALL_S,
            )
            found += [
                Regular(
                    artist.id,
                    Cadence(artist.cadence.interval_s, artist.cadence.cron),
                    artist.autopilot_enabled,
                    artist.created_at.ToDatetime(tzinfo=UTC),
                )
                for artist in page.artists
            ]
            token = page.next_page_token
            if not token:
                return found
