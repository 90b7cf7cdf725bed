import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from aiartist.common.v1 import audio_pb2
from services.release import studio
from services.release.mastering import Unmasterable
from services.release.music.builtin import BuiltinProvider
from services.release.music.provider import ProgressFn, Rendering, UnplayableBrief
from services.release.review.fingerprint import similarity
from tests.support.songs import CHORUS, VERSE, Kind, make_brief

FORM = [(Kind.KIND_VERSE, 2, VERSE[:1]), (Kind.KIND_CHORUS, 2, CHORUS[:1]), (Kind.KIND_OUTRO, 1, [])]


def quiet(step: str, done: int, total: int) -> None:
    pass


def job(folder: Path, *, genre: str = "trap", seed: int = 3) -> studio.TakeJob:
    return studio.TakeJob(make_brief(genre, form=FORM).SerializeToString(), seed, folder / "take.flac")


def test_a_take_is_written_as_24_bit_stereo_flac_and_described_as_it_is(tmp_path: Path) -> None:
    made = studio.produce(job(tmp_path), quiet)
    data = (tmp_path / "take.flac").read_bytes()
    info = soundfile.info(tmp_path / "take.flac")
    assert (info.format, info.subtype, info.samplerate, info.channels) == ("FLAC", "PCM_24", 44_100, 2)
    assert made.sha256 == hashlib.sha256(data).hexdigest()
    assert made.size_bytes == len(data)
    assert (made.provider, made.seed) == ("builtin", 3)
    review = audio_pb2.Review.FromString(made.review)
    assert review.passed
    assert review.duration_ms == round(info.duration * 1_000)
    assert os.listdir(tmp_path) == ["take.flac"]


def test_the_same_job_gives_the_same_bytes_in_other_processes(tmp_path: Path) -> None:
    """Each process has its own hash seed and its own number of threads."""
    script = (
        "import sys; from pathlib import Path; from services.release import studio;"
        "job = studio.TakeJob(Path(sys.argv[1]).read_bytes(), 3, Path(sys.argv[2]));"
        "studio.produce(job, lambda *update: None)"
    )
    (tmp_path / "brief").write_bytes(job(tmp_path).brief)
    digests = []
    for number, threads in enumerate(("1", "2")):
        output = tmp_path / f"{number}.flac"
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(sys.path),
            "PYTHONHASHSEED": str(number + 1),
            "OMP_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
        }
        subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "brief"), str(output)],
            env=environment,
            check=True,
            timeout=120,
        )
        digests.append(hashlib.sha256(output.read_bytes()).hexdigest())
    assert digests[0] == digests[1] == studio.produce(job(tmp_path), quiet).sha256


def test_another_seed_gives_another_take(tmp_path: Path) -> None:
    one, two = (studio.produce(job(tmp_path, seed=seed), quiet) for seed in (1, 2))
    assert one.sha256 != two.sha256
    assert similarity(one.fingerprint, two.fingerprint) < 0.5


def test_progress_is_told_on_one_scale_and_never_goes_back(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    studio.produce(job(tmp_path), lambda *update: seen.append(update))
    assert {total for _, _, total in seen} == {100}
    done = [units for _, units, _ in seen]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, 100)
    steps = list(dict.fromkeys(step for step, _, _ in seen))
    assert steps[0] == "arranging"
    assert steps[-4:] == ["mastering", "writing", "reviewing", "reviewed"]


def test_a_brief_that_cannot_be_played_leaves_no_file(tmp_path: Path) -> None:
    bad = studio.TakeJob(make_brief(key="X flat").SerializeToString(), 1, tmp_path / "take.flac")
    with pytest.raises(UnplayableBrief, match=r"^key: 'X flat'"):
        studio.produce(bad, quiet)
    assert os.listdir(tmp_path) == []


def test_a_provider_that_delivers_silence_is_found_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silence(self: BuiltinProvider, brief: object, *, seed: int, progress: ProgressFn) -> Rendering:
        return Rendering(np.zeros((88_200, 2), np.float32), 44_100, "builtin", seed)

    monkeypatch.setattr(BuiltinProvider, "render", silence)
    with pytest.raises(Unmasterable, match="silent"):
        studio.produce(job(tmp_path), quiet)
    assert os.listdir(tmp_path) == []


def test_an_interrupted_write_keeps_the_old_file_and_leaves_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "take.flac"
    path.write_bytes(b"the old take")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        studio.write_whole(b"the new take", path)
    assert path.read_bytes() == b"the old take"
    assert os.listdir(tmp_path) == ["take.flac"]


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        studio.write_whole(b"data", tmp_path / "missing" / "take.flac")


def test_encoding_keeps_24_bits() -> None:
    rng = np.random.default_rng(1)
    sound = (rng.integers(-(2**22), 2**22, (4_410, 2)) / 2**23).astype(np.float32)
    from_flac = soundfile.read(io.BytesIO(studio.encode_flac(sound, 44_100)), dtype="float32")[0]
    assert np.array_equal(from_flac, sound)


def test_warming_up_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    studio.warm_up()
    assert os.listdir(tmp_path) == []
