"""How much of what is known fits into a question."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.error_analyzer.diagnosis.budget import MAX_LABEL, MAX_MATERIAL, Budget, tokens_of

LINES = st.lists(st.text(st.characters(exclude_characters="\n"), max_size=80), max_size=40)


@given(
    st.integers(0, 400),
    st.lists(
        st.tuples(LINES, st.none() | st.integers(0, 200), st.sampled_from(["head", "tail", "around"])),
        max_size=6,
    ),
    st.integers(-3, 60),
)
def test_no_budget_is_passed_and_no_line_is_divided(
    tokens: int, parts: list[tuple[list[str], int | None, str]], around: int
) -> None:
    budget = Budget(tokens)
    for lines, most, keep in parts:
        before = budget.left
        if not budget.add("a label", lines, most=most, keep=keep, around=around):
            assert budget.left == before
            continue
        text = budget.materials[-1].text
        kept = [line for line in text.split("\n") if not line.endswith(" lines left out]")]
        assert all(line in lines for line in kept)
        assert before - budget.left <= (most if most is not None else before)
    assert budget.left >= 0
    assert sum(tokens_of(made.label) + tokens_of(made.text) for made in budget.materials) <= tokens


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        ("head", ["line 0", "line 1", "line 2", "[97 lines left out]"]),
        ("tail", ["[97 lines left out]", "line 97", "line 98", "line 99"]),
        ("around", ["[49 lines left out]", "line 49", "line 50", "line 51", "[48 lines left out]"]),
    ],
)
def test_what_does_not_fit_is_marked(keep: str, kept: list[str]) -> None:
    budget = Budget(1_000)
    assert budget.add("log", [f"line {number}" for number in range(100)], most=46, keep=keep, around=50)
    assert budget.materials[0].text.split("\n") == kept


def test_a_material_is_within_what_orchestrator_takes() -> None:
    budget = Budget(1_000_000)
    assert budget.add("la\nbel" * 40, ["y" * 100] * 1_000)
    (made,) = budget.materials
    assert len(made.label) <= MAX_LABEL
    assert "\n" not in made.label
    assert len(made.text) <= MAX_MATERIAL
    assert not all(budget.add("more", ["z"]) for _ in range(60))
