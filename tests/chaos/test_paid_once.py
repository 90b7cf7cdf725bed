"""An orchestrator is killed in the middle of a call: another one takes the call over, and it is paid once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from aiartist.artist_db.v1 import artist_db_pb2
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.orchestrator.v1 import orchestrator_pb2 as pb
from aiartist.orchestrator.v1.orchestrator_pb2_grpc import OrchestratorServiceStub
from tests.support.fake_upstream import FakeUpstream, Hang, Say, Status
from tests.support.label import environment_with_model
from tests.support.processes import Process, free_port, process

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180)]


@dataclass
class Pair:
    """Two orchestrators over one artist_db, each a process."""

    upstream: FakeUpstream
    replicas: list[Process]
    stubs: list[OrchestratorServiceStub]
    label: ArtistDbServiceStub

    async def ask(self, number: int, request_id: str) -> pb.GenerateResponse:
        request = pb.GenerateRequest(request_id=request_id, role="songwriter", run_id="run_1")
        request.messages.add(role="user", content="hello")
        return await self.stubs[number].Generate(request, timeout=60)

    async def budget(self) -> artist_db_pb2.Budget:
        found = await self.label.GetBudgets(artist_db_pb2.GetBudgetsRequest(run_id="run_1"), timeout=10)
        return next(b for b in found.budgets if b.scope == artist_db_pb2.BUDGET_SCOPE_RUN)


@pytest.fixture
async def pair(tmp_path: Path, database_url: str) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(FakeUpstream())
        environment = {
            **environment_with_model(tmp_path, upstream.url),
            "AIARTIST_DATABASE_URL": database_url,
            "AIARTIST_MODELS__SCRIPTED__COOLDOWN_S": "0.01",
        }
        replicas = [
            await stack.enter_async_context(
                process("orchestrator", _replica(environment), tmp_path / f"orchestrator-{n}.log")
            )
            for n in (1, 2)
        ]
        store = await stack.enter_async_context(process("artist_db", environment, tmp_path / "artist_db.log"))
        await store.ready("artist_db")
        for replica in replicas:
            await replica.ready("orchestrator")
        addresses = [environment["AIARTIST_ARTIST_DB_ADDR"]]
        addresses += [replica.environment["AIARTIST_ORCHESTRATOR_ADDR"] for replica in replicas]
        channels = [grpc.aio.insecure_channel(address) for address in addresses]
        for channel in channels:
            stack.push_async_callback(channel.close)
        yield Pair(
            upstream,
            replicas,
            [OrchestratorServiceStub(channel) for channel in channels[1:]],
            ArtistDbServiceStub(channels[0]),
        )


def _replica(environment: dict[str, str]) -> dict[str, str]:
    port = free_port()
    return {
        **environment,
        "AIARTIST_ORCHESTRATOR_PORT": str(port),
        "AIARTIST_ORCHESTRATOR_ADDR": f"127.0.0.1:{port}",
        "AIARTIST_ORCHESTRATOR_METRICS_PORT": str(free_port()),
    }


@pytest.mark.parametrize("behaviours_before", [0, 1], ids=["first attempt", "second attempt"])
async def test_a_call_of_a_killed_replica_is_taken_over_under_its_own_key(
    pair: Pair, behaviours_before: int
) -> None:
    for _ in range(behaviours_before):
        # The first try of the same question fails, is recorded, and the caller asks again.
        pair.upstream.next("scripted", Status(500))
        with pytest.raises(grpc.aio.AioRpcError):
            await pair.ask(0, "r-1")
    await asyncio.sleep(0.02)  # the cool-down
    hang = Hang()
    pair.upstream.next("scripted", hang, Say("paid once"))
    lost = asyncio.create_task(pair.ask(0, "r-1"))
    await hang.started.wait()
    assert (await pair.budget()).held_micro_usd > 0
    await pair.replicas[0].kill()
    with pytest.raises(grpc.aio.AioRpcError):
        await lost
    answer = await pair.ask(1, "r-1")
    assert (answer.text, answer.replayed) == ("paid once", False)
    keys = [asked.key for asked in pair.upstream.asked]
    assert keys[-1] == keys[-2]
    assert pair.upstream.answered.total() == 1
    again = await pair.ask(1, "r-1")
    assert (again.text, again.replayed) == ("paid once", True)
    budget = await pair.budget()
    assert budget.held_micro_usd == 0
    assert budget.spent_micro_usd == answer.cost_micro_usd > 0


async def test_while_a_replica_lives_its_call_is_waited_for_however_long_it_takes(pair: Pair) -> None:
    hang = Hang(Say("paid once"))
    pair.upstream.next("scripted", hang)
    callers = [asyncio.create_task(pair.ask(number, "r-1")) for number in (0, 1)]
    await hang.started.wait()
    # Longer than a lease of two seconds: only its renewal keeps the other replica away.
    await asyncio.sleep(4)
    hang.release.set()
    answers = await asyncio.gather(*callers)
    assert {answer.text for answer in answers} == {"paid once"}
    assert len(pair.upstream.asked) == 1
