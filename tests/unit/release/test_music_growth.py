"""How songs grow: long sections, second verses, build-ups, last choruses, endings."""

import itertools

import numpy as np
import pytest

from services.release.music import form
from services.release.music.arranger import arrange
from services.release.music.builtin import BuiltinProvider
from services.release.music.drumming import build_start, builds_up
from services.release.music.genres import GENRES, genre_named
from services.release.music.harmony import harmonise
from services.release.music.score import Hit, Note, Score, Section
from services.release.music.seeds import dice
from services.release.music.theory import Key
from tests.support.songs import CHORUS, OTHER_VERSE, VERSE, Form, Kind, make_brief

RATE = 44_100
ALL = sorted(GENRES)
LONG: Form = [
    (Kind.KIND_INTRO, 8, []),
    (Kind.KIND_VERSE, 16, VERSE * 2),
    (Kind.KIND_PRE_CHORUS, 8, VERSE),
    (Kind.KIND_CHORUS, 16, CHORUS * 2),
    (Kind.KIND_INSTRUMENTAL, 8, []),
    (Kind.KIND_VERSE, 16, OTHER_VERSE * 2),
    (Kind.KIND_PRE_CHORUS, 8, VERSE),
    (Kind.KIND_CHORUS, 16, CHORUS * 2),
    (Kind.KIND_BRIDGE, 8, VERSE),
    (Kind.KIND_CHORUS, 16, CHORUS * 2),
    (Kind.KIND_OUTRO, 8, []),
]


def written(genre: str, song: Form = LONG, **brief: object) -> Score:
    return arrange(make_brief(genre, form=song, **brief), genre_named(genre), seed=1)  # type: ignore[arg-type]


def of_kind(score: Score, kind: str) -> list[Section]:
    return [section for section in score.sections if section.kind == kind]


def notes_in(notes: tuple[Note, ...], section: Section) -> list[Note]:
    return [note for note in notes if section.start <= note.start < section.end]


def hits_in(score: Score, start: float, end: float) -> list[Hit]:
    return [hit for hit in score.hits if start <= hit.start < end]


def shape(notes: list[Note], section: Section) -> list[tuple[float, int]]:
    return [(round(note.start - section.start, 4), note.pitch) for note in notes]


@pytest.mark.parametrize("genre", sorted(set(ALL) - {"ambient"}))
def test_the_second_verse_is_played_otherwise_than_the_first(genre: str) -> None:
    """By its drums or by its chords: whatever the singer does."""
    score = written(genre)
    one, two = of_kind(score, "verse")
    drums = [
        {(round(hit.start - verse.start, 3), hit.drum) for hit in hits_in(score, verse.start, verse.end)}
        for verse in (one, two)
    ]
    assert drums[0] != drums[1]
    layers = set(score.parts) - {"lead", "second", "answer", "bass"}
    assert any(
        shape(notes_in(score.parts[name], one), one) != shape(notes_in(score.parts[name], two), two)
        for name in layers
    )


def test_a_second_verse_answers_with_another_line_and_keeps_the_first_one() -> None:
    score = written("pop", [(kind, bars, VERSE * 2 if kind == 2 else lines) for kind, bars, lines in LONG])
    one, two = of_kind(score, "verse")
    quarter = one.beats / 4

    def line(verse: Section, number: int) -> list[int]:
        start = verse.start + number * quarter
        return [n.pitch for n in score.parts["lead"] if start <= n.start < start + quarter]

    assert line(one, 0) == line(two, 0)
    assert line(one, 1)[-3:] != line(two, 1)[-3:]


@pytest.mark.parametrize("genre", ["house", "techno", "drum_and_bass", "pop"])
def test_a_build_up_rolls_ever_faster_under_a_riser_and_falls_after_the_drop(genre: str) -> None:
    score = written(genre)
    style = GENRES[genre].drums
    before, chorus = of_kind(score, "pre_chorus")[0], of_kind(score, "chorus")[0]
    start = build_start(style, before)
    assert builds_up(style, before, chorus)
    assert chorus.start - start == 4 * style.build_bars
    roll = [hit.start for hit in hits_in(score, before.start, chorus.start) if hit.drum == "roll"]
    gaps = [b - a for a, b in itertools.pairwise(roll)]
    assert roll[0] == start
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[0] >= 4 * gaps[-1]
    assert not [h for h in hits_in(score, chorus.start - 4, chorus.start) if h.drum == "kick"]
    riser = next(hit for hit in score.hits if hit.drum == "riser" and hit.start == start)
    assert riser.start + riser.length == chorus.start
    assert {"impact", "fall"} <= {hit.drum for hit in hits_in(score, chorus.start, chorus.start + 0.1)}


def test_where_nothing_builds_up_a_cymbal_swells_into_the_chorus() -> None:
    score = written("synthwave")
    chorus = of_kind(score, "chorus")[0]
    swell = next(hit for hit in score.hits if hit.drum == "reverse")
    assert swell.start + swell.length == chorus.start


@pytest.mark.parametrize("genre", ["house", "techno", "drum_and_bass", "synthwave"])
def test_the_filter_opens_over_the_intro_and_towards_a_chorus(genre: str) -> None:
    score = written(genre)
    intro, chorus = score.sections[0], of_kind(score, "chorus")[0]
    assert (intro.start, intro.end) in score.opens
    assert (chorus.start - 16, chorus.start) in score.opens
    assert all(start < end for start, end in score.opens)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(score.opens))


@pytest.mark.parametrize("genre", ["house", "techno", "drum_and_bass"])
def test_long_intros_grow_and_long_outros_thin_out(genre: str) -> None:
    score = written(genre)

    def fullness(section: Section, half: int) -> int:
        start = section.start + half * section.beats / 2
        # The last bar is the final chord's.
        end = min(start + section.beats / 2, score.beats - 4)
        notes = sum(start <= n.start < end for part in score.parts.values() for n in part)
        return notes + len(hits_in(score, start, end))

    intro, outro = score.sections[0], score.sections[-1]
    assert fullness(intro, 1) > 1.3 * fullness(intro, 0)
    assert fullness(outro, 0) > 1.2 * fullness(outro, 1)


def test_every_eighth_bar_of_a_long_section_ends_in_a_part_of_a_fill() -> None:
    score = written("pop")
    verse = of_kind(score, "verse")[1]

    def end_of(bar: int) -> set[tuple[float, str]]:
        start = verse.start + bar * 4 + 2
        return {(hit.start - start, hit.drum) for hit in hits_in(score, start, start + 2)}

    assert end_of(7) != end_of(1)
    assert end_of(5) == end_of(1)


@pytest.mark.parametrize("genre", ALL)
def test_the_last_chorus_is_lifted(genre: str) -> None:
    score = written(genre)
    first, *_, last = of_kind(score, "chorus")
    lead = score.parts["lead"]
    assert shape(notes_in(lead, first), first) == shape(notes_in(lead, last), last)
    above = {(round(n.start, 4), n.pitch) for part in ("second", "answer") for n in score.parts[part]}
    higher = [
        note
        for note in notes_in(lead, last)
        if any((round(note.start, 4), note.pitch + up) in above for up in (3, 4, 5, 6, 12))
    ]
    assert len(higher) >= 0.9 * len(notes_in(lead, last))
    if GENRES[genre].drums.crash:
        crash = GENRES[genre].drums.crash
        marks = [
            len([h for h in hits_in(score, s.start, s.end - 1) if h.drum == crash]) for s in (first, last)
        ]
        assert marks == [1, 2]


@pytest.mark.parametrize(("genre", "degrees"), [("pop", {5}), ("lofi", {2, 4, 5}), ("synthwave", {7})])
def test_a_verse_turns_towards_what_follows(genre: str, degrees: set[int]) -> None:
    table = genre_named(genre)
    sections = form.plan(make_brief(genre, form=LONG))
    key = Key.parse("A minor")
    seen = set()
    for seed in range(12):
        harmony = harmonise(table, key, sections, dice(seed, "harmony"))
        verse = sections[1]
        seen.add(harmony.at(verse.end - 0.5).chord.degree)
        assert harmony.at(sections[3].end - 0.5).chord == harmony.at(sections[7].end - 0.5).chord
    assert seen <= degrees | {5, 7}
    assert seen & degrees


def test_songs_end_as_their_genre_does() -> None:
    endings = {genre: GENRES[genre].ending for genre in ALL}
    assert set(endings.values()) == {"rest", "fade", "stop"}
    score = written("trap")
    last = score.beats - 4
    assert hits_in(score, last - 2.5, last - 1)
    assert not hits_in(score, last - 1, last)
    assert any(hit.start == last for hit in score.hits)


@pytest.mark.parametrize("genre", ["lofi", "ambient"])
def test_an_outro_that_fades_does_so_evenly(genre: str) -> None:
    song: Form = [(Kind.KIND_CHORUS, 4, CHORUS), (Kind.KIND_OUTRO, 8, [])]
    tempo = 88
    sound = BuiltinProvider().render(
        make_brief(genre, form=song, tempo_bpm=tempo), seed=1, progress=lambda *update: None
    )
    bar = round(4 * 60 / tempo * RATE)
    levels = [
        10 * np.log10(np.mean(sound.samples[(4 + n) * bar : (5 + n) * bar].astype(np.float64) ** 2))
        for n in range(8)
    ]
    assert max(levels[:4]) - min(levels[:4]) < 5
    assert all(b < a + 1.0 for a, b in itertools.pairwise(levels[3:]))
    assert levels[7] < levels[3] - 10


@pytest.mark.parametrize(("genre", "given", "played"), [("drum_and_bass", 87, 174), ("trap", 70, 140)])
def test_half_of_the_tempo_is_understood_where_people_count_so(genre: str, given: int, played: int) -> None:
    song: Form = [(Kind.KIND_VERSE, 8, VERSE), (Kind.KIND_CHORUS, 8, CHORUS)]
    score = written(genre, song, tempo_bpm=given)
    assert score.tempo_bpm == played
    assert [section.bars for section in score.sections] == [16, 16]
    # A pop song at such a tempo is a slow one.
    assert written("pop", song, tempo_bpm=given).tempo_bpm == given


@pytest.mark.parametrize("genre", ALL)
@pytest.mark.parametrize("seconds", [120, 165, 240])
def test_open_lengths_give_the_wanted_duration_within_a_few_bars(genre: str, seconds: int) -> None:
    table = GENRES[genre]
    open_form: Form = [(kind, 0, lines) for kind, _, lines in LONG]
    for tempo in table.tempo_bpm:
        brief = make_brief(genre, form=open_form, tempo_bpm=tempo, target_duration_ms=seconds * 1_000)
        score = arrange(brief, table, seed=1)
        assert abs(score.beats * 60 / score.tempo_bpm - seconds) <= max(0.04 * seconds, 4 * 60 / tempo)


@pytest.mark.parametrize("genre", ALL)
def test_rendering_twice_gives_the_same_samples(genre: str) -> None:
    """Parts are played in threads; their order of finishing must not be heard."""
    brief = make_brief(
        genre,
        form=[
            (Kind.KIND_INTRO, 4, []),
            (Kind.KIND_VERSE, 4, VERSE),
            (Kind.KIND_PRE_CHORUS, 4, VERSE[:1]),
            (Kind.KIND_CHORUS, 4, CHORUS),
            (Kind.KIND_OUTRO, 2, []),
        ],
    )
    one, two = (BuiltinProvider().render(brief, seed=5, progress=lambda *update: None) for _ in range(2))
    assert np.array_equal(one.samples, two.samples)
