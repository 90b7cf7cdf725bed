"""What every way to a model shares: JSON modes, what an answer must have, names for failures."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from services.chassis.logs import mask_text
from services.chassis.redaction import redact
from services.orchestrator.domain import Completion, Outcome, UpstreamError, Usage
from services.orchestrator.gateway.structured import instruction
from services.orchestrator.models.catalog import JsonMode, Model
from services.orchestrator.upstream.call import Call

MAX_DETAIL = 300
MOST_TOKENS = 2**32 - 1
"""That a record holds."""
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What an answer that has another form than it should raises while it is read."""
_FILTERED = re.compile(r"content[ _](?:filter|management policy|policy)", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"context[ _](?:length|window|size)|maximum context|exceeds? the .*context", re.IGNORECASE
)
_BY_STATUS: Mapping[int, Outcome] = {
    400: "bad_request",
    401: "bad_key",
    402: "bad_key",
    403: "bad_key",
    404: "unknown_model",
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


def completion(content: object, finish_reason: object, usage: Usage) -> Completion:
    """A usable answer; UpstreamError names what is wrong with one that isn't."""
    text = whole_characters(text_of(content)).strip()
    if finish_reason == "content_filter":
        raise UpstreamError("content_filter", "the provider's filter stopped the answer", usage)
    if finish_reason == "length":
        detail = f"the answer stopped at its limit of tokens, after {len(text)} characters"
        raise UpstreamError("cut_off", detail, usage)
    if not text:
        raise UpstreamError("empty_answer", "the answer is empty", usage)
    return Completion(text, usage)


def whole_characters(text: str) -> str:
    """The text with the halves of characters put together, and those that stand alone replaced."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def text_of(content: object) -> str:
    """The text of an answer's content: a string, or parts of which some are text; TypeError: neither."""
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, list):
        return "".join(text_of(part.get("text")) for part in content if isinstance(part, dict))
    raise TypeError("the content is no text")


def outcome_of(status: int, text: str) -> Outcome:
    """The name of a refusal, by its HTTP status and what it says."""
    if status < 500 and _FILTERED.search(text):
        return "content_filter"
    if status == 400 and _TOO_LONG.search(text):
        return "context_too_small"
    return _BY_STATUS.get(status, "server_error")


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds after which a provider wants to be asked again, by its answer's headers; None: it did not say.

    `Retry-After` of RFC 9110, section 10.2.3, in seconds or as a date, and `retry-after-ms`, which is finer.
    """
    told = {name.lower(): value.strip() for name, value in headers.items()}
    try:
        if "retry-after-ms" in told:
            return _positive(float(told["retry-after-ms"]) / 1_000)
        value = told.get("retry-after", "")
        return _positive(float(value)) if value else None
    except ValueError:
        return _until(told.get("retry-after", ""))


def _positive(seconds: float) -> float | None:
    """None also where a provider asks for no patience at all: it gave no answer all the same."""
    return seconds if seconds > 0 else None


def _until(date: str) -> float | None:
    try:
        when = parsedate_to_datetime(date)
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return _positive((when - datetime.now(UTC)).total_seconds())


def usage_of(counted: Mapping[str, Any]) -> Usage:
    """The tokens of an answer's `usage`; AttributeError, TypeError or ValueError where it is none."""
    return Usage(_tokens(counted.get("prompt_tokens")), _tokens(counted.get("completion_tokens")))


def _tokens(counted: Any) -> int:
    """A count of tokens as it is told; 0 where that can be none."""
    try:
        number = int(counted or 0)
    except OverflowError:
        return 0
    return number if 0 <= number <= MOST_TOKENS else 0


def scrubbed(text: str, model: Model) -> str:
    """An error's text, short and without secrets."""
    if model.api_key is not None:
        text = text.replace(model.api_key.get_secret_value(), "********")
    return " ".join(redact(mask_text(whole_characters(text[:2_000]))).split())[:MAX_DETAIL]
