"""Answers that come in pieces, put together; also those that break off."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.orchestrator.domain import Completion, UpstreamError, Usage
from services.orchestrator.models.prices import estimated_tokens
from services.orchestrator.upstream.call import Call
from services.orchestrator.upstream.common import completion, text_of, usage_of, whole_characters
from services.orchestrator.upstream.patience import Patience
from services.orchestrator.upstream.sse import data_of

DONE = "[DONE]"


@dataclass(slots=True)
class Pieces:
    """One streamed answer so far."""

    call: Call
    patience: Patience
    usage: Usage = field(default_factory=Usage)
    finish_reason: str | None = None
    _texts: list[str] = field(default_factory=list)
    _half: str = ""

    def __post_init__(self) -> None:
        self.patience.paid = self.paid

    @property
    def begun(self) -> bool:
        """True as soon as a part of the answer is here."""
        return bool(self._texts)

    def paid(self) -> Usage:
        """What an answer took that breaks off now: as its tokens are told, else as they are estimated."""
        if self.usage.counted or not self._texts:
            return self.usage
        asked = estimated_tokens(message.content for message in self.call.messages)
        return Usage(asked, estimated_tokens(["".join(self._texts)]))

    def add(self, content: object, finish_reason: str | None) -> None:
        """One more piece; the listener hears it."""
        self.finish_reason = finish_reason or self.finish_reason
        text = self._half + text_of(content)
        # The first half of a character may come with one piece and its second with the next.
        self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        text = whole_characters(text.removesuffix(self._half))
        if text:
            self.patience.began()
            self._texts.append(text)
            if self.call.heard is not None:
                self.call.heard(text)

    def thought(self) -> None:
        """The model thinks aloud: it is at work, though nothing of the answer is here."""
        self.patience.began()

    def whole(self) -> Completion:
        """The answer; UpstreamError `cut_off` where its end never came."""
        if self.finish_reason is None:
            raise self.broken("the stream ended in the middle of the answer")
        return completion("".join(self._texts), self.finish_reason, self.usage)

    def broken(self, detail: str) -> UpstreamError:
        """An answer that broke off; what had come of it was paid for."""
        if not self.begun:
            return UpstreamError("unreachable", detail)
        return UpstreamError(
            "cut_off", f"{detail}, after {len(''.join(self._texts))} characters", self.paid()
        )


async def events(parts: AsyncIterator[bytes]) -> AsyncIterator[Mapping[str, Any]]:
    """The JSON objects of a stream of server-sent events, up to `[DONE]`; ValueError where one is none."""
    async for data in data_of(parts):
        if data.strip() == DONE:
            return
        event = json.loads(data)
        if not isinstance(event, dict):
            raise ValueError("an event is no JSON object")
        yield event


def add_chunk(pieces: Pieces, chunk: Mapping[str, Any]) -> None:
    """One chunk of OpenAI's chat completions; UpstreamError where it tells of an error."""
    if error := chunk.get("error"):
        raise pieces.broken(f"the server broke off: {str(error)[:200]}")
    if counted := chunk.get("usage"):
        pieces.usage = usage_of(counted)
    for choice in (chunk.get("choices") or ())[:1]:
        delta = choice.get("delta") or {}
        if delta.get("reasoning_content") or delta.get("reasoning"):
            pieces.thought()
        pieces.add(delta.get("content"), choice.get("finish_reason"))
