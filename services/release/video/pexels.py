"""Stock clips of Pexels: searched with the brief's own words, claimed for the artist, then fetched.

Whatever is wrong with Pexels, the film is made without its clips: that is logged, counted, and nothing more.
"""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import aiohttp
from prometheus_client import Counter

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.common.v1 import brief_pb2
from services.chassis.logs import get_logger
from services.chassis.metrics import REGISTRY
from services.chassis.settings import is_loopback
from services.release.films import FilmRecords, FoundClip
from services.release.providers.download import Limits, download
from services.release.providers.provider import ProviderError
from services.release.video.mp4 import is_mp4
from services.release.video.stock import Candidate, candidates, queries, ranked
from services.release.worker import Report

if TYPE_CHECKING:
    from services.release.settings import Settings

SOURCE = "pexels"
_PER_PAGE = 40
_MOST_ANSWER = 4 << 20
_CALL_S = 15.0
_FETCH_S = 240.0
_AT_ONCE = 3
_MOST_WAIT_S = 10.0
_BLOCK_S = 3_600.0
_MOST_CLAIMED = 200
_LIMITS = Limits(most_bytes=90_000_000, total_s=90.0, stalled_s=15.0, tries=8, fruitless=2)
_log = get_logger("release.pexels")

Outcome = Literal["ok", "rate_limited", "bad_key", "unreachable", "bad_answer"]
CALLS = Counter(
    "aiartist_release_stock_calls",
    "Searches for stock clips, by outcome.",
    ("outcome",),
    registry=REGISTRY,
)
for _outcome in ("ok", "rate_limited", "bad_key", "unreachable", "bad_answer"):
    CALLS.labels(_outcome)
CLIPS = Counter(
    "aiartist_release_stock_clips",
    "Stock clips that were to be fetched, by outcome.",
    ("outcome",),
    registry=REGISTRY,
)
for _outcome in ("ok", "failed"):
    CLIPS.labels(_outcome)


class PexelsTrouble(Exception):
    """A search brought nothing."""

    def __init__(self, outcome: Outcome, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome


def clips_of(settings: "Settings", films: FilmRecords) -> "PexelsClips | None":
    """The library that the settings name; None without a key."""
    if settings.pexels_api_key is None or not settings.pexels_api_key.get_secret_value():
        return None
    return PexelsClips(settings.pexels_url, settings.pexels_api_key.get_secret_value(), films)


class PexelsClips:
    """Pexels' library; see `ClipSource`."""

    def __init__(self, url: str, key: str, films: FilmRecords) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._films = films
        self._blocked_until = 0.0

    async def find(
        self,
        brief: brief_pb2.Brief,
        artist_id: str,
        shots_s: Sequence[float],
        format: str,
        folder: Path,
        report: Report,
    ) -> list[FoundClip]:
        """See `ClipSource.find`; artist_db's errors are raised as they are."""
        report("looking for stock clips", 0, 0)
        found = await self._search(brief, format)
        best = ranked(found, brief, shots_s, format)[:_MOST_CLAIMED]
        if not best:
            return []
        granted = await self._films.claim(
            artist_id, SOURCE, [candidate.clip_id for candidate in best], len(shots_s)
        )
        by_id = {candidate.clip_id: candidate for candidate in best}
        wanted = [by_id[clip_id] for clip_id in granted if clip_id in by_id]
        return await self._fetch_all(wanted, folder, report)

    async def _search(self, brief: brief_pb2.Brief, format: str) -> list[Candidate]:
        found: dict[str, Candidate] = {}
        try:
            async with aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=_CALL_S),
                headers={"Authorization": self._key},
                # As downloads do: where a proxy leads outside, searches go through it too.
                trust_env=not is_loopback(urlsplit(self._url).hostname or ""),
            ) as session:
                for query in queries(brief):
                    for candidate in await self._page(session, query, format):
                        found.setdefault(candidate.clip_id, candidate)
        except PexelsTrouble as error:
            CALLS.labels(error.outcome).inc()
            _log.warning(
                "Pexels gave no clips; the film is made without more of them",
                outcome=error.outcome,
                detail=str(error),
                found=len(found),
            )
        return list(found.values())

    async def _page(self, session: aiohttp.ClientSession, query: str, format: str) -> list[Candidate]:
        if time.monotonic() < self._blocked_until:
            raise PexelsTrouble("rate_limited", "its limit is spent; nothing is asked before it is renewed")
        parameters = {"query": query, "orientation": format, "per_page": str(_PER_PAGE)}
        for last in (False, True):
            try:
                async with session.get(
                    f"{self._url}/videos/search", params=parameters, allow_redirects=False
                ) as response:
                    if response.status == HTTPStatus.TOO_MANY_REQUESTS:
                        wait = _wait_s(response.headers)
                        if last or wait > _MOST_WAIT_S:
                            self._blocked_until = time.monotonic() + wait
                            raise PexelsTrouble("rate_limited", f"HTTP 429; renewed in {wait:.0f} s")
                    else:
                        answer = await _answer(response)
                        if response.headers.get("X-Ratelimit-Remaining", "").strip() == "0":
                            self._blocked_until = time.monotonic() + _wait_s(response.headers)
                        CALLS.labels("ok").inc()
                        return candidates(answer)
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                raise PexelsTrouble("unreachable", f"{type(error).__name__}: {error}"[:300]) from error
            await asyncio.sleep(wait)
        raise AssertionError("the second try returns or raises")

    async def _fetch_all(self, wanted: Sequence[Candidate], folder: Path, report: Report) -> list[FoundClip]:
        gate = asyncio.Semaphore(_AT_ONCE)
        done: dict[int, FoundClip] = {}

        async def fetch(number: int, candidate: Candidate) -> None:
            async with gate:
                into = folder / f"clip-{number}.mp4"
                try:
                    await download(
                        candidate.link, into, _quiet, home=self._url, limits=_LIMITS, recognise=_recognised
                    )
                except (ProviderError, ValueError) as error:
                    CLIPS.labels("failed").inc()
                    _log.warning("a stock clip was not fetched", clip_id=candidate.clip_id, detail=str(error))
                    return
                CLIPS.labels("ok").inc()
                credit = db.StockClip(
                    source=SOURCE,
                    clip_id=candidate.clip_id,
                    page_url=candidate.page_url,
                    author=candidate.author,
                )
                done[number] = FoundClip(into, credit)
                report("fetching stock clips", len(done), len(wanted))

        tasks = [asyncio.create_task(fetch(number, candidate)) for number, candidate in enumerate(wanted)]
        try:
            async with asyncio.timeout(_FETCH_S):
                await asyncio.gather(*tasks)
        except TimeoutError:
            _log.warning("stock clips took too long to fetch", fetched=len(done), wanted=len(wanted))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return [done[number] for number in sorted(done)]


async def _answer(response: aiohttp.ClientResponse) -> Mapping[str, Any]:
    """The answer's JSON object. PexelsTrouble where there is none."""
    if response.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise PexelsTrouble("bad_key", f"HTTP {response.status}: PEXELS_API_KEY is not accepted")
    if response.status != HTTPStatus.OK:
        raise PexelsTrouble("bad_answer", f"HTTP {response.status}")
    body = b""
    async for piece in response.content.iter_chunked(1 << 16):
        body += piece
        if len(body) > _MOST_ANSWER:
            raise PexelsTrouble("bad_answer", f"the answer has over {_MOST_ANSWER:,} bytes")
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise PexelsTrouble("bad_answer", "the answer is no JSON") from error
    if not isinstance(answer, dict):
        raise PexelsTrouble("bad_answer", "the answer is no JSON object")
    return answer


def _wait_s(headers: Mapping[str, str]) -> float:
    """Seconds until the limit is renewed: by Retry-After, else by X-Ratelimit-Reset (a Unix time)."""
    for name, now in (("Retry-After", 0.0), ("X-Ratelimit-Reset", time.time())):
        try:
            return min(_BLOCK_S, max(0.0, float(headers[name]) - now))
        except (KeyError, ValueError):
            continue
    return _BLOCK_S


def _recognised(head: bytes) -> str:
    return "mp4" if is_mp4(head) else ""


def _quiet(step: str, done: int, total: int) -> None:
    """Bytes of one clip, of which nobody is told."""
