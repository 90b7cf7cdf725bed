"""Music providers behind the whole service: a take from its order to its record, and how they are told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
import soundfile
from prometheus_client import generate_latest

from aiartist.release.v1 import release_pb2 as pb
from services.chassis.metrics import REGISTRY
from tests.integration.release.test_stages import reason
from tests.support.fake_artist_db_media import FakeArtistDb
from tests.support.fake_music import FakeAceStep, FakeSuno, ServedFile, Status, song_file
from tests.support.release_service import ReleaseService

Start = Callable[..., Any]


@pytest.fixture
async def suno() -> AsyncIterator[FakeSuno]:
    async with FakeSuno() as running:
        yield running


@pytest.fixture
def start(artist_db: FakeArtistDb, suno: FakeSuno, tmp_path: Path) -> Start:
    @asynccontextmanager
    async def started(**settings: Any) -> AsyncIterator[ReleaseService]:
        chosen = {
            "music_providers": ("suno", "builtin"),
            "suno_url": suno.url,
            "suno_api_key": FakeSuno.key,
            "suno_usd_per_song": 0.25,
            "music_poll_s": 0.01,
            **settings,
        }
        async with ReleaseService.running(artist_db, tmp_path / "data", **chosen) as service:
            yield service

    return started


async def test_a_song_from_outside_becomes_a_take_with_its_whole_story(start: Start, suno: FakeSuno) -> None:
    async with start() as service:
        brief = service.keep_brief()
        request = service.take_request(brief.id)
        request.note = "more drums"
        take = [update async for update in service.stub.ProduceTake(request)][-1].take
        assert (take.provider, take.review.passed) == ("suno", True)
        kept = service.artist_db.takes[take.take_id]
        assert (kept.provider, kept.provider_model) == ("suno", "chirp-v5")
        assert (kept.provider_reference, kept.cost_micro_usd, kept.seed) == ("task-1", 250_000, 0)
        master = soundfile.info(service.artifact(take.audio.path))
        assert (master.samplerate, master.channels, master.format) == (44_100, 2, "FLAC")
        (call,) = service.artist_db.money.calls.values()
        assert (call.role, call.model, call.cost_micro_usd) == ("music", "suno/V5", 250_000)
        assert (call.artist_id, call.run_id) == (brief.artist_id, request.run_id)
        assert "more drums" in suno.calls[0].body["style"]
        assert service.leftovers() == []


async def test_a_take_that_failed_its_review_is_retaken_by_another_provider(
    start: Start, suno: FakeSuno
) -> None:
    async with start() as service:
        brief = service.keep_brief("flop")
        first = await service.produce(brief.id, "r-1", 1)
        assert (first.provider, first.review.passed) == ("suno", False)
        second = await service.produce(brief.id, "r-2", 2)
        assert (second.provider, len(suno.calls)) == ("builtin", 1)
        third = await service.produce(brief.id, "r-3", 3)
        assert (third.provider, len(suno.calls)) == ("suno", 2)


async def test_budget_spent_the_take_is_made_here(start: Start, suno: FakeSuno) -> None:
    async with start() as service:
        service.artist_db.money.limit_micro_usd = 200_000
        take = await service.produce(service.keep_brief().id)
        assert (take.provider, suno.calls) == ("builtin", [])


async def test_nobody_left_is_unavailable_with_the_reasons(start: Start, suno: FakeSuno) -> None:
    suno.submit.always = Status(503)
    async with start(music_providers=("suno",)) as service:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await service.produce(service.keep_brief().id)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        why, metadata = reason(caught.value)
        assert (why, metadata["attempts"]) == ("PROVIDERS_EXHAUSTED", "suno: server_error")
        assert 0 < int(metadata["retry_after_s"]) <= 60
        # Whoever asked decides when to ask again, and not the channel.
        assert service.artist_db.calls.count("HoldSpend") == 1


async def test_a_call_that_was_cut_off_goes_on_with_the_task(start: Start, suno: FakeSuno) -> None:
    suno.ready_after = 10**9
    async with start() as service:
        brief = service.keep_brief()
        call = service.stub.ProduceTake(service.take_request(brief.id))
        reading = asyncio.create_task(_read(call))
        await suno.polled.wait()
        call.cancel()
        with pytest.raises((grpc.aio.AioRpcError, asyncio.CancelledError)):
            await reading
        suno.ready_after = 0
        assert (await service.produce(brief.id)).provider == "suno"
        assert len(suno.calls) == 1


async def _read(call: Any) -> None:
    async for _ in call:
        pass


async def test_the_list_tells_of_each_provider_and_of_those_left_out(start: Start, suno: FakeSuno) -> None:
    async with start() as service:
        await service.produce(service.keep_brief().id)
        suno.submit.always = Status(401, f"who is {FakeSuno.key}?")
        await service.produce(service.keep_brief("other").id, "r-2")
        told = await service.stub.ListMusicProviders(pb.ListMusicProvidersRequest())
        listed, builtin, left_out = told.providers
        assert (listed.name, listed.configured, listed.breaker) == ("suno", True, "open")
        assert (listed.failures, listed.takes, listed.address) == (1, 1, suno.url)
        assert listed.detail.startswith("bad_key: HTTP 401")
        assert FakeSuno.key not in listed.detail
        assert listed.HasField("retry_at")
        assert (builtin.name, builtin.breaker, builtin.takes, builtin.address) == ("builtin", "closed", 1, "")
        assert (left_out.name, left_out.configured) == ("acestep", False)
        assert left_out.detail == "add acestep to AIARTIST_MUSIC_PROVIDERS, and set AIARTIST_ACESTEP_URL"


async def test_the_metrics_have_the_models_manner(start: Start, suno: FakeSuno) -> None:
    suno.files["song"] = ServedFile(b"")
    async with start() as service:
        await service.produce(service.keep_brief().id)
        text = generate_latest(REGISTRY).decode()
    for line in (
        'aiartist_release_provider_calls_total{outcome="empty_song",provider="suno"} ',
        'aiartist_release_provider_breaker_state{provider="suno",state="open"} 1.0',
        'aiartist_release_provider_breaker_opened_total{outcome="empty_song",provider="suno"} ',
        'aiartist_release_provider_seconds_count{provider="builtin"} ',
    ):
        assert line in text


async def test_acestep_makes_takes_too(artist_db: FakeArtistDb, tmp_path: Path) -> None:
    async with FakeAceStep() as acestep:
        acestep.files["song"] = ServedFile(song_file("FLAC"))
        async with ReleaseService.running(
            artist_db,
            tmp_path / "data",
            music_providers=("acestep",),
            acestep_url=acestep.url,
            music_poll_s=0.01,
        ) as service:
            take = await service.produce(service.keep_brief().id)
            kept = artist_db.takes[take.take_id]
            assert (kept.provider, kept.provider_model, kept.cost_micro_usd) == (
                "acestep",
                "acestep-v15-turbo",
                0,
            )
            assert kept.seed == acestep.calls[0].body["seed"] > 0
