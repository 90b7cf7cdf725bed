"""How long a press on Telegram takes to be recorded, with and without 10,000 questions that wait."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import asyncpg
import grpc

from aiartist.notifier.v1.notifier_pb2_grpc import NotifierServiceStub
from aiartist.scheduler.v1 import scheduler_pb2, scheduler_pb2_grpc
from services.notifier.app import build
from services.notifier.settings import Settings
from tests.bench.harness import ServerProcess, fill_waiting_runs, fresh_database, line
from tests.bench.scheduler_server import peers, serve_scheduler
from tests.support.fake_peers import FakePeers
from tests.support.fake_telegram import FakeTelegram, Message
from tests.support.postgres import TestServer
from tests.support.processes import free_port

WAITING = 10_000
PRESSES = 200
GAP_S = 0.05
"""Between two presses."""
VERA, CHAT = 11, -1001

_FILL = """
WITH said AS (
    INSERT INTO messages (id, kind, severity, title, body, run_id, artist_id, approval)
    SELECT 'msg_' || lpad(n::text, 26, '0'), 'approval', 'info', 'Song ' || n, '',
        'run_' || lpad(n::text, 26, '0'), 'art_1', '\\x00'
    FROM generate_series(1, $1) AS n
    RETURNING id, position, run_id
), asked AS (
    INSERT INTO approvals (message_id, run_id, artist_id, title, artist_name, take_number, content_digest,
        remind_at)
    SELECT id, run_id, 'art_1', 'Song', 'Nova Vale', 1, 'sha256:' || id, now() + interval '1 day' FROM said
)
INSERT INTO deliveries (message_id, chat_id, position, state)
SELECT id, $2, position, 'in_digest' FROM said
"""
_RECORDED = "SELECT run_id, extract(epoch FROM closed_at)::float8 FROM notifier.approvals WHERE verdict <> ''"


async def serve_notifier(
    tell: Callable[[int], None],
    stop: asyncio.Event,
    dsn: str,
    telegram: str,
    scheduler: str,
    others: str,
    port: int,
) -> None:
    token, _, base = telegram.partition(" ")
    settings = Settings(
        port=port,
        metrics_port=0,
        database_url=dsn,  # type: ignore[arg-type]
        ship_errors=False,
        log_level="error",
        notifier_digest_from=500,
        telegram_token=token,  # type: ignore[arg-type]
        telegram_api_base=base,
        telegram_chat_ids=(CHAT,),
        telegram_people=f"{VERA}:approver:Vera",  # type: ignore[arg-type]
        telegram_chat_interval_s=0,
        scheduler_addr=scheduler,
        artist_db_addr=others,
        release_addr=others,
    )
    async with await build(settings) as app:
        tell(app.port)
        await stop.wait()


class Bed:
    """Scheduler and notifier in processes of their own, on a database of their own."""

    def __init__(self, dsn: str, telegram: FakeTelegram, songs: FakePeers) -> None:
        self._dsn = dsn
        self._telegram = telegram
        self._songs = songs
        self._runs_done = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Bed"]:
        async with AsyncExitStack() as stack:
            notifier_port = free_port()
            label = await stack.enter_async_context(peers())
            scheduler = await ServerProcess.started(
                serve_scheduler, self._dsn, 4, label, f"127.0.0.1:{notifier_port}"
            )
            stack.callback(scheduler.close)
            self.notifier = await ServerProcess.started(
                serve_notifier,
                self._dsn,
                f"{self._telegram.token} {self._telegram.url}",
                f"127.0.0.1:{scheduler.port}",
                self._songs.address,
                notifier_port,
            )
            stack.callback(self.notifier.close)
            self._notifier_stub = NotifierServiceStub(
                await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{notifier_port}"))
            )
            self._scheduler_stub = scheduler_pb2_grpc.SchedulerServiceStub(
                await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{scheduler.port}"))
            )
            yield self

    async def ask(self) -> list[Message]:
        """Asks the questions that will be pressed, whose runs wait already; their messages."""
        for number in range(1, PRESSES + 1):
            request = self._songs.song(number, title=f"Song {number}")
            request.run_id = f"run_{number:026}"
            request.content_digest = await self._digest(number)
            self._songs.takes[request.take_id].content_digest = request.content_digest
            self._songs.takes[request.take_id].run_id = request.run_id
            await self._notifier_stub.RequestApproval(request)
        wanted = f"Song {PRESSES} (take 1)"
        await self._telegram.wait_for(CHAT, lambda message: message.title == wanted, timeout=300)
        return [message for message in self._telegram.messages(CHAT) if message.buttons]

    async def press(self, cards: list[Message]) -> list[float]:
        """Presses one after the other; seconds from each press to the record of its decision."""
        pressed = {}
        for card in cards:
            number = int(card.title.split()[1])
            pressed[f"run_{number:026}"] = time.time()
            await self._telegram.press(VERA, CHAT, card, "✅ Approve")
            await asyncio.sleep(GAP_S)
        connection = await asyncpg.connect(self._dsn)
        try:
            while True:
                recorded = dict(await connection.fetch(_RECORDED))
                if pressed.keys() <= recorded.keys():
                    return [recorded[run_id] - at for run_id, at in pressed.items()]
                await asyncio.sleep(0.05)
        finally:
            await connection.close()

    async def other_artists(self) -> None:
        """Runs of other artists, one after the other, until cancelled."""
        while True:
            started = await self._scheduler_stub.StartRun(
                scheduler_pb2.StartRunRequest(artist_id="art_other", autopilot=True), timeout=30
            )
            while True:
                request = scheduler_pb2.GetRunRequest(run_id=started.run.id)
                run = (await self._scheduler_stub.GetRun(request, timeout=30)).run
                if run.state == scheduler_pb2.RUN_STATE_RELEASED:
                    break
                await asyncio.sleep(0.01)
            self._runs_done += 1

    async def measure(self) -> tuple[list[float], float, float]:
        """Seconds of each press, runs of other artists a second meanwhile, and notifier's MB after it."""
        cards = await self.ask()
        others = asyncio.create_task(self.other_artists())
        began = time.perf_counter()
        try:
            seconds = await self.press(cards)
            rate = self._runs_done / (time.perf_counter() - began)
        finally:
            others.cancel()
            with suppress(asyncio.CancelledError):
                await others
        return seconds, rate, self.notifier.memory_bytes / 1e6

    async def _digest(self, number: int) -> str:
        connection = await asyncpg.connect(self._dsn)
        try:
            return str(
                await connection.fetchval(
                    "SELECT content_digest FROM scheduler.runs WHERE id = $1", f"run_{number:026}"
                )
            )
        finally:
            await connection.close()


async def pressing(server: TestServer) -> None:
    line(
        f"{PRESSES} presses on Telegram while runs of other artists go on, with {WAITING:,} questions waiting"
    )
    line("                 press to record, ms: p50      p99   runs/s beside   memory of notifier")
    for waiting in (0, WAITING):
        async with (
            fresh_database(server) as dsn,
            FakeTelegram() as telegram,
            FakePeers.serving() as songs,
        ):
            telegram.person(VERA, "Vera")
            telegram.chat(CHAT, title="The label")
            await fill_waiting_runs(dsn, PRESSES + waiting)
            await _fill_questions(dsn, waiting)
            async with Bed(dsn, telegram, songs).running() as bed:
                seconds, rate, memory = await bed.measure()
        cuts = statistics.quantiles(seconds, n=100, method="inclusive")
        p50, p99 = cuts[49] * 1e3, cuts[98] * 1e3
        line(f"  {waiting:6,} waiting {p50:24.1f} {p99:8.1f} {rate:12.1f} {memory:17.1f} MB")
    line()


async def _fill_questions(dsn: str, count: int) -> None:
    """So many open questions, as a digest leaves them."""
    connection = await asyncpg.connect(dsn, server_settings={"search_path": "notifier"})
    try:
        await connection.execute(_FILL, count, CHAT, timeout=120)
        await connection.execute("UPDATE messages SET delivered_at = now()", timeout=120)
    finally:
        await connection.close()
