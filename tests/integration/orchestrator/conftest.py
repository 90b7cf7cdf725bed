"""The orchestrator on real sockets, between a scripted model and artist_db in memory."""

import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import grpc
import pytest

from aiartist.orchestrator.v1 import orchestrator_pb2 as pb
from aiartist.orchestrator.v1.orchestrator_pb2_grpc import OrchestratorServiceStub
from services.chassis.lifecycle import App
from services.orchestrator.app import build
from services.orchestrator.settings import Settings
from tests.support.fake_artist_db import FakeArtistDb
from tests.support.fake_notifier import FakeNotifier
from tests.support.fake_upstream import FakeUpstream

PROVIDERS = ("openai", "anthropic", "gemini", "mistral", "deepseek", "xai")

TWO_MODELS = """
[models.first]
litellm_model = "openai/first"
api_base = "{url}"
plan = "large"
timeout_s = {timeout_s}
direct = {direct}

[models.second]
litellm_model = "openai/second"
api_base = "{url}"
plan = "{second_plan}"
timeout_s = 20
direct = true
concurrency = 4

[roles.songwriter]
models = ["first", "second"]
"""


@dataclass
class Orchestrator:
    """A running orchestrator, its client, and its doubles."""

    app: App
    stub: OrchestratorServiceStub
    upstream: FakeUpstream
    artist_db: FakeArtistDb
    notifier: FakeNotifier

    async def ask(self, request_id: str = "r-1", text: str = "hello", **more: object) -> pb.GenerateResponse:
        """One question to the songwriter."""
        return await self.stub.Generate(question(request_id, text, **more), timeout=30)

    async def model(self, name: str = "first") -> pb.Model:
        """A model as ListModels tells of it."""
        listed = await self.stub.ListModels(pb.ListModelsRequest(), timeout=10)
        return next(model for model in listed.models if model.name == name)

    async def song(self, request_id: str = "s-1", note: str = "", within_s: float = 60) -> pb.ComposedSong:
        """A song by art_1."""
        return (await self.updates(request_id, note, within_s))[-1].song

    async def updates(
        self, request_id: str = "s-1", note: str = "", within_s: float = 60
    ) -> list[pb.ComposeSongResponse]:
        """Everything that ComposeSong sends."""
        return [u async for u in self.stub.ComposeSong(order(request_id, note), timeout=within_s)]


def question(request_id: str, text: str, **more: object) -> pb.GenerateRequest:
    """A question to the songwriter."""
    messages = [pb.ChatMessage(role="user", content=text)]
    return pb.GenerateRequest(request_id=request_id, role="songwriter", messages=messages, **more)  # type: ignore[arg-type]


def order(request_id: str, note: str = "") -> pb.ComposeSongRequest:
    """An order for a song by art_1."""
    return pb.ComposeSongRequest(request_id=request_id, artist_id="art_1", run_id="run_1", note=note)


@cache
def import_litellm() -> None:
    """Once, without the test's rule that a warning is an error: what its import warns of is not ours."""
    from services.orchestrator.upstream.quiet_litellm import quiet_litellm

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quiet_litellm()


@pytest.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream() as running:
        yield running


@pytest.fixture
async def artist_db() -> AsyncIterator[FakeArtistDb]:
    async with FakeArtistDb.serving() as running:
        yield running


@pytest.fixture
async def notifier() -> AsyncIterator[FakeNotifier]:
    async with FakeNotifier.serving() as running:
        yield running


@pytest.fixture
async def start(
    tmp_path: Path, upstream: FakeUpstream, artist_db: FakeArtistDb, notifier: FakeNotifier
) -> AsyncIterator[Callable[..., object]]:
    """Starts an orchestrator; `models` is the text of its models file, `overrides` variables over it.

    Closed after the test.
    """
    async with AsyncExitStack() as stack:

        async def begin(
            models: str = TWO_MODELS,
            *,
            direct: bool = True,
            second_plan: str = "small",
            timeout_s: float = 20,
            **overrides: str,
        ) -> Orchestrator:
            if not direct:
                import_litellm()
            file = tmp_path / "models.toml"
            file.write_text(
                models.format(
                    url=upstream.url, direct=str(direct).lower(), second_plan=second_plan, timeout_s=timeout_s
                )
            )
            settings = Settings(
                port=0,
                metrics_port=0,
                artist_db_addr=artist_db.address,
                notifier_addr=notifier.address,
                orchestrator_models_file=file,
                stop_grace_s=0,
                other_api_keys={},
                model_overrides={f"AIARTIST_{name}": value for name, value in overrides.items()},
                **{f"{provider}_api_key": None for provider in PROVIDERS},  # type: ignore[arg-type]
            )
            app = await stack.enter_async_context(await build(settings))
            channel = grpc.aio.insecure_channel(f"127.0.0.1:{app.port}")
            stack.push_async_callback(channel.close)
            return Orchestrator(app, OrchestratorServiceStub(channel), upstream, artist_db, notifier)

        yield begin


@pytest.fixture
async def orchestrator(start: Callable[..., object]) -> Orchestrator:
    """With a large model `first` and a small one `second` at the scripted upstream."""
    return await start()  # type: ignore[no-any-return,misc]
