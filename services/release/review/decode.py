"""Reading a file whole, and saying what is wrong with it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_MD5_AT = slice(26, 42)


@dataclass(frozen=True, slots=True)
class Decoded:
    """What could be read of a file."""

    samples: Samples
    """Shape (n, channels); n may be 0."""

    sample_rate: int
    """In Hz; 0 where the file has no readable header."""

    fault: str = ""
    """Why it is not whole, for people; empty where it is."""


def decode(path: Path) -> Decoded:
    """Decodes a file from its first to its last sample.

    A FLAC file carries the length and the MD5 of what went in: both are checked. Never raises for what is
    in the file; `OSError` for a file that can't be opened.
    """
    size = path.stat().st_size
    nothing = np.zeros((0, 1), dtype=np.float32)
    if size == 0:
        return Decoded(nothing, 0, "the file is empty")
    try:
        with soundfile.SoundFile(path) as file:
            exact = file.format == "FLAC"
            rate, declared, bits = file.samplerate, file.frames, _BITS.get(file.subtype, 0)
            raw = file.read(dtype="int32" if exact else "float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        return Decoded(nothing, 0, f"it can't be decoded: {error.error_string}")
    samples = np.multiply(raw, np.float32(2.0**-31 if exact else 1.0), dtype=np.float32, casting="unsafe")
    if len(raw) != declared:
        return Decoded(samples, rate, f"it ends after {len(raw)} of {declared} samples")
    if exact and not _matches_md5(path, raw, bits):
        return Decoded(samples, rate, "its sound is not the one that was encoded: the MD5 differs")
    return Decoded(samples, rate)


_BITS = {"PCM_S8": 8, "PCM_16": 16, "PCM_24": 24}


def _matches_md5(path: Path, raw: NDArray[np.int32], bits: int) -> bool:
    """Compares what was decoded with the MD5 in the FLAC header; a file that has none matches."""
    with path.open("rb") as file:
        head = file.read(42)
    wanted = head[_MD5_AT]
    if head[:4] != b"fLaC" or wanted == bytes(16) or bits == 0:
        return True
    width = bits // 8
    little = np.ascontiguousarray(raw.astype("<i4")).view(np.uint8).reshape(-1, 4)
    found = hashlib.md5(little[:, 4 - width :].tobytes(), usedforsecurity=False).digest()
    return found == wanted
