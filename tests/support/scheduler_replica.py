"""A scheduler that a test runs: the real one, with stages and peers of the test's own, and no patience."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from pydantic import SecretStr

from aiartist.scheduler.v1 import scheduler_pb2 as pb
from aiartist.scheduler.v1 import scheduler_pb2_grpc
from services.scheduler.app import build
from services.scheduler.settings import Settings
from services.scheduler.stages import Stage

WAIT_S = 60
CALL_S = 30


def settings(database_url: str, peers_address: str, **more: Any) -> Settings:
    """Quick where the defaults are patient; cadence looks once only."""
    values: dict[str, Any] = {
        "port": 0,
        "metrics_port": 0,
        "database_url": SecretStr(database_url),
        "artist_db_addr": peers_address,
        "orchestrator_addr": peers_address,
        "release_addr": peers_address,
        "notifier_addr": peers_address,
        "ship_errors": False,
        "stop_grace_s": 5,
        "scheduler_tick_s": 0.05,
        "scheduler_cadence_tick_s": 3_600,
        "scheduler_backoff_base_s": 0.01,
        "scheduler_heartbeat_timeout_s": 1,
        "scheduler_dequeue_timeout_s": 0.1,
    }
    return Settings(**{**values, **more})


def state_name(state: pb.RunState.ValueType) -> str:
    return pb.RunState.Name(state).removeprefix("RUN_STATE_")


@dataclass(slots=True)
class Replica:
    """A running scheduler and its client."""

    app: Any
    """The App, or whatever stands for it where it runs elsewhere."""
    stub: Any
    _tokens: dict[str, str] = field(default_factory=dict)

    async def start(self, artist_id: str = "art_1", **fields: Any) -> str:
        """A new run; the id."""
        request = pb.StartRunRequest(artist_id=artist_id, **fields)
        response = await self.stub.StartRun(request, timeout=CALL_S)
        return str(response.run.id)

    async def get(self, run_id: str) -> Any:
        return (await self.stub.GetRun(pb.GetRunRequest(run_id=run_id), timeout=CALL_S)).run

    async def watch(self, run_id: str, token: str = "") -> AsyncIterator[Any]:
        async for update in self.stub.WatchRun(pb.WatchRunRequest(run_id=run_id, resume_token=token)):
            yield update

    async def events(self, run_id: str) -> list[Any]:
        """All kept events of a run that is over."""
        return [
            update.event
            async for update in self.watch(run_id)
            if update.event.type != pb.RunEvent.TYPE_PROGRESS
        ]

    async def until(self, run_id: str, event: str) -> Any:
        """Waits for the next such event of the run (a type, or a state that it changed to); the run then."""
        async with asyncio.timeout(WAIT_S):
            async for update in self.watch(run_id, self._tokens.get(run_id, "")):
                self._tokens[run_id] = update.resume_token
                if event in names_of(update.event):
                    return await self.get(run_id)
        raise AssertionError(f"the run ended without {event}: {await self.get(run_id)}")

    async def waiting(self, artist_id: str = "art_1", **fields: Any) -> Any:
        """A new run that waits for a person."""
        run_id = await self.start(artist_id, autopilot=False, **fields)
        return await self.until(run_id, "AWAITING_APPROVAL")

    async def decide(self, run: Any, verdict: Any, **fields: Any) -> Any:
        """A person's decision about what the run shows; the run after it."""
        values = {"content_digest": run.content_digest, "decided_by": "cli:vera", **fields}
        request = pb.DecideRunRequest(run_id=run.id, verdict=verdict, **values)
        return (await self.stub.DecideRun(request, timeout=CALL_S)).run


def names_of(event: Any) -> set[str]:
    """What an event can be waited for by."""
    type_name = pb.RunEvent.Type.Name(event.type).removeprefix("TYPE_")
    names = {type_name}
    if type_name == "STATE_CHANGED":
        names.add(state_name(event.state))
    return names


@asynccontextmanager
async def running_scheduler(
    database_url: str, peers_address: str, stages: Sequence[Stage] | None = None, **more: Any
) -> AsyncIterator[Replica]:
    """One replica while the block runs; closing it twice does no harm."""
    async with (
        await build(settings(database_url, peers_address, **more), stages) as app,
        grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as channel,
    ):
        yield Replica(app, scheduler_pb2_grpc.SchedulerServiceStub(channel))
