import numpy as np
import pytest
import scipy.signal
from numpy.typing import NDArray

from services.release.mastering import CEILING_DBTP, TARGET_LUFS, Unmasterable, balance, master
from services.release.review.loudness import integrated_lufs, true_peak_dbtp

RATE = 44_100

Sound = NDArray[np.float32]


def noise(seconds: float, *, seed: int = 1, level: float = 0.1) -> Sound:
    rng = np.random.default_rng(seed)
    white = rng.standard_normal((round(seconds * RATE), 2))
    sos = scipy.signal.butter(1, 900.0, "low", fs=RATE, output="sos")
    return (scipy.signal.sosfilt(sos, white, axis=0) * level).astype(np.float32)


def beat(seconds: float) -> Sound:
    """Quiet noise with hard strokes every half second: peaks far above the mean."""
    sound = noise(seconds, level=0.01)
    t = np.arange(round(0.08 * RATE)) / RATE
    stroke = (np.sin(2 * np.pi * 90 * t) * np.exp(-t * 40)).astype(np.float32)
    for start in range(0, len(sound) - len(stroke), RATE // 2):
        sound[start : start + len(stroke)] += stroke[:, None]
    return sound


def quiet_then_loud(seconds: float) -> Sound:
    sound = noise(seconds)
    sound[: len(sound) // 2] *= np.float32(0.03)
    return sound


def one_sided(seconds: float) -> Sound:
    sound = noise(seconds)
    sound[:, 1] = 0.0
    return sound


SOUNDS = {
    "ordinary": lambda: noise(6),
    "very quiet": lambda: noise(6) * np.float32(1e-4),
    "hot": lambda: noise(6) * np.float32(60),
    "clipped": lambda: np.clip(noise(6) * np.float32(30), -1, 1),
    "very dynamic": lambda: quiet_then_loud(10),
    "full of peaks": lambda: beat(6),
    "mono": lambda: np.repeat(noise(6).mean(axis=1, keepdims=True), 2, axis=1),
    "one-sided": lambda: one_sided(6),
    "a pure tone": lambda: np.repeat(
        np.sin(2 * np.pi * 440 * np.arange(5 * RATE) / RATE).astype(np.float32)[:, None], 2, axis=1
    ),
    "offset": lambda: noise(6) + np.float32(0.3),
}


@pytest.mark.parametrize("kind", SOUNDS)
def test_a_master_has_the_target_loudness_and_stays_below_the_ceiling(kind: str) -> None:
    made = master(SOUNDS[kind](), RATE)
    assert integrated_lufs(made.samples, RATE) == pytest.approx(TARGET_LUFS, abs=0.3)
    assert true_peak_dbtp(made.samples) <= CEILING_DBTP
    assert made.samples.dtype == np.float32
    assert np.isfinite(made.samples).all()


def test_the_ceiling_also_holds_by_another_way_of_measuring() -> None:
    made = master(beat(6), RATE)
    upsampled = scipy.signal.resample_poly(made.samples.astype(np.float64), 8, 1, axis=0)
    assert 20 * np.log10(np.abs(upsampled).max()) <= CEILING_DBTP


@pytest.mark.parametrize(
    ("sound", "reason"),
    [
        (np.zeros((5 * RATE, 2), np.float32), "silent"),
        (np.full((5 * RATE, 2), 0.25, np.float32), "silent"),
        (np.zeros((5 * RATE, 1), np.float32), "shape"),
        (np.zeros((100, 2), np.float32), "less than 1 s"),
        (np.where(np.arange(5 * RATE)[:, None] == 7, np.nan, noise(5)).astype(np.float32), "not finite"),
    ],
)
def test_what_cannot_be_mastered_is_refused_with_the_reason(sound: Sound, reason: str) -> None:
    with pytest.raises(Unmasterable, match=reason):
        master(sound, RATE)


def test_the_offset_and_rumble_are_gone() -> None:
    t = np.arange(6 * RATE) / RATE
    rumble = (0.2 * np.sin(2 * np.pi * 7 * t)).astype(np.float32)
    sound = noise(6) + np.float32(0.2) + rumble[:, None]
    made = master(sound, RATE).samples
    assert abs(float(made.mean())) < 1e-3

    def rumble_db(samples: Sound) -> float:
        spectrum = np.abs(np.fft.rfft(samples[:, 0]))
        f = np.fft.rfftfreq(len(samples), 1 / RATE)
        bass = spectrum[(f > 60) & (f < 200)].max()
        return float(20 * np.log10(spectrum[(f > 5) & (f < 10)].max() / bass))

    assert rumble_db(made) < rumble_db(sound) - 35


def test_the_low_end_becomes_mono_and_the_rest_keeps_its_width() -> None:
    t = np.arange(4 * RATE) / RATE
    for hz, kept in ((45.0, 0.35), (1_500.0, 0.55)):
        side = np.sin(2 * np.pi * hz * t).astype(np.float32) * np.float32(0.2)
        middle = noise(4, level=0.02).mean(axis=1)
        out = balance(np.stack([middle + side, middle - side], axis=1), RATE)
        width = np.std(out[:, 0] - out[:, 1]) / np.std(2 * side)
        assert width > kept if hz > 100 else width < kept


def test_a_dull_mix_is_made_brighter_but_by_no_more_than_four_decibels() -> None:
    sos = scipy.signal.butter(2, 500.0, "low", fs=RATE, output="sos")
    dull = scipy.signal.sosfilt(sos, noise(6), axis=0).astype(np.float32)
    out = balance(dull, RATE)

    def high(sound: Sound) -> float:
        power = np.abs(np.fft.rfft(sound[:, 0])) ** 2
        f = np.fft.rfftfreq(len(sound), 1 / RATE)
        return float(
            10 * np.log10(power[(f > 3_000) & (f < 6_000)].sum() / power[(f > 100) & (f < 400)].sum())
        )

    assert 2.0 < high(out) - high(dull) < 8.5


def test_the_limiter_leaves_alone_what_is_below_the_ceiling() -> None:
    """A quiet passage keeps its shape: nothing but a gain lies between it and the balanced mix."""
    sound = quiet_then_loud(8)
    made = master(sound, RATE)
    before = balance(sound * np.float32(0.5 / np.abs(sound - sound.mean(axis=0)).max()), RATE)
    passage = slice(RATE, 3 * RATE)
    gain = made.samples[passage] / np.where(np.abs(before[passage]) > 1e-4, before[passage], np.nan)
    assert np.nanstd(gain) < 1e-3 * np.nanmean(gain)


def test_a_mix_gives_the_same_master_every_time() -> None:
    assert np.array_equal(master(beat(4), RATE).samples, master(beat(4), RATE).samples)
