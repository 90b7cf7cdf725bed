"""Whether a line could be a sentence."""

import pytest

from services.orchestrator.song.sense import ends_well, hangs, stumbles


@pytest.mark.parametrize(
    "line",
    [
        "i lay on my bed with your headlights on",
        "you laughed at the end of the road",
        "it was a memory in my mind",
        "we took the first train home yesterday morning",
    ],
)
def test_plain_sentences_do_not_stumble(line: str) -> None:
    assert stumbles(line.split()) == 0
    assert ends_well(line.split())
    assert not hangs(line.split())


@pytest.mark.parametrize(
    "line",
    ["i is the moon", "night roads was mine", "he was the a moment", "i could the door", "the the light"],
)
def test_neighbours_that_do_not_go_together_are_noticed(line: str) -> None:
    assert stumbles(line.split()) > 0


@pytest.mark.parametrize(
    "line", ["i watch you and the", "the light that's", "the place where we'd", "i knew it wasn't"]
)
def test_a_line_must_not_end_in_the_air(line: str) -> None:
    assert not ends_well(line.split())


@pytest.mark.parametrize("line", ["my arms around you as i watch", "it was the most beautiful"])
def test_half_a_thought_at_the_end_hangs(line: str) -> None:
    assert hangs(line.split())
