"""Stock clips in a video: probed before use, cut on bars, each seen once."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import numpy as np

from services.chassis.logs import get_logger
from services.release.video import ffmpeg
from services.release.video.planes import Planes
from services.release.video.sound import FPS
from services.release.video.timeline import Timeline, shots
from services.release.video.words import Format

MOST_SHOTS = 10
_BARS_EACH = 4
_KINDS = ("verse", "pre_chorus", "bridge", "instrumental")
_PROBED_FRAMES = 15
_PROBE = (64, 36)
_GUARDED = ("-protocol_whitelist", "file,pipe", "-f", "mov")
"""A stranger's file is read as what its first bytes said, and opens no other."""
_log = get_logger("release.video")


def shots_of(times: Timeline) -> list[tuple[float, float]]:
    """Where clips are seen: whole groups of four bars in the quieter sections, (start, end) in seconds."""
    return shots(times, bars_each=_BARS_EACH, most=MOST_SHOTS, kinds=_KINDS)


def usable(path: Path) -> bool:
    """True where ffmpeg can decode half a second of pictures from the file."""
    width, height = _PROBE
    command = [
        *_GUARDED, "-i", str(path), "-map", "0:v:0",
        "-frames:v", str(_PROBED_FRAMES), "-vf", f"fps={FPS},scale={width}:{height}",
        "-pix_fmt", "gray", "-f", "rawvideo",
    ]  # fmt: skip
    try:
        with ffmpeg.reading(command) as pictures:
            return len(pictures.read(width * height * _PROBED_FRAMES)) == width * height * _PROBED_FRAMES
    except ffmpeg.FfmpegFailed:
        return False


class Reel:
    """The clips of one video as pictures frame by frame; a context manager."""

    def __init__(self, clips: Sequence[Path], times: Timeline, shape: Format) -> None:
        self.shown: set[int] = set()
        """Numbers of the clips of which at least one picture was given."""
        good = [number for number, clip in enumerate(clips) if usable(clip)]
        spans = [(round(start * FPS), round(end * FPS)) for start, end in shots_of(times)] if good else []
        if len(spans) > len(good):
            # Spread over the song, and not only over its beginning.
            spans = [spans[index * len(spans) // len(good)] for index in range(len(good))]
        self._shots = [(start, end, number) for (start, end), number in zip(spans, good, strict=False)]
        self._clips = clips
        self._shape = shape
        luma = shape.width * shape.height
        self._buffer = np.empty(luma * 3 // 2, dtype=np.uint8)
        half = (shape.height // 2, shape.width // 2)
        self._planes = Planes(
            self._buffer[:luma].reshape(shape.height, shape.width),
            self._buffer[luma : luma * 5 // 4].reshape(half),
            self._buffer[luma * 5 // 4 :].reshape(half),
        )
        self._open: tuple[int, ExitStack, IO[bytes]] | None = None
        self._ended: set[int] = set()

    def __enter__(self) -> "Reel":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def picture(self, frame: int) -> Planes | None:
        """The clip's picture of this frame; None between clips, and where a clip is shorter than its shot.

        Frames are asked for in order.
        """
        for start, end, number in self._shots:
            if start <= frame < end and number not in self._ended:
                return self._next(number, end - start)
        self._close()
        return None

    def _next(self, number: int, frames: int) -> Planes | None:
        if self._open is None or self._open[0] != number:
            self._close()
            stack = ExitStack()
            reader = stack.enter_context(ffmpeg.reading(self._command(self._clips[number], frames)))
            self._open = (number, stack, reader)
        done = 0
        view = self._buffer.data
        # A pipe gives what it has; a picture is whole when all of it came.
        while done < len(view) and (piece := self._open[2].read(len(view) - done)):
            view[done : done + len(piece)] = piece
            done += len(piece)
        if done < len(view):
            self._ended.add(number)
            self._close()
            return None
        self.shown.add(number)
        return self._planes

    def _close(self) -> None:
        if self._open is None:
            return
        number, stack, _ = self._open
        self._open = None
        try:
            stack.close()
        except ffmpeg.FfmpegFailed as error:
            _log.warning("a stock clip could not be read to its end", clip=number, detail=str(error)[:500])

    def _command(self, clip: Path, frames: int) -> list[str]:
        width, height = self._shape.width, self._shape.height
        return [
            *_GUARDED, "-threads", "1", "-i", str(clip), "-map", "0:v:0",
            "-frames:v", str(frames),
            "-vf", f"fps={FPS},scale={width}:{height}:force_original_aspect_ratio=increase:flags=bilinear"
            f":out_color_matrix=bt709:out_range=tv,crop={width}:{height}",
            "-pix_fmt", "yuv420p", "-f", "rawvideo",
        ]  # fmt: skip
