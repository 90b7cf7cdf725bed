"""How well words rhyme."""

import pytest

from services.orchestrator.song.rhyme import NEAR, NONE, PERFECT, VOWEL, likeness


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("night", "light"), ("rain", "again"), ("stone", "alone"), ("feet", "street"), ("floor", "before"),
        ("played", "shade"), ("rides", "sides"), ("shining", "dining"), ("love", "above"), ("eyes", "lies"),
        ("sea", "memory"), ("said", "bed"), ("walking", "talking"), ("places", "faces"),
    ],
)  # fmt: skip
def test_true_rhymes_are_heard_through_their_spelling(first: str, second: str) -> None:
    assert likeness(first, second) == PERFECT


@pytest.mark.parametrize(("first", "second"), [("love", "move"), ("night", "day"), ("running", "sun")])
def test_words_that_only_look_alike_do_not_rhyme(first: str, second: str) -> None:
    assert likeness(first, second) == NONE


def test_a_word_does_not_rhyme_with_itself_or_with_its_own_end() -> None:
    assert likeness("heart", "heart") == NONE
    assert likeness("Part", "apart") == NONE


def test_consonants_of_one_family_make_a_near_rhyme() -> None:
    assert likeness("time", "line") == NEAR
    assert likeness("home", "road") == VOWEL


def test_likeness_does_not_depend_on_the_order() -> None:
    words = ["night", "again", "road", "home", "window", "fire", "kisses", "waiting", "alone"]
    assert all(likeness(a, b) == likeness(b, a) for a in words for b in words)
