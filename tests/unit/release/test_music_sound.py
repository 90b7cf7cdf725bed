"""One short song of each genre, produced whole and then measured."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile
from numpy.typing import NDArray

from aiartist.common.v1 import audio_pb2
from services.release import studio
from services.release.music import form
from services.release.music.builtin import BuiltinProvider
from services.release.music.genres import GENRES
from services.release.review.rhythm import onset_strength
from tests.support.songs import CHORUS, KEY, TEMPO, VERSE, Form, Kind, make_brief

RATE = 44_100
ALL = sorted(GENRES)
FORM: Form = [
    (Kind.KIND_INTRO, 2, []),
    (Kind.KIND_VERSE, 4, VERSE),
    (Kind.KIND_CHORUS, 4, CHORUS),
    (Kind.KIND_CHORUS, 4, CHORUS),
    (Kind.KIND_OUTRO, 2, []),
]


@dataclass(frozen=True, slots=True)
class Song:
    genre: str
    samples: NDArray[np.float32]
    review: audio_pb2.Review

    @property
    def mono(self) -> NDArray[np.float32]:
        return self.samples.mean(axis=1)

    def section(self, kind: str, number: int = 1) -> NDArray[np.float32]:
        found = next(
            s for s in form.plan(make_brief(self.genre, form=FORM)) if s.kind == kind and s.number == number
        )
        beat = 60 / TEMPO[self.genre] * RATE
        return self.samples[round(found.start * beat) : round(found.end * beat)]


def quiet(step: str, done: int, total: int) -> None:
    pass


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Song]:
    folder: Path = tmp_path_factory.mktemp("songs")
    made = {}
    for genre in ALL:
        job = studio.TakeJob(make_brief(genre, form=FORM).SerializeToString(), 1, folder / f"{genre}.flac")
        result = studio.produce(job, quiet)
        samples = soundfile.read(job.output, dtype="float32")[0]
        made[genre] = Song(genre, samples, audio_pb2.Review.FromString(result.review))
    return made


def level_db(samples: NDArray[np.float32]) -> float:
    return float(10 * np.log10(np.mean(samples.astype(np.float64) ** 2) + 1e-12))


def power(samples: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return scipy.signal.welch(samples.mean(axis=1), RATE, nperseg=8_192)


def colour(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """The sound as a picture: log power by 60 bands and eighths of a second."""
    f, _, spectrum = scipy.signal.stft(samples.mean(axis=1), RATE, nperseg=4_096, noverlap=0, padded=False)
    edges = np.searchsorted(f, np.geomspace(60, 8_000, 61))
    bands = np.add.reduceat(np.abs(spectrum) ** 2, edges[:-1], axis=0)
    return np.log(bands + 1e-7)


def likeness(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    n = min(len(one), len(other))
    a, b = colour(one[:n]), colour(other[:n])
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


@pytest.mark.parametrize("genre", ALL)
def test_the_song_passes_its_review_without_a_warning(genre: str, songs: dict[str, Song]) -> None:
    checks = songs[genre].review.checks
    assert [c.message for c in checks if c.outcome != audio_pb2.ReviewCheck.OUTCOME_PASS] == []


@pytest.mark.parametrize("genre", ALL)
def test_tempo_and_key_are_those_of_the_brief(genre: str, songs: dict[str, Song]) -> None:
    assert songs[genre].review.tempo_bpm == pytest.approx(TEMPO[genre], rel=0.005)
    assert songs[genre].review.key == KEY[genre]


@pytest.mark.parametrize("genre", ALL)
def test_loudness_and_peak_are_those_of_a_master(genre: str, songs: dict[str, Song]) -> None:
    assert songs[genre].review.loudness_lufs == pytest.approx(-14.0, abs=0.3)
    assert songs[genre].review.true_peak_dbtp <= -1.0


@pytest.mark.parametrize("genre", ALL)
def test_the_song_is_as_long_as_its_bars_and_then_rings_out(genre: str, songs: dict[str, Song]) -> None:
    bars = 16 * 4 * 60 / TEMPO[genre]
    assert bars + 2.0 <= len(songs[genre].samples) / RATE <= bars + 4.0


@pytest.mark.parametrize("genre", ALL)
def test_the_ending_is_not_cut_off(genre: str, songs: dict[str, Song]) -> None:
    samples = songs[genre].samples
    assert np.abs(samples[-round(0.05 * RATE) :]).max() < 10 ** (-55 / 20)
    # It fades rather than stops: no step down of more than 12 dB in a tenth of a second while it is heard.
    tenth = RATE // 10
    tail = samples[-30 * tenth :].reshape(30, -1)
    levels = np.array([level_db(part) for part in tail])
    steps = np.diff(levels[levels > -55])
    assert steps.min() > -12


@pytest.mark.parametrize("genre", ALL)
def test_choruses_repeat_and_verses_sound_otherwise(genre: str, songs: dict[str, Song]) -> None:
    song = songs[genre]
    same = likeness(song.section("chorus", 1), song.section("chorus", 2))
    other = likeness(song.section("chorus", 1), song.section("verse"))
    assert same > 0.6
    assert same > other + 0.2


@pytest.mark.parametrize("genre", ALL)
def test_the_intro_is_quieter_and_the_chorus_louder_than_the_verse(
    genre: str, songs: dict[str, Song]
) -> None:
    song = songs[genre]
    intro, verse, chorus = (level_db(song.section(kind)) for kind in ("intro", "verse", "chorus"))
    assert intro < verse - 1.0
    assert chorus > verse + 0.5


@pytest.mark.parametrize("genre", ALL)
def test_the_mix_is_wide_balanced_and_fills_the_spectrum(genre: str, songs: dict[str, Song]) -> None:
    song = songs[genre]
    left, right = song.samples[:, 0], song.samples[:, 1]
    assert 0.2 < np.corrcoef(left, right)[0, 1] < 0.97
    assert abs(level_db(left) - level_db(right)) < 1.5
    f, p = power(song.samples)
    total = p.sum()
    for low, high, floor_db in ((40, 120, -9), (120, 500, -9), (500, 2_000, -13), (2_000, 6_000, -24)):
        share = 10 * np.log10(p[(f >= low) & (f < high)].sum() / total)
        assert floor_db < share < -0.8, (low, high)
    crest = 20 * np.log10(np.abs(song.samples).max()) - level_db(song.samples)
    assert 9 < crest < 19


def test_genres_sound_different(songs: dict[str, Song]) -> None:
    def share(genre: str, low: float, high: float) -> float:
        f, p = power(songs[genre].samples)
        return float(p[(f >= low) & (f < high)].sum() / p.sum())

    def pulse(genre: str) -> float:
        """How hard things begin, on average."""
        return float(onset_strength(songs[genre].mono, RATE).mean())

    highs = {genre: share(genre, 5_000, 16_000) for genre in ALL}
    assert max(highs["ambient"], highs["lofi"]) < 0.7 * min(highs[g] for g in ("synthwave", "trap", "pop"))
    assert share("trap", 20, 75) > 1.3 * share("pop", 20, 75)
    pulses = {genre: pulse(genre) for genre in ALL}
    assert min(pulses, key=pulses.__getitem__) == "ambient"
    assert max(pulses, key=pulses.__getitem__) == "house"
    widths = {g: np.corrcoef(songs[g].samples.T)[0, 1] for g in ALL}
    assert min(widths, key=widths.__getitem__) == "ambient"


def test_no_two_songs_sound_alike(songs: dict[str, Song]) -> None:
    choruses = {genre: songs[genre].section("chorus")[: 6 * RATE] for genre in ALL}
    for one in ALL:
        for other in ALL:
            if one < other:
                assert likeness(choruses[one], choruses[other]) < 0.4


def test_house_makes_way_for_the_kick(songs: dict[str, Song]) -> None:
    """Between the kicks the pads come up: mid frequencies are louder half a beat after a kick than on it."""
    beat = 60 / TEMPO["house"] * RATE
    sos = scipy.signal.butter(4, [350, 1_200], "band", fs=RATE, output="sos")
    middle = scipy.signal.sosfilt(sos, songs["house"].section("chorus").mean(axis=1))
    early, late = [], []
    for count in range(16):
        start = count * beat
        early.append(level_db(middle[round(start + 0.06 * beat) : round(start + 0.2 * beat)]))
        late.append(level_db(middle[round(start + 0.6 * beat) : round(start + 0.9 * beat)]))
    assert np.mean(late) > np.mean(early) + 1.0


def test_progress_goes_through_the_parts_and_never_back() -> None:
    seen: list[tuple[str, int, int]] = []
    brief = make_brief("lofi", form=[(2, 2, ["one two three"])])
    BuiltinProvider().render(brief, seed=1, progress=lambda *update: seen.append(update))
    assert {"arranging", "drums", "keys", "bass", "lead", "mixing"} <= {step for step, _, _ in seen}
    done = [units / total for _, units, total in seen]
    assert done == sorted(done)
    assert all(0 <= units <= total for _, units, total in seen)


def test_another_seed_is_another_take_of_the_same_length() -> None:
    brief = make_brief("pop", form=[(2, 2, ["one two three"]), (4, 2, ["four five"])])
    one, two = (BuiltinProvider().render(brief, seed=seed, progress=quiet) for seed in (1, 2))
    assert (one.provider, one.seed, one.sample_rate) == ("builtin", 1, RATE)
    assert one.samples.shape == two.samples.shape
    assert abs(np.corrcoef(one.samples[:, 0], two.samples[:, 0])[0, 1]) < 0.5
