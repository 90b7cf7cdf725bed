"""A release service is killed while a provider makes a song: the next one goes on, and it is paid once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
import soundfile

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.release.v1 import release_pb2 as pb
from aiartist.release.v1.release_pb2_grpc import ReleaseServiceStub
from tests.support.fake_music import FakeSuno, Hang, ServedFile, song_file
from tests.support.label import persona
from tests.support.processes import Process, clean_environment, ports_environment, process
from tests.support.songs import make_brief

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(240)]

RUN, BRIEF = "run_00000000000000000000000001", "brf_00000000000000000000000001"
PRICE = 250_000


@dataclass
class Label:
    """A release service in a process, over a real artist_db, with one paid provider and nothing beside it."""

    suno: FakeSuno
    release: Process
    environment: dict[str, str]
    songs: ArtistDbServiceStub
    steps: list[str] = field(default_factory=list)

    async def produce(self) -> pb.ProducedTake:
        address = self.environment["AIARTIST_RELEASE_ADDR"]
        async with grpc.aio.insecure_channel(address) as channel:
            request = pb.ProduceTakeRequest(request_id="r-take", run_id=RUN, brief_id=BRIEF, take_number=1)
            async for update in ReleaseServiceStub(channel).ProduceTake(request, timeout=120):
                if update.WhichOneof("update") == "take":
                    return update.take
                self.steps.append(update.progress.step)
        raise AssertionError("the stream ended without a take")

    async def killed_when(self, moment: asyncio.Event) -> None:
        """Begins a take, and kills the service with SIGKILL at this moment of the provider's."""
        lost = asyncio.create_task(self.produce())
        waiting = asyncio.create_task(moment.wait())
        await asyncio.wait([lost, waiting], timeout=60, return_when=asyncio.FIRST_COMPLETED)
        assert waiting.done(), f"the moment did not come; {self.release.log.read_text()[-4_000:]}"
        await self.release.kill()
        with pytest.raises(grpc.aio.AioRpcError):
            await lost

    async def started_again(self) -> pb.ProducedTake:
        """The same take of the next process."""
        await self.release.start()
        await self.release.ready("release")
        return await self.produce()

    async def is_whole_and_paid_once(self, take: pb.ProducedTake) -> None:
        data = Path(self.environment["AIARTIST_DATA_DIR"])
        master = soundfile.info(data / "artifacts" / take.audio.path)
        assert (take.provider, master.samplerate, master.channels) == ("suno", 44_100, 2)
        assert len(self.suno.tasks) == 1
        assert {call.key for call in self.suno.calls} == {self.suno.tasks["task-1"].key}
        found = await self.songs.GetBudgets(db.GetBudgetsRequest(run_id=RUN), timeout=10)
        budget = next(each for each in found.budgets if each.scope == db.BUDGET_SCOPE_RUN)
        assert (budget.spent_micro_usd, budget.held_micro_usd) == (PRICE, 0)
        assert not list(data.rglob("*.partial"))


@pytest.fixture
async def label(tmp_path: Path, database_url: str) -> AsyncIterator[Label]:
    async with AsyncExitStack() as stack:
        suno = await stack.enter_async_context(FakeSuno())
        environment = clean_environment(
            **ports_environment(),
            AIARTIST_DATABASE_URL=database_url,
            AIARTIST_DATA_DIR=str(tmp_path / "data"),
            AIARTIST_LOG_FORMAT="json",
            AIARTIST_SHIP_ERRORS="false",
            AIARTIST_RELEASE_WORKERS="1",
            AIARTIST_MUSIC_PROVIDERS="suno",
            AIARTIST_MUSIC_POLL_S="0.05",
            AIARTIST_SUNO_URL=suno.url,
            AIARTIST_SUNO_API_KEY=FakeSuno.key,
            AIARTIST_SUNO_USD_PER_SONG="0.25",
        )
        store = await stack.enter_async_context(process("artist_db", environment, tmp_path / "artist_db.log"))
        release = await stack.enter_async_context(process("release", environment, tmp_path / "release.log"))
        await store.ready("artist_db")
        await release.ready("release")
        channel = grpc.aio.insecure_channel(environment["AIARTIST_ARTIST_DB_ADDR"])
        stack.push_async_callback(channel.close)
        songs = ArtistDbServiceStub(channel)
        artist = await songs.CreateArtist(db.CreateArtistRequest(persona=persona()), timeout=10)
        brief = db.StoredBrief(
            id=BRIEF,
            artist_id=artist.artist.id,
            run_id=RUN,
            persona_version=1,
            brief=make_brief("pop", target_duration_ms=24_000),
            request_digest="d" * 64,
        )
        await songs.SaveBrief(db.SaveBriefRequest(request_id="brief", brief=brief), timeout=10)
        yield Label(suno, release, environment, songs)


async def test_killed_between_an_order_and_its_record(label: Label) -> None:
    hang = Hang()
    label.suno.submit.next.append(hang)
    await label.killed_when(hang.started)
    await label.is_whole_and_paid_once(await label.started_again())
    assert len(label.suno.calls) == 2


async def test_killed_while_the_provider_is_at_work(label: Label) -> None:
    label.suno.ready_after = 10**9
    await label.killed_when(label.suno.polled)
    label.suno.ready_after = 0
    await label.is_whole_and_paid_once(await label.started_again())
    assert len(label.suno.calls) == 1


async def test_killed_in_the_middle_of_the_download(label: Label) -> None:
    stalled = label.suno.files["song"] = ServedFile(song_file(), stall=asyncio.Event())
    await label.killed_when(stalled.stalled)
    label.suno.files["song"] = ServedFile(song_file())
    await label.is_whole_and_paid_once(await label.started_again())
    assert len(label.suno.calls) == 1
