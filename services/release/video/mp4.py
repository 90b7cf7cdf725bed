"""What an MP4 file says of itself, read from its boxes (ISO/IEC 14496-12, -14 and -15).

The exact numbers that a gate needs: frames and how long each lasts, sizes, codecs, where the index stands.
Nothing in a file can make the reader fail otherwise than with `NotMp4`, or loop, or take much memory.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

_MOST_MOOV = 64 << 20
_MOST_BOXES = 100_000
_DEEPEST = 12
_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts"}


class NotMp4(ValueError):
    """The file is no MP4 file that this reader understands; the text says why."""


@dataclass(frozen=True, slots=True)
class Track:
    """One track."""

    kind: str
    """`video`, `audio` or what the file calls it."""
    codec: str
    """The sample entry's four letters, for example `avc1` or `mp4a`."""
    profile: int
    """H.264's profile_idc (100: High) or MPEG-4's audio object type (2: AAC-LC); 0: not told."""
    width: int
    height: int
    sample_rate: int
    channels: int
    samples: int
    """Frames of video, packets of audio."""
    lengths: tuple[Fraction, ...]
    """The different lengths of a sample, in seconds, the last sample's left out; one for a constant rate."""
    seconds: Fraction
    """How long it is shown, its edit list applied."""


@dataclass(frozen=True, slots=True)
class Movie:
    """A file."""

    brand: str
    tracks: tuple[Track, ...]
    starts_fast: bool
    """True where the index (`moov`) stands before the sound and pictures (`mdat`)."""
    has_metadata: bool
    """True where it carries user data (`udta`) with entries in it."""

    def first(self, kind: str) -> Track | None:
        """The first track of a kind."""
        return next((track for track in self.tracks if track.kind == kind), None)


def read_movie(path: Path) -> Movie:
    """Reads a file's index. NotMp4 where it has none; OSError where it can't be read."""
    size = path.stat().st_size
    brand, moov, moov_at, mdat_at = "", None, -1, -1
    with path.open("rb") as file:
        at, count = 0, 0
        while at + 8 <= size:
            file.seek(at)
            head = file.read(16)
            length, kind, body = _head(head, size - at)
            if kind == b"ftyp":
                brand = file_text(_peek(file, at + body, min(4, length - body)))
            elif kind == b"moov" and moov is None:
                if length > _MOST_MOOV:
                    raise NotMp4("its index is too large")
                moov, moov_at = _peek(file, at + body, length - body), at
            elif kind == b"mdat" and mdat_at < 0:
                mdat_at = at
            at += length
            count += 1
            if count > _MOST_BOXES:
                raise NotMp4("it has too many boxes")
        if at != size:
            raise NotMp4("its last box is cut off")
    if not brand:
        raise NotMp4("it has no ftyp box")
    if moov is None:
        raise NotMp4("it has no moov box")
    if mdat_at < 0:
        raise NotMp4("it has no mdat box")
    return _movie(brand, moov, starts_fast=moov_at < mdat_at)


def is_mp4(head: bytes) -> bool:
    """True where a file's first bytes are those of an MP4 or QuickTime file."""
    return len(head) >= 12 and head[4:8] == b"ftyp" and 8 <= int.from_bytes(head[:4]) <= 4096


def file_text(raw: bytes) -> str:
    """A four-character code as printable text."""
    return "".join(chr(byte) if 32 <= byte < 127 else "?" for byte in raw)


def _peek(file: "object", at: int, length: int) -> bytes:
    file.seek(at)  # type: ignore[attr-defined]
    data = bytes(file.read(length))  # type: ignore[attr-defined]
    if len(data) != length:
        raise NotMp4("a box is cut off")
    return data


def _head(data: bytes, room: int) -> tuple[int, bytes, int]:
    """A box's length, kind, and where its body begins."""
    if len(data) < 8:
        raise NotMp4("a box is cut off")
    length, kind, body = int.from_bytes(data[:4]), data[4:8], 8
    if length == 1:
        if len(data) < 16:
            raise NotMp4("a box is cut off")
        length, body = int.from_bytes(data[8:16]), 16
    elif length == 0:
        length = room
    if length < body or length > room:
        raise NotMp4(f"a box {file_text(kind)} has an impossible length")
    return length, kind, body


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The boxes one after another: kind and body."""
    at = 0
    while at + 8 <= len(data):
        length, kind, body = _head(data[at : at + 16], len(data) - at)
        yield kind, data[at + body : at + length]
        at += length


def _tree(data: bytes, depth: int = 0) -> dict[bytes, list[bytes]]:
    """Every box by kind, those in containers among them; the containers' own bodies too."""
    found: dict[bytes, list[bytes]] = {}
    for kind, body in _boxes(data):
        found.setdefault(kind, []).append(body)
        if kind in _CONTAINERS and kind != b"trak" and depth < _DEEPEST:
            for inner, bodies in _tree(body, depth + 1).items():
                found.setdefault(inner, []).extend(bodies)
    return found


def _movie(brand: str, moov: bytes, *, starts_fast: bool) -> Movie:
    try:
        top = _tree(moov)
        header = _one(top, b"mvhd")
        timescale = _u32(header, 20 if header[:1] == b"\x01" else 12)
        tracks = tuple(_track(body, timescale) for body in top.get(b"trak", ()))
    except (struct.error, IndexError, ZeroDivisionError) as error:
        raise NotMp4("its index is broken") from error
    user = b"".join(top.get(b"udta", ()))
    return Movie(brand, tracks, starts_fast, has_metadata=_has_entries(user))


def _has_entries(user: bytes) -> bool:
    # The muxer leaves an empty list where it has nothing to say.
    return b"ilst" in user and b"data" in user.partition(b"ilst")[2]


def _track(body: bytes, movie_timescale: int) -> Track:
    tree = _tree(body)
    media = _one(tree, b"mdhd")
    timescale = _u32(media, 20 if media[:1] == b"\x01" else 12)
    kind = {b"vide": "video", b"soun": "audio"}.get(handler := _one(tree, b"hdlr")[8:12], file_text(handler))
    entry_kind, entry = next(_boxes(_one(tree, b"stsd")[8:]), (b"    ", b""))
    lengths, samples, ticks = _durations(_one(tree, b"stts"), timescale)
    width = height = rate = channels = profile = 0
    if kind == "video":
        width, height = struct.unpack_from(">HH", entry, 24)
        configuration = dict(_boxes(entry[78:])).get(b"avcC", b"")
        profile = configuration[1] if len(configuration) > 1 else 0
    elif kind == "audio":
        (channels,) = struct.unpack_from(">H", entry, 16)
        rate = _u32(entry, 24) >> 16
        profile = _audio_object_type(dict(_boxes(entry[28:])).get(b"esds", b""))
    return Track(
        kind=kind,
        codec=file_text(entry_kind),
        profile=profile,
        width=width,
        height=height,
        sample_rate=rate,
        channels=channels,
        samples=samples,
        lengths=lengths,
        seconds=_shown(tree.get(b"elst", []), movie_timescale) or Fraction(ticks, timescale),
    )


def _durations(stts: bytes, timescale: int) -> tuple[tuple[Fraction, ...], int, int]:
    count = _u32(stts, 4)
    if 8 + 8 * count > len(stts):
        raise NotMp4("its table of times is cut off")
    entries = [struct.unpack_from(">II", stts, 8 + 8 * index) for index in range(count)]
    samples = sum(number for number, _ in entries)
    ticks = sum(number * delta for number, delta in entries)
    # The last sample may be shorter: it ends where the track does.
    regular = list(entries)
    if len(regular) > 1 and regular[-1][0] == 1:
        regular.pop()
    lengths = dict.fromkeys(Fraction(delta, timescale) for _, delta in regular)
    return tuple(lengths), samples, ticks


def _shown(edits: list[bytes], timescale: int) -> Fraction | None:
    """How long a track's edit list shows it; None without one."""
    if not edits:
        return None
    body = edits[0]
    wide = body[:1] == b"\x01"
    total = 0
    for index in range(_u32(body, 4)):
        form, step = (">Qq", 20) if wide else (">Ii", 12)
        duration, start = struct.unpack_from(form, body, 8 + step * index)
        if start >= 0:
            total += duration
    return Fraction(total, timescale) if total else None


def _audio_object_type(esds: bytes) -> int:
    """From the decoder's own configuration, which its tag 5 holds."""
    at = 4
    while at < len(esds):
        tag, at = esds[at], at + 1
        length = 0
        while at < len(esds):
            byte, at = esds[at], at + 1
            length = (length << 7 | byte & 0x7F) & 0xFFFF
            if not byte & 0x80:
                break
        if tag == 5 and at < len(esds):
            return esds[at] >> 3
        # Tags 3 and 4 hold others after a fixed part of their own.
        at += {3: 3, 4: 13}.get(tag, length)
    return 0


def _one(tree: dict[bytes, list[bytes]], kind: bytes) -> bytes:
    if kind not in tree:
        raise NotMp4(f"it has no {file_text(kind)} box")
    return tree[kind][0]


def _u32(data: bytes, at: int) -> int:
    (value,) = struct.unpack_from(">I", data, at)
    return int(value)
