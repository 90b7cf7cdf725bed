"""The gate sees every fault that a video may have, in files that ffmpeg made with that fault."""

from pathlib import Path

import pytest

from services.release.video.gate import examine, failures, video_problems
from tests.support import clips

SONG_MS = 4_000


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clips.video(tmp_path_factory.mktemp("gate") / "good.mp4")


def failed(path: Path, format: str = "landscape", audio_ms: int = SONG_MS) -> list[str]:
    return [problem.partition(":")[0] for problem in video_problems(path, format, audio_ms)]


def test_a_good_video_has_no_problems_and_every_check_has_its_number(good: Path) -> None:
    checks = examine(good, "landscape", SONG_MS)

    assert failures(checks) == []
    assert {check.name for check in checks} == {
        "streams",
        "fast_start",
        "h264_high_profile",
        "width_px",
        "height_px",
        "frame_rate",
        "video_off_song_ms",
        "audio_off_song_ms",
        "decoded_frames",
        "black_s",
        "frozen_s",
        "aac_lc",
        "audio_rate_hz",
        "audio_channels",
        "audio_rms_db",
    }
    assert all(check.HasField("minimum") or check.HasField("maximum") for check in checks)


def test_the_other_format_is_seen(good: Path) -> None:
    assert failed(good, "portrait") == ["width_px", "height_px"]


@pytest.mark.parametrize("audio_ms", [SONG_MS - 34, SONG_MS + 34])
def test_a_length_that_is_more_than_a_frame_off_is_seen(good: Path, audio_ms: int) -> None:
    assert failed(good, audio_ms=audio_ms) == ["video_off_song_ms", "audio_off_song_ms"]


@pytest.mark.parametrize("audio_ms", [SONG_MS - 30, SONG_MS + 30])
def test_a_length_within_a_frame_passes(good: Path, audio_ms: int) -> None:
    assert failed(good, audio_ms=audio_ms) == []


def test_pictures_that_end_before_the_sound_are_seen(tmp_path: Path) -> None:
    path = clips.video(tmp_path / "short.mp4", seconds=3.5, audio_seconds=4.0)

    assert failed(path) == ["video_off_song_ms"]


@pytest.mark.parametrize(("seconds", "found"), [(0.7, ["black_s"]), (0.4, [])])
def test_a_black_stretch_is_seen_from_half_a_second_on(
    tmp_path: Path, seconds: float, found: list[str]
) -> None:
    box = f"drawbox=c=black:t=fill:enable='between(t,1,{1 + seconds})'"

    assert failed(clips.video(tmp_path / "black.mp4", filters=box)) == found


@pytest.mark.parametrize(("seconds", "found"), [(2.4, ["frozen_s"]), (1.5, [])])
def test_a_frozen_stretch_is_seen_from_two_seconds_on(
    tmp_path: Path, seconds: float, found: list[str]
) -> None:
    frames = round(seconds * 30)
    held = f"loop=loop={frames}:size=1:start=20,setpts=N/30/TB"

    assert failed(clips.video(tmp_path / "frozen.mp4", filters=held)) == found


def test_an_index_at_the_end_is_seen(tmp_path: Path) -> None:
    assert failed(clips.video(tmp_path / "slow.mp4", fast_start=False)) == ["fast_start"]


def test_missing_sound_is_seen(tmp_path: Path) -> None:
    assert failed(clips.video(tmp_path / "mute.mp4", tone=False)) == ["streams"]


def test_silent_sound_is_seen(tmp_path: Path) -> None:
    path = clips.video(tmp_path / "silent.mp4", more=("-af", "volume=0"))

    assert failed(path) == ["audio_rms_db"]


@pytest.mark.parametrize("rate", [25, 60])
def test_another_frame_rate_is_seen(tmp_path: Path, rate: int) -> None:
    assert failed(clips.video(tmp_path / "rate.mp4", rate=rate)) == ["frame_rate"]


def test_another_size_and_profile_are_seen(tmp_path: Path) -> None:
    path = clips.video(tmp_path / "other.mp4", size="1280x720", more=("-x264-params", "8x8dct=0"))

    assert failed(path) == ["h264_high_profile", "width_px", "height_px"]


def test_mono_sound_is_seen(tmp_path: Path) -> None:
    assert failed(clips.video(tmp_path / "mono.mp4", more=("-ac", "1"))) == ["audio_channels"]


def test_bytes_that_were_changed_in_the_pictures_are_seen(good: Path, tmp_path: Path) -> None:
    data = bytearray(good.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4_000] = bytes(4_000)
    path = tmp_path / "changed.mp4"
    path.write_bytes(data)

    assert failed(path) != []


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_file_that_is_cut_off_is_seen(good: Path, tmp_path: Path, share: float) -> None:
    data = good.read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(data[: int(len(data) * share)])

    assert failed(path) == ["streams"]


def test_what_is_no_video_at_all_is_a_problem_and_no_error(tmp_path: Path) -> None:
    path = tmp_path / "page.mp4"
    path.write_text("<!doctype html>")

    assert failed(path) == ["streams"]
