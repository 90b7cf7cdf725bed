"""Asking a provider's JSON API: bounded in size and time, every failure with its name."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from pydantic import SecretStr

from services.chassis.logs import mask_text
from services.chassis.redaction import redact
from services.chassis.settings import is_loopback
from services.release.providers.provider import Outcome, ProviderError

CONNECT_S = 10.0
ANSWER_S = 60.0
"""How long one call may take."""
MAX_ANSWER_BYTES = 4 * 1024 * 1024
MAX_DETAIL = 300
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What an answer that has another form than it should raises while it is read."""
_BY_STATUS: Mapping[int, Outcome] = {
    400: "bad_request",
    401: "bad_key",
    402: "no_credit",
    403: "bad_key",
    404: "unknown_address",
    405: "unknown_address",
    408: "timeout",
    413: "bad_request",
    415: "bad_request",
    422: "bad_request",
    429: "rate_limited",
    502: "server_error",
    504: "timeout",
}
_UNCERTAIN = frozenset({408, 502, 504})
"""Statuses of something on the way that does not know what became of the call."""


class Api:
    """One provider's HTTP API below `base_url`, with its key as a bearer token."""

    def __init__(self, base_url: str, key: SecretStr | None) -> None:
        self.base_url = base_url.rstrip("/")
        self._key = key.get_secret_value().strip() if key is not None else ""
        self._session: aiohttp.ClientSession | None = None

    def headers(self) -> dict[str, str]:
        """What proves who asks; empty where the provider wants no key."""
        return {"Authorization": f"Bearer {self._key}"} if self._key else {}

    async def post(self, path: str, body: Mapping[str, Any], *, key: str = "") -> Any:
        """The answer to a JSON body, parsed; `key` goes along as its Idempotency-Key. ProviderError."""
        return await self._call("POST", path, json=body, headers={"Idempotency-Key": key} if key else {})

    async def get(self, path: str, query: Mapping[str, str]) -> Any:
        """The answer to a query, parsed. ProviderError."""
        return await self._call("GET", path, params=query)

    async def close(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            await self._session.close()

    def scrubbed(self, text: str) -> str:
        """What a provider says: short, in one line and without secrets."""
        if self._key:
            text = text.replace(self._key, "********")
        return " ".join(redact(mask_text(text[:2_000])).split())[:MAX_DETAIL]

    async def _call(self, method: str, path: str, **arguments: Any) -> Any:
        url = f"{self.base_url}{path}"
        try:
            async with self._opened().request(method, url, allow_redirects=False, **arguments) as response:
                text = await _text(response)
                status, headers = response.status, response.headers
        except aiohttp.ClientConnectorError as error:
            raise ProviderError("unreachable", self._told(error)) from error
        except aiohttp.ConnectionTimeoutError as error:
            raise ProviderError("unreachable", f"no connection within {CONNECT_S:.0f} s") from error
        except TimeoutError as error:
            raise ProviderError(
                "timeout", f"no answer within {ANSWER_S:.0f} s", may_have_begun=True
            ) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ProviderError("unreachable", self._told(error), may_have_begun=True) from error
        if status != HTTPStatus.OK:
            raise ProviderError(
                outcome_of(status),
                f"HTTP {status}: {self.scrubbed(text)}",
                retry_after_s=retry_after_s(headers),
                may_have_begun=status in _UNCERTAIN,
            )
        with readable():
            return json.loads(text)

    def _opened(self) -> aiohttp.ClientSession:
        """Made inside the loop. A provider on loopback is never asked through a proxy."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers=self.headers(),
                timeout=aiohttp.ClientTimeout(total=ANSWER_S, sock_connect=CONNECT_S),
                # A few calls a song: a connection that was closed meanwhile must cost none of them.
                connector=aiohttp.TCPConnector(force_close=True),
                trust_env=not is_loopback(urlsplit(self.base_url).hostname or ""),
            )
        return self._session

    def _told(self, error: Exception) -> str:
        return self.scrubbed(str(error)) or type(error).__name__


def outcome_of(status: int) -> Outcome:
    """The name of a refusal, by its HTTP status."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return "server_error" if status >= 500 else "bad_answer"


@contextmanager
def readable() -> Iterator[None]:
    """Turns what an answer of another form raises inside the block into a ProviderError."""
    try:
        yield
    except UNREADABLE as error:
        detail = f"its answer could not be read: {type(error).__name__}"
        raise ProviderError("bad_answer", detail, may_have_begun=True) from error


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds after which a server wants to be asked again; None: it did not say.

    `Retry-After` of RFC 9110, section 10.2.3, in seconds or as a date.
    """
    told = headers.get("Retry-After", "").strip()
    if not told:
        return None
    try:
        seconds = float(told)
    except ValueError:
        return _until(told)
    return seconds if 0 < seconds < float("inf") else None


def _until(date: str) -> float | None:
    try:
        when = parsedate_to_datetime(date)
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    seconds = (when - datetime.now(UTC)).total_seconds()
    return seconds if seconds > 0 else None


async def _text(response: aiohttp.ClientResponse) -> str:
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > MAX_ANSWER_BYTES:
            detail = f"an answer of over {MAX_ANSWER_BYTES >> 20} MiB"
            raise ProviderError("bad_answer", detail, may_have_begun=True)
    return body.decode(errors="replace")
