"""ACE-Step 1.5, a music model that anybody can run, by the REST API of its own server.

`POST /release_task` gives a task, `POST /query_result` tells how it stands (0 at work, 1 done, 2 failed)
with a `result` that is JSON within JSON, `GET /v1/audio?path=` gives the file; every answer is wrapped as
`{"data", "code", "error", "timestamp", "extra"}`. As told by https://github.com/ace-step/ACE-Step-1.5,
docs/en/API.md.

What that page does not tell, and its server does: a task that it does not know is "at work" with an empty
list of results (acestep/api/http/query_result_route_test.py), and a task that made no file is a success
whose `file` is empty (acestep/api/jobs/local_cache_updates.py).
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urljoin

from pydantic import SecretStr

from services.release.providers.api import Api, readable
from services.release.providers.origins import same_origin
from services.release.providers.provider import Order, ProviderError, Song
from services.release.providers.words import is_instrumental, lyrics, style, wanted_s

_MOST_STYLE, _MOST_LYRICS = 1_000, 5_000
_LENGTH_S = (10.0, 600.0)
_TEMPO_BPM = (30, 300)
_SEEDS = 2**32
_AT_WORK, _DONE = 0, 1


class AceStep:
    """One ACE-Step server. It costs nothing but its owner's electricity."""

    name = "acestep"
    model = "acestep/1.5"
    price_micro_usd = 0

    def __init__(self, url: str, key: SecretStr | None) -> None:
        self._api = Api(url, key)
        self.address = self._api.base_url

    async def submit(self, order: Order, key: str) -> str:
        """See `RemoteProvider.submit`. The server knows no keys: a repeated order is another task."""
        data = _data(await self._api.post("/release_task", _wanted(order), key=key), self._api)
        with readable():
            task = data["task_id"]
            if not isinstance(task, str) or not task:
                raise TypeError("the task's id is no text")
            return task

    async def poll(self, task: str, order: Order) -> tuple[Song, ...] | None:
        """See `RemoteProvider.poll`."""
        data = _data(await self._api.post("/query_result", {"task_id_list": [task]}), self._api)
        with readable():
            entry = next((each for each in data if each["task_id"] == task), None)
            results = json.loads(entry["result"] or "[]") if entry is not None else []
            status = int(entry["status"]) if entry is not None else _AT_WORK
            if not isinstance(results, list):
                raise TypeError("the results are no list")
            if status == _DONE:
                return self._songs(results)
            if status != _AT_WORK:
                raise ProviderError("task_failed", self._api.scrubbed(_why(results)))
            if not results:
                raise ProviderError("forgotten", "the server does not know the task any more")
            return None

    def headers_for(self, url: str) -> dict[str, str]:
        """See `RemoteProvider.headers_for`."""
        return self._api.headers() if same_origin(url, self.address) else {}

    async def close(self) -> None:
        """See `RemoteProvider.close`."""
        await self._api.close()

    def _songs(self, results: list[Mapping[str, Any]]) -> tuple[Song, ...]:
        found = tuple(
            Song(self._url(result["file"]), str(result.get("dit_model") or ""), _seed(result))
            for result in results
            if result.get("file")
        )
        if not found:
            raise ProviderError("empty_song", "the task succeeded and has no file")
        return found

    def _url(self, file: str) -> str:
        """Where a result's file is: told as a URL, as its path, or as a file of the server's."""
        if "://" in file:
            return file
        if file.startswith("/v1/"):
            return f"{self.address}{file}"
        return urljoin(f"{self.address}/", f"v1/audio?path={quote(file, safe='')}")


def _wanted(order: Order) -> dict[str, Any]:
    brief = order.brief
    body: dict[str, Any] = {
        "prompt": style(brief, order.note, _MOST_STYLE),
        "lyrics": "[Instrumental]" if is_instrumental(brief) else lyrics(brief, _MOST_LYRICS),
        "vocal_language": brief.language.partition("-")[0].lower() or "en",
        "time_signature": "4",
        "use_random_seed": False,
        "seed": seed_for(order),
        "batch_size": 1,
        # Lossless, and with a checksum of the sound inside.
        "audio_format": "flac",
    }
    if brief.tempo_bpm:
        body["bpm"] = min(max(brief.tempo_bpm, _TEMPO_BPM[0]), _TEMPO_BPM[1])
    if brief.key:
        body["key_scale"] = brief.key
    if seconds := wanted_s(brief):
        body["audio_duration"] = round(min(max(seconds, _LENGTH_S[0]), _LENGTH_S[1]), 1)
    return body


def seed_for(order: Order) -> int:
    """The order's seed in the 32 bits that the model takes."""
    return order.seed % _SEEDS


def _data(answer: Any, api: Api) -> Any:
    """What is in the wrapper; ProviderError where it tells of an error."""
    with readable():
        code, error = answer["code"], answer.get("error")
        if code == 200 and not error:
            return answer["data"]
    raise ProviderError("server_error", api.scrubbed(f"code {code}: {error}"))


def _why(results: list[Mapping[str, Any]]) -> str:
    told = [str(result.get("error") or "") for result in results]
    return next((why for why in told if why), "the task failed, and the server does not say why")


def _seed(result: Mapping[str, Any]) -> int | None:
    first = str(result.get("seed_value") or "").partition(",")[0].strip()
    return int(first) if first.isdecimal() and len(first) < 20 else None
