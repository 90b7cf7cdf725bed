"""The pictures themselves: the same each time, never black and never still, whatever the song does."""

from itertools import pairwise

import numpy as np
import pytest

from services.release.cover.colour import Colour
from services.release.video.frames import Look, Painter
from services.release.video.planes import Planes
from services.release.video.sound import FPS, Sound, listen
from services.release.video.timeline import Timeline, timeline
from services.release.video.words import FORMATS, Format, Pen, end_card, lyric
from tests.support.film_takes import RATE, beat, brief

LOOK = Look(Colour(1, 0.2, 0.5), Colour(1, 0.8, 0.2), Colour(0.9, 0.8, 1), Colour(0.07, 0.05, 0.12), 7)
PEN = Pen("manrope", Colour(1, 1, 1), Colour(0, 0, 0), Colour(1, 0.8, 0.2))
SECONDS = 8.0


def plates() -> tuple[Planes, ...]:
    """Two, of a wave and of another one."""
    x = np.linspace(0, 12, 800)[np.newaxis, :]
    y = np.linspace(0, 9, 400)[:, np.newaxis]
    made = []
    for turn in (0.0, 2.0):
        luma = (90 + 40 * np.sin(x + turn) * np.cos(y)).astype(np.uint8)
        chroma = np.full((200, 400), 120 + round(turn * 10), dtype=np.uint8)
        made.append(Planes(luma, chroma, chroma[:, ::-1].copy()))
    return tuple(made)


def painter(shape: Format, sound: Sound, times: Timeline, footage: Planes | None = None) -> Painter:
    return Painter(
        shape,
        sound,
        times,
        plates(),
        LOOK,
        lambda cue: (
            lyric(cue.text, shape, PEN, strong=False)
            if cue.text
            else end_card("Title", "Artist", "Label", shape, PEN)
        ),
        lambda frame: footage,
    )


def song(samples: np.ndarray | None = None) -> tuple[Sound, Timeline]:
    sound = listen(beat(SECONDS) if samples is None else samples, RATE, 120)
    times = timeline(
        brief(), seconds=sound.seconds, beat_s=0.5, first_beat_s=sound.first_beat_s, provider="builtin"
    )
    return sound, times


def luma(made: Painter, frame: int) -> np.ndarray:
    made.paint(frame)
    return made.canvas.y[::8, ::8].astype(int)


@pytest.mark.parametrize("shape", FORMATS.values(), ids=FORMATS)
def test_a_frame_has_the_bytes_of_its_format_and_legal_levels(shape: Format) -> None:
    made = painter(shape, *song())

    data = made.paint(45)

    assert len(data) == shape.width * shape.height * 3 // 2
    assert 12 <= made.canvas.y.min() < made.canvas.y.max() <= 240


def test_the_same_song_gives_the_same_frames() -> None:
    one, other = (painter(FORMATS["portrait"], *song()) for _ in range(2))

    assert all(bytes(one.paint(frame)) == bytes(other.paint(frame)) for frame in (0, 33, 130, 239))


def test_a_silent_song_is_neither_black_nor_still() -> None:
    silence = np.zeros((round(SECONDS * RATE), 2), dtype=np.float32)
    made = painter(FORMATS["landscape"], *song(silence))

    frames = [luma(made, frame) for frame in range(0, 240, 6)]

    assert all(np.percentile(frame, 50) > 30 for frame in frames)
    assert all(np.abs(one - other).mean() > 0.3 for one, other in pairwise(frames))


def test_a_beat_is_brighter_than_what_follows_it() -> None:
    sound, times = song()
    made = painter(FORMATS["landscape"], sound, times)
    beats = [round((sound.first_beat_s + n * 0.5) * FPS) for n in range(9, 15)]

    on = np.mean([luma(made, frame + 1).mean() for frame in beats])
    off = np.mean([luma(made, frame + 10).mean() for frame in beats])

    assert on > off + 2


def test_a_chorus_looks_other_than_a_verse() -> None:
    made = painter(FORMATS["landscape"], *song())
    made.paint(100)
    verse = made.canvas.u.mean()
    made.paint(140)

    assert abs(float(made.canvas.u.mean()) - float(verse)) > 5


def test_a_stock_clip_is_seen_under_the_song_s_tint() -> None:
    shape = FORMATS["landscape"]
    half = np.full((540, 960), 200, dtype=np.uint8)
    clip = Planes(np.full((1080, 1920), 180, dtype=np.uint8), half, half)
    made = painter(shape, *song(), footage=clip)

    made.paint(100)

    middle = made.canvas.y[200:240, 900:1000]
    assert 60 < middle.mean() < 170
    assert 130 < made.canvas.u[100:120, 450:500].mean() < 195
