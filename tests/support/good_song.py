"""One good short song, and what can be done to it."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile
from numpy.typing import NDArray

from aiartist.common.v1 import audio_pb2, brief_pb2
from services.release import studio
from services.release.review.decode import decode
from services.release.review.reviewer import review
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
"""14 bars: 29 s."""


def quiet(step: str, done: int, total: int) -> None:
    """Progress that nobody wants to see."""


@cache
def good_brief() -> brief_pb2.Brief:
    return make_brief("pop", form=FORM)


@cache
def good_take() -> bytes:
    """The song as a studio writes it: FLAC of 24 bits."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "take.flac"
        studio.produce(studio.TakeJob(good_brief().SerializeToString(), 1, path), quiet)
        return path.read_bytes()


def outcomes(path: Path, brief: brief_pb2.Brief) -> dict[str, int]:
    """Check -> outcome."""
    return {check.name: check.outcome for check in review(path, brief).review.checks}


def failures(path: Path, brief: brief_pb2.Brief) -> set[str]:
    """The checks that fail."""
    found = review(path, brief).review
    failed = {check.name for check in found.checks if check.outcome == FAIL}
    assert found.passed == (not failed)
    return failed


def written(path: Path, samples: Sound, *, rate: int = RATE) -> Path:
    """A file of 24 bits, of the kind that its name says."""
    soundfile.write(path, samples, rate, subtype="PCM_24")
    return path


def encoded(path: Path, samples: Sound, kind: str, rate: int = RATE, **how: object) -> Path:
    """A lossy file, whatever its name is: `OGG` or `MP3`."""
    subtype = {"OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}[kind]
    with soundfile.SoundFile(path, "w", rate, samples.shape[1], format=kind, subtype=subtype, **how) as file:
        for start in range(0, len(samples), 4_096):
            file.write(samples[start : start + 4_096])
    return path


def re_encoded(folder: Path, samples: Sound, kind: str, rate: int = RATE, **how: object) -> Sound:
    """What is left of a sound after a lossy file."""
    decoded = decode(encoded(folder / "lossy", samples, kind, rate, **how))
    assert decoded.fault == ""
    return decoded.samples
