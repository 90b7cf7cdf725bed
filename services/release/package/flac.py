"""FLAC containers: reading the stream's facts and writing tags without touching the audio.

The format is RFC 9639; Vorbis comments are little-endian, all else is big-endian.
"""

import shutil
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_MAGIC = b"fLaC"
_STREAMINFO, _PADDING, _VORBIS_COMMENT = 0, 1, 4
_LAST = 0x80
_VENDOR = "aiartist"
_MOST_TAG_BYTES = 1 << 20

Tags = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What the encoder wrote about the audio."""

    sample_rate: int
    channels: int
    bits_per_sample: int
    frames: int
    pcm_md5: str
    """MD5 of the decoded samples, little-endian and interleaved; zeros where the encoder gave none."""


@dataclass(frozen=True, slots=True)
class _Block:
    kind: int
    data: bytes


def stream_info(path: Path) -> StreamInfo:
    """The facts at the head of a FLAC file. ValueError where it is none."""
    with path.open("rb") as file:
        first = next(iter(_blocks(file)))
    if first.kind != _STREAMINFO or len(first.data) != 34:
        raise ValueError("a FLAC file begins with STREAMINFO")
    (packed,) = struct.unpack(">Q", first.data[10:18])
    return StreamInfo(
        sample_rate=packed >> 44,
        channels=((packed >> 41) & 0x7) + 1,
        bits_per_sample=((packed >> 36) & 0x1F) + 1,
        frames=packed & 0xFFFFFFFFF,
        pcm_md5=first.data[18:34].hex(),
    )


def read_tags(path: Path) -> list[tuple[str, str]]:
    """The Vorbis comments in their order. ValueError where the file or its comments are malformed."""
    with path.open("rb") as file:
        for block in _blocks(file):
            if block.kind == _VORBIS_COMMENT:
                return _parse_comments(block.data)
    return []


def write_tagged(source: Path, target: Path, tags: Tags) -> None:
    """Copies a FLAC file with these Vorbis comments in place of its own; the audio stays byte for byte."""
    with source.open("rb") as file, target.open("xb") as out:
        kept = [block for block in _blocks(file) if block.kind not in (_VORBIS_COMMENT, _PADDING)]
        blocks = [*kept[:1], _Block(_VORBIS_COMMENT, _comments(tags)), *kept[1:]]
        out.write(_MAGIC)
        for number, block in enumerate(blocks, start=1):
            flag = _LAST if number == len(blocks) else 0
            out.write(struct.pack(">B", block.kind | flag) + len(block.data).to_bytes(3, "big") + block.data)
        shutil.copyfileobj(file, out)


def _blocks(file: BinaryIO) -> Iterable[_Block]:
    if file.read(4) != _MAGIC:
        raise ValueError("not a FLAC file")
    last = False
    while not last:
        header = file.read(4)
        if len(header) < 4:
            raise ValueError("the FLAC file ends inside its metadata")
        last = bool(header[0] & _LAST)
        length = int.from_bytes(header[1:], "big")
        data = file.read(length)
        if len(data) < length:
            raise ValueError("the FLAC file ends inside its metadata")
        yield _Block(header[0] & 0x7F, data)


def _comments(tags: Tags) -> bytes:
    vendor = _VENDOR.encode()
    parts = [struct.pack("<I", len(vendor)), vendor, struct.pack("<I", len(tags))]
    for name, value in tags:
        comment = f"{name}={value}".encode()
        parts += [struct.pack("<I", len(comment)), comment]
    data = b"".join(parts)
    if len(data) > _MOST_TAG_BYTES:
        raise ValueError("the tags are too long for a FLAC file")
    return data


def _parse_comments(data: bytes) -> list[tuple[str, str]]:
    try:
        (length,) = struct.unpack_from("<I", data)
        offset = 4 + length
        (count,) = struct.unpack_from("<I", data, offset)
        offset += 4
        tags = []
        for _ in range(count):
            (length,) = struct.unpack_from("<I", data, offset)
            comment = data[offset + 4 : offset + 4 + length].decode()
            name, _, value = comment.partition("=")
            tags.append((name, value))
            offset += 4 + length
    except (struct.error, UnicodeDecodeError) as error:
        raise ValueError("the FLAC file's tags are malformed") from error
    return tags
