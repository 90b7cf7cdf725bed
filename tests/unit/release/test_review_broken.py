"""Broken audio of every kind, made from one good song: the check that is for it refuses it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiartist.common.v1 import brief_pb2
from services.release.mastering import master
from services.release.review.decode import MOST_S
from services.release.review.reviewer import review
from tests.support.good_song import (
    FAIL,
    RATE,
    WARN,
    Sound,
    encoded,
    failures,
    good_brief,
    good_take,
    outcomes,
    written,
)


@pytest.fixture(scope="module")
def song_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("song") / "take.flac"
    path.write_bytes(good_take())
    return path


@pytest.fixture(scope="module")
def song(song_file: Path) -> Sound:
    samples: Sound = soundfile.read(song_file, dtype="float32")[0]
    return samples


def silent_from(song: Sound, start_s: float, seconds: float, side: int | slice = slice(None)) -> Sound:
    broken = song.copy()
    broken[round(start_s * RATE) : round((start_s + seconds) * RATE), side] = 0.0
    return broken


def seconds_of(song: Sound) -> Sound:
    return np.arange(len(song), dtype=np.float64)[:, None] / RATE


def loud(sound: Sound) -> Sound:
    """At the loudness of a master, so that only what is meant is wrong."""
    return master(sound.astype(np.float32), RATE).samples


def hum(song: Sound) -> Sound:
    t = seconds_of(song)
    return np.repeat(sum(np.sin(2 * np.pi * 50 * k * t) / k for k in range(1, 40)) * 0.1, 2, axis=1)


def tone(song: Sound) -> Sound:
    return np.hstack([np.sin(2 * np.pi * hz * seconds_of(song)) for hz in (440, 441)]) * 0.27


def white_noise(song: Sound) -> Sound:
    return np.random.default_rng(1).standard_normal(song.shape) * 0.1


def brown_noise(song: Sound) -> Sound:
    return scipy.signal.lfilter(
        [1], [1, -0.995], np.random.default_rng(2).standard_normal(song.shape), axis=0
    )


def stuck(song: Sound, seconds: float) -> Sound:
    piece = song[10 * RATE : round((10 + seconds) * RATE)]
    return np.resize(piece, song.shape)


def clipped_at(song: Sound, level: float) -> Sound:
    return np.clip(song * np.float32(1.5), -level, level)


BROKEN: dict[str, tuple[Callable[[Sound], Sound], str]] = {
    "silence": (lambda s: s * 0, "integrated_loudness_lufs"),
    "silence is nothing to hear": (lambda s: s * 0, "movement_db"),
    "silence all the way": (lambda s: s * 0, "leading_silence_s"),
    "too quiet": (lambda s: s * np.float32(0.4), "integrated_loudness_lufs"),
    "6 dB too loud": (lambda s: np.tanh(s * 4) * np.float32(0.88), "integrated_loudness_lufs"),
    "over the ceiling": (lambda s: s * np.float32(1.12), "true_peak_dbtp"),
    "clipped at full scale": (lambda s: np.clip(s * 2.5, -1, 1), "clipped_samples"),
    "flat tops at -1 dBFS": (lambda s: clipped_at(s, 0.89), "clipped_samples"),
    "flat tops at -6 dBFS": (lambda s: clipped_at(s, 0.5), "clipped_samples"),
    "flat tops under dither": (
        lambda s: clipped_at(s, 0.8) + np.random.default_rng(1).uniform(-5e-5, 5e-5, s.shape),
        "clipped_samples",
    ),
    "an offset": (lambda s: s + np.float32(0.02), "dc_offset"),
    "an offset on one side": (lambda s: s + np.array([0, 0.01]), "dc_offset"),
    "a late start": (lambda s: np.concatenate([np.zeros((3 * RATE, 2)), s]), "leading_silence_s"),
    "a long gap": (lambda s: silent_from(s, 10, 4), "longest_silence_s"),
    "a dead end": (lambda s: np.concatenate([s, np.zeros((5 * RATE, 2))]), "trailing_silence_s"),
    "a dropout of 10 ms": (lambda s: silent_from(s, 12.3, 0.01), "dropouts"),
    "a dropout of 0.2 s": (lambda s: silent_from(s, 7.7, 0.2), "dropouts"),
    "a dropout before mastering": (lambda s: loud(silent_from(s, 12.3, 0.05)), "dropouts"),
    "half a song": (lambda s: s[: len(s) // 2], "duration_s"),
    "twice the song": (lambda s: np.concatenate([s, s]), "duration_s"),
    "one dead channel": (lambda s: s * np.array([1.4, 0.0]), "channel_imbalance_db"),
    "one channel that dies": (lambda s: silent_from(s, 6, 17, 1), "one_sided_s"),
    "one side turned over": (lambda s: s * np.array([1, -1]), "stereo_correlation"),
    "its bass turned over": (lambda s: s * np.array([1, -1]), "low_end_correlation"),
    "one channel": (lambda s: s[:, :1], "channels"),
    "six channels": (lambda s: np.tile(s, 3), "channels"),
    "nothing but hum": (lambda s: loud(hum(s)), "movement_db"),
    "nothing but a tone": (tone, "movement_db"),
    "nothing but noise": (lambda s: loud(white_noise(s)), "movement_db"),
    "noise is known as such": (lambda s: loud(white_noise(s)), "noisiness"),
    "nothing but a rumble": (lambda s: loud(brown_noise(s)), "movement_db"),
    "2 s again and again": (lambda s: stuck(s, 2.03), "repetition"),
    "7 s again and again": (lambda s: stuck(s, 7.0), "repetition"),
    "a loop before mastering": (lambda s: loud(stuck(s, 4.1)), "repetition"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_song_fails_the_check_that_is_for_it(kind: str, song: Sound, tmp_path: Path) -> None:
    spoil, check = BROKEN[kind]
    path = written(tmp_path / "broken.flac", spoil(song).astype(np.float32))
    assert check in failures(path, good_brief())


SUSPECT: dict[str, tuple[Callable[[Sound], Sound], str]] = {
    "mono": (lambda s: np.repeat(s.mean(axis=1, keepdims=True), 2, axis=1), "stereo_correlation"),
    "no dynamics": (tone, "loudness_range_lu"),
    "a hard stop": (lambda s: silent_from(s, 12.3, 0.5), "dropouts"),
    "one side alone for a while": (lambda s: silent_from(s, 8, 6, 0), "one_sided_s"),
    "an end in mid-note": (lambda s: s[: 25 * RATE], "ending_dbfs"),
    "no treble": (
        lambda s: scipy.signal.sosfilt(
            scipy.signal.butter(16, 5_000, fs=RATE, output="sos"), s, axis=0
        ).astype(np.float32),
        "bandwidth_hz",
    ),
}


@pytest.mark.parametrize("kind", SUSPECT)
def test_what_may_be_meant_is_a_warning(kind: str, song: Sound, tmp_path: Path) -> None:
    spoil, check = SUSPECT[kind]
    path = written(tmp_path / "suspect.flac", spoil(song).astype(np.float32))
    assert outcomes(path, good_brief())[check] == WARN


def test_numbers_that_are_not_finite_fail_and_are_counted(song: Sound, tmp_path: Path) -> None:
    broken = song.copy()
    broken[5_000:5_010, 0] = np.nan
    broken[6_000, 1] = np.inf
    broken[7_000, 1] = 3e38
    path = tmp_path / "broken.wav"
    soundfile.write(path, broken, RATE, subtype="FLOAT")
    checks = {check.name: check for check in review(path, good_brief()).review.checks}
    assert checks["non_finite_samples"].outcome == FAIL
    assert checks["non_finite_samples"].measured == 12


@pytest.mark.parametrize("rate", [22_050, 48_000, 96_000])
def test_another_sample_rate_fails_and_nothing_is_measured_wrong_by_it(
    rate: int, song: Sound, tmp_path: Path
) -> None:
    common = int(np.gcd(rate, RATE))
    converted = scipy.signal.resample_poly(song, rate // common, RATE // common, axis=0) * 0.99
    path = written(tmp_path / "other.flac", converted.astype(np.float32), rate=rate)
    assert failures(path, good_brief()) - {"true_peak_dbtp"} == {"sample_rate_hz"}


@pytest.mark.parametrize("share", [0.0, 0.00001, 0.001, 0.3, 0.97, 0.9999])
def test_a_file_that_was_cut_off_fails(share: float, tmp_path: Path) -> None:
    data = good_take()
    path = tmp_path / "cut.flac"
    path.write_bytes(data[: int(len(data) * share)])
    assert "decoding_faults" in failures(path, good_brief())


@pytest.mark.parametrize("at", [0, 20, 24, 30, 0.01, 0.2, 0.5, 0.8, 0.999])
def test_a_single_changed_byte_fails(at: float, tmp_path: Path) -> None:
    """In the magic number, in the header's width, length and MD5, and in the sound."""
    data = bytearray(good_take())
    data[at if isinstance(at, int) else int(len(data) * at)] ^= 0x11
    path = tmp_path / "changed.flac"
    path.write_bytes(data)
    assert "decoding_faults" in failures(path, good_brief())


def test_a_header_that_tells_of_another_sample_rate_fails(tmp_path: Path) -> None:
    data = bytearray(good_take())
    data[18] ^= 0x11
    path = tmp_path / "changed.flac"
    path.write_bytes(data)
    assert {"sample_rate_hz", "duration_s"} <= failures(path, good_brief())


def test_a_header_that_promises_days_of_sound_fails_at_once(tmp_path: Path) -> None:
    data = bytearray(good_take())
    data[21] |= 0x0F
    data[22:26] = b"\xff\xff\xff\xff"
    path = tmp_path / "huge.flac"
    path.write_bytes(data)
    assert "decoding_faults" in failures(path, good_brief())


def test_a_small_file_that_unpacks_to_hours_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "endless.flac"
    with soundfile.SoundFile(path, "w", 8_000, 1, format="FLAC", subtype="PCM_16") as file:
        for _ in range(MOST_S // 50 + 1):
            file.write(np.zeros(50 * 8_000, np.int16))
    assert path.stat().st_size < 200_000
    found = review(path, good_brief()).review
    assert found.checks[0].outcome == FAIL
    assert found.checks[0].message == f"it is longer than {MOST_S // 60} minutes"
    assert found.duration_ms == MOST_S * 1_000


NO_SOUND: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "the file is empty"),
    "a placeholder": (b"this is what used to be called an mp3 here", "it looks like text"),
    "a web page": (b"\n<!DOCTYPE html><html>Not found</html>", "it looks like HTML"),
    "an answer": (b'{"code": 413, "msg": "insufficient credits"}', "it looks like JSON"),
    "zeros": (bytes(50_000), "can't be decoded"),
    "a bare magic number": (b"fLaC", "can't be decoded"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "it looks like a picture"),
}


@pytest.mark.parametrize("kind", NO_SOUND)
def test_what_is_no_sound_at_all_fails_and_says_what_it_is(kind: str, tmp_path: Path) -> None:
    data, reason = NO_SOUND[kind]
    path = tmp_path / "song.flac"
    path.write_bytes(data)
    found = review(path, good_brief()).review
    assert [check.name for check in found.checks if check.outcome == FAIL] == [
        "decoding_faults",
        "format_faults",
    ]
    assert reason in found.checks[0].message
    assert not found.passed


@pytest.mark.parametrize("kind", ["WAV", "MP3", "OGG"])
def test_another_kind_of_sound_under_the_name_of_a_master_fails(
    kind: str, song: Sound, tmp_path: Path
) -> None:
    path = tmp_path / "song.flac"
    if kind == "WAV":
        soundfile.write(path, song, RATE, format="WAV", subtype="PCM_24")
    else:
        encoded(path, song, kind)
    found = {check.name: check for check in review(path, good_brief()).review.checks}
    assert found["format_faults"].outcome == FAIL
    assert found["format_faults"].message.startswith(kind)


def test_a_master_of_eight_bits_fails(song: Sound, tmp_path: Path) -> None:
    path = tmp_path / "song.flac"
    soundfile.write(path, song, RATE, subtype="PCM_S8")
    assert "format_faults" in failures(path, good_brief())


_WAV = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x03\x00\x02\x00D\xac\x00\x00 b\x05\x00\x08\x00 \x00data"
_BEGINNINGS = st.sampled_from(
    [b"", b"fLaC\x00\x00\x00\x22", _WAV, b"OggS\x00\x02", b"ID3\x04", b"\xff\xfb\x90"]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(beginning=_BEGINNINGS, rest=st.binary(max_size=3_000))
def test_no_bytes_make_the_review_raise(beginning: bytes, rest: bytes, tmp_path: Path) -> None:
    path = tmp_path / "anything.flac"
    path.write_bytes(beginning + rest)
    found = review(path, brief_pb2.Brief(key="H flat", tempo_bpm=0)).review
    assert not found.passed
    assert all(check.message for check in found.checks)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    frames=st.integers(0, 3_000),
    channels=st.integers(1, 8),
    rate=st.integers(8_000, 192_000),
    seed=st.integers(0, 2**32 - 1),
    scale=st.sampled_from([0.0, 1e-30, 0.1, 1.0, 1e5, 1e38]),
)
def test_no_sound_makes_the_review_raise(
    frames: int, channels: int, rate: int, seed: int, scale: float, tmp_path: Path
) -> None:
    path = tmp_path / "anything.wav"
    noise = np.random.default_rng(seed).uniform(-scale, scale, (frames, channels))
    soundfile.write(path, noise.astype(np.float32), rate, subtype="FLOAT")
    assert not review(path, good_brief()).review.passed


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_to_a_master_passes_or_makes_the_review_raise(data: st.DataObject, tmp_path: Path) -> None:
    whole = bytearray(good_take()[:150_000])
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.flac"
    path.write_bytes(whole)
    assert "decoding_faults" in failures(path, good_brief())
