"""Parental advisory: strong words in all their disguises, and none that only look like one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.advisory import strong_words


@pytest.mark.parametrize(
    "text",
    [
        "fuck",
        "FUCKING",
        "what the fuck, man",
        "motherfuckers",
        "bullshit",
        "scared shitless",
        "a shitload of it",
        "kick ass",
        "bad-ass",
        "son of a bitch",
        "f*ck",
        "f**k this",
        "sh1t",
        "$hit",
        "b***h",
        "a$$",
        "fuuuuuck",
        "f-u-c-k",
        "f.u.c.k.",
        "F U C K",
        "fuckin'",
        "the bitch's car",
        "fu\u200bck",
        "ｆｕｃｋ",
        "fück",
        "Scheiße",
        "puta madre",
        "merde alors",
        "vaffanculo",
        "caralho",
    ],
)
def test_strong_language_is_told_in_its_forms_and_disguises(text: str) -> None:
    assert strong_words([text])


@pytest.mark.parametrize(
    "text",
    [
        "Scunthorpe, Penistone and Essex",
        "a classic assassin in the grass",
        "pass the glass, class",
        "cocktails and peacocks at the cockpit",
        "Hancock, Dickens and Pissarro",
        "shiitake mushrooms",
        "room 455, 7175 nights",
        "spic and span",
        "push it, wish it, ship it",
        "cumulus clouds in a document",
        "titan, title, constitution",
        "analysis of the Arsenal",
        "Moby Dick and Dick Tracy",
        "the cock crows at dawn",
        "my pussycat by the pussy willow",
        "graduated magna cum laude",
        "a chink of light",
        "spices and raccoons",
        "therapist in the night shift",
        "bite the bullet",
        "rock **ing** on",
        "5 a.m., 10 p.m., U.S.A., S.O.S.",
        "Hello, damn, hell",
        "🌧 ☂",
        "",
    ],
)
def test_what_only_looks_like_one_is_clean(text: str) -> None:
    assert strong_words([text]) == []


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("der dicke Bär ist dick", "de"),
        ("Ass im Ärmel", "de-AT"),
        ("slut på sommaren", "sv"),
        ("det er slut nå", "nb-NO"),
        ("je suis en retard", "fr"),
        ("sto puta", "hr"),
        ("cum ești", "ro"),
    ],
)
def test_a_word_that_is_clean_in_the_song_s_language_is_clean(text: str, language: str) -> None:
    assert not strong_words([text], language)


@pytest.mark.parametrize(("text", "language"), [("la bite", "fr"), ("che figa", "it"), ("porra", "pt-BR")])
def test_a_word_that_is_strong_in_one_language_only_counts_there(text: str, language: str) -> None:
    assert strong_words([text], language)
    assert not strong_words([text], "en")


def test_each_word_is_told_once_in_order() -> None:
    assert strong_words(["Shit happens", "shit and fuck", "f*ck"]) == ["shit", "fuck", "f*ck"]


@given(texts=st.lists(st.text(max_size=60), max_size=4), language=st.text(max_size=4))
def test_any_text_is_answered(texts: list[str], language: str) -> None:
    for word in strong_words(texts, language):
        assert word
