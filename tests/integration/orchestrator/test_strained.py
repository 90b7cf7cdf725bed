"""Operators are told when 80 % and when all of a budget is spent: once each."""

from collections.abc import Callable
from typing import Any

from aiartist.notifier.v1 import notifier_pb2
from tests.support.fake_upstream import Say

Start = Callable[..., Any]
PRICED = {"MODELS__FIRST__INPUT_USD_PER_MTOK": "1", "MODELS__FIRST__OUTPUT_USD_PER_MTOK": "10"}


async def spend(orchestrator: Any, request_id: str, micro_usd: int, **more: Any) -> None:
    """One answer that costs so much."""
    orchestrator.upstream.next("first", Say("good", usage=(micro_usd, 0)))
    await orchestrator.ask(request_id, max_tokens=1, **more)


async def test_80_percent_is_a_warning_and_all_of_it_an_error(start: Start) -> None:
    orchestrator = await start(**PRICED)
    orchestrator.artist_db.limit_micro_usd = 100_000
    await spend(orchestrator, "r-1", 79_000, artist_id="art_1")
    await spend(orchestrator, "r-2", 1_500, artist_id="art_1")
    await spend(orchestrator, "r-3", 1_000, artist_id="art_1")
    await spend(orchestrator, "r-4", 18_500, artist_id="art_1")
    await orchestrator.notifier.until_told(2)
    nearly, wholly = orchestrator.notifier.told_about(notifier_pb2.TOPIC_BUDGET)
    assert nearly.severity == notifier_pb2.SEVERITY_WARNING
    assert nearly.title == "80 % of a budget is spent: artist art_1"
    assert nearly.body == (
        "$0.0805 of $0.10 is spent, $0.0195 is left.\n"
        "Raise it with: aiartist budget set artist --artist art_1 USD"
    )
    assert (nearly.artist_id, nearly.run_id) == ("art_1", "")
    assert wholly.severity == notifier_pb2.SEVERITY_ERROR
    assert wholly.title == "100 % of a budget is spent: artist art_1"
    assert wholly.body.startswith("$0.10 of $0.10 is spent, $0.00 is left.\n")


async def test_the_labels_day_is_told_by_its_name(start: Start) -> None:
    orchestrator = await start(**PRICED)
    orchestrator.artist_db.limit_micro_usd = 100_000
    await spend(orchestrator, "r-1", 90_000)
    await orchestrator.notifier.until_told(1)
    (told,) = orchestrator.notifier.told.values()
    assert told.title == "80 % of a budget is spent: the label's day"
    assert told.body.endswith("Raise it with: aiartist budget set day USD")
    assert (told.artist_id, told.run_id) == ("", "")


async def test_replicas_and_restarts_say_it_once_and_the_next_day_anew(start: Start) -> None:
    one, other = await start(**PRICED), await start(**PRICED)
    one.artist_db.limit_micro_usd = 100_000
    await spend(one, "r-1", 81_000)
    await spend(other, "r-2", 1_000)
    one.artist_db.today = "2026-03-02"
    await spend(one, "r-3", 1_000)
    await one.notifier.until_told(2)
    assert [told.title for told in one.notifier.told.values()] == [
        "80 % of a budget is spent: the label's day"
    ] * 2


async def test_a_budget_that_is_not_strained_is_nobodys_news(start: Start) -> None:
    orchestrator = await start(**PRICED)
    orchestrator.artist_db.limit_micro_usd = 100_000
    await spend(orchestrator, "r-1", 79_999)
    await spend(orchestrator, "r-2", 1)
    await orchestrator.notifier.until_told(1)
    assert len(orchestrator.notifier.told) == 1
