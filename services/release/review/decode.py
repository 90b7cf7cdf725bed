"""Reading a file whole, and saying what is wrong with it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

Samples = NDArray[np.float32]

MOST_S = 1_200
"""What is longer is not read further: a few kilobytes of FLAC can hold days of silence."""
RATES_HZ = (8_000, 192_000)
MOST_CHANNELS = 8

_BLOCK = 1 << 16
_MD5_AT = slice(26, 42)
_BITS = {"PCM_S8": 8, "PCM_16": 16, "PCM_24": 24}
# An MP3 file tells its length in frames of this many samples, and not always the same as its decoder.
_LENGTH_IS_ROUGH = {"MP3": 2 * 1_152}

# What people put where a sound should be, by how it begins.
_NO_SOUND = (
    (b"<!doctype html", "HTML"),
    (b"<html", "HTML"),
    (b"<?xml", "XML"),
    (b"{", "JSON"),
    (b"[", "JSON"),
    (b"%pdf", "a PDF"),
    (b"pk\x03\x04", "a ZIP file"),
    (b"\x89png", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
)


@dataclass(frozen=True, slots=True)
class Decoded:
    """What could be read of a file."""

    samples: Samples
    """Shape (n, channels); n may be 0."""

    sample_rate: int
    """In Hz; 0 where the file has no readable header."""

    fault: str = ""
    """Why it is not whole, for people; empty where it is."""

    encoding: str = ""
    """What it is by its content, as `FLAC PCM_24` or `MP3 MPEG_LAYER_III`; empty where it is no sound."""


def decode(path: Path) -> Decoded:
    """Decodes a file of any usual kind from its first to its last sample; its name says nothing.

    A FLAC file carries the length and the MD5 of what went in: both are checked. WAV and Ogg tell where they
    end. At most `MOST_S` seconds are read. Never raises for what is in the file; `OSError` for a file that
    can't be opened.
    """
    with path.open("rb") as file:
        head = file.read(64)
    if not head:
        return _nothing("the file is empty")
    try:
        with soundfile.SoundFile(path) as sound:
            return _read(sound, path, head)
    except (soundfile.SoundFileError, ValueError) as error:
        reason = getattr(error, "error_string", "") or str(error)
        return _nothing(f"it can't be decoded: {reason}{_looks_like(head)}")


def _nothing(fault: str) -> Decoded:
    return Decoded(np.zeros((0, 1), dtype=np.float32), 0, fault)


def _read(sound: soundfile.SoundFile, path: Path, head: bytes) -> Decoded:
    rate, channels, declared = sound.samplerate, sound.channels, sound.frames
    encoding = f"{sound.format} {sound.subtype}"
    if not (RATES_HZ[0] <= rate <= RATES_HZ[1] and channels <= MOST_CHANNELS):
        return _nothing(f"it tells of {channels} channels at {rate} Hz, which nothing plays")
    exact = sound.format == "FLAC"
    bits = _BITS.get(sound.subtype, 0) if exact else 0
    most = min(declared, MOST_S * rate)
    # Grown as it is read: a header may promise more than any memory holds.
    blocks, read, broken, md5 = [], 0, "", hashlib.md5(usedforsecurity=False)
    while read < most:
        try:
            raw = sound.read(min(_BLOCK, most - read), dtype="int32" if exact else "float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            broken = f": {error.error_string}"
            break
        if not len(raw):
            break
        read += len(raw)
        if exact:
            blocks.append(np.multiply(raw, np.float32(2.0**-31), dtype=np.float32, casting="unsafe"))
            if bits:
                md5.update(_as_encoded(raw, bits))
        else:
            blocks.append(raw)
    samples = np.concatenate(blocks) if blocks else np.zeros((0, channels), dtype=np.float32)
    if not read:
        fault = f"there is no sound in it{broken}"
    elif declared > most and read == most:
        fault = f"it is longer than {MOST_S // 60} minutes"
    elif broken or declared - read > _LENGTH_IS_ROUGH.get(sound.format, 0):
        fault = f"it ends after {read} of {declared} samples{broken}"
    elif bits and head[:4] == b"fLaC" and head[_MD5_AT] not in (bytes(16), md5.digest()):
        fault = "its sound is not the one that was encoded: the MD5 differs"
    else:
        fault = _cut_off(path, head)
    return Decoded(samples, rate, fault, encoding)


def _as_encoded(raw: NDArray[np.int32], bits: int) -> bytes:
    """Samples as a FLAC encoder hashes them: little-endian, as wide as they are."""
    little = np.ascontiguousarray(raw, dtype="<i4").view(np.uint8).reshape(-1, 4)
    return little[:, 4 - bits // 8 :].tobytes()


def _cut_off(path: Path, head: bytes) -> str:
    """Why a WAV, AIFF or Ogg file, whose decoder does not mind, is not whole; empty where it is."""
    there = path.stat().st_size
    if head[:4] in (b"RIFF", b"FORM"):
        promised = int.from_bytes(head[4:8], "little" if head[:4] == b"RIFF" else "big") + 8
        # Writers to a pipe leave the length open: all ones, or nothing.
        if 8 < promised < 0xFFFFFFFF and there < promised:
            return f"it ends after {there} of {promised} bytes"
    if head[:4] == b"OggS":
        with path.open("rb") as file:
            file.seek(max(0, there - 2 * 65_307))
            tail = file.read()
        page = tail[max(0, tail.rfind(b"OggS")) :]
        segments = page[27 : 27 + page[26]] if len(page) > 26 else b""
        if not page[5:6] or not page[5] & 4 or len(page) < 27 + page[26] + sum(segments):
            return "it ends before the end of its last page"
    return ""


def _looks_like(head: bytes) -> str:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for beginning, kind in _NO_SOUND:
        if start.startswith(beginning):
            return f" (it looks like {kind})"
    text = (
        len(start) >= 16 and start.isascii() and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in start)
    )
    return " (it looks like text)" if text else ""
