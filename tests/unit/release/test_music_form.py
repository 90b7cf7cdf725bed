import pytest

from aiartist.common.v1 import brief_pb2
from services.release.music import form
from services.release.music.provider import UnplayableBrief
from tests.support.songs import Kind, make_brief


def test_sections_follow_each_other_without_gaps_and_are_counted_by_kind() -> None:
    sections = form.plan(make_brief())
    assert [(s.kind, s.number, s.bars) for s in sections] == [
        ("intro", 1, 2),
        ("verse", 1, 4),
        ("chorus", 1, 4),
        ("verse", 2, 4),
        ("chorus", 2, 4),
        ("outro", 1, 2),
    ]
    assert [s.start for s in sections] == [0, 8, 24, 40, 56, 72]
    assert [s.final for s in sections] == [False, False, False, True, True, False]


def test_sections_without_a_length_bring_the_song_near_its_wanted_length() -> None:
    kinds = [Kind.KIND_INTRO, Kind.KIND_VERSE, Kind.KIND_CHORUS, Kind.KIND_VERSE, Kind.KIND_CHORUS]
    for seconds in (60, 90, 150):
        brief = make_brief(
            tempo_bpm=120, form=[(kind, 0, []) for kind in kinds], target_duration_ms=seconds * 1_000
        )
        sections = form.plan(brief)
        assert abs(sections[-1].end / 2 - seconds) <= 8
        assert all(section.bars % 2 == 0 for section in sections)


def test_a_given_length_is_kept_beside_sections_without_one() -> None:
    brief = make_brief(form=[(Kind.KIND_VERSE, 3, []), (Kind.KIND_CHORUS, 0, [])], target_duration_ms=60_000)
    assert form.plan(brief)[0].bars == 3


def test_empty_lines_of_lyrics_are_no_lines() -> None:
    brief = make_brief(form=[(Kind.KIND_VERSE, 4, ["one", "  ", "", "two"])])
    assert form.plan(brief)[0].lines == ("one", "two")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tempo_bpm": 39}, r"^tempo_bpm: 39 is not from 40 to 220"),
        ({"tempo_bpm": 221}, r"^tempo_bpm: 221"),
        ({"sections": []}, r"^sections: at least one"),
        ({"sections": [brief_pb2.Section(bars=4)]}, r"^sections\[0\].kind: is required"),
        (
            {"sections": [brief_pb2.Section(kind=Kind.KIND_VERSE, bars=65)]},
            r"^sections\[0\].bars: 65 is not from 1 to 64",
        ),
        (
            {"tempo_bpm": 40, "sections": [brief_pb2.Section(kind=Kind.KIND_VERSE, bars=64)] * 2},
            r"^sections: 768 s of music is more than 600 s",
        ),
    ],
)
def test_what_cannot_be_played_is_refused_with_the_field(change: dict[str, object], message: str) -> None:
    brief = make_brief()
    for name in change:
        brief.ClearField(name)  # type: ignore[arg-type]
    brief.MergeFrom(brief_pb2.Brief(**change))  # type: ignore[arg-type]
    with pytest.raises(UnplayableBrief, match=message):
        form.plan(brief)
