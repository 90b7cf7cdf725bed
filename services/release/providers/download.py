"""Fetching a song: resumed where it was cut, bounded in size and time, known by its bytes, not its name."""

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urljoin

import aiohttp
from yarl import URL

from services.chassis.settings import is_loopback
from services.release.providers.api import retry_after_s
from services.release.providers.origins import GuardedResolver, Origin, forbidden, same_origin
from services.release.providers.provider import Outcome, ProviderError
from services.release.worker import Report

_PIECE = 1 << 18
_HEAD = 16
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GONE = frozenset({404, 410})
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_SHA256 = re.compile(r"sha-256=:?([A-Za-z0-9+/=]{43,44}):?", re.IGNORECASE)
_PLAIN_URL = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a download may take."""

    most_bytes: int = 200_000_000
    total_s: float = 300.0
    stalled_s: float = 30.0
    """Without a byte."""
    connect_s: float = 10.0
    redirects: int = 5
    tries: int = 40
    fruitless: int = 4
    """Tries in a row that bring nothing."""
    backoff_s: float = 0.25
    """Before the second fruitless try; twice as long before each one after it."""


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A whole file, and what it is by its first bytes."""

    path: Path
    sha256: str
    size_bytes: int
    kind: str
    """`flac`, `wav`, `ogg` or `mp3`."""


class Retry(Exception):
    """The try brought no whole file, and another one may."""

    def __init__(self, detail: str, wait_s: float | None = None) -> None:
        super().__init__(detail)
        self.wait_s = wait_s


async def download(
    url: str,
    into: Path,
    report: Report,
    *,
    home: str,
    headers: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    recognise: Callable[[bytes], str] | None = None,
) -> Downloaded:
    """Fetches `url` into a new file; the file is there whole or not at all.

    `home`: the provider's own URL, the only place that may be on a private address, and the only one that
    gets `headers`. `recognise`: what a file is by its first 16 bytes, empty for what is not wanted; unless
    given, songs are wanted. ProviderError where there is no song to be had; OSError where the disk refuses.
    """
    limits = limits or Limits()
    with _whole_or_nothing(into):
        try:
            async with asyncio.timeout(limits.total_s):
                with into.open("wb") as file:
                    return await _Download(
                        _Part(file, into), home, headers or {}, limits, report, recognise or kind_of
                    ).run(url)
        except TimeoutError as error:
            detail = f"the song was not fetched within {limits.total_s:.0f} s"
            raise ProviderError("timeout", detail) from error


@contextmanager
def _whole_or_nothing(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


class _Part:
    """What is there of the file."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self.path = path
        self.size = 0
        self.total: int | None = None
        """Of the whole, where the server told."""
        self.validator = ""
        """What tells that the server's file is still the same one; empty: nothing does, nothing resumes"""
        self.digest = ""
        """SHA-256 (hex) of the whole, where the server told."""
        self.head = b""
        self._sha256 = hashlib.sha256()

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    async def append(self, piece: bytes) -> None:
        await asyncio.to_thread(self._file.write, piece)
        self._sha256.update(piece)
        self.size += len(piece)
        self.head += piece[: max(0, _HEAD - len(self.head))]

    async def restart(self) -> None:
        """Nothing is there any more."""
        await asyncio.to_thread(self._empty)
        self.size, self.total, self.head = 0, None, b""
        self.validator = self.digest = ""
        self._sha256 = hashlib.sha256()

    async def flush(self) -> None:
        await asyncio.to_thread(self._file.flush)

    def _empty(self) -> None:
        self._file.seek(0)
        self._file.truncate()


class _Download:
    def __init__(
        self,
        part: _Part,
        home: str,
        headers: Mapping[str, str],
        limits: Limits,
        report: Report,
        recognise: Callable[[bytes], str],
    ) -> None:
        self._part = part
        self._home = home
        self._headers = headers
        self._limits = limits
        self._report = report
        self._recognise = recognise
        self._resolver = GuardedResolver(Origin.of(home))

    async def run(self, url: str) -> Downloaded:
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=self._resolver, use_dns_cache=False, force_close=True),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=self._limits.connect_s, sock_read=self._limits.stalled_s
            ),
            # What is not decompressed can't be a bomb.
            auto_decompress=False,
            trust_env=not is_loopback(Origin.of(self._home).host),
        )
        async with session:
            await self._whole(session, url)
        part = self._part
        await part.flush()
        if part.size == 0:
            raise ProviderError("empty_song", "the song's file is empty")
        kind = self._recognise(part.head)
        if not kind:
            raise _no_audio(part.head)
        return Downloaded(part.path, part.sha256, part.size, kind)

    async def _whole(self, session: aiohttp.ClientSession, url: str) -> None:
        fruitless = 0
        for _ in range(self._limits.tries):
            before = self._part.size
            try:
                return await self._try(session, url)
            except Retry as error:
                last = error
            except (aiohttp.ClientError, ConnectionError, TimeoutError, ValueError) as error:
                if self._resolver.refused:
                    raise ProviderError("forbidden_address", self._resolver.refused) from error
                last = Retry(f"{type(error).__name__}: {error}"[:200])
            fruitless = 0 if self._part.size > before else fruitless + 1
            if fruitless >= self._limits.fruitless:
                break
            if fruitless:
                await asyncio.sleep(last.wait_s or self._limits.backoff_s * 2 ** (fruitless - 1))
        detail = f"the download broke off after {self._part.size:,} bytes: {last}"
        raise ProviderError("cut_off", detail, retry_after_s=last.wait_s)

    async def _try(self, session: aiohttp.ClientSession, url: str) -> None:
        """Everything that is missing; Retry, or what aiohttp raises, where it does not all come."""
        part = self._part
        wanted = {"Accept-Encoding": "identity"}
        if part.size and part.validator:
            wanted |= {"Range": f"bytes={part.size}-", "If-Range": part.validator}
        async with self._open(session, url, wanted) as response:
            if "Range" in wanted and response.status == HTTPStatus.PARTIAL_CONTENT:
                await self._resume(response)
            elif response.status == HTTPStatus.OK:
                await self._begin(response)
            elif self._was_all(response):
                await self._check_digest()
                return
            else:
                await self._refused(response, is_own=same_origin(str(response.url), self._home))
            self._check_size(part.total)
            async for piece in response.content.iter_chunked(_PIECE):
                await part.append(piece)
                self._check_size(part.size)
                if len(part.head) >= _HEAD and not self._recognise(part.head):
                    raise _no_audio(part.head)
                self._report("downloading", part.size >> 10, (part.total or 0) >> 10)
        if part.total is not None and part.size != part.total:
            raise Retry(f"{part.size:,} of {part.total:,} bytes came")
        await self._check_digest()

    async def _check_digest(self) -> None:
        part = self._part
        if part.digest and part.digest != part.sha256:
            await part.restart()
            raise Retry("the bytes are not those whose hash the server tells")

    async def _begin(self, response: aiohttp.ClientResponse) -> None:
        await self._part.restart()
        self._part.total = response.content_length
        self._part.validator = _validator(response.headers)
        self._part.digest = _digest(response.headers)

    async def _resume(self, response: aiohttp.ClientResponse) -> None:
        part = self._part
        told = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        is_same = _validator(response.headers) in ("", part.validator)
        if told is None or int(told[1]) != part.size or not is_same:
            await part.restart()
            raise Retry("the server resumes another file, or at another place")
        part.total = int(told[3])

    def _was_all(self, response: aiohttp.ClientResponse) -> bool:
        """True where the cut was after the last byte, of a length that nobody had told."""
        size, told = self._part.size, response.headers.get("Content-Range", "")
        is_past_the_end = response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        return is_past_the_end and size > 0 and self._part.total is None and told == f"bytes */{size}"

    async def _refused(self, response: aiohttp.ClientResponse, *, is_own: bool) -> None:
        status = response.status
        if status in _GONE:
            raise ProviderError("forgotten", f"the song's file is not there any more: HTTP {status}")
        if status in (401, 403):
            # Elsewhere it is a signed address that is over.
            outcome: Outcome = "bad_key" if is_own else "forgotten"
            raise ProviderError(outcome, f"the song's file is refused: HTTP {status}")
        await self._part.restart()
        raise Retry(f"HTTP {status}", retry_after_s(response.headers))

    def _check_size(self, size: int | None) -> None:
        if size is not None and size > self._limits.most_bytes:
            raise ProviderError("too_large", f"the song has over {self._limits.most_bytes:,} bytes")

    @asynccontextmanager
    async def _open(
        self, session: aiohttp.ClientSession, url: str, headers: Mapping[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer at the end of a bounded chain of addresses, each of them allowed."""
        home, before = Origin.of(self._home), ""
        for _ in range(self._limits.redirects + 1):
            if problem := forbidden(url, home, before=before):
                raise ProviderError("forbidden_address", f"the song's address {problem}")
            self._resolver.target = Origin.of(url).host
            own = self._headers if same_origin(url, self._home) else {}
            async with session.get(
                # A signed address must arrive as it was told.
                URL(url, encoded=_PLAIN_URL.fullmatch(url) is not None),
                headers={**own, **headers},
                allow_redirects=False,
            ) as response:
                if response.status not in _REDIRECTS:
                    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                        raise ProviderError("bad_audio", "the song is sent compressed, unasked")
                    yield response
                    return
                before, url = url, urljoin(url, response.headers.get("Location", ""))
        raise ProviderError("forbidden_address", f"over {self._limits.redirects} redirects")


def kind_of(head: bytes) -> str:
    """What a file is by its first 12 bytes, of the kinds that can be decoded here; empty: none of them."""
    if head.startswith(b"fLaC"):
        return "flac"
    if head.startswith(b"OggS"):
        return "ogg"
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return "wav"
    if head.startswith(b"ID3") or _is_mpeg_frame(head):
        return "mp3"
    return ""


def _is_mpeg_frame(head: bytes) -> bool:
    """MPEG audio of layer I to III (ISO/IEC 11172-3, 2.4.1.3); AAC's frames have layer 0."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer, rate, frequency = (
        head[1] >> 3 & 3,
        head[1] >> 1 & 3,
        head[2] >> 4,
        head[2] >> 2 & 3,
    )
    return version != 1 and layer != 0 and rate not in (0, 15) and frequency != 3


def _no_audio(head: bytes) -> ProviderError:
    text = head.lstrip().lower()
    what = "is a web page" if text.startswith((b"<!", b"<h")) else f"begins with {head[:8].hex(' ')}"
    return ProviderError("bad_audio", f"the song's file {what}: no FLAC, WAV, Ogg or MP3")


def _validator(headers: Mapping[str, str]) -> str:
    """A strong validator (RFC 9110, section 13.1.5); a weak tag says nothing of single bytes."""
    tag = headers.get("ETag", "").strip()
    if tag:
        return "" if tag.startswith("W/") else tag
    return headers.get("Last-Modified", "").strip()


def _digest(headers: Mapping[str, str]) -> str:
    """The whole file's SHA-256 in hex, of `Repr-Digest` (RFC 9530) or the older `Digest`; empty: not told."""
    told = _SHA256.search(headers.get("Repr-Digest") or headers.get("Digest") or "")
    if told is None:
        return ""
    with suppress(ValueError):
        raw = base64.b64decode(told[1], validate=True)
        return raw.hex() if len(raw) == hashlib.sha256().digest_size else ""
    return ""
