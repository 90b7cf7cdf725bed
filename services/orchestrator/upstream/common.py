"""What every way to a model shares: JSON modes, what an answer must have, names for failures."""

import re
from collections.abc import Mapping
from typing import Any

from services.orchestrator.catalog import JsonMode, Model
from services.orchestrator.domain import Completion, Outcome, UpstreamError, Usage
from services.orchestrator.structured import instruction
from services.orchestrator.upstream.call import Call

MAX_DETAIL = 300

_KEY_LIKE = re.compile(r"\b(?:sk|pk|xai|gsk|AIza)[-_A-Za-z0-9]{10,}|(?i:bearer)\s+\S+")
_FILTERED = re.compile(r"content[ _](?:filter|management policy|policy)", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"context[ _](?:length|window|size)|maximum context|exceeds? the .*context", re.IGNORECASE
)
_BY_STATUS: Mapping[int, Outcome] = {
    400: "bad_request",
    401: "bad_key",
    402: "bad_key",
    403: "bad_key",
    404: "bad_request",
    408: "timeout",
    413: "context_too_small",
    422: "bad_request",
    429: "rate_limited",
}


def messages_for(call: Call, mode: JsonMode) -> list[dict[str, str]]:
    """The chat as providers take it; the schema in words where nothing else holds the model to it."""
    messages = [{"role": message.role, "content": message.content} for message in call.messages]
    if call.json_schema is not None and mode != "schema":
        messages[-1]["content"] += f"\n\n{instruction(call.json_schema)}"
    return messages


def response_format(call: Call, mode: JsonMode) -> dict[str, Any]:
    """The argument that turns a provider's JSON mode on; empty where there is nothing to turn on."""
    if call.json_schema is None or mode == "none":
        return {}
    if mode == "object":
        return {"response_format": {"type": "json_object"}}
    wanted = {"name": "answer", "schema": dict(call.json_schema)}
    return {"response_format": {"type": "json_schema", "json_schema": wanted}}


def completion(text: str | None, finish_reason: str | None, usage: Usage) -> Completion:
    """A usable answer; UpstreamError names what is wrong with one that isn't."""
    text = (text or "").strip()
    if finish_reason == "content_filter":
        raise UpstreamError("content_filter", "the provider's filter stopped the answer", usage)
    if finish_reason == "length":
        detail = f"the answer stopped at its limit of tokens, after {len(text)} characters"
        raise UpstreamError("cut_off", detail, usage)
    if not text:
        raise UpstreamError("empty_answer", "the answer is empty", usage)
    return Completion(text, usage)


def outcome_of(status: int, text: str) -> Outcome:
    """The name of a refusal, by its HTTP status and what it says."""
    if status < 500 and _FILTERED.search(text):
        return "content_filter"
    if status == 400 and _TOO_LONG.search(text):
        return "context_too_small"
    return _BY_STATUS.get(status, "server_error")


def scrubbed(text: str, model: Model) -> str:
    """An error's text, short and without keys."""
    if model.api_key is not None:
        text = text.replace(model.api_key.get_secret_value(), "********")
    return " ".join(_KEY_LIKE.sub("********", text).split())[:MAX_DETAIL]
