import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.release.music.lyrics import syllables
from services.release.music.provider import UnplayableBrief
from services.release.music.theory import Key, chord, voice_lead


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("A minor", "A minor"),
        ("F# major", "F# major"),
        ("Gb major", "F# major"),
        ("D♭ major", "C# major"),
        ("b minor", "B minor"),
        ("Am", "A minor"),
        ("G", "G major"),
        ("  Bb   MINOR ", "Bb minor"),
    ],
)
def test_a_key_is_read_as_people_write_it(text: str, name: str) -> None:
    assert Key.parse(text).name == name


@pytest.mark.parametrize("text", ["", "H minor", "A dorian", "minor", "A minor, then C"])
def test_what_is_no_key_is_refused_with_the_field_and_an_example(text: str) -> None:
    with pytest.raises(UnplayableBrief, match=r"^key: .*for example `A minor`"):
        Key.parse(text)


def test_scales_have_the_steps_of_their_mode() -> None:
    assert Key.parse("C major").scale == (0, 2, 4, 5, 7, 9, 11)
    assert Key.parse("A minor").scale == (9, 11, 0, 2, 4, 5, 7)


@given(st.integers(0, 11), st.sampled_from(["major", "minor"]), st.integers(30, 100))
def test_the_nearest_scale_step_is_at_most_a_whole_tone_away(tonic: int, mode: str, pitch: int) -> None:
    key = Key(tonic, "major" if mode == "major" else "minor")
    nearest = key.pitch(key.step_near(pitch))
    assert abs(nearest - pitch) <= 1
    assert nearest % 12 in key.scale


def test_chords_are_built_from_the_scale_and_coloured_as_asked() -> None:
    c = Key.parse("C major")
    assert chord(c, "1").tones == (0, 4, 7)
    assert chord(c, "5", "7").tones == (7, 11, 2, 5)
    assert chord(c, "4:add9").tones == (5, 9, 0, 7)
    assert chord(c, "1:sus4").tones == (0, 5, 7)


def test_the_marked_dominant_of_a_minor_key_has_the_leading_tone() -> None:
    a = Key.parse("A minor")
    assert 8 in chord(a, "5!").tones
    assert 8 not in chord(a, "5").tones


def test_no_colour_puts_a_semitone_on_top_of_a_root() -> None:
    for name, symbol, colour in itertools.product(
        ("C major", "A minor"), "1234567", ("7", "9", "add9", "sus2")
    ):
        tones = chord(Key.parse(name), symbol, colour).tones
        if colour in ("9", "add9") and len(tones) > 3:
            assert (tones[-1] - tones[0]) % 12 != 1


@given(
    st.integers(0, 11),
    st.sampled_from(["major", "minor"]),
    st.lists(st.sampled_from("1234567"), min_size=2, max_size=8),
    st.sampled_from(["", "7", "9", "add9", "sus2"]),
    st.integers(3, 4),
    st.booleans(),
)
def test_voicings_stay_in_range_and_contain_only_the_chord(
    tonic: int, mode: str, degrees: list[str], colour: str, voices: int, rootless: bool
) -> None:
    key = Key(tonic, "major" if mode == "major" else "minor")
    chords = [chord(key, degree, colour) for degree in degrees]
    led = voice_lead(chords, low=55, high=79, voices=voices, rootless=rootless)
    for current, voicing in zip(chords, led, strict=True):
        assert 3 <= len(voicing) <= voices
        assert voicing[0] >= 55
        assert voicing[-1] <= 79
        assert {pitch % 12 for pitch in voicing} <= set(current.tones)


def test_voices_move_less_than_if_every_chord_stood_on_its_root() -> None:
    chords = [chord(Key.parse("C major"), degree) for degree in "16451645"]

    def travel(voicings: list[tuple[int, ...]]) -> int:
        return sum(abs(p - q) for a, b in itertools.pairwise(voicings) for p, q in zip(a, b, strict=False))

    led = voice_lead(chords, low=52, high=76, voices=3)
    rooted = [tuple(60 + c.root + (t - c.root) % 12 for t in c.tones) for c in chords]
    assert travel(led) < travel(rooted) * 0.6


def test_the_last_chord_stands_on_its_own_where_the_others_leave_the_root_to_the_bass() -> None:
    key = Key.parse("C major")
    led = voice_lead([chord(key, "1", "9")] * 2, low=55, high=79, voices=4, rootless=True)
    assert 0 not in {pitch % 12 for pitch in led[0]}
    assert 0 in {pitch % 12 for pitch in led[1]}


@pytest.mark.parametrize(
    ("line", "language", "count"),
    [
        ("We are electric in the dark", "en", 8),
        ("I loved the fire, wanted the little table", "en", 11),
        ("Yes, you said", "en", 3),
        ("Ich gehe über die Straße", "de", 8),
        ("夜の街", "ja", 3),
        ("Я иду домой", "ru", 5),
        ("!!! 123", "en", 0),
    ],
)
def test_syllables_are_counted_as_they_are_sung(line: str, language: str, count: int) -> None:
    assert len(syllables(line, language)) == count


def test_each_syllable_has_the_vowel_that_it_is_sung_on() -> None:
    assert syllables("moon sea day") == ["u", "i", "e"]
    assert set(syllables("Träume über Öl", "de")) <= set("aeiou")
