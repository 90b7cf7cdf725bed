"""Where a download may lead: anywhere public, and to the provider itself; never into the house.

An answer of a provider names the address to download from, and that address may name the next one.
Without this, it could name a database's admin page on this machine.
"""

import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*|[0-9a-f:.]+")
"""A name or an address, in the one way to write it: what reads otherwise elsewhere is none."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host in lower case, port."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> "Origin":
        """ValueError where it is no http or https URL with a host."""
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        if parts.scheme not in _PORTS or not _HOST.fullmatch(host):
            raise ValueError("is no http or https URL with a host")
        if host.replace(".", "").isdigit():
            # `127.1` and `2130706433` are addresses to some, which look like names to others.
            ipaddress.IPv4Address(host)
        return cls(parts.scheme, host, parts.port or _PORTS[parts.scheme])


def same_origin(url: str, other: str) -> bool:
    """True where both have one scheme, host and port."""
    try:
        return Origin.of(url) == Origin.of(other)
    except ValueError:
        return False


def is_public(address: str) -> bool:
    """True for an IP address that belongs to the whole Internet; one that carries another is as that one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


def forbidden(url: str, home: Origin, *, before: str = "") -> str:
    """Why a URL may not be asked, as far as it tells by itself; empty: it may.

    `before`: the URL that led there; one that was asked over TLS leads nowhere without.
    """
    try:
        origin = Origin.of(url)
    except ValueError as error:
        return str(error)
    if before.startswith("https:") and origin.scheme != "https":
        return "leads from https to http"
    if origin == home:
        return ""
    try:
        public = is_public(origin.host)
    except ValueError:
        return ""
    return "" if public else f"leads to {origin.host}, which is not public"


class GuardedResolver(AbstractResolver):
    """Looks names up, and refuses those that lead into the house, whatever they looked like before."""

    def __init__(self, home: Origin) -> None:
        self._home = home
        self._names = ThreadedResolver()
        self.target = ""
        """The host that is asked now. Any other name is that of a proxy, which somebody here chose."""
        self.refused = ""
        """Why the last name was refused."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """OSError for a name that is unknown or leads to no public address."""
        found = await self._names.resolve(host, port, family)
        is_home = (host.lower(), port) == (self._home.host, self._home.port)
        if is_home or host.lower() != self.target:
            return found
        allowed = [each for each in found if is_public(each["host"])]
        if not allowed:
            self.refused = f"{host} leads to no public address"
            raise OSError(self.refused)
        return allowed

    async def close(self) -> None:
        """Closes the names' look-up."""
        await self._names.close()
