"""Video files made with ffmpeg, good ones and bad ones."""

import subprocess
from functools import lru_cache
from pathlib import Path

from services.release.video import ffmpeg


def make(output: Path, *arguments: str) -> Path:
    """Runs ffmpeg; the file that it wrote."""
    command = [ffmpeg.binary(), "-nostdin", "-v", "error", "-y", *arguments, str(output)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return output


def video(
    output: Path,
    *,
    picture: str = "testsrc2",
    filters: str = "null",
    seconds: float = 4.0,
    size: str = "1920x1080",
    rate: int = 30,
    tone: bool = True,
    fast_start: bool = True,
    audio_seconds: float | None = None,
    more: tuple[str, ...] = (),
) -> Path:
    """A moving test picture with a tone, as a release's video is, or as told otherwise."""
    source = f"{picture}=size={size}:rate={rate}" if "=" not in picture else picture
    sound = ("-f", "lavfi", "-i", f"sine=frequency=330:sample_rate=44100:duration={audio_seconds or seconds}")
    return make(
        output,
        *("-f", "lavfi", "-i", source),
        *(sound if tone else ()),
        *("-t", str(max(seconds, audio_seconds or 0.0)), "-map", "0:v"),
        *(
            ("-map", "1:a", "-c:a", "aac", "-profile:a", "aac_low", "-ac", "2", "-b:a", "192k")
            if tone
            else ()
        ),
        *("-vf", f"{filters},trim=duration={seconds}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-x264-params", "8x8dct=1", "-profile:v", "high"),
        *("-pix_fmt", "yuv420p", "-movie_timescale", "44100", "-video_track_timescale", "30000"),
        *(("-movflags", "+faststart") if fast_start else ()),
        *more,
    )


@lru_cache(maxsize=4)
def stock_clip(folder: Path, seconds: int = 6) -> bytes:
    """A small clip, as a library would send it: 25 frames a second, no sound."""
    path = make(
        folder / f"stock-{seconds}.mp4",
        *("-f", "lavfi", "-i", f"testsrc2=size=640x360:rate=25:duration={seconds}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
    )
    return path.read_bytes()
