"""When what is seen: scenes and words on the song's bars, cards at its ends, shots cut on bars."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiartist.common.v1 import brief_pb2
from services.release.video.timeline import Timeline, shots, timeline

Kind = brief_pb2.Section
BEAT = 0.5


def song(*sections: tuple[int, int, list[str]]) -> brief_pb2.Brief:
    made = brief_pb2.Brief(title="Song", tempo_bpm=120)
    for kind, bars, lines in sections:
        made.sections.add(kind=kind, bars=bars, lines=lines)  # type: ignore[arg-type]
    return made


WHOLE = song(
    (Kind.KIND_INTRO, 4, []),
    (Kind.KIND_VERSE, 8, ["one", "two", "three", "four"]),
    (Kind.KIND_CHORUS, 4, ["hook", "hook again"]),
    (Kind.KIND_OUTRO, 4, []),
)
SECONDS = 42.0


def times(brief: brief_pb2.Brief = WHOLE, *, provider: str = "builtin", first: float = 0.0) -> Timeline:
    return timeline(brief, seconds=SECONDS, beat_s=BEAT, first_beat_s=first, provider=provider)


def test_sections_begin_on_the_form_s_bars() -> None:
    made = times(first=0.1)

    assert [scene.kind for scene in made.scenes] == ["intro", "verse", "chorus", "outro"]
    assert [scene.start_s for scene in made.scenes] == pytest.approx([0.0, 8.1, 24.1, 32.1])
    assert made.scenes[-1].end_s == SECONDS
    assert made.exact


def test_lines_are_spread_over_their_section_in_order() -> None:
    cues = [cue for cue in times().cues if cue.kind == "verse"]

    assert [cue.text for cue in cues] == ["one", "two", "three", "four"]
    assert [cue.start_s for cue in cues] == pytest.approx([8.0, 12.0, 16.0, 20.0])
    assert cues[-1].end_s < 24.0


def test_another_provider_s_song_follows_the_form_scaled_to_its_length() -> None:
    made = times(provider="suno")

    assert not made.exact
    # 20 bars of the form in 42 s.
    assert [scene.start_s for scene in made.scenes] == pytest.approx([0.0, 8.4, 25.2, 33.6])


def test_the_title_is_seen_first_and_the_end_card_last() -> None:
    made = times()

    assert (made.cues[0].kind, made.cues[0].start_s) == ("title", 0.0)
    assert (made.cues[-1].kind, made.cues[-1].end_s) == ("end", SECONDS)


def test_a_long_stretch_without_words_says_again_whose_song_it_is() -> None:
    quiet = song(
        (Kind.KIND_VERSE, 4, ["one", "two"]), (Kind.KIND_INSTRUMENTAL, 8, []), (Kind.KIND_OUTRO, 4, [])
    )

    cues = times(quiet).cues

    assert [cue.kind for cue in cues] == ["title", "verse", "verse", "corner", "end"]
    assert 8.0 <= cues[3].start_s < cues[3].end_s <= 14.0


def test_words_in_the_first_bar_and_in_the_last_leave_the_cards_their_time() -> None:
    made = times(song((Kind.KIND_VERSE, 21, [f"line {n}" for n in range(10)])))

    assert made.cues[0].end_s == pytest.approx(2.0)
    assert made.cues[-1].end_s - made.cues[-1].start_s >= 1.5
    assert [cue.text for cue in made.cues[1:-1]] == [f"line {n}" for n in range(10)]


def test_a_brief_that_builtin_can_not_play_still_has_its_words() -> None:
    made = times(song((Kind.KIND_UNSPECIFIED, 0, ["alone"])), provider="suno")

    assert [cue.text for cue in made.cues] == ["", "alone", ""]


def test_shots_are_whole_groups_of_bars_cut_on_bar_lines() -> None:
    found = shots(times(), bars_each=4, most=9, kinds=("verse", "chorus"))

    assert found == [(8.0, 16.0), (16.0, 24.0), (24.0, 32.0)]


def test_too_many_shots_are_spread_over_the_song() -> None:
    found = shots(times(), bars_each=1, most=3, kinds=("verse", "chorus"))

    assert len(found) == 3
    assert found[0][0] == 8.0
    assert found[-1][0] > 20.0


def test_a_shot_that_would_be_shorter_than_a_second_is_left_out() -> None:
    made = timeline(WHOLE, seconds=24.4, beat_s=BEAT, first_beat_s=0.0, provider="builtin")

    assert all(end - start >= 1.0 for start, end in shots(made, bars_each=1, most=99, kinds=("chorus",)))


lines = st.lists(st.text(st.characters(categories=["L", "Zs"]), min_size=1, max_size=20), max_size=12)
sections = st.lists(
    st.tuples(st.sampled_from(range(1, 8)), st.integers(1, 16), lines), min_size=1, max_size=8
)


@settings(deadline=None)
@given(
    sections,
    st.floats(1.0, 400.0),
    st.integers(40, 220),
    st.floats(-0.5, 0.5),
    st.sampled_from(["builtin", "suno"]),
)
def test_scenes_have_no_gaps_and_words_never_overlap(
    parts: list[tuple[int, int, list[str]]], seconds: float, tempo: int, phase: float, provider: str
) -> None:
    brief = song(*parts)
    brief.tempo_bpm = tempo
    beat = 60 / tempo

    made = timeline(brief, seconds=seconds, beat_s=beat, first_beat_s=phase * beat, provider=provider)

    assert made.scenes[0].start_s == 0.0
    assert made.scenes[-1].end_s == pytest.approx(seconds)
    assert all(one.end_s == pytest.approx(other.start_s) for one, other in pairwise(made.scenes))
    assert all(one.end_s <= other.start_s + 1e-9 for one, other in pairwise(made.cues))
    assert all(0 <= cue.start_s < cue.end_s <= seconds for cue in made.cues)
    assert all(0 <= bar < seconds for bar in made.bars_s)
