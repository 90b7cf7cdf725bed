"""What a video must be before it is released: read from its boxes, and from every one of its frames."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiartist.common.v1 import audio_pb2
from services.release.video import ffmpeg
from services.release.video.mp4 import Movie, NotMp4, Track, read_movie
from services.release.video.sound import FPS
from services.release.video.timeline import PLAYED_AS_WRITTEN

SIZES = {"landscape": (1920, 1080), "portrait": (1080, 1920)}
MOST_BLACK_S = 0.5
MOST_FROZEN_S = 2.0
LEAST_AUDIO_DB = -60.0
_HIGH, _AAC_LC = 100, 2
_SMALL = (64, 64)
_BLACK_LUMA = 32
"""Of 16 to 235; a frame is black where 98 % of it is not lighter."""
_BLACK_SHARE = 98
_STILL = 0.35
"""Mean difference of two frames' luma, below which they are one picture to the eye."""
_STILL_SPOT = 6
"""And no spot of the small picture differs by more."""
# Players conceal what is broken, and so does ffmpeg unless it is told not to. Nor may a file make it take the
# file for another kind, or open others.
_STRICT = (
    *("-xerror", "-err_detect", "+crccheck+bitstream+buffer+explode"),
    *("-protocol_whitelist", "file,pipe", "-f", "mov"),
)
_FAULT = audio_pb2.ReviewCheck.OUTCOME_FAIL
_PASS = audio_pb2.ReviewCheck.OUTCOME_PASS


@dataclass(frozen=True, slots=True)
class Seen:
    """What decoding gave."""

    frames: int
    black_s: float
    """The longest black stretch, in seconds."""
    frozen_s: float
    """The longest stretch without movement, in seconds."""
    fault: str = ""
    """What the decoder complained of; empty: nothing."""


def examine(path: Path, format: str, audio_ms: int) -> list[audio_pb2.ReviewCheck]:
    """Every check of a finished file, its numbers and thresholds; OSError where it can't be read.

    `format` is `landscape` or `portrait`, `audio_ms` how long the song is. Decodes everything: some five
    seconds of a core for a minute.
    """
    try:
        movie = read_movie(path)
    except NotMp4 as error:
        return [_check("streams", 0, least=2, fault=f"it is no MP4 file: {error}")]
    video, audio = movie.first("video"), movie.first("audio")
    checks = [_streams(movie), _fast_start(movie)]
    if video is not None:
        seen = watch(path)
        checks += [*_picture(video, format), *_lengths(video, audio, audio_ms)]
        checks += [
            _check("decoded_frames", seen.frames, least=video.samples, most=video.samples, fault=seen.fault),
            _check("black_s", seen.black_s, most=MOST_BLACK_S, unit="s in a row are black"),
            _check("frozen_s", seen.frozen_s, most=MOST_FROZEN_S, unit="s in a row do not move"),
        ]
    if audio is not None:
        checks += _sound(path, audio)
    return checks


def timing(provider: str) -> audio_pb2.ReviewCheck:
    """Whether the words are placed by the song's own bars, or by a guess at another provider's form."""
    if provider in PLAYED_AS_WRITTEN:
        return _check("words_on_bars", 1, least=1)
    return audio_pb2.ReviewCheck(
        name="words_on_bars",
        outcome=audio_pb2.ReviewCheck.OUTCOME_WARN,
        minimum=1,
        message=f"placed by the brief's form, scaled to the length: {provider} may sing otherwise",
    )


def video_problems(path: Path, format: str, audio_ms: int) -> list[str]:
    """What is wrong with a video, for people; empty: nothing. As `examine`."""
    return failures(examine(path, format, audio_ms))


def failures(checks: Iterable[audio_pb2.ReviewCheck]) -> list[str]:
    """The failed checks' names and messages."""
    return [f"{check.name}: {check.message}" for check in checks if check.outcome == _FAULT]


def watch(path: Path) -> Seen:
    """Decodes every frame, small and grey, and looks for stretches without light or movement."""
    width, height = _SMALL
    command = [
        *_STRICT, "-threads", "2", "-i", str(path), "-map", "0:v:0",
        "-fps_mode", "passthrough", "-vf", f"scale={width}:{height}:flags=area", "-pix_fmt", "gray",
        "-f", "rawvideo",
    ]  # fmt: skip
    black, still = _Longest(), _Longest()
    before: NDArray[np.int16] | None = None
    frames, fault = 0, ""
    try:
        with ffmpeg.reading(command) as pictures:
            while len(data := pictures.read(width * height)) == width * height:
                frame = np.frombuffer(data, dtype=np.uint8).astype(np.int16)
                # Grey comes in full range: 16 to 235 became 0 to 255.
                black.step(_as_studio(np.percentile(frame, _BLACK_SHARE)) <= _BLACK_LUMA)
                if before is not None:
                    change = np.abs(frame - before)
                    still.step(float(change.mean()) < _STILL and int(change.max()) < _STILL_SPOT)
                # Compared with the picture where the stretch began, so that creeping counts as movement.
                if before is None or not still.now:
                    before = frame
                frames += 1
    except ffmpeg.FfmpegFailed as error:
        fault = f"it can't be decoded to its end: {error}"
    return Seen(frames, black.most / FPS, still.most / FPS, fault)


class _Longest:
    """The longest row of frames of which something is true."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0

    def step(self, holds: bool) -> None:
        self.now = self.now + 1 if holds else 0
        self.most = max(self.most, self.now)


def _as_studio(grey: float | np.floating) -> float:
    return 16 + float(grey) * 219 / 255


def _streams(movie: Movie) -> audio_pb2.ReviewCheck:
    kinds = sorted(track.kind for track in movie.tracks)
    fault = "" if kinds == ["audio", "video"] else f"its tracks are {', '.join(kinds) or 'none'}"
    return _check("streams", len(movie.tracks), least=2, most=2, fault=fault)


def _fast_start(movie: Movie) -> audio_pb2.ReviewCheck:
    fault = "" if movie.starts_fast else "its index stands after its content, so players wait for all of it"
    return _check("fast_start", int(movie.starts_fast), least=1, fault=fault)


def _picture(video: Track, format: str) -> list[audio_pb2.ReviewCheck]:
    width, height = SIZES[format]
    is_high = video.codec == "avc1" and video.profile == _HIGH
    rate = float(1 / video.lengths[0]) if len(video.lengths) == 1 and video.lengths[0] else 0.0
    steady = video.lengths == (Fraction(1, FPS),)
    return [
        _check(
            "h264_high_profile",
            video.profile,
            least=_HIGH,
            most=_HIGH,
            fault="" if is_high else f"it is {video.codec}, profile {video.profile}, and not H.264 High",
        ),
        _check("width_px", video.width, least=width, most=width),
        _check("height_px", video.height, least=height, most=height),
        _check(
            "frame_rate",
            rate,
            least=FPS,
            most=FPS,
            fault="" if steady else f"its frames are not 1/{FPS} s long each",
        ),
    ]


def _lengths(video: Track, audio: Track | None, audio_ms: int) -> list[audio_pb2.ReviewCheck]:
    frame_ms = 1000 / FPS
    off = [abs(float(video.seconds) * 1000 - audio_ms)]
    if audio is not None:
        off.append(abs(float(audio.seconds) * 1000 - audio_ms))
    names = ("video_off_song_ms", "audio_off_song_ms")
    return [
        _check(name, value, most=round(frame_ms, 1), unit="ms from the song's length")
        for name, value in zip(names, off, strict=False)
    ]


def _sound(path: Path, audio: Track) -> list[audio_pb2.ReviewCheck]:
    is_lc = audio.codec == "mp4a" and audio.profile == _AAC_LC
    level, fault = _loudness(path)
    return [
        _check(
            "aac_lc",
            audio.profile,
            least=_AAC_LC,
            most=_AAC_LC,
            fault="" if is_lc else f"it is {audio.codec}, object type {audio.profile}, and not AAC-LC",
        ),
        _check(
            "audio_rate_hz",
            audio.sample_rate,
            least=44_100,
            most=48_000,
            fault="" if audio.sample_rate in (44_100, 48_000) else "it is neither 44,100 nor 48,000 Hz",
        ),
        _check("audio_channels", audio.channels, least=2, most=2),
        _check("audio_rms_db", level, least=LEAST_AUDIO_DB, fault=fault),
    ]


def _loudness(path: Path) -> tuple[float, str]:
    """Root mean square of the whole sound in dBFS, and what the decoder complained of."""
    command = [
        *_STRICT, "-i", str(path), "-map", "0:a:0", "-ac", "1", "-ar", "22050", "-f", "f32le",
    ]  # fmt: skip
    power, count = 0.0, 0
    try:
        with ffmpeg.reading(command) as sound:
            while data := sound.read(1 << 18):
                samples = np.frombuffer(data[: len(data) // 4 * 4], dtype="<f4")
                power += float(np.square(samples, dtype=np.float64).sum())
                count += len(samples)
    except ffmpeg.FfmpegFailed as error:
        return -120.0, f"its sound can't be decoded: {error}"
    return float(10 * np.log10(max(power / max(1, count), 1e-12))), ""


def _check(
    name: str,
    measured: float,
    *,
    least: float | None = None,
    most: float | None = None,
    unit: str = "",
    fault: str = "",
) -> audio_pb2.ReviewCheck:
    shown = f"{measured:,.1f}".removesuffix(".0") + (f" {unit}" if unit else "")
    message = fault or shown
    if not fault and least is not None and measured < least:
        message = fault = f"{shown}, less than {least:g}"
    elif not fault and most is not None and measured > most:
        message = fault = f"{shown}, more than {most:g}"
    return audio_pb2.ReviewCheck(
        name=name,
        outcome=_FAULT if fault else _PASS,
        measured=measured,
        minimum=least,
        maximum=most,
        message=message,
    )
