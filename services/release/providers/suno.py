"""Suno-style REST: what services that resell Suno speak, as told by https://docs.sunoapi.org.

`POST /api/v1/generate` gives a task, `GET /api/v1/generate/record-info?taskId=` tells how it stands and, at
its end, where its songs are (two of them for one price); every answer is wrapped as `{"code", "msg", "data"}`
under HTTP 200. See its pages suno-api/generate-music and suno-api/get-music-generation-details.

Codes differ between resellers: 402 and, at some, 429 mean that there is no credit left; 430 and, at others,
429 that calls come too fast; 455 is maintenance. `callBackUrl` is demanded even of those who poll. Whether
an `Idempotency-Key` is heeded is not told anywhere; it is sent.
"""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from services.release.providers.api import Api, outcome_of, readable
from services.release.providers.origins import same_origin
from services.release.providers.provider import Order, Outcome, ProviderError, Song
from services.release.providers.words import is_instrumental, lyrics, style, title, wanted_s

CALLBACK = "https://callback.invalid/"
"""A name that leads nowhere (RFC 2606): nobody else is told of the song."""

_OLD_MODEL = "V4"
_MOST_LYRICS, _MOST_LYRICS_OLD = 5_000, 3_000
_MOST_STYLE, _MOST_STYLE_OLD = 1_000, 200
_MOST_TITLE = 80
_AT_WORK = frozenset({"PENDING", "TEXT_SUCCESS", "FIRST_SUCCESS", "GENERATING"})
_DONE = "SUCCESS"
_CALLBACK_FAILED = "CALLBACK_EXCEPTION"
_BY_CODE: Mapping[int, Outcome] = {405: "rate_limited", 430: "rate_limited", 455: "server_error"}
_NO_CREDIT = re.compile(r"credit|balance|insufficient|积分|余额", re.IGNORECASE)
_FILTERED = re.compile(r"sensitive|prohibited|copyright|artist name|moderat|policy", re.IGNORECASE)


class Suno:
    """One account at one such service."""

    name = "suno"

    def __init__(self, url: str, key: SecretStr | None, model: str, price_micro_usd: int) -> None:
        self._api = Api(url, key)
        self._asked = model
        self.address = self._api.base_url
        self.model = f"suno/{model}"
        self.price_micro_usd = price_micro_usd

    async def submit(self, order: Order, key: str) -> str:
        """See `RemoteProvider.submit`."""
        data = self._data(await self._api.post("/api/v1/generate", self._wanted(order), key=key))
        with readable():
            task = data["taskId"]
            if not isinstance(task, str) or not task:
                raise TypeError("the task's id is no text")
            return task

    async def poll(self, task: str, order: Order) -> tuple[Song, ...] | None:
        """See `RemoteProvider.poll`. The first is the song whose length is nearest to the brief's."""
        try:
            data = self._data(await self._api.get("/api/v1/generate/record-info", {"taskId": task}))
        except ProviderError as error:
            if error.outcome in ("unknown_address", "bad_request"):
                # The address was right when the task was ordered: it is the task that is not found.
                raise ProviderError("forgotten", error.detail) from error
            raise
        if not data:
            raise ProviderError("forgotten", "the service does not know the task any more")
        with readable():
            status = str(data["status"])
            if status in _AT_WORK:
                return None
            if status in (_DONE, _CALLBACK_FAILED):
                songs = _songs(data.get("response") or {}, order)
                if songs:
                    return songs
                if status == _CALLBACK_FAILED:
                    # Nobody hears its calls, which is no reason for it to stop.
                    return None
                raise ProviderError("empty_song", "the task succeeded and has no song")
            why = f"{status}: {data.get('errorMessage') or 'no reason is told'}"
        if status.startswith("SENSITIVE"):
            raise ProviderError("content_filter", self._api.scrubbed(why))
        raise ProviderError("task_failed", self._api.scrubbed(why))

    def headers_for(self, url: str) -> dict[str, str]:
        """See `RemoteProvider.headers_for`."""
        return self._api.headers() if same_origin(url, self.address) else {}

    async def close(self) -> None:
        """See `RemoteProvider.close`."""
        await self._api.close()

    def _wanted(self, order: Order) -> dict[str, Any]:
        old = self._asked == _OLD_MODEL
        instrumental = is_instrumental(order.brief)
        body: dict[str, Any] = {
            "customMode": True,
            "instrumental": instrumental,
            "model": self._asked,
            "style": style(
                order.brief, order.note, _MOST_STYLE_OLD if old else _MOST_STYLE, with_length=True
            ),
            "title": title(order.brief, _MOST_TITLE),
            "callBackUrl": CALLBACK,
        }
        if not instrumental:
            body["prompt"] = lyrics(order.brief, _MOST_LYRICS_OLD if old else _MOST_LYRICS)
        return body

    def _data(self, answer: Any) -> Any:
        """What is in the wrapper; ProviderError where its code tells of an error."""
        with readable():
            code, message = int(answer["code"]), str(answer.get("msg") or "")
            if code == 200:
                return answer["data"]
        detail = self._api.scrubbed(f"code {code}: {message}")
        raise ProviderError(_outcome(code, message), detail)


def _outcome(code: int, message: str) -> Outcome:
    if code == 429 and _NO_CREDIT.search(message):
        return "no_credit"
    if code in (400, 422) and _FILTERED.search(message):
        return "content_filter"
    return _BY_CODE.get(code) or outcome_of(code)


def _songs(response: Mapping[str, Any], order: Order) -> tuple[Song, ...]:
    """Those that can be fetched; their order in the answer counts where they are as long."""
    entries = response.get("sunoData") or response.get("data") or []
    wanted = wanted_s(order.brief)
    found = []
    for entry in entries:
        url = entry.get("audioUrl") or entry.get("audio_url") or entry.get("sourceAudioUrl") or ""
        if not isinstance(url, str):
            raise TypeError("a song's address is no text")
        if url:
            off = abs(float(entry.get("duration") or 0.0) - wanted)
            found.append((off, Song(url, str(entry.get("modelName") or ""))))
    return tuple(song for _, song in sorted(found, key=lambda each: each[0]))
