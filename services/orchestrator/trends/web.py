"""HTTP for charts: short, small, and without a word about addresses, for keys stand in them."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
from pydantic import SecretStr

from services.chassis.settings import is_loopback
from services.chassis.version import VERSION
from services.orchestrator.trends.addresses import is_allowed
from services.orchestrator.trends.shape import parsed
from services.orchestrator.trends.source import BadShape, RateLimited, Refused, SourceError, Unreachable
from services.orchestrator.upstream.common import retry_after_s

MAX_BODY_BYTES = 1024 * 1024
MAX_ERROR_BYTES = 16 * 1024
MOST_REDIRECTS = 3
CONNECT_TIMEOUT_S = 5.0
_MOVED = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Key:
    """A key that stands in the query; it is put there at the last moment, so that no frame above holds it."""

    parameter: str
    value: SecretStr


class Answer:
    """A refusal's status and body, for sources that say more in it."""

    def __init__(self, status: int, body: bytes, retry_after_s: float | None) -> None:
        self.status = status
        self.body = body
        self.retry_after_s = retry_after_s


class Web:
    """Gets JSON. `timeout_s`: for a whole answer, redirects included."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def get(self, url: str, query: Mapping[str, str]) -> Any:
        """The JSON at an address; SourceError where there is none."""
        answer = await self.ask(url, query)
        if answer.status != HTTPStatus.OK:
            raise refusal(answer)
        return parsed(answer.body)

    async def ask(self, url: str, query: Mapping[str, str], key: Key | None = None) -> Answer:
        """Whatever is answered; Unreachable or BadShape where that can't be had whole.

        It is asked again where a redirect leads, unless there is a key: that would be handed on.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._asked(url, query, key)
        except SourceError:
            raise
        except TimeoutError:
            raise Unreachable(f"it did not answer within {self._timeout_s:g} s") from None
        except Exception as error:  # noqa: BLE001 - of the client's whatever: its errors hold the address
            raise Unreachable(_why(error)) from None

    async def close(self) -> None:
        """Closes the connections."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def _asked(self, url: str, query: Mapping[str, str], key: Key | None) -> Answer:
        at_home = is_loopback(urlsplit(url).hostname or "")
        if key is not None:
            query = {**query, key.parameter: key.value.get_secret_value()}
        for _ in range(1 + MOST_REDIRECTS):
            async with self._session(url).get(url, params=query, allow_redirects=False) as response:
                if response.status not in _MOVED:
                    most = MAX_BODY_BYTES if response.status == HTTPStatus.OK else MAX_ERROR_BYTES
                    body = await _body(response, most)
                    return Answer(response.status, body, retry_after_s(response.headers))
                url, query = urljoin(url, response.headers.get("Location", "")), {}
            # From outside nobody is sent to what listens on this machine.
            if (
                key is not None
                or not is_allowed(url)
                or (is_loopback(urlsplit(url).hostname or "") != at_home)
            ):
                raise Unreachable("it sends elsewhere, to where this does not go")
        raise Unreachable("it sends elsewhere again and again")

    def _session(self, url: str) -> aiohttp.ClientSession:
        """One for what is on this machine, which is never asked through a proxy, and one for the rest."""
        outside = not is_loopback(urlsplit(url).hostname or "")
        session = self._sessions.get(outside)
        if session is None:
            session = self._sessions[outside] = aiohttp.ClientSession(
                headers={
                    "Accept": "application/json",
                    # Packed, a small answer could hold an enormous one.
                    "Accept-Encoding": "identity",
                    "User-Agent": f"aiartist/{VERSION}",
                },
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=outside,
            )
        return session


def refusal(answer: Answer) -> Refused | RateLimited:
    """What a refusal by its status alone means."""
    text = f"it refuses with HTTP {answer.status}"
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS or (
        answer.status == HTTPStatus.SERVICE_UNAVAILABLE and answer.retry_after_s is not None
    ):
        return RateLimited(text, answer.retry_after_s)
    return Refused(text, answer.status)


async def _body(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The whole body; of a refusal, only as much as is read of one."""
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > most:
            if response.status != HTTPStatus.OK:
                return bytes(body[:most])
            raise BadShape("the answer has over 1 MiB: no chart is that large")
    return bytes(body)


def _why(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientSSLError):
        return "its certificate or its TLS is not to be trusted"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"no connection: {error.os_error.strerror or 'its name is unknown'}"
    if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ServerDisconnectedError):
        return "its answer breaks off"
    return f"the connection failed: {type(error).__name__}"
