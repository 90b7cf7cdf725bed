"""Two orchestrators over one artist_db on a real PostgreSQL: budgets hold, and nothing is paid twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from aiartist.artist_db.v1 import artist_db_pb2
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.orchestrator.v1 import orchestrator_pb2 as pb
from aiartist.orchestrator.v1.orchestrator_pb2_grpc import OrchestratorServiceStub
from services.artist_db import app as artist_db
from services.artist_db.settings import Settings as ArtistDbSettings
from services.chassis.errors import remote_error
from services.orchestrator import app as orchestrator
from services.orchestrator.settings import Settings
from tests.integration.orchestrator.conftest import question
from tests.support.fake_notifier import FakeNotifier
from tests.support.fake_upstream import FakeUpstream, Hang, Say, Status

MODELS = """
[defaults]
ceiling_usd = 0.1
concurrency = 64
[models.first]
litellm_model = "openai/first"
api_base = "{url}"
plan = "large"
[models.second]
litellm_model = "openai/second"
api_base = "{url}"
plan = "large"
[roles.songwriter]
models = ["first", "second"]
"""
FIFTY_CALLS_USD = 5.0
RUN = {"artist_id": "art_1", "run_id": "run_1"}


@dataclass
class Replicas:
    """Two orchestrators, and what they share."""

    stubs: list[OrchestratorServiceStub]
    label: ArtistDbServiceStub
    upstream: FakeUpstream

    async def ask(self, number: int, request_id: str, **more: Any) -> pb.GenerateResponse:
        return await self.stubs[number % 2].Generate(question(request_id, "hello", **more), timeout=60)

    async def budget(self, scope: "artist_db_pb2.BudgetScope.ValueType") -> artist_db_pb2.Budget:
        found = await self.label.GetBudgets(artist_db_pb2.GetBudgetsRequest(**RUN), timeout=10)
        return next(budget for budget in found.budgets if budget.scope == scope)


@pytest.fixture
async def replicas(
    tmp_path: Path, database_url: str, upstream: FakeUpstream, notifier: FakeNotifier
) -> AsyncIterator[Replicas]:
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(
            await artist_db.build(
                ArtistDbSettings(
                    port=0, metrics_port=0, database_url=database_url, stop_grace_s=0,
                    budget_day_usd=100, budget_artist_usd=100, budget_run_usd=FIFTY_CALLS_USD,
                )  # type: ignore[arg-type]
            )
        )  # fmt: skip
        file = tmp_path / "models.toml"
        file.write_text(MODELS.format(url=upstream.url))
        settings = Settings(
            port=0, metrics_port=0, artist_db_addr=f"127.0.0.1:{store.port}", notifier_addr=notifier.address,
            orchestrator_models_file=file, stop_grace_s=0, other_api_keys={}, model_overrides={},
        )  # type: ignore[call-arg]  # fmt: skip
        channels = [grpc.aio.insecure_channel(f"127.0.0.1:{store.port}")]
        for _ in range(2):
            app = await stack.enter_async_context(await orchestrator.build(settings))
            channels.append(grpc.aio.insecure_channel(f"127.0.0.1:{app.port}"))
        for channel in channels:
            stack.push_async_callback(channel.close)
        label, *orchestrators = channels
        yield Replicas(
            [OrchestratorServiceStub(channel) for channel in orchestrators],
            ArtistDbServiceStub(label),
            upstream,
        )


async def test_of_two_hundred_calls_at_once_a_budget_for_fifty_lets_fifty_out(replicas: Replicas) -> None:
    asked = (replicas.ask(i, f"r-{i}", **RUN) for i in range(200))
    ends = await asyncio.gather(*asked, return_exceptions=True)
    refused = [remote_error(end) for end in ends if isinstance(end, grpc.aio.AioRpcError)]
    assert {error.remote_reason for error in refused} == {"ERROR_REASON_BUDGET_SPENT"}
    assert {error.remote_code for error in refused} == {grpc.StatusCode.FAILED_PRECONDITION}
    assert len(replicas.upstream.asked) == 50 == 200 - len(refused)
    budget = await replicas.budget(artist_db_pb2.BUDGET_SCOPE_RUN)
    assert (budget.spent_micro_usd, budget.held_micro_usd, budget.left_micro_usd) == (5_000_000, 0, 0)


async def test_fallbacks_are_paid_from_the_same_budget(replicas: Replicas) -> None:
    # Each first call fails and frees what it held; the second one pays.
    replicas.upstream.usual = {"first": Say("", usage=(5, 5)), "second": Say("good")}
    asked = (replicas.ask(i, f"r-{i}", **RUN) for i in range(100))
    ends = await asyncio.gather(*asked, return_exceptions=True)
    paid = len(replicas.upstream.asked)
    # An empty answer is paid for, too: no more than fifty calls in all.
    assert paid <= 50
    assert sum(isinstance(end, pb.GenerateResponse) for end in ends) <= 25
    budget = await replicas.budget(artist_db_pb2.BUDGET_SCOPE_RUN)
    assert budget.spent_micro_usd == paid * 100_000
    assert budget.held_micro_usd == 0


async def test_the_same_request_at_both_replicas_is_paid_once(replicas: Replicas) -> None:
    hang = Hang(Say("one answer"))
    replicas.upstream.next("first", hang)
    callers = [asyncio.create_task(replicas.ask(number, "r-1", **RUN)) for number in range(6)]
    await hang.started.wait()
    hang.release.set()
    answers = await asyncio.gather(*callers)
    assert {answer.text for answer in answers} == {"one answer"}
    assert len(replicas.upstream.asked) == 1
    assert (await replicas.budget(artist_db_pb2.BUDGET_SCOPE_DAY)).spent_micro_usd == 100_000


async def test_a_call_is_paid_once_also_when_both_replicas_have_to_fall_back(replicas: Replicas) -> None:
    second = Hang(Say("one answer"))
    replicas.upstream.usual = {"first": Status(500), "second": second}
    callers = [asyncio.create_task(replicas.ask(number, "r-1")) for number in range(2)]
    await second.started.wait()
    second.release.set()
    answers = await asyncio.gather(*callers)
    assert {answer.text for answer in answers} == {"one answer"}
    assert len(replicas.upstream.asked_of("second")) == 1
    # Each replica finds out for itself, and at most once, that the first model is down.
    assert len(replicas.upstream.asked_of("first")) <= 2


async def test_an_artist_s_budget_is_no_other_artist_s(replicas: Replicas) -> None:
    limit = artist_db_pb2.SetBudgetRequest(
        request_id="b-1", scope=artist_db_pb2.BUDGET_SCOPE_ARTIST, subject="art_1", limit_micro_usd=100_000
    )
    await replicas.label.SetBudget(limit, timeout=10)
    assert (await replicas.ask(0, "r-1", artist_id="art_1")).text
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await replicas.ask(1, "r-2", artist_id="art_1")
    assert remote_error(failed.value).metadata["scope"] == "artist"
    assert (await replicas.ask(1, "r-3", artist_id="art_2")).text
