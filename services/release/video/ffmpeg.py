"""The ffmpeg binary, run as a program of its own with a list of arguments and never through a shell.

Its licence is the GPL, so nothing of it is linked or imported. Every ffmpeg here either reads what we write
or writes what we read: where this process is killed, the pipe breaks and the ffmpeg ends with it.
"""

import errno
import fcntl
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import IO

from services.chassis.errors import SetupError

_QUIET = ("-nostdin", "-hide_banner", "-loglevel", "error", "-y")
_START_S = 20.0
_MOST_TOLD = 2_000
_PIPE = 1 << 20
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO)


class FfmpegFailed(Exception):
    """An ffmpeg ended with an error; the text is what it said."""


@lru_cache(maxsize=1)
def binary() -> str:
    """The path of the binary that comes with imageio-ffmpeg. SetupError where there is none."""
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise SetupError(_missing("there is none for this machine")) from error


def check() -> None:
    """Raises SetupError unless ffmpeg runs and can encode H.264 and AAC."""
    _check(binary())


@lru_cache(maxsize=4)
def _check(path: str) -> None:
    try:
        listed = subprocess.run(
            [path, "-hide_banner", "-encoders"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_START_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupError(_missing(f"{path} does not run: {error}")) from error
    lines = listed.stdout.decode(errors="replace").splitlines()
    names = {words[1] for words in map(str.split, lines) if len(words) > 1}
    lacking = {"libx264", "aac"} - names
    if listed.returncode or lacking:
        raise SetupError(_missing(f"{path} has no encoder {', '.join(sorted(lacking))}"))


def _missing(why: str) -> str:
    return (
        f"AIARTIST_RELEASE_VIDEO needs ffmpeg: {why}; install the extra `release` again (imageio-ffmpeg), "
        "name another binary in IMAGEIO_FFMPEG_EXE, or set AIARTIST_RELEASE_VIDEO=off"
    )


@contextmanager
def writing(arguments: Sequence[str], output: Path) -> Iterator[IO[bytes]]:
    """An ffmpeg that makes `output` of what is written to it; whole after the block.

    OSError where the disk refuses, FfmpegFailed for all else. Where the block raises, ffmpeg is killed and
    `output` is gone.
    """
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [binary(), *_QUIET, *arguments, str(output)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        assert process.stdin is not None
        _widen(process.stdin)
        try:
            # Where it gave up the pipe is broken, and what it said is raised below.
            with suppress(BrokenPipeError):
                yield process.stdin
            with suppress(BrokenPipeError):
                process.stdin.close()
            process.wait()
            if process.returncode:
                raise _failure(process.returncode, said, output)
        except BaseException:
            process.kill()
            process.wait()
            with suppress(BrokenPipeError):
                process.stdin.close()
            output.unlink(missing_ok=True)
            raise


@contextmanager
def reading(arguments: Sequence[str]) -> Iterator[IO[bytes]]:
    """An ffmpeg whose output is read; it is killed where the block ends before the output does.

    FfmpegFailed where it ends with an error after all of its output was read.
    """
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [binary(), *_QUIET, *arguments, "pipe:1"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
        )
        assert process.stdout is not None
        try:
            with process.stdout:
                yield process.stdout
                ended = not process.stdout.read(1)
            if ended and process.wait():
                raise _failure(process.returncode, said, None)
        finally:
            process.kill()
            process.wait()


def _widen(pipe: IO[bytes]) -> None:
    """Makes a pipe as large as the system lets it be: a frame has megabytes, a pipe 64 KiB."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE)


def _failure(code: int, said: IO[bytes], output: Path | None) -> Exception:
    said.seek(0)
    text = said.read().decode(errors="replace").strip()
    for number in _DISK if output is not None else ():
        if os.strerror(number) in text:
            return OSError(number, os.strerror(number), str(output))
    return FfmpegFailed(f"ffmpeg ended with {code}: {text[-_MOST_TOLD:]}")
