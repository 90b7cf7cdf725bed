"""What is sent to one model for one question, and what its answer must be."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from services.orchestrator.domain import Ask, Completion, Drawing, Message, Question, UpstreamError, Usage
from services.orchestrator.gateway.ledger import call_id
from services.orchestrator.gateway.outgoing import clean, cleaned, cleaned_schema
from services.orchestrator.gateway.structured import BadJson, parse
from services.orchestrator.models.catalog import Model, Role
from services.orchestrator.models.prices import estimated_tokens
from services.orchestrator.upstream import Call, Heard, ImageCall, Upstream
from services.orchestrator.upstream.common import whole_characters


class BadJsonAnswer(UpstreamError):
    """An answer that is not the JSON that was asked for; `problem` says why, for the model."""

    def __init__(self, completion: Completion, problem: str) -> None:
        super().__init__("bad_json", clean(problem)[:500], completion.usage)
        self.text = completion.text
        self.problem = problem


class ChatTrip:
    """A question in words to one model."""

    def __init__(
        self,
        upstream: Upstream,
        ask: Ask,
        role: Role,
        model: Model,
        messages: tuple[Message, ...],
        *,
        max_tokens: int,
        heard: Heard | None,
    ) -> None:
        self._upstream = upstream
        self._ask = ask
        self._model = model
        self._heard = heard
        self._texts: list[str] = []
        self._call = Call(
            messages=cleaned(messages),
            max_tokens=max_tokens,
            params=_params(ask, role, model),
            json_schema=cleaned_schema(ask.json_schema),
            grammar=ask.grammar if model.grammar else "",
            heard=None if heard is None else self._hear,
        )

    @property
    def prompt_bytes(self) -> int:
        """How much is asked, in UTF-8."""
        return sum(len(message.content.encode()) for message in self._call.messages) + _schema_bytes(
            self._ask
        )

    @property
    def prompt_tokens(self) -> int:
        """About how many tokens are asked."""
        texts = [message.content for message in self._call.messages]
        return estimated_tokens(texts) + _schema_bytes(self._ask) // 4

    @property
    def messages(self) -> int:
        return len(self._call.messages)

    async def go(self, number: int) -> Completion:
        """The usable answer; UpstreamError where there is none, BadJsonAnswer where it breaks its schema."""
        call = replace(self._call, idempotency_key=_key(self._ask, number))
        completion = await self._upstream.complete(self._model, call)
        schema = self._ask.json_schema
        if schema is None:
            return completion
        try:
            # JSON may write halves of characters as `\ud800`, which no record holds.
            answer = whole_characters(_canonical(parse(completion.text, schema)))
            return Completion(answer, completion.usage)
        except BadJson as error:
            raise BadJsonAnswer(completion, str(error)) from error

    def paid(self) -> Usage:
        """By what had come of the answer."""
        if not self._texts:
            return Usage()
        return Usage(self.prompt_tokens, estimated_tokens(["".join(self._texts)]))

    @property
    def was_heard(self) -> bool:
        """True where the listener has heard a part of the answer."""
        return bool(self._texts) and self._ask.json_schema is None

    def _hear(self, text: str) -> None:
        self._texts.append(text)
        # An answer in JSON is valid only when it is whole.
        if self._heard is not None and self._ask.json_schema is None:
            self._heard(text)


class DrawingTrip:
    """An order for a picture to one model."""

    def __init__(self, upstream: Upstream, drawing: Drawing, role: Role, model: Model) -> None:
        self._upstream = upstream
        self._drawing = drawing
        self._model = model
        width, height = _nearest(model, drawing.width, drawing.height)
        self._call = ImageCall(
            prompt=clean(drawing.prompt),
            width=width,
            height=height,
            params={**model.params, **role.params},
        )

    async def go(self, number: int) -> Completion:
        """The picture; UpstreamError where there is none."""
        call = replace(self._call, idempotency_key=_key(self._drawing, number))
        return await self._upstream.draw(self._model, call)

    def paid(self) -> Usage:
        """Nothing that could be told."""
        return Usage()


def _params(ask: Ask, role: Role, model: Model) -> Mapping[str, Any]:
    params = {**model.params, **role.params}
    if ask.temperature is not None:
        params["temperature"] = ask.temperature
    if ask.seed is not None:
        params["seed"] = ask.seed
    return params


def _key(question: Question, number: int) -> str:
    return f"{call_id(question.request_id)}-{number}"


def _schema_bytes(ask: Ask) -> int:
    return len(json.dumps(ask.json_schema)) if ask.json_schema is not None else 0


def _nearest(model: Model, width: int, height: int) -> tuple[int, int]:
    """The model's size that is most like the wanted one: first in its proportions, then in its area."""
    if not model.sizes:
        return width, height

    def unlike(size: tuple[int, int]) -> tuple[float, int]:
        return (abs(size[0] / size[1] - width / height), abs(size[0] * size[1] - width * height))

    return min(model.sizes, key=unlike)


def _canonical(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
