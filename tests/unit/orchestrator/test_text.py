"""Lines out of whatever a model wrote."""

import pytest

from services.orchestrator.song.text import has_banned, lines_of, syllables, tidied, title_case


def test_lines_lose_numbers_quotes_markdown_labels_and_small_talk() -> None:
    answer = (
        "Sure, here's a verse about rain:\n\n**Verse 1:**\n"
        '1. "I walk a apple road,"\n2) i\'m in love / And i run.\n'
        "- (softly) the sky…\n[Chorus]\n* Hello there!\nLet me know if you'd like more!"
    )
    assert lines_of(answer) == ["I walk an apple road", "I'm in love", "And I run", "The sky", "Hello there"]


def test_a_clean_answer_stays_as_it_is() -> None:
    clean = "I packed the truck before the rain\nI left the porch light on for you"
    assert lines_of(clean) == clean.splitlines()


@pytest.mark.parametrize("answer", ["", "\n\n", "```\n```", "Verse 2:", "***"])
def test_an_answer_without_words_has_no_lines(answer: str) -> None:
    assert lines_of(answer) == []


def test_articles_fit_the_word_after_them() -> None:
    assert tidied("a open door and an lamp") == "An open door and a lamp"


def test_banned_words_are_found_as_whole_words_in_any_case() -> None:
    assert has_banned("Neon nights", ["neon"]) == "neon"
    assert has_banned("We held the Broken Heart", ["broken heart"]) == "broken heart"
    assert has_banned("The neonatal ward", ["neon"]) == ""


def test_titles_are_cased_as_titles_are() -> None:
    assert title_case("the end of the road") == "The End of the Road"
    assert title_case("what i came for") == "What I Came For"


@pytest.mark.parametrize(
    ("word", "count"), [("rain", 1), ("window", 2), ("loved", 1), ("wanted", 2), ("memory", 3)]
)
def test_syllables_are_counted(word: str, count: int) -> None:
    assert syllables(word) == count
