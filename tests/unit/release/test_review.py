"""The review, given one good song and everything that can be wrong with it."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile
from numpy.typing import NDArray

from aiartist.common.v1 import audio_pb2, brief_pb2
from services.release import studio
from services.release.music.builtin import BuiltinProvider
from services.release.review import review
from services.release.review.fingerprint import fingerprint, similarity
from services.release.review.reviewer import SAME_RECORDING
from tests.support.songs import CHORUS, OTHER_VERSE, VERSE, Form, Kind, make_brief

RATE = 44_100
PASS = audio_pb2.ReviewCheck.OUTCOME_PASS
WARN = audio_pb2.ReviewCheck.OUTCOME_WARN
FAIL = audio_pb2.ReviewCheck.OUTCOME_FAIL

Sound = NDArray[np.float32]


FORM: Form = [
    (Kind.KIND_VERSE, 4, VERSE),
    (Kind.KIND_CHORUS, 4, CHORUS),
    (Kind.KIND_VERSE, 4, OTHER_VERSE),
    (Kind.KIND_OUTRO, 2, []),
]


def quiet(step: str, done: int, total: int) -> None:
    pass


@pytest.fixture(scope="module")
def brief() -> brief_pb2.Brief:
    return make_brief("pop", form=FORM)


@pytest.fixture(scope="module")
def song_file(brief: brief_pb2.Brief, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("song") / "take.flac"
    studio.produce(studio.TakeJob(brief.SerializeToString(), 1, path), quiet)
    return path


@pytest.fixture(scope="module")
def song(song_file: Path) -> Sound:
    samples: Sound = soundfile.read(song_file, dtype="float32")[0]
    return samples


def outcomes(path: Path, brief: brief_pb2.Brief, catalogue: tuple[bytes, ...] = ()) -> dict[str, int]:
    return {check.name: check.outcome for check in review(path, brief, catalogue).review.checks}


def failures(path: Path, brief: brief_pb2.Brief, catalogue: tuple[bytes, ...] = ()) -> set[str]:
    found = review(path, brief, catalogue).review
    failed = {check.name for check in found.checks if check.outcome == FAIL}
    assert found.passed == (not failed)
    return failed


def written(path: Path, samples: Sound, *, rate: int = RATE) -> Path:
    soundfile.write(path, samples, rate, subtype="PCM_24")
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
        "sample_rate_hz",
        "channels",
        "duration_s",
        "non_finite_samples",
        "integrated_loudness_lufs",
        "true_peak_dbtp",
        "clipped_samples",
        "leading_silence_s",
        "longest_silence_s",
        "trailing_silence_s",
        "dc_offset",
        "channel_imbalance_db",
        "stereo_correlation",
        "loudness_range_lu",
        "tempo_bpm",
        "key_distance",
        "near_duplicate_similarity",
    ]
    assert all(check.message for check in checks)
    assert all(check.HasField("minimum") or check.HasField("maximum") for check in checks)


def one_silent_channel(song: Sound) -> Sound:
    return song * np.array([1.4, 0.0], np.float32)


def with_a_hole(song: Sound) -> Sound:
    broken = song.copy()
    broken[10 * RATE : 14 * RATE] = 0.0
    return broken


BROKEN: dict[str, tuple[Callable[[Sound], Sound], str]] = {
    "silence": (lambda s: s * 0, "integrated_loudness_lufs"),
    "too quiet": (lambda s: s * np.float32(0.4), "integrated_loudness_lufs"),
    "too loud": (lambda s: np.tanh(s * 4) * np.float32(0.88), "integrated_loudness_lufs"),
    "over the ceiling": (lambda s: s * np.float32(1.12), "true_peak_dbtp"),
    "clipped": (lambda s: np.clip(s * 2.5, -1, 1) * np.float32(0.9), "clipped_samples"),
    "a hole": (with_a_hole, "longest_silence_s"),
    "a late start": (lambda s: np.concatenate([np.zeros((3 * RATE, 2), np.float32), s]), "leading_silence_s"),
    "a dead end": (lambda s: np.concatenate([s, np.zeros((5 * RATE, 2), np.float32)]), "trailing_silence_s"),
    "half a song": (lambda s: s[: len(s) // 2], "duration_s"),
    "twice the song": (lambda s: np.concatenate([s, s]), "duration_s"),
    "an offset": (lambda s: s + np.float32(0.02), "dc_offset"),
    "one silent channel": (one_silent_channel, "channel_imbalance_db"),
    "sides that cancel": (lambda s: s[:, :1] * np.array([1.0, -1.0], np.float32), "stereo_correlation"),
    "mono": (lambda s: s[:, :1], "channels"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_song_fails_the_check_that_is_for_it(
    kind: str, song: Sound, brief: brief_pb2.Brief, tmp_path: Path
) -> None:
    spoil, check = BROKEN[kind]
    assert check in failures(written(tmp_path / "broken.flac", spoil(song).astype(np.float32)), brief)


def test_numbers_that_are_not_finite_fail(song: Sound, brief: brief_pb2.Brief, tmp_path: Path) -> None:
    broken = song.copy()
    broken[5_000:5_010, 0] = np.nan
    broken[6_000, 1] = np.inf
    path = tmp_path / "broken.wav"
    soundfile.write(path, broken, RATE, subtype="FLOAT")
    checks = {check.name: check for check in review(path, brief).review.checks}
    assert checks["non_finite_samples"].outcome == FAIL
    assert checks["non_finite_samples"].measured == 11


def test_another_sample_rate_fails(song: Sound, brief: brief_pb2.Brief, tmp_path: Path) -> None:
    converted = scipy.signal.resample_poly(song, 160, 147, axis=0).astype(np.float32)
    assert failures(written(tmp_path / "other.flac", converted, rate=48_000), brief) == {"sample_rate_hz"}


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.97])
def test_a_file_that_was_cut_off_fails(
    share: float, song_file: Path, brief: brief_pb2.Brief, tmp_path: Path
) -> None:
    data = song_file.read_bytes()
    path = tmp_path / "cut.flac"
    path.write_bytes(data[: int(len(data) * share)])
    assert "decoding_faults" in failures(path, brief)


def test_a_single_changed_byte_in_the_sound_fails(
    song_file: Path, brief: brief_pb2.Brief, tmp_path: Path
) -> None:
    data = bytearray(song_file.read_bytes())
    data[len(data) // 2] ^= 0x10
    path = tmp_path / "changed.flac"
    path.write_bytes(data)
    assert "decoding_faults" in failures(path, brief)


def test_a_file_of_another_kind_fails(brief: brief_pb2.Brief, tmp_path: Path) -> None:
    path = tmp_path / "song.flac"
    path.write_text("this is what used to be called an mp3 here")
    assert failures(path, brief) == {"decoding_faults"}


def test_a_file_that_is_not_there_is_an_error(brief: brief_pb2.Brief, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        review(tmp_path / "none.flac", brief)


def copies(song: Sound) -> dict[str, Sound]:
    rng = np.random.default_rng(3)
    sos = scipy.signal.butter(1, [120.0, 7_000.0], "band", fs=RATE, output="sos")
    return {
        "the same": song,
        "quieter": song * np.float32(0.2),
        "its start cut off": song[round(7.31 * RATE) :],
        "its first half": song[: len(song) // 2],
        "filtered": scipy.signal.sosfilt(sos, song, axis=0).astype(np.float32),
        "eight bits": np.round(song * 100) / np.float32(100),
        "with noise": song + rng.standard_normal(song.shape).astype(np.float32) * np.float32(0.01),
        "distorted": np.tanh(song * 3),
    }


def test_a_copy_of_another_song_fails_however_it_was_changed(
    song: Sound, song_file: Path, brief: brief_pb2.Brief
) -> None:
    own = review(song_file, brief).fingerprint
    likenesses = {kind: similarity(own, fingerprint(copy, RATE)) for kind, copy in copies(song).items()}
    assert {kind: found for kind, found in likenesses.items() if found <= SAME_RECORDING} == {}
    known = fingerprint(copies(song)["with noise"], RATE)
    assert failures(song_file, brief, (known,)) == {"near_duplicate_similarity"}


@pytest.mark.parametrize(("kind", "subtype"), [("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")])
def test_a_copy_that_was_encoded_with_loss_fails(
    kind: str, subtype: str, song: Sound, song_file: Path, brief: brief_pb2.Brief, tmp_path: Path
) -> None:
    path = tmp_path / "lossy"
    with soundfile.SoundFile(path, "w", RATE, 2, format=kind, subtype=subtype, compression_level=0.8) as file:
        for start in range(0, len(song), 4_096):
            file.write(song[start : start + 4_096])
    decoded = soundfile.read(path, dtype="float32")[0]
    known = fingerprint(decoded, RATE)
    assert failures(song_file, brief, (known,)) == {"near_duplicate_similarity"}


def test_another_song_of_the_same_genre_key_and_tempo_is_no_duplicate(
    song_file: Path, brief: brief_pb2.Brief
) -> None:
    catalogue = []
    for seed in (21, 22):
        other = make_brief("pop", form=FORM, seed=seed, title=f"Song {seed}")
        rendering = BuiltinProvider().render(other, seed=1, progress=quiet)
        catalogue.append(fingerprint(rendering.samples, RATE))
    checks = {c.name: c for c in review(song_file, brief, tuple(catalogue)).review.checks}
    assert checks["near_duplicate_similarity"].outcome == PASS
    assert checks["near_duplicate_similarity"].measured < 0.3


def test_takes_without_a_fingerprint_are_passed_over(song_file: Path, brief: brief_pb2.Brief) -> None:
    assert outcomes(song_file, brief, (b"",))["near_duplicate_similarity"] == PASS


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


def test_two_equal_channels_are_a_warning(song: Sound, brief: brief_pb2.Brief, tmp_path: Path) -> None:
    mono = np.repeat(song.mean(axis=1, keepdims=True), 2, axis=1)
    assert outcomes(written(tmp_path / "mono.flac", mono), brief)["stereo_correlation"] == WARN


def test_a_song_without_any_dynamics_is_a_warning(
    song: Sound, brief: brief_pb2.Brief, tmp_path: Path
) -> None:
    t = np.arange(len(song)) / RATE
    drone = np.stack([np.sin(2 * np.pi * 220 * t), np.sin(2 * np.pi * 221 * t)], axis=1) * 0.28
    found = outcomes(written(tmp_path / "drone.flac", drone.astype(np.float32)), brief)
    assert found["loudness_range_lu"] == WARN


def test_a_review_changes_nothing_and_repeats_itself(song_file: Path, brief: brief_pb2.Brief) -> None:
    before = hashlib.sha256(song_file.read_bytes()).digest()
    first, second = review(song_file, brief), review(song_file, brief)
    assert first.review.SerializeToString(deterministic=True) == second.review.SerializeToString(
        deterministic=True
    )
    assert first.fingerprint == second.fingerprint
    assert hashlib.sha256(song_file.read_bytes()).digest() == before
