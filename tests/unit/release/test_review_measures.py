"""The review's instruments, held against sounds whose numbers are known."""

import numpy as np
import pyloudnorm
import pytest
import scipy.signal
from numpy.typing import NDArray

from services.release.music.theory import Key
from services.release.review import levels, loudness, rhythm, tonality
from services.release.review.fingerprint import fingerprint, similarity

RATE = 44_100

Sound = NDArray[np.float32]


def tone(hz: float, seconds: float, *, phase: float = 0.0, level: float = 0.5) -> Sound:
    t = np.arange(round(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * hz * t + phase)).astype(np.float32)


def pair(mono: Sound) -> Sound:
    return np.stack([mono, mono], axis=1)


def noise(seconds: float, seed: int = 1) -> Sound:
    return (np.random.default_rng(seed).standard_normal((round(seconds * RATE), 2)) * 0.1).astype(np.float32)


def test_a_full_scale_tone_at_997_hz_has_the_loudness_that_the_standard_names() -> None:
    """EBU Tech 3341: -23 dBFS stereo at 1 kHz reads -23 LUFS."""
    sound = pair(tone(997, 20, level=10 ** (-23 / 20)))
    assert loudness.integrated_lufs(sound, RATE) == pytest.approx(-23.0, abs=0.1)
    assert loudness.gated_lufs(loudness.weighted_power(sound, RATE)) == pytest.approx(-23.0, abs=0.1)


def test_the_gate_leaves_silence_and_quiet_passages_out() -> None:
    sound = pair(
        np.concatenate([tone(997, 10, level=0.1), tone(997, 10, level=0.001), tone(997, 5, level=0)])
    )
    alone = loudness.integrated_lufs(sound[: 10 * RATE], RATE)
    assert loudness.integrated_lufs(sound, RATE) == pytest.approx(alone, abs=0.2)
    assert loudness.gated_lufs(loudness.weighted_power(sound, RATE)) == pytest.approx(alone, abs=0.2)


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_both_ways_of_measuring_loudness_agree(rate: int) -> None:
    sound = noise(10)
    sound[: len(sound) // 3] *= np.float32(0.3)
    reference = pyloudnorm.Meter(rate).integrated_loudness(sound.astype(np.float64))
    assert loudness.gated_lufs(loudness.weighted_power(sound, rate)) == pytest.approx(reference, abs=0.1)


def test_silence_and_snippets_have_the_loudness_of_silence() -> None:
    assert loudness.integrated_lufs(np.zeros((RATE * 2, 2), np.float32), RATE) == loudness.SILENT_LUFS
    assert loudness.integrated_lufs(noise(0.2), RATE) == loudness.SILENT_LUFS


def test_the_loudness_range_of_two_levels_is_their_distance() -> None:
    """EBU Tech 3342, case 1: 20 s at -20 and 20 s at -30 dBFS read 10 LU."""
    sound = pair(np.concatenate([tone(997, 20, level=0.1), tone(997, 20, level=0.1 / 10**0.5)]))
    assert loudness.range_lu(loudness.weighted_power(sound, RATE)) == pytest.approx(10.0, abs=1.0)


@pytest.mark.parametrize(("hz", "phase"), [(RATE / 4, np.pi / 4), (997, 0.3), (7_350, 0.4), (15_000, 0.1)])
def test_true_peaks_between_the_samples_are_found(hz: float, phase: float) -> None:
    """A quarter of the sample rate at 45 degrees shows 3 dB less in its samples than it has."""
    sound = tone(hz, 2, phase=phase)
    edge = np.minimum(1.0, np.minimum(np.arange(len(sound)), np.arange(len(sound))[::-1]) / 4_410)
    measured = loudness.true_peak_dbtp(pair((sound * edge).astype(np.float32)))
    assert measured == pytest.approx(20 * np.log10(0.5), abs=0.1)


def test_true_peaks_are_told_block_by_block() -> None:
    sound = np.zeros((RATE, 2), np.float32)
    sound[20_000:20_100, 1] = 0.7
    peaks = loudness.true_peaks(sound, 100)
    assert int(np.argmax(peaks)) in (199, 200, 201)
    assert peaks[:195].max() < 1e-3


def test_silences_are_told_apart_by_where_they_are() -> None:
    sound = np.concatenate(
        [np.zeros((RATE, 2)), noise(2), np.zeros((3 * RATE, 2)), noise(1), np.zeros((2 * RATE, 2))]
    ).astype(np.float32)
    found = levels.silences(sound, RATE)
    assert found.leading_s == pytest.approx(1.0, abs=0.1)
    assert found.longest_inside_s == pytest.approx(3.0, abs=0.1)
    assert found.trailing_s == pytest.approx(2.0, abs=0.1)


def test_flat_tops_are_clipping_and_loud_tones_are_not() -> None:
    hot = np.clip(pair(tone(220, 2, level=1.4)), -1, 1)
    assert levels.clipped(hot) > 1_000
    assert levels.clipped(hot * np.float32(0.7)) > 1_000
    assert levels.clipped(pair(tone(220, 2, level=0.999))) == 0
    assert levels.clipped(pair(tone(30, 2, level=0.9))) == 0
    assert levels.clipped(np.zeros((RATE, 2), np.float32)) == 0


def test_correlation_tells_mono_unrelated_and_opposite_sides() -> None:
    one, other = noise(2)[:, 0], noise(2, seed=2)[:, 0]
    assert levels.correlation(np.stack([one, one], axis=1)) == pytest.approx(1.0)
    assert levels.correlation(np.stack([one, -one], axis=1)) == pytest.approx(-1.0)
    assert levels.correlation(np.stack([one, other], axis=1)) == pytest.approx(0.0, abs=0.02)


def test_imbalance_is_in_decibels_and_bounded() -> None:
    one = noise(1)[:, 0]
    assert levels.imbalance_db(np.stack([one, one / 2], axis=1)) == pytest.approx(6.02, abs=0.01)
    assert levels.imbalance_db(np.stack([one, one * 0], axis=1)) == 120.0


@pytest.mark.parametrize("bpm", [61, 83, 100, 128, 141, 174])
def test_the_tempo_of_a_beat_is_found_but_for_its_octave(bpm: int) -> None:
    rng = np.random.default_rng(bpm)
    total = 25 * RATE
    sound = np.zeros(total, np.float32)
    t = np.arange(4_000) / RATE
    kick = np.sin(2 * np.pi * 60 * t) * np.exp(-t * 30)
    snare = rng.standard_normal(4_000) * np.exp(-t * 40)
    hat = scipy.signal.lfilter([1, -1], 1, rng.standard_normal(4_000)) * np.exp(-t * 150)
    for eighth in range(int(25 * bpm / 30)):
        start = round(eighth * 30 / bpm * RATE)
        stroke = 0.3 * hat + (kick if eighth % 8 in (0, 5) else 0) + (snare if eighth % 8 == 4 else 0)
        stop = min(total, start + 4_000)
        sound[start:stop] += stroke[: stop - start].astype(np.float32)
    ratio = np.log2(rhythm.tempo_bpm(sound, RATE) / bpm)
    assert abs(ratio - round(ratio)) < 0.01


def test_there_is_no_tempo_in_silence() -> None:
    assert rhythm.tempo_bpm(np.zeros(20 * RATE, np.float32), RATE) == 0.0
    assert rhythm.tempo_bpm(np.zeros(100, np.float32), RATE) == 0.0


@pytest.mark.parametrize("name", ["C major", "A minor", "F# major", "Eb minor", "B minor"])
def test_the_key_of_a_cadence_is_found(name: str) -> None:
    key = Key.parse(name)
    chords = [(0, 2, 4), (3, 5, 7), (4, 6, 8), (0, 2, 4)] * 2
    sound = np.concatenate(
        [sum(tone(440 * 2 ** ((key.pitch(s) - 69) / 12), 1.5, level=0.1) for s in steps) for steps in chords]
    )
    estimate = tonality.estimate_key(sound.astype(np.float32), RATE)
    assert estimate is not None
    assert estimate.key == key
    assert estimate.clarity > 0.6


def test_there_is_no_key_in_silence() -> None:
    assert tonality.estimate_key(np.zeros(5 * RATE, np.float32), RATE) is None


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ("C major", "C major", 0),
        ("C major", "A minor", 1),
        ("C major", "C minor", 1),
        ("C major", "G major", 1),
        ("A minor", "D minor", 1),
        ("C major", "D major", 2),
        ("C major", "F# minor", 2),
    ],
)
def test_relatives_parallels_and_neighbours_are_close_keys(one: str, other: str, apart: int) -> None:
    assert tonality.distance(Key.parse(one), Key.parse(other)) == apart
    assert tonality.distance(Key.parse(other), Key.parse(one)) == apart


def test_a_fingerprint_is_small_and_its_own_likeness_is_one() -> None:
    own = fingerprint(noise(20), RATE)
    assert len(own) < 20 * 50
    assert similarity(own, own) == pytest.approx(1.0)


def test_unrelated_sounds_are_unlike() -> None:
    assert similarity(fingerprint(noise(20), RATE), fingerprint(noise(20, seed=2), RATE)) < 0.1


def test_too_little_sound_is_like_nothing() -> None:
    short = fingerprint(noise(3), RATE)
    assert similarity(short, short) == 0.0
    assert similarity(fingerprint(noise(0.2), RATE), short) == 0.0


@pytest.mark.parametrize("data", [b"", b"nonsense", b"afp1abc"])
def test_what_is_no_fingerprint_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a fingerprint"):
        similarity(data, data)
