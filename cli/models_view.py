"""The models and roles of an orchestrator, as tables for people."""

import math
from collections.abc import Mapping

from rich.table import Table
from rich.text import Text

from aiartist.orchestrator.v1 import orchestrator_pb2 as orch
from cli.output import cell, listing
from cli.texts import ABSENT, amount, duration, plain, seconds_of

_WHOLE_NAME = 32
"""A model's name of so many characters stays on one line."""
_LEFT_OUT, _OPEN, _HALF_OPEN = "dim", "red", "yellow"


def models_table(response: orch.ListModelsResponse, *, now: float) -> Table:
    """A row for each configured model. `now` in seconds since 1970."""
    table = listing("model", "litellm name", "kind", "state", "price", "at once", right=("at once",))
    folded = [table.columns[3], table.columns[4]]
    if max((len(model.litellm_model) for model in response.models), default=0) > _WHOLE_NAME:
        folded.append(table.columns[1])
    for column in folded:
        column.no_wrap, column.overflow = False, "fold"
    for model in response.models:
        table.add_row(
            cell(model.name, 20),
            cell(model.litellm_model),
            cell(model.kind),
            _state(model, now),
            cell(model.price),
            f"{model.concurrency}",
        )
    return table


def roles_table(response: orch.ListModelsResponse) -> Table:
    """A row for each role: whom the next call goes to, and the whole list, those out of reach marked."""
    known = {model.name: model for model in response.models}
    table = listing("role", "asks now", "models in rank order")
    table.columns[2].no_wrap, table.columns[2].overflow = False, "fold"
    for role in response.roles:
        callable_now = [name for name in role.models if not _why_not(known, name)]
        asked = cell(callable_now[0], 20) if callable_now else Text("nobody", style="red")
        ranked = Text(", ").join(_ranked(known, name) for name in role.models)
        table.add_row(cell(role.name, 20), asked, ranked)
    return table


def troubles(response: orch.ListModelsResponse) -> list[str]:
    """What models that fail said last, a line each."""
    return [
        f"{plain(model.name)}: {plain(model.breaker.detail)}"
        for model in response.models
        if model.breaker.detail
        and model.breaker.state in (orch.Breaker.STATE_OPEN, orch.Breaker.STATE_HALF_OPEN)
    ]


def _state(model: orch.Model, now: float) -> Text:
    breaker = model.breaker
    if not model.available:
        reason = plain(model.unavailable_reason)
        return Text(f"left out: {reason}" if reason else "left out", style=_LEFT_OUT)
    if breaker.state == orch.Breaker.STATE_OPEN:
        words = [f"open: {plain(breaker.outcome) or 'failed'}"]
        if breaker.HasField("retry_at"):
            words.append(f"tried again {until(seconds_of(breaker.retry_at) - now)}")
        return Text(", ".join(words), style=_OPEN)
    if breaker.state == orch.Breaker.STATE_HALF_OPEN:
        return Text("half-open: next call is a probe", style=_HALF_OPEN)
    return Text("ready", style="green")


def until(seconds: float) -> str:
    """For example `in 12 s`, or `with the next call` where the time has come."""
    whole = math.ceil(seconds)
    if whole <= 0:
        return "with the next call"
    return f"in {whole} s" if whole < 60 else f"in {duration(whole)}"


def _why_not(known: Mapping[str, orch.Model], name: str) -> str:
    """Why a model can't be called now; empty where it can."""
    model = known.get(name)
    if model is None or not model.available:
        return "left out"
    return "open" if model.breaker.state == orch.Breaker.STATE_OPEN else ""


def _ranked(known: Mapping[str, orch.Model], name: str) -> Text:
    why_not = _why_not(known, name)
    if not why_not:
        return cell(name)
    return Text(f"{plain(name)} ({why_not})", style=_OPEN if why_not == "open" else _LEFT_OUT)


def attempt_line(attempt: orch.Attempt) -> str:
    """For example `openai/gpt-5: rate_limited after 0.3 s: slow down`."""
    model, outcome = plain(attempt.model), plain(attempt.outcome) or ABSENT
    detail = f": {plain(attempt.detail)}" if attempt.detail else ""
    if attempt.skipped:
        return f"{model}: passed over, {outcome}{detail}"
    return f"{model}: {outcome} after {duration(attempt.latency_ms / 1000)}{_cost(attempt)}{detail}"


def _cost(attempt: orch.Attempt) -> str:
    return f", {amount(attempt.cost_micro_usd)}" if attempt.cost_micro_usd else ""
