"""Forty whole songs, produced as a release is and measured. Minutes of a processor: `make test-songs`."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from multiprocessing import get_context
from pathlib import Path

import pytest

from aiartist.common.v1 import audio_pb2, brief_pb2
from services.release import studio
from services.release.music.genres import GENRES
from services.release.review.fingerprint import similarity
from tests.songs.briefs import A_GENRE, forty_briefs

pytestmark = [pytest.mark.songs, pytest.mark.timeout(3_600)]

PROCESSES = 2
SAME_RECORDING = 0.4
"""From this similarity on a review calls a take a near-duplicate."""


@dataclass(frozen=True, slots=True)
class Song:
    brief: brief_pb2.Brief
    review: audio_pb2.Review
    fingerprint: bytes

    @property
    def name(self) -> str:
        return f"{self.brief.genre}: {self.brief.title}"

    @property
    def seconds(self) -> float:
        return self.review.duration_ms / 1_000

    @property
    def tempo_off(self) -> float:
        """How far the tempo that was heard is from the brief's or an octave of it, as a share."""
        heard = self.review.tempo_bpm
        octaves = [heard * factor for factor in (0.25, 0.5, 1.0, 2.0, 4.0)]
        return min(abs(bpm / self.brief.tempo_bpm - 1.0) for bpm in octaves)

    @property
    def key_heard(self) -> bool:
        return self.review.key == self.brief.key

    @property
    def failures(self) -> list[str]:
        failed = audio_pb2.ReviewCheck.OUTCOME_FAIL
        return [f"{check.name}: {check.message}" for check in self.review.checks if check.outcome == failed]


def _quiet(step: str, done: int, total: int) -> None:
    """Progress that nobody wants to see."""


def _produced(brief: bytes, output: Path) -> tuple[bytes, bytes]:
    made = studio.produce(studio.TakeJob(brief, 1, output), _quiet)
    output.unlink()
    return made.review, made.fingerprint


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Song]]:
    folder = tmp_path_factory.mktemp("forty")
    briefs = forty_briefs()
    outputs = [folder / f"{number}.flac" for number in range(len(briefs))]
    with pytest.MonkeyPatch.context() as patch:
        # As in the service's own workers.
        patch.setenv("OPENBLAS_NUM_THREADS", "1")
        with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
            made = list(pool.map(_produced, [b.SerializeToString() for b in briefs], outputs))
    done = [
        Song(brief, audio_pb2.Review.FromString(review), fingerprint)
        for brief, (review, fingerprint) in zip(briefs, made, strict=True)
    ]
    yield done
    _print_table(done)


def test_there_are_forty_songs_over_all_genres_of_two_to_four_minutes(songs: list[Song]) -> None:
    assert len(songs) == 40
    assert {song.brief.genre for song in songs} == set(GENRES)
    assert all(sum(s.brief.genre == genre for s in songs) == A_GENRE for genre in GENRES)
    assert {song.brief.target_duration_ms for song in songs} >= {120_000, 240_000}
    assert len({song.brief.key for song in songs}) == 24


def test_none_is_rejected_by_the_review(songs: list[Song]) -> None:
    assert {song.name: song.failures for song in songs if song.failures or not song.review.passed} == {}


def test_each_is_as_long_as_its_brief_wants(songs: list[Song]) -> None:
    off = {
        song.name: song.seconds
        for song in songs
        if abs(song.seconds * 1_000 - song.brief.target_duration_ms) > 0.08 * song.brief.target_duration_ms
    }
    assert off == {}


def test_each_has_the_loudness_of_a_master(songs: list[Song]) -> None:
    assert {s.name: s.review.loudness_lufs for s in songs if abs(s.review.loudness_lufs + 14.0) > 0.5} == {}


def test_no_peak_comes_near_clipping(songs: list[Song]) -> None:
    assert {s.name: s.review.true_peak_dbtp for s in songs if s.review.true_peak_dbtp > -1.0} == {}


def test_the_tempo_of_all_but_two_is_that_of_the_brief(songs: list[Song]) -> None:
    off = {s.name: (s.review.tempo_bpm, s.brief.tempo_bpm) for s in songs if s.tempo_off > 0.02}
    assert len(off) <= 2, off


def test_the_key_of_all_but_four_is_that_of_the_brief(songs: list[Song]) -> None:
    off = {s.name: (s.review.key, s.brief.key) for s in songs if not s.key_heard}
    assert len(off) <= 4, off


def test_no_two_are_near_duplicates(songs: list[Song]) -> None:
    alike = {
        f"{one.name} / {other.name}": round(similarity(one.fingerprint, other.fingerprint), 2)
        for one, other in combinations(songs, 2)
        if similarity(one.fingerprint, other.fingerprint) >= SAME_RECORDING
    }
    assert alike == {}


def _print_table(songs: list[Song]) -> None:
    print(f"\n{'song':42} {'s':>5} {'wants':>5} {'LUFS':>6} {'dBTP':>6} {'bpm':>6} {'heard':>7}  key, heard")
    for song in songs:
        review, brief = song.review, song.brief
        print(
            f"{song.name:42} {song.seconds:5.0f} {brief.target_duration_ms // 1_000:5} "
            f"{review.loudness_lufs:6.2f} {review.true_peak_dbtp:6.2f} {brief.tempo_bpm:6} "
            f"{review.tempo_bpm:7.2f}{' ' if song.tempo_off <= 0.02 else '!'} {brief.key}"
            f"{'' if song.key_heard else f', heard {review.key}'}"
        )
    nearest = max(similarity(a.fingerprint, b.fingerprint) for a, b in combinations(songs, 2))
    keys, tempi = sum(s.key_heard for s in songs), sum(s.tempo_off <= 0.02 for s in songs)
    print(f"tempo {tempi}/40, key {keys}/40, likest two {nearest:.2f}")
