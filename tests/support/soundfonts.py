"""Tiny SoundFont 2 files to test with: pure tones, looped, in as many presets as wanted."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

RATE = 22_050
HZ = 441.0
"""A tone of exactly 50 samples a period; its MIDI pitch is 69 and 4 cents."""

_PERIODS = 40


@dataclass(frozen=True, slots=True)
class Tone:
    """A zone: a tone of so many harmonics, and generators by number."""

    harmonics: int = 1
    keys: tuple[int, int] = (0, 127)
    velocities: tuple[int, int] = (0, 127)
    loops: bool = True
    generators: Mapping[int, int] = field(default_factory=dict)


def soundfont(
    path: Path, presets: Mapping[int, Sequence[Tone]], *, added: Mapping[int, int] | None = None
) -> Path:
    """Writes a file with a preset in bank 0 for each program; `added` is what presets add to their zones."""
    heads, bags, outer, names, inner_bags, inner, headers = b"", b"", b"", b"", b"", b"", b""
    samples = b""
    counts = {"bag": 0, "outer": 0, "inner_bag": 0, "inner": 0, "sample": 0}

    def pair(number: int, value: int) -> bytes:
        return struct.pack("<HH", number, value & 0xFFFF)

    for place, (program, tones) in enumerate(presets.items()):
        heads += struct.pack("<20s3H3I", f"preset {program}".encode(), program, 0, counts["bag"], 0, 0, 0)
        bags += struct.pack("<HH", counts["outer"], 0)
        own = [*(added or {}).items(), (41, place)]
        outer += b"".join(pair(number, value) for number, value in own)
        counts["bag"] += 1
        counts["outer"] += len(own)
        names += struct.pack("<20sH", f"instrument {place}".encode(), counts["inner_bag"])
        for tone in tones:
            inner_bags += struct.pack("<HH", counts["inner"], 0)
            rows = [
                (43, tone.keys[0] | tone.keys[1] << 8),
                (44, tone.velocities[0] | tone.velocities[1] << 8),
                (54, 1 if tone.loops else 0),
                *tone.generators.items(),
                (53, counts["sample"]),
            ]
            inner += b"".join(pair(number, value) for number, value in rows)
            counts["inner_bag"] += 1
            counts["inner"] += len(rows)
            start = len(samples) // 2
            wave = _wave(tone.harmonics)
            length = len(wave) // 2
            headers += struct.pack(
                "<20s5IBbHH",
                b"tone",
                start,
                start + length,
                start + 50,
                start + 50 * (_PERIODS - 1),
                RATE,
                69,
                -4,
                0,
                1,
            )
            samples += wave + bytes(92)
            counts["sample"] += 1
    heads += struct.pack("<20s3H3I", b"EOP", 0, 0, counts["bag"], 0, 0, 0)
    bags += struct.pack("<HH", counts["outer"], 0)
    names += struct.pack("<20sH", b"EOI", counts["inner_bag"])
    inner_bags += struct.pack("<HH", counts["inner"], 0)
    headers += struct.pack("<20s5IBbHH", b"EOS", 0, 0, 0, 0, 0, 0, 0, 0, 0)
    tables = {
        "phdr": heads,
        "pbag": bags,
        "pmod": bytes(10),
        "pgen": outer + bytes(4),
        "inst": names,
        "ibag": inner_bags,
        "imod": bytes(10),
        "igen": inner + bytes(4),
        "shdr": headers,
    }
    body = b"sfbk"
    body += _chunk("LIST", b"INFO" + _chunk("ifil", struct.pack("<HH", 2, 4)))
    body += _chunk("LIST", b"sdta" + _chunk("smpl", samples))
    body += _chunk("LIST", b"pdta" + b"".join(_chunk(name, table) for name, table in tables.items()))
    path.write_bytes(_chunk("RIFF", body))
    return path


def _wave(harmonics: int) -> bytes:
    t = np.arange(50 * _PERIODS) / RATE
    wave = sum(np.sin(2 * np.pi * HZ * h * t) / h for h in range(1, harmonics + 1))
    return (np.asarray(wave) * 12_000).astype("<i2").tobytes()


def _chunk(name: str, data: bytes) -> bytes:
    return name.encode() + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)
