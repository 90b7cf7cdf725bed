"""What a video moves to: the measured beat, and the spectrum of each frame."""

import numpy as np
import pytest

from services.release.video.sound import BANDS, FPS, find_beat, listen
from tests.support.film_takes import RATE, beat


@pytest.mark.parametrize("first_s", [0.0, 0.11, 0.2, 0.38])
def test_the_first_beat_is_found_where_the_kicks_are(first_s: float) -> None:
    mono = beat(16, bpm=120, first_s=first_s).mean(axis=1)

    period, first = find_beat(mono, RATE, 120)

    assert period == pytest.approx(0.5, rel=0.002)
    # Half a beat late and half a beat early are one place.
    off = (first - first_s + 0.25) % 0.5 - 0.25
    assert abs(off) < 0.02


def test_a_song_that_is_a_little_slower_than_its_brief_is_followed() -> None:
    mono = beat(40, bpm=119.6).mean(axis=1)

    period, _ = find_beat(mono, RATE, 120)

    assert 60 / period == pytest.approx(119.6, abs=0.15)


def test_silence_keeps_the_brief_s_beat() -> None:
    assert find_beat(np.zeros(RATE * 4, dtype=np.float32), RATE, 90) == (pytest.approx(60 / 90), 0.0)


def test_there_is_a_row_for_each_frame_of_the_song() -> None:
    sound = listen(beat(2.5), RATE, 120)

    assert sound.frames == round(2.5 * FPS)
    assert sound.bands.shape == (75, BANDS)
    assert sound.seconds == pytest.approx(2.5)
    for values in (sound.bands, sound.bass, sound.level):
        assert 0.0 <= values.min() <= values.max() <= 1.0


def test_a_low_tone_lifts_the_low_bands_only() -> None:
    t = np.arange(RATE * 2) / RATE
    tone = (0.5 * np.sin(2 * np.pi * 110 * t)).astype(np.float32)

    bands = listen(np.stack([tone, tone], axis=1), RATE, 120).bands[30]

    assert bands.argmax() < BANDS // 3
    assert bands[-10:].max() < 0.3 * bands.max()


def test_bars_sink_when_the_sound_is_over_and_do_not_fall() -> None:
    samples = beat(2.0)
    samples[RATE:] = 0

    bands = listen(samples, RATE, 120).bands

    after = bands[FPS + 4 :].max(axis=1)
    assert after[0] > 0.2
    assert np.all(np.diff(after) <= 0)
    assert after[-1] < 0.05


def test_the_pulse_is_highest_on_the_beat_and_gone_before_the_next() -> None:
    sound = listen(beat(8.0, first_s=0.1), RATE, 120)
    at = sound.first_beat_s + 4 * sound.beat_s

    assert sound.pulse(at + 1e-6) == pytest.approx(1.0, abs=1e-3)
    assert sound.pulse(at + 0.45) < 0.1
    assert sound.pulse(at + 1e-6, every=4) == pytest.approx(1.0, abs=1e-3)


def test_a_song_shorter_than_a_frame_is_one_frame() -> None:
    assert listen(np.zeros((10, 2), dtype=np.float32), RATE, 120).frames == 1
