"""What is in a SoundFont 2 file, read without its samples.

After E-mu's SoundFont technical specification 2.04: a RIFF file with three lists. `sdta` holds all samples
one after the other, 16 bits, mono; `pdta` holds nine tables that lead from a preset over its zones to an
instrument, and over the instrument's zones to a sample. A zone is a list of generators: numbers that say for
which keys and velocities it sounds, and how.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from services.chassis.errors import SetupError

_TABLES = {"phdr": 38, "pbag": 4, "pgen": 4, "inst": 22, "ibag": 4, "igen": 4, "shdr": 46}
_MOST_TABLE_BYTES = 64 * 1024 * 1024
_MOST_ZONES = 4_096
_ROM = 0x8000

PROGRAMS = {
    "piano": 0,
    "electric_piano": 4,
    "vibraphone": 11,
    "organ": 16,
    "guitar": 25,
    "muted_guitar": 28,
    "upright_bass": 32,
    "electric_bass": 33,
    "harp": 46,
    "strings": 48,
    "choir": 52,
    "flute": 73,
    "kalimba": 108,
}
"""The voices that have a counterpart in General MIDI, and its program, from 0; others stay synthesised."""

INSTRUMENT, KEYS, VELOCITIES, SAMPLE = 41, 43, 44, 53
# What counts for the whole file's samples or names something: a preset's zones have no say in these.
_OF_INSTRUMENTS_ONLY = {0, 1, 2, 3, 4, 12, 45, 46, 47, 50, 54, 57, 58}
_NOT_ADDED = {INSTRUMENT, KEYS, VELOCITIES, SAMPLE}

Generators = Mapping[int, int]


class BrokenSoundFont(ValueError):
    """The file is no SoundFont that can be played; `str()` says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A recording within the file; places in samples from the first of all."""

    start: int
    end: int
    loop_start: int
    loop_end: int
    rate: int
    pitch: int
    """MIDI number of what was recorded."""

    cents: int
    """What to add to it."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A sample, for which keys and velocities it sounds, and how."""

    keys: tuple[int, int]
    velocities: tuple[int, int]
    sample: Sample
    generators: Generators
    """By number; absent ones have their defaults."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A file's presets, and where its samples are."""

    path: Path
    samples_at: int
    """Byte of the first sample."""

    sample_count: int
    presets: Mapping[tuple[int, int], tuple[Zone, ...]]
    """By bank and program; bank 0 is General MIDI's."""


def read_layout(path: Path) -> Layout:
    """Reads a file's tables. Raises `BrokenSoundFont`, and `OSError` where it can't be read."""
    with path.open("rb") as file:
        size = path.stat().st_size
        kind, length, form = struct.unpack("<4sI4s", _exactly(file, 12))
        if kind != b"RIFF" or form != b"sfbk":
            raise BrokenSoundFont("it is no SoundFont 2 file")
        if length + 8 > size:
            raise BrokenSoundFont(f"it is cut off: {size:,} of {length + 8:,} bytes are there")
        tables: dict[str, bytes] = {}
        samples: tuple[int, int] | None = None
        for name, at, count in _chunks(file, 12, length + 8):
            if name == "smpl":
                samples = (at, count // 2)
            elif name in _TABLES:
                if count > _MOST_TABLE_BYTES or count % _TABLES[name]:
                    raise BrokenSoundFont(f"its table {name} has a length that can't be: {count:,} bytes")
                file.seek(at)
                tables[name] = _exactly(file, count)
    if missing := [name for name in _TABLES if name not in tables]:
        raise BrokenSoundFont(f"it has no table {', '.join(missing)}")
    if samples is None:
        raise BrokenSoundFont("it has no samples")
    presets = _presets(tables, samples[1])
    if not presets:
        raise BrokenSoundFont("it has no preset that could be played")
    return Layout(path, *samples, presets)


def check(path: Path | None) -> None:
    """Raises SetupError unless the file can be read and has instruments to play; None is no file and fine."""
    if path is None:
        return
    try:
        layout = read_layout(path)
    except OSError as error:
        raise SetupError(_unusable(path, f"it can't be read: {error.strerror}")) from error
    except BrokenSoundFont as error:
        raise SetupError(_unusable(path, str(error))) from error
    if not any((0, program) in layout.presets for program in PROGRAMS.values()):
        raise SetupError(_unusable(path, "it has none of the General MIDI instruments that songs use"))


def _unusable(path: Path, reason: str) -> str:
    return (
        f"AIARTIST_MUSIC_SOUNDFONT is {path}: {reason}; "
        "name a SoundFont 2 file (.sf2), or unset it: then all sounds are synthesised"
    )


def _exactly(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise BrokenSoundFont("it is cut off")
    return data


def _chunks(
    file: BinaryIO, at: int, end: int, *, within_list: bool = False
) -> Iterator[tuple[str, int, int]]:
    """The name, place and length of every chunk, those within lists too; no list is within another."""
    while at + 8 <= end:
        file.seek(at)
        name, count = struct.unpack("<4sI", _exactly(file, 8))
        if at + 8 + count > end:
            raise BrokenSoundFont(f"its chunk {name.decode('latin-1')!r} is longer than what it is in")
        if name == b"LIST" and not within_list:
            yield from _chunks(file, at + 12, at + 8 + count, within_list=True)
        else:
            yield name.decode("latin-1"), at + 8, count
        at += 8 + count + count % 2


def _presets(tables: Mapping[str, bytes], sample_count: int) -> dict[tuple[int, int], tuple[Zone, ...]]:
    samples = [_sample(row, sample_count) for row in struct.iter_unpack("<20s5IBbHH", tables["shdr"])]
    # Each table ends in a row that only closes the one before.
    heads = list(struct.iter_unpack("<20s3H3I", tables["phdr"]))
    names = list(struct.iter_unpack("<20sH", tables["inst"]))
    instruments = [
        _zones(tables["ibag"], tables["igen"], first[1], last[1], ends_in=SAMPLE)
        for first, last in pairwise(names)
    ]
    presets: dict[tuple[int, int], tuple[Zone, ...]] = {}
    for first, last in pairwise(heads):
        outer = _zones(tables["pbag"], tables["pgen"], first[3], last[3], ends_in=INSTRUMENT)
        zones = tuple(_joined(outer, instruments, samples))
        if zones:
            presets[(first[2], first[1])] = zones
    return presets


def _sample(row: tuple[object, ...], count: int) -> Sample | None:
    """A row of the samples' table; None for what isn't in the file, or not wholly."""
    start, end, loop_start, loop_end, rate, pitch, cents, _, kind = (
        value for value in row[1:] if isinstance(value, int)
    )
    if kind & _ROM or not start < end <= count or not 400 <= rate <= 400_000:
        return None
    return Sample(start, end, loop_start, loop_end, rate, pitch if pitch <= 127 else 60, cents)


def _zones(bags: bytes, generators: bytes, first: int, last: int, *, ends_in: int) -> list[dict[int, int]]:
    """The zones from one bag to another, what the first one says for all of them filled in."""
    places = [place for place, _ in struct.iter_unpack("<HH", bags)]
    rows = list(struct.iter_unpack("<Hh", generators))
    if not first <= last < len(places) or last - first > _MOST_ZONES:
        raise BrokenSoundFont("its tables do not fit together")
    zones: list[dict[int, int]] = []
    common: dict[int, int] = {}
    for bag in range(first, last):
        if not places[bag] <= places[bag + 1] <= len(rows):
            raise BrokenSoundFont("its tables do not fit together")
        own = dict(rows[places[bag] : places[bag + 1]])
        if ends_in in own:
            zones.append({**common, **own})
        elif bag == first:
            common = own
    return zones


def _joined(
    outer: Sequence[Generators],
    instruments: Sequence[Sequence[Generators]],
    samples: Sequence[Sample | None],
) -> Iterator[Zone]:
    """A preset's zones joined with those of their instruments: ranges meet, all else adds up."""
    for above in outer:
        if not 0 <= above[INSTRUMENT] < len(instruments):
            raise BrokenSoundFont("its tables do not fit together")
        for below in instruments[above[INSTRUMENT]]:
            # The last row only closes the table.
            if not 0 <= below[SAMPLE] < len(samples) - 1:
                raise BrokenSoundFont("its tables do not fit together")
            sample = samples[below[SAMPLE]]
            keys = _meeting(_range(above, KEYS), _range(below, KEYS))
            velocities = _meeting(_range(above, VELOCITIES), _range(below, VELOCITIES))
            if sample is None or keys is None or velocities is None:
                continue
            added = dict(below)
            for number, value in above.items():
                if number not in _NOT_ADDED | _OF_INSTRUMENTS_ONLY:
                    added[number] = added.get(number, DEFAULTS.get(number, 0)) + value
            yield Zone(keys, velocities, sample, added)


DEFAULTS = {8: 13_500, 33: -12_000, 34: -12_000, 35: -12_000, 36: -12_000, 38: -12_000, 56: 100, 58: -1}
"""Of the generators that are not 0 where a zone names none."""


def _range(generators: Generators, number: int) -> tuple[int, int]:
    """Two bytes in one number; all keys where it isn't named."""
    value = generators.get(number, 0x7F00) & 0xFFFF
    return value & 0xFF, value >> 8


def _meeting(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int] | None:
    low, high = max(one[0], other[0]), min(one[1], other[1])
    return (low, high) if low <= high else None
