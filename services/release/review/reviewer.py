"""All checks of a take, in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from aiartist.common.v1 import audio_pb2, brief_pb2
from services.release.music.theory import Key
from services.release.review import levels, loudness, rhythm, tonality
from services.release.review.checks import FAIL, PASS, WARN, bounded
from services.release.review.decode import decode
from services.release.review.fingerprint import fingerprint, similarity

SAMPLE_RATE = 44_100
LOUDNESS_LUFS = (-14.5, -13.5)
TRUE_PEAK_DBTP = -1.0
SAME_RECORDING = 0.4
"""From this similarity on a take is a duplicate.

Measured on 48 songs: copies, re-encoded at low rates, cut, filtered or with noise, have 0.65 and more;
other songs 0.1 at most, and other songs of the same genre, key, tempo and form 0.23 at most.
"""

_BEATS_PER_BAR = 4


@dataclass(frozen=True, slots=True)
class Reviewed:
    """The outcome of a review."""

    review: audio_pb2.Review
    fingerprint: bytes
    """Of the take; for comparing later ones with it."""


def review(path: Path, brief: brief_pb2.Brief, catalogue: Sequence[bytes] = ()) -> Reviewed:
    """Decodes a take and measures it against its brief and against the fingerprints of other songs.

    What is wrong with the sound is a result; only a file that can't be opened raises `OSError`.
    """
    decoded = decode(path)
    checks = [_whole(decoded.fault)]
    samples, rate = decoded.samples, decoded.sample_rate
    if rate == 0 or len(samples) == 0:
        return Reviewed(
            audio_pb2.Review(passed=False, checks=checks),
            fingerprint(np.zeros((0, 1), np.float32), SAMPLE_RATE),
        )
    broken = int(np.count_nonzero(~np.isfinite(samples)))
    if broken:
        samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
    # Most measurements go channel by channel.
    samples = np.asfortranarray(samples)
    mono = samples.mean(axis=1)
    power = loudness.weighted_power(samples, rate)
    lufs = loudness.integrated_lufs(samples, rate)
    peak = loudness.true_peak_dbtp(samples)
    # Keys and fingerprints live below 5 kHz, where a fourth of the samples says it all.
    low, low_rate = scipy.signal.resample_poly(mono, 1, 4).astype(np.float32), rate // 4
    bpm, key = (
        _nearest_octave(rhythm.tempo_bpm(mono, rate), brief.tempo_bpm),
        tonality.estimate_key(low, low_rate),
    )
    own = fingerprint(low[:, None], low_rate)
    checks += [
        bounded("sample_rate_hz", rate, least=SAMPLE_RATE, most=SAMPLE_RATE, unit="Hz", digits=0),
        bounded("channels", samples.shape[1], least=2, most=2, digits=0),
        _duration(len(samples) / rate, brief),
        bounded("non_finite_samples", broken, most=0, digits=0),
        bounded("integrated_loudness_lufs", lufs, least=LOUDNESS_LUFS[0], most=LOUDNESS_LUFS[1], unit="LUFS"),
        bounded("true_peak_dbtp", peak, most=TRUE_PEAK_DBTP, unit="dBTP", digits=2),
        bounded("clipped_samples", levels.clipped(samples), most=0, digits=0),
        *_silences(samples, rate),
        bounded("dc_offset", levels.dc_offset(samples), most=0.003, digits=4),
        bounded("channel_imbalance_db", levels.imbalance_db(samples), most=6.0, unit="dB"),
        *_image(levels.correlation(samples)),
        bounded(
            "loudness_range_lu", loudness.range_lu(power), least=1.0, most=20.0, unit="LU", otherwise=WARN
        ),
        _tempo(bpm, brief.tempo_bpm),
        _key(key, brief.key),
        _near_duplicate(own, catalogue),
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


def _whole(fault: str) -> audio_pb2.ReviewCheck:
    return audio_pb2.ReviewCheck(
        name="decoding_faults",
        outcome=FAIL if fault else PASS,
        measured=1.0 if fault else 0.0,
        maximum=0.0,
        message=fault or "decoded from the first to the last sample",
    )


def _duration(seconds: float, brief: brief_pb2.Brief) -> audio_pb2.ReviewCheck:
    """The brief's form and its wanted length both count: a take may be as long as either says."""
    bars = sum(section.bars for section in brief.sections)
    complete = bars > 0 and all(section.bars for section in brief.sections) and brief.tempo_bpm > 0
    wanted = [brief.target_duration_ms / 1_000] if brief.target_duration_ms else []
    if complete:
        wanted.append(bars * _BEATS_PER_BAR * 60 / brief.tempo_bpm)
    if not wanted:
        return bounded("duration_s", seconds, least=10.0, unit="s")
    return bounded(
        "duration_s",
        seconds,
        least=round(min(wanted) * 0.92 - 2.0, 1),
        most=round(max(wanted) * 1.08 + 6.0, 1),
        unit="s",
    )


def _silences(samples: NDArray[np.float32], rate: int) -> list[audio_pb2.ReviewCheck]:
    found = levels.silences(samples, rate)
    return [
        bounded("leading_silence_s", found.leading_s, most=1.5, unit="s", digits=2),
        bounded("longest_silence_s", found.longest_inside_s, most=2.5, unit="s", digits=2),
        bounded("trailing_silence_s", found.trailing_s, most=4.0, unit="s", digits=2),
    ]


def _image(correlation: float) -> list[audio_pb2.ReviewCheck]:
    """Sides that cancel each other fail; no width at all is only worth a look."""
    check = bounded("stereo_correlation", correlation, least=-0.3, digits=2)
    if check.outcome == PASS and correlation > 0.995:
        check = bounded(
            "stereo_correlation", correlation, most=0.995, digits=3, otherwise=WARN, what="it is mono"
        )
    return [check]


def _nearest_octave(bpm: float, wanted: int) -> float:
    """An estimate may count half or double beats; the octave next to what is wanted is the one to compare."""
    if bpm <= 0 or wanted <= 0:
        return bpm
    return float(
        min((bpm * factor for factor in (0.25, 0.5, 1.0, 2.0, 4.0)), key=lambda b: abs(np.log(b / wanted)))
    )


def _tempo(bpm: float, wanted: int) -> audio_pb2.ReviewCheck:
    return bounded(
        "tempo_bpm",
        bpm,
        least=round(wanted * 0.96, 2),
        most=round(wanted * 1.04, 2),
        unit="bpm",
        otherwise=WARN,
        what="" if bpm > 0 else "no pulse was found",
    )


def _key(estimate: tonality.KeyEstimate | None, wanted: str) -> audio_pb2.ReviewCheck:
    """Only ever a warning: estimates are right about nine times of ten, and a wrong key is nothing broken."""
    name = "key_distance"
    if estimate is None:
        return audio_pb2.ReviewCheck(
            name=name, outcome=WARN, measured=2.0, maximum=0.0, message="no key was found"
        )
    apart = tonality.distance(estimate.key, Key.parse(wanted))
    heard = f"{estimate.key.name} (clarity {estimate.clarity:.2f})"
    message = {0: heard, 1: f"{heard} is a close relative of {wanted}"}.get(
        apart, f"{heard} is far from {wanted}"
    )
    return audio_pb2.ReviewCheck(
        name=name, outcome=WARN if apart else PASS, measured=float(apart), maximum=0.0, message=message
    )


def _near_duplicate(own: bytes, catalogue: Sequence[bytes]) -> audio_pb2.ReviewCheck:
    nearest = max((similarity(own, other) for other in catalogue if other), default=0.0)
    return bounded("near_duplicate_similarity", nearest, most=SAME_RECORDING, digits=2)
