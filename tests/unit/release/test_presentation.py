"""What people judge a take by: the same song to hear, the same cover to see, small enough for a chat."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image, ImageChops, ImageStat

from services.release import jobs, presentation
from services.release.cover import describe_cover, draw_cover, draw_thumbnail
from services.release.review.loudness import integrated_lufs
from tests.support import media, tiny_studio

BRIEF, PERSONA = media.brief().SerializeToString(), media.persona().SerializeToString()


def quiet(step: str, done: int, total: int) -> None:
    pass


def written(path: Path, samples: np.ndarray, subtype: str = "PCM_24") -> Path:
    soundfile.write(path, samples, tiny_studio.RATE, subtype=subtype)
    return path


def music(seconds: float) -> np.ndarray:
    """A chord that swells and turns over soft noise; shape (frames, 2)."""
    t = np.arange(int(seconds * tiny_studio.RATE)) / tiny_studio.RATE
    chord = sum(np.sin(2 * np.pi * f * t + f) for f in (110.0, 220.5, 277.2, 329.6, 1108.7))
    swell = 0.06 + 0.05 * np.sin(2 * np.pi * t / 3)
    hiss = 0.05 * tiny_studio.master(4, seconds=seconds)[: len(t)]
    return np.stack([chord * swell, chord * (0.12 - swell)], axis=-1) + hiss


def heard(mp3: bytes) -> np.ndarray:
    samples, rate = soundfile.read(io.BytesIO(mp3), always_2d=True)
    assert rate == tiny_studio.RATE
    return np.asarray(samples)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_a_preview_is_the_whole_song_and_no_other(tmp_path: Path, subtype: str) -> None:
    song = music(7.3)
    preview = heard(presentation.encode_preview(written(tmp_path / "master.flac", song, subtype)))
    assert abs(len(preview) - len(song)) < 0.1 * tiny_studio.RATE
    both = min(len(preview), len(song))
    for channel in (0, 1):
        assert np.corrcoef(preview[:both, channel], song[:both, channel])[0, 1] > 0.99
    assert abs(integrated_lufs(preview, tiny_studio.RATE) - integrated_lufs(song, tiny_studio.RATE)) < 0.2
    stranger = tiny_studio.master(5, seconds=7.3)
    assert abs(np.corrcoef(preview[:both, 0], stranger[:both, 0])[0, 1]) < 0.2


def test_a_preview_says_how_long_it_is_without_being_decoded(tmp_path: Path) -> None:
    preview = presentation.encode_preview(written(tmp_path / "master.flac", music(7.3)))
    info = soundfile.info(io.BytesIO(preview))
    assert (info.format, info.subtype, info.channels) == ("MP3", "MPEG_LAYER_III", 2)
    assert abs(info.duration - 7.3) < 0.1


def test_four_minutes_of_what_is_hardest_to_encode_fit_a_chat(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).uniform(-0.3, 0.3, (tiny_studio.RATE * 10, 2))
    preview = presentation.encode_preview(written(tmp_path / "master.flac", noise))
    assert len(preview) * 24 < 10_000_000


def test_a_preview_carries_no_tags(tmp_path: Path) -> None:
    preview = presentation.encode_preview(written(tmp_path / "master.flac", music(2)))
    assert preview[:2] == b"\xff\xfb"
    assert b"ID3" not in preview[:10]
    assert preview[-128:-125] != b"TAG"


def test_a_master_that_cannot_be_read_gives_no_preview(tmp_path: Path) -> None:
    (tmp_path / "master.flac").write_bytes(b"fLaC and nothing else")
    with pytest.raises(soundfile.LibsndfileError):
        presentation.encode_preview(tmp_path / "master.flac")


def test_presenting_again_writes_the_same_bytes(tmp_path: Path) -> None:
    master = written(tmp_path / "master.flac", tiny_studio.master(1))
    made = []
    for number in (1, 2):
        presentation.pictures.cache_clear()
        into = jobs.Presentation(*(tmp_path / f"{name}{number}" for name in ("preview", "cover", "thumb")))
        jobs.present(quiet, master, BRIEF, PERSONA, None, "", into)
        made.append([path.read_bytes() for path in (into.preview, into.cover, into.thumbnail)])
    assert made[0] == made[1]


def test_the_cover_is_the_one_that_a_package_would_get(tmp_path: Path) -> None:
    assert presentation.pictures(BRIEF, PERSONA).cover == draw_cover(media.persona(), media.brief()).jpeg


def test_another_take_of_the_same_brief_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    presentation.pictures.cache_clear()
    first = presentation.pictures(BRIEF, PERSONA)
    monkeypatch.delattr(presentation, "draw_cover")
    assert presentation.pictures(BRIEF, PERSONA) is first
    with pytest.raises(NameError):
        presentation.pictures(media.brief("Other").SerializeToString(), PERSONA)


def test_a_thumbnail_shows_the_cover(tmp_path: Path) -> None:
    made = presentation.pictures(BRIEF, PERSONA)
    cover, small = (Image.open(io.BytesIO(jpeg)) for jpeg in (made.cover, made.thumbnail))
    assert (small.format, small.size, small.mode) == ("JPEG", (320, 320), "RGB")
    apart = ImageChops.difference(cover.resize((320, 320), Image.Resampling.BOX), small)
    assert max(ImageStat.Stat(apart).mean) < 4


def test_a_models_picture_is_what_the_cover_shows() -> None:
    rng = np.random.default_rng(5)
    scene = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize((640, 640))
    buffer = io.BytesIO()
    scene.save(buffer, "PNG")
    made = presentation.pictures(BRIEF, PERSONA, buffer.getvalue())
    assert (made.pictured, made.problem) == (True, "")
    assert made.cover == draw_cover(media.persona(), media.brief(), buffer.getvalue()).jpeg


def test_a_picture_that_no_cover_can_be_made_of_is_told_and_the_motif_is_drawn() -> None:
    made = presentation.pictures(BRIEF, PERSONA, b"<html>over quota</html>")
    assert (made.pictured, made.cover) == (False, draw_cover(media.persona(), media.brief()).jpeg)
    assert "does not decode" in made.problem


def test_a_thumbnail_of_pure_noise_is_still_small_enough() -> None:
    rng = np.random.default_rng(1)
    noise = Image.fromarray(rng.integers(0, 256, (320, 320, 3), dtype=np.uint8))
    buffer = io.BytesIO()
    noise.save(buffer, "JPEG", quality=98, subsampling=0)
    assert len(buffer.getvalue()) > 200_000
    assert len(draw_thumbnail(buffer.getvalue())) <= 200_000


def test_how_a_cover_was_made_is_known_without_drawing_it() -> None:
    drawn = draw_cover(media.persona(), media.brief("夜の雨 Night"))
    assert describe_cover(media.persona(), media.brief("夜の雨 Night"), drawn.jpeg) == drawn


def test_progress_is_told(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    into = jobs.Presentation(tmp_path / "a", tmp_path / "b", tmp_path / "c")
    master = written(tmp_path / "master.flac", tiny_studio.master(1))
    jobs.present(lambda *step: seen.append(step), master, BRIEF, PERSONA, None, "", into)
    assert seen == [("preview", 0, 2), ("cover", 1, 2)]


def test_the_serving_process_loads_no_sound_and_picture_libraries() -> None:
    script = (
        "import sys; sys.path[:] = sys.argv[1].split('\\n'); import services.release.app;"
        "print(sorted({'scipy', 'soundfile', 'pyloudnorm', 'PIL'} & sys.modules.keys()))"
    )
    command = [sys.executable, "-c", script, "\n".join(sys.path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "[]"
