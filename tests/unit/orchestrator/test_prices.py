"""What calls may cost, and cost."""

import pytest

from services.orchestrator.domain import Usage
from services.orchestrator.models.catalog import Model
from services.orchestrator.models.prices import Known, estimated_tokens, price_of

PRICED = Model("m", "openai/m", input_usd_per_mtok=3, output_usd_per_mtok=15)
FREE = Model("m", "openai/m", free=True)
UNKNOWN = Model("m", "openai/m", ceiling_usd=0.25)


def test_the_most_is_never_less_than_what_the_answer_can_cost() -> None:
    price = price_of(PRICED, Known())
    most = price.most(prompt_bytes=4_000, messages=2, max_tokens=1_000)
    assert most >= price.cost(Usage(1_500, 1_000), most)
    assert most == 2_016 * 3 + 1_000 * 15


def test_settings_go_before_what_is_known() -> None:
    known = Known(input_usd=1e-6, output_usd=1e-6)
    assert price_of(PRICED, known).cost(Usage(10, 10), 0) == 10 * 3 + 10 * 15
    assert price_of(UNKNOWN, known).cost(Usage(10, 10), 0) == 20


def test_an_unknown_price_counts_as_the_ceiling_before_and_after() -> None:
    price = price_of(UNKNOWN, Known())
    most = price.most(prompt_bytes=10, messages=1, max_tokens=10)
    assert most == 250_000 == price.cost(Usage(3, 3), most)


def test_tokens_that_nobody_counted_cost_the_most() -> None:
    price = price_of(PRICED, Known())
    assert price.cost(Usage(), 777) == 777


def test_what_the_provider_s_side_reckoned_goes_before_our_own_sum() -> None:
    known = Known(input_usd=1e-6, output_usd=1e-6)
    assert price_of(UNKNOWN, known).cost(Usage(10, 10, cost_micro_usd=7), 100) == 7


def test_free_is_free() -> None:
    price = price_of(FREE, Known(input_usd=1.0, output_usd=1.0))
    assert price.most(10_000, 5, 10_000) == 0 == price.cost(Usage(10, 10, 5), 3)


def test_what_costs_anything_is_never_nothing() -> None:
    cheap = price_of(Model("m", "openai/m", input_usd_per_mtok=0.001, output_usd_per_mtok=0), Known())
    assert cheap.cost(Usage(1, 1), 100) == 1


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (FREE, "free"),
        (PRICED, "$3 / $15 per million tokens"),
        (UNKNOWN, "unknown: $0.25 a call"),
        (Model("m", "openai/m", kind="image", usd_per_image=0.04), "$0.04 a picture"),
    ],
)
def test_a_price_is_told(model: Model, told: str) -> None:
    assert price_of(model, Known()).told() == told


def test_a_picture_costs_its_price_or_the_ceiling() -> None:
    priced = price_of(Model("m", "openai/m", kind="image", usd_per_image=0.04), Known())
    assert priced.most_for_image() == 40_000 == priced.cost(Usage(), 40_000)
    unknown = price_of(Model("m", "openai/m", kind="image"), Known())
    assert unknown.most_for_image() == 250_000
    assert unknown.cost(Usage(cost_micro_usd=9), 250_000) == 9


def test_tokens_are_estimated_by_bytes() -> None:
    assert estimated_tokens(["x" * 400]) == pytest.approx(100, abs=10)
    assert estimated_tokens(["\u6b4c" * 100]) == pytest.approx(75, abs=10)
