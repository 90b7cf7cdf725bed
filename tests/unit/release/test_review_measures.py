"""The review's instruments, held against sounds whose numbers are known."""

from typing import Any

import numpy as np
import pyloudnorm
import pytest
import scipy.signal
from numpy.typing import NDArray

from services.release.music.theory import Key
from services.release.review import continuity, levels, loudness, rhythm, tonality
from services.release.review.character import character, repetition
from services.release.review.checks import FAIL, PASS, WARN, bounded, worst
from services.release.review.fingerprint import fingerprint
from services.release.review.likeness import words

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
    reference = pyloudnorm.Meter(rate, filter_class="DeMan").integrated_loudness(sound.astype(np.float64))
    assert loudness.gated_lufs(loudness.weighted_power(sound, rate)) == pytest.approx(reference, abs=0.02)


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


@pytest.mark.parametrize(
    ("measured", "limits", "outcome", "message"),
    [
        (-14.04, {"least": -14.5, "most": -13.5, "unit": "LUFS"}, PASS, "-14.0 LUFS (-14.5 to -13.5)"),
        (-23.1, {"least": -14.5, "most": -13.5, "unit": "LUFS"}, FAIL, "-23.1 LUFS is less than -14.5"),
        (0.2, {"most": 0.003, "digits": 3}, FAIL, "0.200 is more than 0.003"),
        (0.0, {"most": 0.003, "digits": 3}, PASS, "0.000 (at most 0.003)"),
        (9.0, {"least": 3.0, "unit": "dB", "what": "it is one sound"}, PASS, "9.0 dB (at least 3.0)"),
        (2.0, {"least": 3.0, "what": "it is one sound"}, FAIL, "2.0 is less than 3.0: it is one sound"),
        (2.0, {"least": 3.0, "otherwise": WARN}, WARN, "2.0 is less than 3.0"),
        (1, {"least": 2, "most": 2, "digits": 0}, FAIL, "1 is less than 2"),
        (2, {"least": 2, "most": 2, "digits": 0}, PASS, "2 (must be 2)"),
    ],
)
def test_a_check_shows_its_number_and_its_limits(
    measured: float, limits: dict[str, Any], outcome: int, message: str
) -> None:
    check = bounded("something", measured, **limits)
    assert (check.outcome, check.message) == (outcome, message)
    assert check.HasField("minimum") == ("least" in limits)
    assert check.HasField("maximum") == ("most" in limits)


def test_of_a_check_with_two_limits_the_worse_outcome_counts() -> None:
    def graded(value: float) -> tuple[int, float]:
        check = worst(bounded("x", value, most=2.0), bounded("x", value, most=1.0, otherwise=WARN))
        return check.outcome, check.maximum

    assert [graded(value) for value in (0.5, 1.5, 2.5)] == [(PASS, 2.0), (WARN, 1.0), (FAIL, 2.0)]


def test_flat_tops_are_counted_wherever_they_are_and_round_ones_are_not() -> None:
    rng = np.random.default_rng(1)
    for level in (0.9, 0.5, 0.1):
        flat = np.clip(pair(tone(220, 2, level=level * 1.4)), -level, level)
        assert levels.clipped(flat) > 1_000
    dithered = np.clip(pair(tone(220, 2, level=1.1)), -0.8, 0.8) + rng.uniform(-8e-5, 8e-5, (2 * RATE, 2))
    assert levels.clipped(dithered.astype(np.float32)) > 1_000
    assert levels.clipped(pair(tone(25, 2, level=0.9))) == 0
    assert levels.clipped(np.tanh(pair(tone(220, 2, level=3.0)))) == 0


def test_the_bass_has_a_correlation_of_its_own() -> None:
    bass, treble = tone(60, 2, level=0.3), tone(5_000, 2, level=0.3)
    sound = np.stack([bass + treble, treble - bass], axis=1)
    assert levels.correlation(sound) == pytest.approx(0.0, abs=0.02)
    assert levels.low_correlation(sound, RATE) == pytest.approx(-1.0, abs=0.02)
    assert levels.low_correlation(sound[:, :1], RATE) == 1.0


def with_a_hole(sound: Sound, start_s: float, ms: float, *, fade_ms: float = 0.0) -> Sound:
    gain = np.ones(len(sound), np.float32)
    start, stop = round(start_s * RATE), round((start_s + ms / 1_000) * RATE)
    gain[start:stop] = 0.0
    if fade_ms:
        fade = round(fade_ms / 1_000 * RATE)
        gain[start - fade : start] = np.linspace(1, 0, fade)
    return sound * gain[:, None]


@pytest.mark.parametrize(
    ("ms", "dropouts", "stops"), [(3, 0, 0), (12, 1, 0), (180, 1, 0), (400, 0, 1), (3_000, 0, 0)]
)
def test_holes_with_hard_edges_are_dropouts_or_longer_ones_stops(
    ms: float, dropouts: int, stops: int
) -> None:
    found = continuity.gaps(with_a_hole(noise(6), 2.0, ms), RATE)
    assert (found.dropouts, found.stops) == (dropouts, stops)
    assert found.first_s == pytest.approx(2.0 if dropouts + stops else -1.0, abs=0.01)


def test_what_fades_or_decays_into_a_rest_is_no_hole() -> None:
    assert continuity.gaps(with_a_hole(noise(6), 2.0, 100, fade_ms=40), RATE).dropouts == 0
    assert continuity.gaps(with_a_hole(noise(6) * np.float32(0.01), 2.0, 100), RATE).dropouts == 0
    assert continuity.gaps(np.zeros((10, 2), np.float32), RATE).first_s == -1.0


@pytest.mark.parametrize("side", [0, 1])
def test_a_side_that_falls_silent_is_timed(side: int) -> None:
    sound = noise(10)
    sound[2 * RATE : 7 * RATE, side] = 0.0
    assert continuity.one_sided_s(sound, RATE) == pytest.approx(5.0, abs=0.2)
    sound[:, :] = 0.0
    assert continuity.one_sided_s(sound, RATE) == 0.0


def test_the_ending_is_the_level_of_the_last_moment() -> None:
    sound = pair(tone(997, 3, level=0.1 * 2**0.5))
    assert continuity.ending_dbfs(sound, RATE) == pytest.approx(-20.0, abs=0.1)
    sound[-RATE:] = 0.0
    assert continuity.ending_dbfs(sound, RATE) == -120.0


def test_tones_and_noises_do_not_move() -> None:
    white = noise(20)[:, 0]
    brown = scipy.signal.lfilter([1], [1, -0.99], white).astype(np.float32)
    for sound, moves, noisy in ((tone(440, 20), 0.1, 0.01), (white, 2.0, 0.6), (brown, 2.0, 0.6)):
        found = character(sound, RATE)
        assert found is not None
        assert found.movement_db < moves
        assert found.noisiness == pytest.approx(noisy, abs=0.03)


def test_the_bandwidth_is_where_the_sound_ends() -> None:
    spectrum = np.fft.rfft(noise(20)[:, 0])
    spectrum[20 * 7_000 :] = 0.0
    found = character(np.fft.irfft(spectrum).astype(np.float32), RATE)
    assert found is not None
    assert found.bandwidth_hz == pytest.approx(7_000, abs=100)


def test_silence_and_snippets_have_no_character() -> None:
    assert character(np.zeros(5 * RATE, np.float32), RATE) is None
    assert character(noise(0.5)[:, 0], RATE) is None


def test_a_loop_repeats_itself_and_noise_does_not() -> None:
    loop = np.resize(noise(3.21), (40 * RATE, 2))
    assert repetition(words(fingerprint(loop, RATE))) > 0.85
    assert repetition(words(fingerprint(noise(40), RATE))) < 0.2
    assert repetition(words(fingerprint(noise(10), RATE))) == 0.0
