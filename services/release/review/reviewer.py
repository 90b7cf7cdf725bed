"""All checks of a take, in order. docs/review.md says where their limits come from."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from aiartist.common.v1 import audio_pb2, brief_pb2
from services.release.music.theory import Key
from services.release.review import continuity, levels, loudness, rhythm, tonality
from services.release.review.character import character, repetition
from services.release.review.checks import FAIL, PASS, WARN, Outcome, bounded, worst
from services.release.review.decode import Decoded, decode
from services.release.review.fingerprint import LEAST_RATE_HZ, fingerprint
from services.release.review.likeness import MAGIC, words

SAMPLE_RATE = 44_100
LOUDNESS_LUFS = (-14.5, -13.5)
TRUE_PEAK_DBTP = -1.0

Samples = NDArray[np.float32]
Check = audio_pb2.ReviewCheck

_BEATS_PER_BAR = 4
_MASTERS = ("FLAC PCM_16", "FLAC PCM_24")
# A number beyond this is no sound, like NaN; squares of all others stay finite.
_ABSURD = 1e6


@dataclass(frozen=True, slots=True)
class Reviewed:
    """The outcome of a review."""

    review: audio_pb2.Review
    """Without its last check, for near-duplicates: `services.release.catalogue` adds that."""

    fingerprint: bytes
    """Of the take; for comparing it with others."""


def review(path: Path, brief: brief_pb2.Brief) -> Reviewed:
    """Decodes a take and measures it against its brief.

    What is wrong with the sound is a result; only a file that can't be opened raises `OSError`.
    """
    decoded = decode(path)
    checks = [_whole(decoded), _master_format(decoded)]
    if len(decoded.samples) == 0:
        return Reviewed(audio_pb2.Review(passed=False, checks=checks), MAGIC)
    rate = decoded.sample_rate
    samples, broken = _finite(decoded.samples)
    mono = samples.mean(axis=1)
    # Keys and fingerprints live below 5 kHz, where a fourth of the samples says it all.
    factor = max(1, rate // LEAST_RATE_HZ)
    low, low_rate = scipy.signal.resample_poly(mono, 1, factor).astype(np.float32), rate // factor
    own = fingerprint(low[:, None], low_rate)
    power = loudness.weighted_power(samples, rate)
    lufs = loudness.gated_lufs(power)
    peak = loudness.true_peak_dbtp(samples)
    bpm = _nearest_octave(rhythm.tempo_bpm(mono, rate), brief.tempo_bpm)
    key = tonality.estimate_key(low, low_rate)
    checks += [
        bounded("sample_rate_hz", rate, least=SAMPLE_RATE, most=SAMPLE_RATE, unit="Hz", digits=0),
        bounded("channels", samples.shape[1], least=2, most=2, digits=0),
        _duration(len(samples) / rate, brief),
        bounded("non_finite_samples", broken, most=0, digits=0),
        bounded("integrated_loudness_lufs", lufs, least=LOUDNESS_LUFS[0], most=LOUDNESS_LUFS[1], unit="LUFS"),
        bounded("true_peak_dbtp", peak, most=TRUE_PEAK_DBTP, unit="dBTP", digits=2),
        bounded(
            "loudness_range_lu", loudness.range_lu(power), least=1.0, most=20.0, unit="LU", otherwise=WARN
        ),
        bounded("clipped_samples", levels.clipped(samples), most=0, digits=0),
        bounded("dc_offset", levels.dc_offset(samples), most=0.003, digits=4),
        *_silences(samples, rate),
        _dropouts(samples, rate),
        bounded(
            "ending_dbfs",
            continuity.ending_dbfs(samples, rate),
            most=-40.0,
            unit="dBFS",
            otherwise=WARN,
            what="it seems to be cut off",
        ),
        *_image(samples, rate),
        *_music(mono, rate, own),
        _tempo(bpm, brief.tempo_bpm),
        _key(key, brief.key),
    ]
    return Reviewed(
        audio_pb2.Review(
            passed=all(check.outcome != FAIL for check in checks),
            checks=checks,
            duration_ms=round(len(samples) / rate * 1_000),
            loudness_lufs=lufs,
            true_peak_dbtp=peak,
            tempo_bpm=bpm,
            key=key.key.name if key else "",
        ),
        own,
    )


def _finite(samples: Samples) -> tuple[Samples, int]:
    """The samples, channel by channel in memory, with 0 for those that are no numbers, and how many these
    are."""
    # Most measurements go channel by channel.
    samples = np.asfortranarray(samples)
    fine = np.abs(samples) < _ABSURD
    broken = samples.size - int(np.count_nonzero(fine))
    return (np.where(fine, samples, np.float32(0.0)) if broken else samples), broken


def _whole(decoded: Decoded) -> Check:
    return Check(
        name="decoding_faults",
        outcome=FAIL if decoded.fault else PASS,
        measured=1.0 if decoded.fault else 0.0,
        maximum=0.0,
        message=decoded.fault or "none (must be 0): decoded from the first to the last sample",
    )


def _master_format(decoded: Decoded) -> Check:
    """By the content: what is called `.flac` may be anything."""
    fine = decoded.encoding in _MASTERS
    named = decoded.encoding or "no sound"
    return Check(
        name="format_faults",
        outcome=PASS if fine else FAIL,
        measured=0.0 if fine else 1.0,
        maximum=0.0,
        message=f"{named} (must be FLAC of 16 or 24 bits)",
    )


def _duration(seconds: float, brief: brief_pb2.Brief) -> Check:
    """The brief's form and its wanted length both count: a take may be as long as either says.

    Some music services can't be told how long a song is to be; what is near enough is for a person to judge.
    """
    bars = sum(section.bars for section in brief.sections)
    complete = bars > 0 and all(section.bars for section in brief.sections) and brief.tempo_bpm > 0
    wanted = [brief.target_duration_ms / 1_000] if brief.target_duration_ms else []
    if complete:
        wanted.append(bars * _BEATS_PER_BAR * 60 / brief.tempo_bpm)
    if not wanted:
        return bounded("duration_s", seconds, least=10.0, unit="s")
    shortest, longest = min(wanted), max(wanted)

    def within(share: float, otherwise: Outcome.ValueType) -> Check:
        least, most = shortest * (1 - share) - 2.0, longest * (1 + share) + 6.0
        return bounded(
            "duration_s", seconds, least=round(least, 1), most=round(most, 1), unit="s", otherwise=otherwise
        )

    return worst(within(0.25, FAIL), within(0.08, WARN))


def _silences(samples: Samples, rate: int) -> list[Check]:
    found = levels.silences(samples, rate)
    return [
        bounded("leading_silence_s", found.leading_s, most=1.5, unit="s", digits=2),
        bounded("longest_silence_s", found.longest_inside_s, most=2.5, unit="s", digits=2),
        bounded("trailing_silence_s", found.trailing_s, most=4.0, unit="s", digits=2),
    ]


def _dropouts(samples: Samples, rate: int) -> Check:
    found = continuity.gaps(samples, rate)
    where = f"the first at {found.first_s:.1f} s"
    return worst(
        bounded("dropouts", found.dropouts, most=0, digits=0, what=where),
        bounded(
            "dropouts",
            found.dropouts + found.stops,
            most=0,
            digits=0,
            otherwise=WARN,
            what=f"hard stops, {where}",
        ),
    )


def _image(samples: Samples, rate: int) -> list[Check]:
    """Sides that cancel each other fail; no width at all is only worth a look."""
    alike = levels.correlation(samples)
    one_sided = continuity.one_sided_s(samples, rate)
    return [
        bounded("channel_imbalance_db", levels.imbalance_db(samples), most=6.0, unit="dB"),
        worst(
            bounded("one_sided_s", one_sided, most=15.0, unit="s"),
            bounded("one_sided_s", one_sided, most=4.0, unit="s", otherwise=WARN),
        ),
        worst(
            bounded("stereo_correlation", alike, least=-0.3, digits=2, what="the sides cancel each other"),
            bounded("stereo_correlation", alike, most=0.995, digits=3, otherwise=WARN, what="it is mono"),
        ),
        bounded(
            "low_end_correlation",
            levels.low_correlation(samples, rate),
            least=-0.2,
            digits=2,
            what="the bass is gone in mono",
        ),
    ]


def _music(mono: Samples, rate: int, own: bytes) -> list[Check]:
    """Whether anything happens in it."""
    found = character(mono, rate)
    if found is None:
        return [Check(name="movement_db", outcome=FAIL, minimum=3.0, message="there is nothing to hear")]
    repeated = repetition(words(own))
    return [
        worst(
            bounded("movement_db", found.movement_db, least=3.0, unit="dB", what="it is one sound"),
            bounded("movement_db", found.movement_db, least=5.0, unit="dB", otherwise=WARN),
        ),
        worst(
            bounded("noisiness", found.noisiness, most=0.55, digits=2, what="it is noise"),
            bounded("noisiness", found.noisiness, most=0.48, digits=2, otherwise=WARN),
        ),
        bounded(
            "bandwidth_hz",
            found.bandwidth_hz,
            least=10_000,
            unit="Hz",
            digits=0,
            otherwise=WARN,
            what="it sounds as if it came from a lossy or a slower file",
        ),
        worst(
            bounded("repetition", repeated, most=0.85, digits=2, what="one loop again and again"),
            bounded("repetition", repeated, most=0.7, digits=2, otherwise=WARN),
        ),
    ]


def _nearest_octave(bpm: float, wanted: int) -> float:
    """An estimate may count half or double beats; the octave next to what is wanted is the one to compare."""
    if bpm <= 0 or wanted <= 0:
        return bpm
    return float(
        min((bpm * factor for factor in (0.25, 0.5, 1.0, 2.0, 4.0)), key=lambda b: abs(np.log(b / wanted)))
    )


def _tempo(bpm: float, wanted: int) -> Check:
    return bounded(
        "tempo_bpm",
        bpm,
        least=round(wanted * 0.96, 2),
        most=round(wanted * 1.04, 2),
        unit="bpm",
        otherwise=WARN,
        what="" if bpm > 0 else "no pulse was found",
    )


def _key(estimate: tonality.KeyEstimate | None, wanted: str) -> Check:
    """Only ever a warning: estimates are right about nine times of ten, and a wrong key is nothing broken."""
    name = "key_distance"
    if estimate is None:
        return Check(name=name, outcome=WARN, measured=2.0, maximum=0.0, message="no key was found")
    try:
        apart = tonality.distance(estimate.key, Key.parse(wanted))
    except ValueError:
        apart, wanted = 2, f"{wanted!r}, which is no key"
    heard = f"{estimate.key.name} (clarity {estimate.clarity:.2f})"
    message = {
        0: f"{heard}, as wanted",
        1: f"{heard} is a close relative of {wanted}",
    }.get(apart, f"{heard} is far from {wanted}")
    return Check(
        name=name, outcome=WARN if apart else PASS, measured=float(apart), maximum=0.0, message=message
    )
