"""What the benchmarks share: a database of their own, server processes, a way to print."""

import asyncio
import multiprocessing
import secrets
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

import asyncpg
import psutil
import uvloop

from cli.migrate import migrate_all
from services.chassis import logs
from tests.support.postgres import TestServer, with_database


@asynccontextmanager
async def fresh_database(server: TestServer) -> AsyncIterator[str]:
    """The address of a migrated database that goes with the block."""
    name = f"bench_{secrets.token_hex(6)}"
    await with_database(server, f"CREATE DATABASE {name}")
    try:
        await migrate_all(server.url(name))
        yield server.url(name)
    finally:
        await with_database(server, f"DROP DATABASE {name} WITH (FORCE)")


class ServerProcess:
    """A server in a process of its own: `serve(ready, stop, *arguments)` tells its port and waits."""

    def __init__(self, serve: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_main, args=(serve, theirs, arguments), daemon=True)
        self._process.start()
        self.port = 0

    @classmethod
    async def started(cls, serve: Callable[..., Awaitable[None]], *arguments: Any) -> Self:
        """A process that has told its port."""
        process = cls(serve, *arguments)
        process.port = await asyncio.to_thread(process._ours.recv)
        return process

    @property
    def memory_bytes(self) -> int:
        """Resident memory now."""
        return int(psutil.Process(self._process.pid).memory_info().rss)

    def close(self) -> None:
        self._ours.send("stop")
        self._process.join(timeout=10)
        if self._process.is_alive():
            self._process.kill()


def _main(serve: Callable[..., Awaitable[None]], pipe: Any, arguments: Sequence[Any]) -> None:
    logs.configure(level="error", format="json")

    async def run() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_reader(pipe.fileno(), stop.set)
        await serve(pipe.send, stop, *arguments)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


async def calls_per_second(call: Callable[[], Awaitable[object]], *, seconds: float, callers: int) -> float:
    """How many calls a second end, with so many callers at once."""
    until = time.perf_counter() + seconds
    done = 0

    async def caller() -> None:
        nonlocal done
        while time.perf_counter() < until:
            await call()
            done += 1

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return done / (time.perf_counter() - began)


def middle(values: Sequence[float]) -> float:
    return statistics.median(values)


def line(text: str = "") -> None:
    print(text, flush=True)


async def fill_waiting_runs(dsn: str, count: int) -> None:
    """So many runs that wait for a person, as the scheduler leaves them."""
    connection = await asyncpg.connect(dsn, server_settings={"search_path": "scheduler"})
    try:
        await connection.execute(
            """
            INSERT INTO runs (id, artist_id, state, stage, place, autopilot, started_by, events, brief_id,
                take_id, content_digest, title, created_at, updated_at, approval_expires_at)
            SELECT 'run_' || lpad(n::text, 26, '0'), 'art_' || lpad((n % 1000)::text, 26, '0'),
                'AWAITING_APPROVAL', 'APPROVE', 'none', false, 'cadence', 9,
                'brf_' || lpad(n::text, 26, '0'), 'tak_' || lpad(n::text, 26, '0'),
                'sha256:' || encode(sha256(n::text::bytea), 'hex'), 'Song ' || n,
                now() - interval '1 day', now() - interval '1 day', now() + interval '6 days'
            FROM generate_series(1, $1) AS n
            """,
            count,
            timeout=300,
        )
        await connection.execute("VACUUM ANALYZE runs", timeout=300)
    finally:
        await connection.close()
