"""How models, roles and attempts read."""

from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.table import Table

from aiartist.orchestrator.v1 import orchestrator_pb2 as orch
from cli.models_view import attempt_line, models_table, roles_table, troubles

NOW = 1_772_366_400.0


def model(name: str = "one", **fields: Any) -> orch.Model:
    return orch.Model(**{"name": name, "available": True, "kind": "chat", **fields})


def is_open(seconds: float | None = None, **fields: Any) -> orch.Breaker:
    breaker = orch.Breaker(state=orch.Breaker.STATE_OPEN, **fields)
    if seconds is not None:
        breaker.retry_at.CopyFrom(Timestamp(nanos=0, seconds=0))
        breaker.retry_at.FromNanoseconds(int((NOW + seconds) * 1e9))
    return breaker


def cells(table: Table) -> list[list[str]]:
    """The table's rows as words."""
    return [
        [str(text) for text in row] for row in zip(*(column.cells for column in table.columns), strict=True)
    ]


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, "ready"),
        ({"breaker": orch.Breaker(state=orch.Breaker.STATE_CLOSED, outcome="timeout")}, "ready"),
        (
            {"available": False, "unavailable_reason": "OPENAI_API_KEY is not set"},
            "left out: OPENAI_API_KEY is not set",
        ),
        ({"available": False}, "left out"),
        ({"breaker": is_open(12, outcome="rate_limited")}, "open: rate_limited, tried again in 12 s"),
        ({"breaker": is_open(11.2, outcome="timeout")}, "open: timeout, tried again in 12 s"),
        ({"breaker": is_open(90, outcome="bad_key")}, "open: bad_key, tried again in 1m 30s"),
        ({"breaker": is_open(-3, outcome="timeout")}, "open: timeout, tried again with the next call"),
        ({"breaker": is_open()}, "open: failed"),
        ({"breaker": orch.Breaker(state=orch.Breaker.STATE_HALF_OPEN)}, "half-open: next call is a probe"),
    ],
)
def test_a_model_is_ready_or_says_why_not(fields: dict[str, Any], state: str):
    (row,) = cells(models_table(orch.ListModelsResponse(models=[model(**fields)]), now=NOW))
    assert row[3] == state


def test_a_row_of_a_model_has_what_it_is_and_costs():
    one = model(litellm_model="openai/gpt-5", price="$3 / $15 per million tokens", concurrency=4)
    (row,) = cells(models_table(orch.ListModelsResponse(models=[one]), now=NOW))
    assert row == ["one", "openai/gpt-5", "chat", "ready", "$3 / $15 per million tokens", "4"]


def test_the_widest_model_fits_a_hundred_columns_and_loses_no_word():
    one = model(
        name="anthropic-of-europe",
        litellm_model="bedrock/eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
        price="unknown: $0.25 a call",
        breaker=is_open(12, outcome="context_too_small"),
    )
    console = Console(width=100, force_terminal=False)
    with console.capture() as captured:
        console.print(models_table(orch.ListModelsResponse(models=[one]), now=NOW))
    shown = captured.get()
    assert max(len(line) for line in shown.splitlines()) <= 100
    assert "…" not in shown


def test_a_role_shows_its_list_in_rank_order_and_whom_it_asks_now():
    response = orch.ListModelsResponse(
        models=[
            model("first", available=False),
            model("second", breaker=is_open(5)),
            model("third", breaker=orch.Breaker(state=orch.Breaker.STATE_HALF_OPEN)),
            model("fourth"),
        ],
        roles=[
            orch.Role(name="songwriter", models=["first", "second", "third", "fourth"]),
            orch.Role(name="analyst", models=["second", "first"]),
        ],
    )
    assert cells(roles_table(response)) == [
        ["songwriter", "third", "first (left out), second (open), third, fourth"],
        ["analyst", "nobody", "second (open), first (left out)"],
    ]


def test_models_that_fail_say_what_happened_and_recovered_ones_do_not():
    response = orch.ListModelsResponse(
        models=[
            model("dead", breaker=is_open(5, detail="connection refused")),
            model("well", breaker=orch.Breaker(state=orch.Breaker.STATE_CLOSED, detail="was slow once")),
        ]
    )
    assert troubles(response) == ["dead: connection refused"]


@pytest.mark.parametrize(
    ("attempt", "line"),
    [
        (
            orch.Attempt(model="openai/gpt-5", outcome="rate_limited", latency_ms=310, detail="slow down"),
            "openai/gpt-5: rate_limited after 0.3 s: slow down",
        ),
        (
            orch.Attempt(model="openai/gpt-5", outcome="breaker_open", skipped=True),
            "openai/gpt-5: passed over, breaker_open",
        ),
        (
            orch.Attempt(model="openai/local", outcome="ok", latency_ms=1_200, cost_micro_usd=4_200),
            "openai/local: ok after 1.2 s, $0.0042",
        ),
    ],
)
def test_an_attempt_is_a_line(attempt: orch.Attempt, line: str):
    assert attempt_line(attempt) == line


def test_what_a_provider_says_commands_no_terminal():
    told = orch.Attempt(model="m", outcome="server_error", detail="\x1b[2J\nboom")
    assert "\x1b" not in attempt_line(told)
    assert "\n" not in attempt_line(told)
