"""The words that stock clips are searched with, and which of those found suit a song."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiartist.common.v1 import brief_pb2
from services.release.video.stock import Candidate, candidates, queries, ranked

BRIEF = brief_pb2.Brief(
    title="Last Train",
    theme="the last train through a sleeping city",
    mood="wistful",
    genre="synthwave",
    video_plan=["Verse 1: slow shot of rain on a train window", "Chorus: neon signs over a wet street"],
    seed=5,
)


def told(clip_id: int = 7, slug: str = "rain-on-train-window", **changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "id": clip_id,
        "url": f"https://www.pexels.com/video/{slug}-{clip_id}/",
        "duration": 20,
        "width": 1920,
        "height": 1080,
        "user": {"name": "Ada Lens"},
        "video_files": [
            {"link": f"https://x/{edge}", "file_type": "video/mp4", "width": edge * 16 // 9, "height": edge}
            for edge in (540, 2160, 1080)
        ],
    }
    return {**fields, **changes}


def found(*videos: dict[str, Any]) -> list[Candidate]:
    return candidates({"videos": list(videos)})


def test_queries_are_the_brief_s_own_words_without_those_that_show_nothing() -> None:
    assert queries(BRIEF) == [
        "last train sleeping city",
        "rain train window",
        "neon signs wet street",
        "wistful last train synthwave",
    ]


def test_a_brief_without_pictures_asks_for_its_mood() -> None:
    assert queries(brief_pb2.Brief(mood="calm", genre="ambient")) == ["calm ambient"]
    assert queries(brief_pb2.Brief()) == []


def test_the_smallest_file_that_is_sharp_enough_is_chosen_else_the_largest() -> None:
    (sharp,) = found(told())
    smaller = {"link": "https://x/720", "file_type": "video/mp4", "width": 1280, "height": 720}
    (soft,) = found(told(video_files=[told()["video_files"][0], smaller]))

    assert (sharp.link, sharp.edge) == ("https://x/1080", 1080)
    assert (soft.link, soft.edge) == ("https://x/720", 720)


def test_a_clip_comes_with_its_credits() -> None:
    (clip,) = found(told(user={"name": "Ada\n\x00 Lens"}))

    assert (clip.clip_id, clip.author) == ("7", "Ada Lens")
    assert clip.page_url == "https://www.pexels.com/video/rain-on-train-window-7/"


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"id": "../../etc"},
        {"id": True},
        {"url": "javascript:alert(1)"},
        {"url": "https://[pexels/"},
        {"url": 5},
        {"video_files": []},
        {"video_files": "none"},
        {"video_files": [{"link": "https://x", "file_type": "text/html", "width": 1920, "height": 1080}]},
        {"video_files": [{"link": "https://x", "file_type": "video/mp4", "width": 640, "height": 360}]},
    ],
)
def test_what_is_not_as_it_should_be_is_left_out(changes: dict[str, Any]) -> None:
    assert found(told(**changes)) == []


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["videos", "id", "url", "duration", "video_files", "user", "tags", "width"]), inner
    ),
))  # fmt: skip
def test_any_answer_is_read_without_an_error(answer: object) -> None:
    videos = answer if isinstance(answer, list) else [answer]
    assert isinstance(candidates({"videos": videos}), list)
    if isinstance(answer, dict):
        assert isinstance(candidates(answer), list)


def test_clips_that_show_the_brief_s_words_come_first() -> None:
    clips = found(told(1, "man-eats-apple"), told(2, "rain-on-train-window-at-night"), told(3, "neon-sign"))

    assert [clip.clip_id for clip in ranked(clips, BRIEF, [8.0], "landscape")] == ["2", "3", "1"]


def test_sharp_clips_and_those_of_the_right_shape_and_length_come_before_their_likes() -> None:
    plain = told(1)
    tall = told(2, width=1080, height=1920)
    soft = told(3, video_files=[
        {"link": "https://x/720", "file_type": "video/mp4", "width": 1280, "height": 720}
    ])  # fmt: skip
    endless = told(4, duration=400)

    first = ranked(found(tall, soft, endless, plain), BRIEF, [8.0], "landscape")[0]
    first_tall = ranked(found(plain, soft, endless, tall), BRIEF, [8.0], "portrait")[0]

    assert (first.clip_id, first_tall.clip_id) == ("1", "2")


def test_a_clip_that_is_shorter_than_every_shot_is_of_no_use() -> None:
    assert ranked(found(told(duration=3)), BRIEF, [4.0, 8.0], "landscape") == []


def test_another_song_sees_equal_clips_in_another_order() -> None:
    clips = found(*(told(n, "neon") for n in range(30)))
    other = brief_pb2.Brief()
    other.CopyFrom(BRIEF)
    other.seed = 6

    one = [clip.clip_id for clip in ranked(clips, BRIEF, [8.0], "landscape")]
    two = [clip.clip_id for clip in ranked(clips, other, [8.0], "landscape")]

    assert one != two
    assert sorted(one) == sorted(two)
    assert one == [clip.clip_id for clip in ranked(clips, BRIEF, [8.0], "landscape")]
