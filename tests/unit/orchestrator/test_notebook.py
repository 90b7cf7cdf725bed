"""Choosing lines that hold together."""

from services.orchestrator.song.notebook import REFUSED, Notebook, Taste, best_pair, rhymed
from services.orchestrator.song.rhyme import PERFECT
from services.orchestrator.song.text import stems

TASTE = Taste(about=stems(["road"]), banned=("neon",), examples=("I packed the truck before the rain",))


def test_of_many_lines_those_with_rhyming_ends_are_chosen() -> None:
    notebook = Notebook(TASTE)
    notebook.add(["I drove along the empty road", "You left a candle in the night"])
    notebook.add(["My father kept a wooden boat", "I watched the slow and silver light"])
    notebook.add(["We carried water to the house", "You painted every window green"])
    pair = best_pair(notebook.couplets())
    assert pair is not None
    assert rhymed(pair) == PERFECT
    assert {pair[0].last_word, pair[1].last_word} == {"night", "light"}


def test_lines_that_were_sung_already_are_not_chosen_again() -> None:
    notebook = Notebook(TASTE)
    notebook.add(["I drove along the empty road", "You left a candle in the night"])
    assert notebook.couplets()
    assert notebook.couplets(without=["you left a candle in the night"]) == []


def test_banned_words_copied_examples_and_gibberish_are_refused() -> None:
    notebook = Notebook(TASTE)
    for line in (
        "I walked beneath the neon sign",
        "I packed the truck before dawn",
        "Toreashaph kwel and brong",
    ):
        assert notebook.weight(line) == REFUSED


def test_a_line_about_the_theme_weighs_more_than_the_same_without() -> None:
    notebook = Notebook(TASTE)
    assert notebook.weight("I walked along the road with you") > notebook.weight(
        "I walked along the wall with you"
    )


def test_the_choice_is_the_same_whatever_order_equal_answers_came_in() -> None:
    answers = [
        ["I drove along the empty road", "You left a candle in the night"],
        ["My father kept a wooden boat", "I watched the slow and silver light"],
        ["You opened up the kitchen door", "I left my coat upon the floor"],
    ]
    chosen = set()
    for order in (answers, answers[::-1]):
        notebook = Notebook(TASTE)
        for lines in order:
            notebook.add(lines)
        pair = best_pair(notebook.couplets())
        assert pair is not None
        chosen.add(frozenset((*pair[0].lines, *pair[1].lines)))
    assert len(chosen) == 1


def test_other_languages_are_not_held_to_english_words() -> None:
    notebook = Notebook(Taste(about=frozenset(), english=False))
    assert notebook.weight("La pluie tombe sur la ville endormie") > REFUSED
