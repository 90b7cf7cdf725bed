"""Fingerprints know a recording again whatever was done to it, and find it among very many."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile

from services.release.mastering import master
from services.release.music.builtin import BuiltinProvider
from services.release.review import likeness
from services.release.review.fingerprint import MOST_S, fingerprint, similarity
from services.release.review.likeness import MAGIC, SAME_RECORDING, Index, Words, likeness_at, words
from tests.support.good_song import FORM, RATE, Sound, good_take, quiet, re_encoded
from tests.support.songs import make_brief


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Sound:
    path = tmp_path_factory.mktemp("song") / "take.flac"
    path.write_bytes(good_take())
    samples: Sound = soundfile.read(path, dtype="float32")[0]
    return samples


def noise(seconds: float, seed: int = 1) -> Sound:
    return (np.random.default_rng(seed).standard_normal((round(seconds * RATE), 2)) * 0.1).astype(np.float32)


def at_rate(sound: Sound, rate: int) -> Sound:
    common = int(np.gcd(rate, RATE))
    return scipy.signal.resample_poly(sound, rate // common, RATE // common, axis=0).astype(np.float32)


def trimmed(sound: Sound) -> Sound:
    """By 1 s and half a frame."""
    return sound[RATE + 2_048 :]


def mp3(folder: Path, sound: Sound, level: float, mode: str = "VARIABLE") -> Sound:
    return re_encoded(folder, sound, "MP3", compression_level=level, bitrate_mode=mode)


COPIES: dict[str, Callable[[Sound, Path], tuple[Sound, int]]] = {
    "the same": (lambda s, f: (s, RATE)),
    "6 dB quieter": (lambda s, f: (s * np.float32(0.5), RATE)),
    "6 dB louder, and so clipped": (lambda s, f: (np.clip(s * 2, -1, 1), RATE)),
    "1 s cut off its start": (lambda s, f: (trimmed(s), RATE)),
    "its first half": (lambda s, f: (s[: len(s) // 2], RATE)),
    "at 48 kHz": (lambda s, f: (at_rate(s, 48_000), 48_000)),
    "at 22 kHz": (lambda s, f: (at_rate(s, 22_050), 22_050)),
    "as MP3 of 128 kbit/s": (lambda s, f: (mp3(f, s, 0.6, "CONSTANT"), RATE)),
    "as MP3 of variable rate": (lambda s, f: (mp3(f, s, 0.5), RATE)),
    "as a small MP3, quieter and trimmed": (lambda s, f: (trimmed(mp3(f, s * np.float32(0.5), 0.9)), RATE)),
    "as Ogg at quality 1": (lambda s, f: (re_encoded(f, s, "OGG", compression_level=0.9), RATE)),
    "as the smallest Ogg, trimmed": (
        lambda s, f: (trimmed(re_encoded(f, s, "OGG", compression_level=1.0)), RATE)
    ),
    "as Ogg at 48 kHz": (
        lambda s, f: (re_encoded(f, at_rate(s, 48_000), "OGG", 48_000, compression_level=0.9), 48_000)
    ),
    "filtered": (
        lambda s, f: (
            scipy.signal.sosfilt(
                scipy.signal.butter(1, [120.0, 7_000.0], "band", fs=RATE, output="sos"), s, axis=0
            ).astype(np.float32),
            RATE,
        )
    ),
    "eight bits": (lambda s, f: (np.round(s * 100) / np.float32(100), RATE)),
    "with noise": (lambda s, f: (s + noise(len(s) / RATE, 3)[: len(s)] * np.float32(0.1), RATE)),
    "distorted": (lambda s, f: (np.tanh(s * 3), RATE)),
    "mastered again, less wide": (
        lambda s, f: (master(s * np.array([1.0, 0.8], np.float32), RATE).samples, RATE)
    ),
}


@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_is_the_same_recording_however_it_was_changed(kind: str, song: Sound, tmp_path: Path) -> None:
    copy, rate = COPIES[kind](song, tmp_path)
    known, own = fingerprint(song, RATE), fingerprint(copy, rate)
    assert similarity(own, known) > SAME_RECORDING
    found = Index().with_added([*map(words, fillers(30)), words(known)]).likest(words(own))
    assert found is not None
    assert found.place == 30
    assert found.likeness == pytest.approx(similarity(own, known), abs=0.001)


def fillers(count: int) -> list[bytes]:
    """Fingerprints of nothing in particular."""
    return [MAGIC + np.random.default_rng(seed).bytes(1_200) for seed in range(count)]


def test_other_songs_of_one_genre_key_tempo_and_form_are_other_recordings() -> None:
    prints = []
    for seed in (21, 22, 23):
        other = make_brief("pop", form=FORM, seed=seed, title=f"Song {seed}")
        rendering = BuiltinProvider().render(other, seed=1, progress=quiet)
        prints.append(fingerprint(rendering.samples, RATE))
    assert max(similarity(prints[a], prints[b]) for a, b in ((0, 1), (0, 2), (1, 2))) < SAME_RECORDING - 0.1


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
    assert fingerprint(np.zeros((0, 1), np.float32), RATE) == MAGIC
    assert fingerprint(noise(20), 8_000) == MAGIC


def test_of_a_recording_without_an_end_the_beginning_is_taken() -> None:
    slow = np.zeros((round((MOST_S + 60) * 11_025), 1), np.float32)
    assert len(words(fingerprint(slow, 11_025))) <= MOST_S * 44_100 / 4_096


@pytest.mark.parametrize("data", [b"", b"nonsense", b"afp1abc", b"afp0abcd"])
def test_what_is_no_fingerprint_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a fingerprint"):
        similarity(data, data)


def random_words(count: int, length: int = 300) -> list[Words]:
    rng = np.random.default_rng(7)
    return [rng.integers(0, 1 << 32, length, dtype=np.uint32) for _ in range(count)]


def damaged(original: Words, share: float, seed: int = 1) -> Words:
    """With this share of all bits turned over, wherever they are."""
    rng = np.random.default_rng(seed)
    flips = np.packbits(rng.random((len(original), 32)) < share, axis=1).view(">u4")[:, 0]
    return original ^ flips.astype(np.uint32)


def test_an_index_finds_each_of_its_own_whatever_shelf_it_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likeness, "_SEALED_FRAMES", 1_000)
    known = random_words(20)
    index = Index()
    for batch in (known[:1], known[1:8], [], known[8:]):
        index = index.with_added(batch)
    assert len(index) == 20
    for place, one in enumerate(known):
        found = index.likest(damaged(one, 0.15)[40:])
        assert found is not None
        assert (found.place, found.likeness > 0.6) == (place, True)


def test_an_index_answers_as_a_comparison_with_each_would() -> None:
    known = random_words(6)
    index = Index().with_added(known)
    query = damaged(known[3], 0.1)[25:]
    exact = max(likeness_at(one, query, offset) for one in known for offset in range(-300, 300))
    found = index.likest(query)
    assert found is not None
    assert found.likeness == pytest.approx(exact)


def test_places_that_do_not_count_are_passed_over_however_many_they_are() -> None:
    song = random_words(1)[0]
    known = [damaged(song, 0.02, seed) for seed in range(150)] + [damaged(song, 0.12)]
    index = Index().with_added(known)
    found = index.likest(song, but=range(150))
    assert found is not None
    assert found.place == 150
    assert index.likest(song, but=range(151)) is None


def test_adding_leaves_the_index_that_it_came_from_as_it_was() -> None:
    one, two = random_words(2)
    first = Index().with_added([one])
    second = first.with_added([two])
    assert (len(first), len(second)) == (1, 2)
    found = first.likest(two)
    assert found is None or found.likeness < 0.3


def test_nothing_is_found_in_nothing() -> None:
    (song,) = random_words(1)
    assert Index().likest(song) is None
    assert Index().with_added([song]).likest(song[:0]) is None
    assert Index().with_added([song[:0], song]).likest(song) == likeness.Match(1, 1.0)


def test_what_is_the_same_everywhere_costs_no_more_than_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """A drone's words are equal; looked up all with all they would be a hundred million."""
    monkeypatch.setattr(likeness, "_LOOKED_UP", 5_000)
    drone = np.full(10_000, 0x0F0F0F0F, np.uint32)
    song = random_words(1)[0]
    index = Index().with_added([drone, song])
    assert index.likest(drone) is None
    found = index.likest(np.concatenate([drone[:200], song]))
    assert found is not None
    assert found.place == 1


def test_six_bytes_a_frame_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = random_words(50, 2_000)
    table = 4 * ((1 << 16) + 1)
    assert Index().with_added(frames).size_bytes - table == 6 * 50 * 2_000
