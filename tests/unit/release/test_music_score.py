import itertools

import pytest

from services.release.music.arranger import arrange, energy
from services.release.music.casting import cast_voices, wished_for
from services.release.music.genres import GENRES, genre_named
from services.release.music.lyrics import syllables
from services.release.music.provider import UnplayableBrief
from services.release.music.score import Note, Score, Section
from tests.support.songs import CHORUS, OTHER_VERSE, VERSE, Kind, make_brief

ALL = sorted(GENRES)


def written(genre: str, *, seed: int = 1, **brief: object) -> Score:
    return arrange(make_brief(genre, **brief), genre_named(genre), seed=seed)  # type: ignore[arg-type]


def within(notes: tuple[Note, ...], section: Section) -> list[Note]:
    return [note for note in notes if section.start <= note.start < section.end]


def shape(notes: list[Note], section: Section) -> list[tuple[float, int]]:
    return [(round(note.start - section.start, 4), note.pitch) for note in notes]


def of_kind(score: Score, kind: str) -> list[Section]:
    return [section for section in score.sections if section.kind == kind]


def test_an_unknown_genre_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(
        UnplayableBrief, match=r"^genre: 'polka' is not one of ambient, drum_and_bass, house, lofi"
    ):
        genre_named("polka")


@pytest.mark.parametrize("genre", ALL)
def test_the_same_brief_and_seed_give_the_same_score_and_another_seed_another(genre: str) -> None:
    assert written(genre) == written(genre)
    assert written(genre).parts["lead"] != written(genre, seed=2).parts["lead"]
    assert written(genre).parts["lead"] != written(genre, title="Another Song").parts["lead"]


@pytest.mark.parametrize("genre", ALL)
def test_choruses_repeat_their_hook_and_verses_have_another_melody(genre: str) -> None:
    score = written(genre)
    lead = score.parts["lead"]
    first, second = of_kind(score, "chorus")
    hook = shape(within(lead, first), first)
    assert len(hook) >= 6
    assert hook == shape(within(lead, second), second)
    verse = of_kind(score, "verse")[0]
    assert hook != shape(within(lead, verse), verse)


@pytest.mark.parametrize("genre", ALL)
def test_verses_share_their_melody_as_far_as_their_words_allow(genre: str) -> None:
    score = written(genre)
    one, two = (shape(within(score.parts["lead"], verse), verse) for verse in of_kind(score, "verse"))
    shared = set(one) & set(two)
    assert len(shared) >= 0.5 * min(len(one), len(two))


@pytest.mark.parametrize("genre", ["synthwave", "house", "pop", "lofi", "trap"])
def test_the_melody_has_a_note_for_each_syllable(genre: str) -> None:
    score = written(genre)
    for section, lines in zip(of_kind(score, "verse"), (VERSE, OTHER_VERSE), strict=True):
        sung = within(score.parts["lead"], section)
        wanted = sum(len(syllables(line)) for line in lines)
        assert abs(len(sung) - wanted) <= 2
        assert [note.vowel for note in sung][:3] == syllables(lines[0])[:3]


@pytest.mark.parametrize("genre", ALL)
def test_the_chorus_lies_higher_than_the_verse(genre: str) -> None:
    score = written(genre)

    def height(kind: str) -> float:
        pitches = [n.pitch for s in of_kind(score, kind) for n in within(score.parts["lead"], s)]
        return sum(pitches) / len(pitches)

    assert height("chorus") > height("verse")


@pytest.mark.parametrize("genre", ALL)
@pytest.mark.parametrize("key", ["C major", "F# minor"])
def test_all_notes_belong_to_the_key_but_for_a_leading_tone(genre: str, key: str) -> None:
    score = written(genre, key=key)
    allowed = {*score.key.scale, (score.key.tonic - 1) % 12}
    assert {note.pitch % 12 for notes in score.parts.values() for note in notes} <= allowed


@pytest.mark.parametrize("genre", ALL)
def test_the_song_comes_to_rest_on_the_tonic_in_its_last_bar(genre: str) -> None:
    score = written(genre)
    last = score.beats - 4
    ending = [note for notes in score.parts.values() for note in notes if note.start >= last - 1e-6]
    assert ending
    assert all(note.start == last for note in ending)
    assert min(ending, key=lambda note: note.pitch).pitch % 12 == score.key.tonic
    assert all(hit.start <= last for hit in score.hits)


@pytest.mark.parametrize("genre", ALL)
def test_choruses_are_fuller_than_verses_and_the_intro_is_sparse(genre: str) -> None:
    score = written(genre)

    def fullness(kind: str) -> float:
        section = of_kind(score, kind)[0]
        notes = sum(len(within(notes, section)) for notes in score.parts.values())
        hits = sum(section.start <= hit.start < section.end for hit in score.hits)
        return (notes + hits) / section.beats

    assert fullness("chorus") > 1.2 * fullness("verse") > 1.2 * fullness("intro")


@pytest.mark.parametrize("genre", sorted(set(ALL) - {"ambient"}))
def test_a_fill_leads_out_of_each_section_into_a_loud_one(genre: str) -> None:
    score = written(genre)
    verse = of_kind(score, "verse")[0]

    def bar(number: int) -> list[tuple[float, str]]:
        start = verse.start + number * 4
        return [(hit.start - start, hit.drum) for hit in score.hits if start <= hit.start < start + 4]

    assert bar(verse.bars - 1) != bar(0)


def test_a_chorus_after_a_pre_chorus_is_built_up_to_and_breathed_before() -> None:
    score = written(
        "house",
        form=[
            (Kind.KIND_VERSE, 4, VERSE),
            (Kind.KIND_PRE_CHORUS, 4, ["Hold on"]),
            (Kind.KIND_CHORUS, 4, CHORUS),
            (Kind.KIND_OUTRO, 2, []),
        ],
    )
    chorus = of_kind(score, "chorus")[0]
    roll = [hit.start for hit in score.hits if hit.drum == "roll"]
    gaps = [b - a for a, b in itertools.pairwise(roll)]
    assert gaps[0] > gaps[-1]
    assert any(hit.drum == "riser" and hit.start + hit.length == chorus.start for hit in score.hits)
    silent = (chorus.start - 1, chorus.start)
    assert not [hit for hit in score.hits if silent[0] <= hit.start < silent[1]]
    for name, notes in score.parts.items():
        if name != "lead":
            assert not [
                note for note in notes if note.start < silent[1] and note.start + note.length > silent[0]
            ]


def test_genres_differ_in_what_drums_bass_and_chords_do() -> None:
    scores = {genre: written(genre, key="A minor") for genre in ALL}

    def per_beat(score: Score, drum: str) -> float:
        chorus = of_kind(score, "chorus")[0]
        hits = [h for h in score.hits if h.drum == drum and chorus.start <= h.start < chorus.end]
        return len(hits) / chorus.beats

    def bass_notes(score: Score) -> float:
        chorus = of_kind(score, "chorus")[0]
        return len(within(score.parts["bass"], chorus)) / chorus.beats

    assert per_beat(scores["house"], "kick") > 0.9 > 1.2 * per_beat(scores["trap"], "kick")
    assert per_beat(scores["trap"], "hat") > per_beat(scores["lofi"], "hat") * 1.05
    assert per_beat(scores["ambient"], "kick") == per_beat(scores["ambient"], "snare") == 0
    assert bass_notes(scores["synthwave"]) > 2 * bass_notes(scores["trap"]) > 0
    assert bass_notes(scores["ambient"]) <= 0.5
    progressions = {
        genre: tuple(note.pitch % 12 for note in scores[genre].parts["bass"] if note.start % 4 == 0)
        for genre in ALL
    }
    assert len(set(progressions.values())) >= 5


def test_genres_have_their_own_tempo_swing_and_rooms() -> None:
    genres = list(GENRES.values())
    assert len({genre.tempo_bpm for genre in genres}) == len(genres)
    assert all(40 <= low < high <= 220 for low, high in (genre.tempo_bpm for genre in genres))
    assert GENRES["lofi"].swing > GENRES["house"].swing > GENRES["trap"].swing == 0.5
    assert GENRES["ambient"].sound.hall.length_s > 2 * GENRES["pop"].sound.hall.length_s


def test_energy_rises_with_each_chorus() -> None:
    first, second = of_kind(written("pop"), "chorus")
    assert energy(first) < energy(second) <= 1.0


def test_instruments_of_the_brief_are_played_where_they_suit_the_genre() -> None:
    pop, lofi = genre_named("pop"), genre_named("lofi")
    for seed in range(5):
        assert cast_voices(pop, ["acoustic guitar", "strings"], seed=seed)["keys"] == "guitar"
        assert cast_voices(pop, ["warm strings"], seed=seed)["pad"] == "strings"
        assert cast_voices(lofi, ["Rhodes", "upright bass"], seed=seed)["keys"] == "electric_piano"
        assert cast_voices(lofi, ["Rhodes", "upright bass"], seed=seed)["bass"] == "upright_bass"
    assert wished_for(["an electric piano"]) == ["electric_piano"]


def test_voices_vary_from_song_to_song_where_the_brief_leaves_it_open() -> None:
    casts = [cast_voices(genre_named("pop"), [], seed=seed) for seed in range(12)]
    assert len({cast["keys"] for cast in casts}) >= 3
    assert len({cast["lead"] for cast in casts}) >= 2


@pytest.mark.parametrize("genre", ALL)
@pytest.mark.parametrize("bars", [1, 2, 3, 7])
def test_sections_of_any_length_can_be_played(genre: str, bars: int) -> None:
    for kind in range(1, 8):
        score = written(genre, form=[(kind, bars, ["some words to sing"]), (Kind.KIND_CHORUS, 1, [])])
        notes = [note for part in score.parts.values() for note in part]
        assert notes
        assert all(note.length > 0 and 0 <= note.start < score.beats for note in notes)
        assert all(0 < note.velocity <= 1 for note in notes)


@pytest.mark.parametrize("genre", ALL)
def test_the_melody_sings_one_note_at_a_time_within_a_voice_s_range(genre: str) -> None:
    lead = written(genre).parts["lead"]
    assert all(b.start > a.start for a, b in itertools.pairwise(lead))
    assert max(note.pitch for note in lead) - min(note.pitch for note in lead) <= 24
    leaps = [abs(b.pitch - a.pitch) for a, b in itertools.pairwise(lead) if b.start - a.start <= 1]
    assert sum(leap <= 4 for leap in leaps) >= 0.6 * len(leaps)


@pytest.mark.parametrize("genre", ALL)
def test_every_drum_that_can_be_played_is_in_the_kit(genre: str) -> None:
    style = GENRES[genre].drums
    named = {drum for options in style.grooves.values() for groove in options for drum in groove}
    named |= {drum for fill in style.fills for drum in fill} | {"kick"}
    named |= ({style.crash} - {""}) | ({"roll", "impact"} if style.builds else set())
    assert named <= set(style.kit)
    levels = {level for value in style.intensity.values() for level in value.split(">")}
    assert levels - {""} <= set(style.grooves)
    rows = [row for options in style.grooves.values() for groove in options for row in groove.values()]
    assert {len(row) for row in rows} <= {16, 32}
