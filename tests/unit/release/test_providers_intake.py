"""A provider's file on its way into the studio."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from services.release.providers.intake import UnusableSong, resampled, take_in
from tests.support.fake_music import song_file
from tests.support.songs import make_brief

BRIEF = make_brief(target_duration_ms=20_000)


def taken(folder: Path, content: bytes) -> np.ndarray:
    path = folder / "song"
    path.write_bytes(content)
    rendering = take_in(path, BRIEF, provider="suno", seed=3)
    assert (rendering.sample_rate, rendering.provider, rendering.seed) == (44_100, "suno", 3)
    return rendering.samples


@pytest.mark.parametrize("kind", ["FLAC", "WAV", "MP3", "OGG"])
@pytest.mark.parametrize(("rate", "channels"), [(48_000, 2), (44_100, 1), (22_050, 2)])
def test_every_kind_becomes_stereo_at_one_rate_and_as_long_as_it_was(
    tmp_path: Path, kind: str, rate: int, channels: int
) -> None:
    samples = taken(tmp_path, song_file(kind, seconds=20, rate=rate, channels=channels))
    assert samples.dtype == np.float32
    assert samples.shape[1] == 2
    assert abs(len(samples) / 44_100 - 20) < 0.1


def test_a_song_at_the_right_rate_is_not_touched(tmp_path: Path) -> None:
    content = song_file("WAV", seconds=6, rate=44_100)
    (tmp_path / "wav").write_bytes(content)
    assert np.array_equal(taken(tmp_path, content), soundfile.read(tmp_path / "wav", dtype="float32")[0])


@pytest.mark.parametrize(
    ("content", "outcome", "told"),
    [
        (song_file("FLAC", seconds=4), "empty_song", "ends after 4.0 s"),
        (song_file("WAV", seconds=90, rate=16_000), "bad_audio", "goes on for 90 s"),
        (song_file("FLAC", level=0.0), "empty_song", "silent"),
        (song_file("FLAC")[:60_000], "bad_audio", ""),
        (song_file("WAV", rate=11_025), "bad_audio", "11,025 samples a second"),
        (b"fLaC" + bytes(60), "bad_audio", ""),
        (song_file("WAV", seconds=20, rate=16_000, channels=6), "bad_audio", "6 channels"),
        (song_file("FLAC", seconds=1_000, rate=16_000, channels=1, level=0.0), "bad_audio", "for 1000 s"),
    ],
    ids=["short", "long", "silent", "cut", "low rate", "header", "surround", "endless"],
)
def test_what_is_no_song_is_told_from_one(tmp_path: Path, content: bytes, outcome: str, told: str) -> None:
    with pytest.raises(UnusableSong) as caught:
        taken(tmp_path, content)
    assert caught.value.outcome == outcome
    assert told in str(caught.value)


def test_numbers_that_are_none_are_no_sound(tmp_path: Path) -> None:
    broken = np.full((44_100 * 20, 2), 0.1, np.float32)
    broken[1_000] = np.nan
    soundfile.write(tmp_path / "song", broken, 44_100, format="WAV", subtype="FLOAT")
    with pytest.raises(UnusableSong, match="not finite"):
        take_in(tmp_path / "song", BRIEF, provider="suno", seed=0)


def tone(hertz: float, rate: int) -> np.ndarray:
    t = np.arange(rate * 4) / rate
    return np.repeat(0.5 * np.sin(2 * np.pi * hertz * t)[:, None], 2, axis=1).astype(np.float32)


def level_db(samples: np.ndarray) -> float:
    """Of the middle, in relation to a tone of the same height."""
    middle = samples[44_100:-44_100, 0].astype(np.float64)
    return float(20 * np.log10(np.sqrt(np.mean(middle**2)) / (0.5 / np.sqrt(2)) + 1e-12))


@pytest.mark.parametrize("hertz", [100, 1_000, 10_000, 19_000])
@pytest.mark.parametrize("rate", [48_000, 96_000])
def test_what_can_be_heard_stays_as_it_was(hertz: int, rate: int) -> None:
    made = resampled(tone(hertz, rate), rate)
    assert len(made) == 4 * 44_100
    apart = made - tone(hertz, 44_100)
    assert level_db(apart) < -90


@pytest.mark.parametrize("hertz", [23_000, 23_900])
def test_what_would_alias_is_gone(hertz: int) -> None:
    assert level_db(resampled(tone(hertz, 48_000), 48_000)) < -100
