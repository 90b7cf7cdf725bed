"""The review of one good song, and of briefs that it does not fit."""

import hashlib
from pathlib import Path

import pytest

from aiartist.common.v1 import brief_pb2
from services.release.review.reviewer import review
from tests.support.good_song import FAIL, FORM, PASS, WARN, good_brief, good_take, outcomes
from tests.support.songs import make_brief


@pytest.fixture(scope="module")
def brief() -> brief_pb2.Brief:
    return good_brief()


@pytest.fixture(scope="module")
def song_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("song") / "take.flac"
    path.write_bytes(good_take())
    return path


def test_a_good_song_passes_every_check(song_file: Path, brief: brief_pb2.Brief) -> None:
    found = review(song_file, brief).review
    assert found.passed
    assert [check.name for check in found.checks if check.outcome != PASS] == []
    assert found.tempo_bpm == pytest.approx(brief.tempo_bpm, rel=0.02)
    assert found.key == brief.key
    assert found.duration_ms == pytest.approx(brief.target_duration_ms, abs=3_500)
    assert found.loudness_lufs == pytest.approx(-14.0, abs=0.5)
    assert found.true_peak_dbtp <= -1.0


def test_every_check_names_itself_shows_its_number_and_has_words(
    song_file: Path, brief: brief_pb2.Brief
) -> None:
    checks = review(song_file, brief).review.checks
    assert [check.name for check in checks] == [
        "decoding_faults",
        "format_faults",
        "sample_rate_hz",
        "channels",
        "duration_s",
        "non_finite_samples",
        "integrated_loudness_lufs",
        "true_peak_dbtp",
        "loudness_range_lu",
        "clipped_samples",
        "dc_offset",
        "leading_silence_s",
        "longest_silence_s",
        "trailing_silence_s",
        "dropouts",
        "ending_dbfs",
        "channel_imbalance_db",
        "one_sided_s",
        "stereo_correlation",
        "low_end_correlation",
        "movement_db",
        "noisiness",
        "bandwidth_hz",
        "repetition",
        "tempo_bpm",
        "key_distance",
    ]
    assert all(check.message for check in checks)
    assert all(check.HasField("minimum") or check.HasField("maximum") for check in checks)


def test_a_file_that_is_not_there_is_an_error(brief: brief_pb2.Brief, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        review(tmp_path / "none.flac", brief)


def test_a_brief_without_a_length_wants_ten_seconds(song_file: Path) -> None:
    checks = {check.name: check for check in review(song_file, brief_pb2.Brief(key="A minor")).review.checks}
    assert checks["duration_s"].outcome == PASS
    assert checks["duration_s"].minimum == 10.0


def test_a_key_that_is_none_is_a_warning(song_file: Path, brief: brief_pb2.Brief) -> None:
    other = brief_pb2.Brief.FromString(brief.SerializeToString())
    other.key = "H flat"
    assert outcomes(song_file, other)["key_distance"] == WARN


def test_another_tempo_or_key_than_the_brief_s_is_a_warning(song_file: Path, brief: brief_pb2.Brief) -> None:
    other = brief_pb2.Brief.FromString(brief.SerializeToString())
    other.tempo_bpm = round(brief.tempo_bpm * 1.1)
    other.key = "C# minor"
    found = outcomes(song_file, other)
    assert found["tempo_bpm"] == WARN
    assert found["key_distance"] == WARN
    assert FAIL not in found.values()


@pytest.mark.parametrize("factor", [0.5, 2])
def test_half_and_double_time_are_the_same_tempo(
    factor: float, song_file: Path, brief: brief_pb2.Brief
) -> None:
    other = make_brief(
        form=FORM, tempo_bpm=round(brief.tempo_bpm * factor), target_duration_ms=brief.target_duration_ms
    )
    assert outcomes(song_file, other)["tempo_bpm"] == PASS


def test_a_review_changes_nothing_and_repeats_itself(song_file: Path, brief: brief_pb2.Brief) -> None:
    before = hashlib.sha256(song_file.read_bytes()).digest()
    first, second = review(song_file, brief), review(song_file, brief)
    assert first.review.SerializeToString(deterministic=True) == second.review.SerializeToString(
        deterministic=True
    )
    assert first.fingerprint == second.fingerprint
    assert hashlib.sha256(song_file.read_bytes()).digest() == before
