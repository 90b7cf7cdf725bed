"""A video that its gate refuses: once more without clips, and no third time."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.common.v1 import audio_pb2
from services.release.errors import FilmFailed
from services.release.films import FilmMaker, FoundClip
from services.release.video import jobs

PASS = audio_pb2.ReviewCheck.OUTCOME_PASS
FAIL = audio_pb2.ReviewCheck.OUTCOME_FAIL


def filmed(outcome: "audio_pb2.ReviewCheck.Outcome.ValueType", *shown: int) -> jobs.Filmed:
    checks = [
        audio_pb2.ReviewCheck(name="fast_start", outcome=PASS),
        audio_pb2.ReviewCheck(name="black_s", outcome=outcome),
    ]
    return jobs.Filmed(tuple(check.SerializeToString() for check in checks), shown)


class Pool:
    """A pool whose jobs end as they are told to."""

    def __init__(self, *results: jobs.Filmed) -> None:
        self._results = list(results)
        self.clips: list[tuple[Path, ...]] = []

    async def run(self, report: object, job: Callable[..., Any], *arguments: Any) -> Any:
        await asyncio.sleep(0)
        assert job is jobs.film
        self.clips.append(arguments[-1])
        return self._results.pop(0)


async def made_by(pool: Pool, clips: int) -> jobs.Filmed:
    maker = FilmMaker(None, None, None, pool, Path("scratch"), ("landscape",), "Label")  # type: ignore[arg-type]
    order = jobs.Take(Path("master.flac"), b"", b"", "builtin", "Label")
    found = [FoundClip(Path(f"clip-{n}.mp4"), db.StockClip(clip_id=str(n))) for n in range(clips)]
    return await maker._video(order, "landscape", Path("folder"), found, lambda *_: None)


async def test_a_video_that_passes_is_made_once_with_its_clips() -> None:
    pool = Pool(filmed(PASS, 0, 1))

    assert (await made_by(pool, 2)).shown == (0, 1)
    assert pool.clips == [(Path("clip-0.mp4"), Path("clip-1.mp4"))]


async def test_a_video_that_fails_is_made_once_more_without_clips() -> None:
    pool = Pool(filmed(FAIL, 1), filmed(PASS))

    assert (await made_by(pool, 2)).shown == ()
    assert [len(clips) for clips in pool.clips] == [2, 0]


async def test_a_video_that_fails_again_is_told_with_its_failed_checks() -> None:
    pool = Pool(filmed(FAIL, 0), filmed(FAIL))

    with pytest.raises(FilmFailed) as caught:
        await made_by(pool, 1)
    assert caught.value.metadata == {"format": "landscape", "failed_checks": "black_s"}


async def test_a_video_without_clips_that_fails_would_be_the_same_again() -> None:
    pool = Pool(filmed(FAIL))

    with pytest.raises(FilmFailed):
        await made_by(pool, 0)
    assert len(pool.clips) == 1
