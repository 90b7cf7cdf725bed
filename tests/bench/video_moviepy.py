"""The scene of `video.py` as MoviePy makes it; run by an interpreter of its own: `SCENE.json OUTPUT.mp4`.

An image, a title, lyric lines, moving bars and the sound, with the encoder's settings as ours. The image
stands still, which costs less than a camera that moves.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
from moviepy import AudioFileClip, CompositeVideoClip, ImageClip, TextClip, VideoClip


def main(scene_file: str, output: str) -> None:
    scene = json.loads(Path(scene_file).read_text())
    width, height, fps, seconds = scene["width"], scene["height"], scene["fps"], scene["seconds"]
    bands = np.load(scene["bands"])
    parts = [ImageClip(scene["image"]).resized((width, height)).with_duration(seconds)]
    for cue in scene["cues"]:
        text = TextClip(
            font=scene["font"],
            text=cue["text"],
            font_size=scene["font_size"],
            color="white",
            stroke_color="black",
            stroke_width=4,
            method="caption",
            size=(width - 2 * scene["side"], 3 * scene["font_size"]),
        )
        parts.append(
            text.with_start(cue["start_s"])
            .with_duration(cue["end_s"] - cue["start_s"])
            .with_position(("center", "center"))
        )
    parts.append(bars(bands, scene).with_position((scene["side"], scene["base"] - scene["tall"])))
    film = CompositeVideoClip(parts, size=(width, height)).with_audio(AudioFileClip(scene["audio"]))
    film = film.with_duration(seconds)
    began = time.perf_counter()
    film.write_videofile(
        output,
        fps=fps,
        codec="libx264",
        audio_codec="aac",
        preset="ultrafast",
        threads=2,
        logger=None,
        ffmpeg_params=["-crf", "19", "-x264-params", "cabac=1:8x8dct=1:bframes=3:b-adapt=0"],
    )
    took = time.perf_counter() - began
    print(json.dumps({"frames_per_second": round(seconds * fps) / took}))


def bars(bands: np.ndarray, scene: dict) -> VideoClip:  # type: ignore[type-arg]
    """The spectrum, transparent between its bars."""
    wide, tall, fps = scene["width"] - 2 * scene["side"], scene["tall"], scene["fps"]
    column = np.arange(wide) * bands.shape[1] // wide
    gap = np.arange(wide) * bands.shape[1] % wide < wide * 0.58
    above = np.arange(tall, 0, -1)[:, np.newaxis]
    colour = np.zeros((tall, wide, 3), dtype=np.uint8)
    colour[:] = (255, 90, 150)

    def shape(second: float) -> np.ndarray:
        heights = bands[min(int(second * fps), len(bands) - 1)][column] * tall * gap
        return (above <= heights).astype(float)

    mask = VideoClip(shape, is_mask=True, duration=scene["seconds"])
    return VideoClip(lambda _: colour, duration=scene["seconds"]).with_mask(mask)


if __name__ == "__main__":
    main(*sys.argv[1:])
