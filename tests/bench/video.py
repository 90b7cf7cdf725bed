"""Frames a second of a 1080p video beside MoviePy on the same scene: picture, title, words, bars, sound."""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np
import soundfile

from services.release.cover import draw_cover
from services.release.cover.lettering import typeface_font
from services.release.video import render
from services.release.video.gate import examine, failures
from services.release.video.sound import FPS
from services.release.video.words import FORMATS
from tests.bench.harness import line
from tests.support import media
from tests.support.film_takes import RATE, beat
from tests.support.postgres import TestServer
from tests.support.songs import make_brief

T = TypeVar("T")

BESIDE = Path(sys.prefix) / "bench-release" / "bin" / "python"
"""`make bench-release` puts it there, with MoviePy."""
SECONDS = 30.0
MOVIEPY_SECONDS = 8.0
"""Its rate does not depend on the length, and it takes its time."""
GOAL = 6.0


async def video(server: TestServer, beside: Path = BESIDE) -> None:
    with tempfile.TemporaryDirectory(prefix="aiartist-bench-") as name:
        folder = Path(name)
        song, cover = _song(folder)
        line(f"A video of {SECONDS:.0f} s at 1920 x 1080, {FPS} frames/s, on {os.cpu_count()} cores")
        prepared = await _away(_prepare, song, cover, folder)
        one = await _away(_film, song, "landscape", folder)
        line(f"  drawing the scenes, once a song   {prepared:6.1f} s")
        line(f"  one video                         {one:6.1f} frames/s")
        both = await asyncio.gather(*(_away(_film, song, format, folder) for format in FORMATS))
        line(f"  both formats at once              {sum(both):6.1f} frames/s in all")
        began = time.perf_counter()
        problems = failures(examine(folder / "landscape.mp4", "landscape", round(SECONDS * 1000)))
        gated = round(SECONDS * FPS) / (time.perf_counter() - began)
        told = f"; it found {problems}" if problems else ""
        line(f"  its gate                          {gated:6.1f} frames/s{told}")
        await _beside(song, cover, folder, beside, one)
        line()


async def _beside(song: render.Song, cover: Path, folder: Path, beside: Path, ours: float) -> None:
    if not beside.exists():
        line(f"  MoviePy: not measured; {beside} is not there")
        return
    scene = _scene(song, cover, folder)
    process = await asyncio.create_subprocess_exec(
        str(beside),
        str(Path(__file__).with_name("video_moviepy.py")),
        str(scene),
        str(folder / "moviepy.mp4"),
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await process.communicate()
    if process.returncode:
        line(f"  MoviePy ended with {process.returncode}")
        return
    theirs = json.loads(told.splitlines()[-1])["frames_per_second"]
    line(f"  MoviePy                           {theirs:6.1f} frames/s")
    line(f"  ours to MoviePy's                 {ours / theirs:6.1f} times (goal: {GOAL:.0f})")


async def _away(work: Callable[..., T], *arguments: object) -> T:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return await asyncio.to_thread(pool.submit(work, *arguments).result)


def _song(folder: Path) -> tuple[render.Song, Path]:
    brief = make_brief("synthwave", tempo_bpm=120)
    persona = media.persona()
    master, cover = folder / "master.flac", folder / "cover.jpg"
    soundfile.write(master, beat(SECONDS), RATE, subtype="PCM_24", format="FLAC")
    cover.write_bytes(draw_cover(persona, brief).jpeg)
    song = render.Song(master, brief.SerializeToString(), persona.SerializeToString(), "builtin", "A Label")
    return song, cover


def _prepare(song: render.Song, cover: Path, folder: Path) -> float:
    began = time.perf_counter()
    render.prepare(song, cover, folder, photographed=False)
    return time.perf_counter() - began


def _film(song: render.Song, format: str, folder: Path) -> float:
    """Frames a second of a whole file, from the master to the finished MP4."""
    began = time.perf_counter()
    render.film(song, format, folder, folder / f"{format}.mp4", (), _quiet)
    return round(SECONDS * FPS) / (time.perf_counter() - began)


def _scene(song: render.Song, cover: Path, folder: Path) -> Path:
    """What MoviePy is to show, as files."""
    sound, times = render.times_of(song)
    shape = FORMATS["landscape"]
    np.save(folder / "bands.npy", sound.bands)
    short = folder / "short.wav"
    soundfile.write(short, beat(MOVIEPY_SECONDS), RATE)
    cues = [
        {
            "text": cue.text or "Electric Dark",
            "start_s": cue.start_s,
            "end_s": min(cue.end_s, MOVIEPY_SECONDS),
        }
        for cue in times.cues
        if cue.start_s < MOVIEPY_SECONDS
    ]
    scene = {
        "width": shape.width,
        "height": shape.height,
        "fps": FPS,
        "seconds": MOVIEPY_SECONDS,
        "image": str(cover),
        "audio": str(short),
        "bands": str(folder / "bands.npy"),
        "font": str(typeface_font("manrope", 92).path),
        "font_size": shape.lyric_size,
        "side": shape.side,
        "base": shape.spectrum_base,
        "tall": 184,
        "cues": cues,
    }
    file = folder / "scene.json"
    file.write_text(json.dumps(scene))
    return file


def _quiet(step: str, done: int, total: int) -> None:
    """Progress that nobody wants to see."""
