"""Filming a take: both formats, once, whatever is killed or full meanwhile."""

import asyncio
import hashlib
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import grpc
import numpy as np
import psutil
import pytest
import soundfile

from aiartist.common.v1 import audio_pb2, decision_pb2
from aiartist.release.v1 import release_pb2 as pb
from aiartist.release.v1.release_pb2_grpc import ReleaseServiceStub
from services.chassis.errors import SetupError
from services.release.video import ffmpeg
from services.release.video.gate import video_problems
from services.release.video.mp4 import read_movie
from tests.integration.release.test_stages import reason
from tests.support.fake_artist_db_media import FakeArtistDb
from tests.support.film_takes import RATE, film, film_request, keep_take
from tests.support.processes import clean_environment, free_port, process
from tests.support.release_service import ReleaseService


@pytest.fixture
async def landscape(artist_db: FakeArtistDb, tmp_path: Path) -> AsyncIterator[ReleaseService]:
    """A service that makes one format only: half of the work."""
    async with ReleaseService.running(artist_db, tmp_path / "data", release_video="landscape") as running:
        yield running


def ffmpegs(folder: Path) -> list[psutil.Process]:
    """The ffmpeg processes that work on a file below the folder."""
    found = []
    for candidate in psutil.process_iter(["cmdline", "status"]):
        line = candidate.info["cmdline"] or []
        if line and "ffmpeg" in Path(line[0]).name and any(str(folder) in part for part in line):
            found.append(candidate)
    return found


async def until(holds: Callable[[], bool]) -> None:
    """Looks until it is so; the test's own timeout ends it."""
    while not holds():
        await asyncio.sleep(0.02)


async def until_filming(call: "grpc.aio.UnaryStreamCall[pb.FilmTakeRequest, pb.FilmTakeResponse]") -> None:
    """Reads a call until frames are being drawn."""
    async for update in call:
        if update.progress.step == "filming" and update.progress.done > 0:
            return
    raise AssertionError("the call ended")


async def ended(call: "grpc.aio.UnaryStreamCall[pb.FilmTakeRequest, pb.FilmTakeResponse]") -> None:
    """Reads a call to its end."""
    async for _ in call:
        pass


async def test_a_take_gets_both_formats_which_pass_their_gate(
    artist_db: FakeArtistDb, tmp_path: Path
) -> None:
    async with ReleaseService.running(artist_db, tmp_path / "data", release_workers=2) as service:
        take = keep_take(service, seconds=7.0)
        made = await film(service, take)
        kept = artist_db.films[take.id]
        assert [video.format for video in made.videos] == ["landscape", "portrait"]
        for video in made.videos:
            path = service.artifact(video.file.path)
            assert video.file.path == f"films/{made.film_id}/{video.format}.mp4"
            assert video.file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
            assert video_problems(path, video.format, 7000) == []
            assert {check.outcome for check in video.checks} == {audio_pb2.ReviewCheck.OUTCOME_PASS}
            assert {"black_s", "frozen_s", "fast_start", "frame_rate"} <= {c.name for c in video.checks}
        assert (kept.id, kept.take_id, len(kept.videos)) == (made.film_id, take.id, 2)
        assert service.leftovers() == []


async def test_filming_again_gives_the_first_film_and_draws_nothing(landscape: ReleaseService) -> None:
    take = keep_take(landscape)
    first = await film(landscape, take)
    written = landscape.artifact(first.videos[0].file.path).stat().st_mtime_ns
    assert await film(landscape, take) == first
    assert await film(landscape, take, "r-another") == first
    assert landscape.artifact(first.videos[0].file.path).stat().st_mtime_ns == written
    assert landscape.artist_db.calls.count("SaveFilm") == 1


async def test_a_film_cut_off_before_it_was_recorded_is_made_again_with_the_same_bytes(
    landscape: ReleaseService,
) -> None:
    take = keep_take(landscape)
    landscape.artist_db.fail_next["SaveFilm"] = grpc.StatusCode.INTERNAL
    with pytest.raises(grpc.aio.AioRpcError):
        await film(landscape, take)
    (file,) = landscape.artifact("films").rglob("*.mp4")
    before = file.read_bytes()
    assert (await film(landscape, take)).videos[0].file.sha256 == hashlib.sha256(before).hexdigest()


async def test_simultaneous_calls_of_one_request_share_one_film(landscape: ReleaseService) -> None:
    take = keep_take(landscape)
    films = await asyncio.gather(*(film(landscape, take) for _ in range(3)))
    assert len({made.SerializeToString() for made in films}) == 1
    assert landscape.artist_db.calls.count("SaveFilm") == 1


async def test_without_formats_the_film_is_empty_and_kept(artist_db: FakeArtistDb, tmp_path: Path) -> None:
    async with ReleaseService.running(artist_db, tmp_path / "data", release_video="off") as service:
        take = keep_take(service)
        made = await film(service, take)
        assert list(made.videos) == []
        assert artist_db.films[take.id].id == made.film_id
        assert not service.artifact("films").exists()


async def test_an_id_that_was_used_for_another_take_is_refused(
    artist_db: FakeArtistDb, tmp_path: Path
) -> None:
    async with ReleaseService.running(artist_db, tmp_path / "data", release_video="off") as service:
        await film(service, keep_take(service))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await film(service, keep_take(service, "Another Song"))
        assert reason(caught.value) == ("REQUEST_ID_REUSED", {"request_id": "r-film"})


async def test_a_decision_that_does_not_allow_the_release_allows_no_film(landscape: ReleaseService) -> None:
    take = keep_take(landscape)
    rejected, stale, failed = (film_request(take) for _ in range(3))
    rejected.decision.verdict = decision_pb2.VERDICT_REJECTED
    stale.decision.content_digest = f"sha256:{'0' * 64}"
    for request, wanted in ((rejected, "WRONG_STATE"), (stale, "STALE_DIGEST")):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ended(landscape.stub.FilmTake(request))
        assert reason(caught.value)[0] == wanted
    take.review.passed = False
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ended(landscape.stub.FilmTake(failed))
    assert reason(caught.value)[0] == "REVIEW_FAILED"


async def test_a_request_without_its_fields_is_refused_with_all_of_them(landscape: ReleaseService) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ended(landscape.stub.FilmTake(pb.FilmTakeRequest()))
    assert reason(caught.value) == ("INVALID_INPUT", {"fields": "request_id, run_id, take_id, decision"})


async def test_a_video_that_fails_its_gate_is_told_with_its_checks_and_nothing_is_kept(
    landscape: ReleaseService,
) -> None:
    take = keep_take(landscape, seconds=3.0)
    # A master without any sound in it: what stands in the review is not what is found in the film.
    silence = landscape.artifact(take.audio.path)
    soundfile.write(silence, np.zeros((3 * RATE, 2)), RATE, subtype="PCM_16", format="FLAC")
    take.audio.sha256 = hashlib.sha256(silence.read_bytes()).hexdigest()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await film(landscape, take)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert reason(caught.value) == ("FILM_FAILED", {"format": "landscape", "failed_checks": "audio_rms_db"})
    assert landscape.artist_db.films == {}
    assert landscape.leftovers() == []


async def test_a_cancelled_call_ends_its_ffmpeg_and_leaves_nothing(landscape: ReleaseService) -> None:
    take = keep_take(landscape, seconds=12.0)
    call = landscape.stub.FilmTake(film_request(take))
    await until_filming(call)
    assert ffmpegs(landscape.data)
    call.cancel()
    await until(lambda: not ffmpegs(landscape.data) and not landscape.leftovers())
    assert landscape.artist_db.films == {}


async def test_a_worker_killed_at_its_work_leaves_no_ffmpeg_and_the_next_call_films(
    landscape: ReleaseService,
) -> None:
    take = keep_take(landscape, seconds=6.0)
    call = landscape.stub.FilmTake(film_request(take))
    await until_filming(call)
    (encoder,) = ffmpegs(landscape.data)
    worker = encoder.parent()
    assert worker is not None
    worker.kill()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ended(call)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    await until(lambda: not ffmpegs(landscape.data))
    assert landscape.leftovers() == []
    assert len((await film(landscape, take)).videos) == 1


@pytest.mark.chaos
async def test_a_service_killed_while_it_films_leaves_no_ffmpeg_and_the_next_one_films_it_whole(
    artist_db: FakeArtistDb, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    async with ReleaseService.running(artist_db, data, release_video="off") as service:
        take = keep_take(service, seconds=6.0)
    port = free_port()
    environment = clean_environment(
        AIARTIST_DATA_DIR=str(data),
        AIARTIST_RELEASE_PORT=str(port),
        AIARTIST_RELEASE_METRICS_PORT=str(free_port()),
        AIARTIST_RELEASE_ADDR=f"127.0.0.1:{port}",
        AIARTIST_ARTIST_DB_ADDR=artist_db.address,
        AIARTIST_RELEASE_VIDEO="landscape",
        AIARTIST_SHIP_ERRORS="false",
    )
    async with process("release", environment, tmp_path / "log") as first:
        await first.ready("release")
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = ReleaseServiceStub(channel).FilmTake(film_request(take))
            await until_filming(call)
            await first.kill()
            with pytest.raises((grpc.aio.AioRpcError, asyncio.CancelledError)):
                await ended(call)
    await until(lambda: not ffmpegs(data))
    assert artist_db.films == {}
    async with ReleaseService.running(artist_db, data, release_video="landscape") as second:
        made = await film(second, take)
        assert video_problems(second.artifact(made.videos[0].file.path), "landscape", 6000) == []
        assert second.leftovers() == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system too small for a video; only root can make one."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=9m", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system needs root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


async def test_a_full_scratch_disk_is_named_and_the_next_try_films(
    artist_db: FakeArtistDb, tmp_path: Path, small_disk: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "scratch").symlink_to(small_disk)
    async with ReleaseService.running(artist_db, tmp_path / "data", release_video="landscape") as service:
        take = keep_take(service, seconds=8.0)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await film(service, take)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert reason(caught.value) == ("STORAGE", {"cause": "no space left on device"})
        assert service.leftovers() == []
        assert artist_db.films == {}
        await asyncio.to_thread(
            subprocess.run, ["mount", "-o", "remount,size=200m", str(small_disk)], check=True
        )
        assert len((await film(service, take)).videos) == 1


async def test_a_take_of_another_provider_says_that_its_words_are_placed_by_a_guess(
    landscape: ReleaseService,
) -> None:
    take = keep_take(landscape)
    take.provider = "suno"
    (video,) = (await film(landscape, take)).videos
    (check,) = [check for check in video.checks if check.name == "words_on_bars"]
    assert check.outcome == audio_pb2.ReviewCheck.OUTCOME_WARN
    assert read_movie(landscape.artifact(video.file.path)).starts_fast


async def test_without_ffmpeg_the_start_says_what_to_do(
    artist_db: FakeArtistDb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ffmpeg, "binary", lambda: str(tmp_path / "no-ffmpeg"))
    with pytest.raises(SetupError, match="AIARTIST_RELEASE_VIDEO=off"):
        async with ReleaseService.running(artist_db, tmp_path / "data"):
            pass
    async with ReleaseService.running(artist_db, tmp_path / "data", release_video="off"):
        pass
