"""A name server for a test: headless names, and who is behind them now."""

import asyncio
import socket
import struct
from types import TracebackType
from typing import Self

_A, _IN = 1, 1


class NameServer:
    """Tells the `addresses` of a name, as CoreDNS does for a headless Service, and nothing else.

    Answers may be kept for no time at all.
    """

    def __init__(self) -> None:
        self.addresses: dict[str, list[str]] = {}
        """Name -> the IPv4 addresses that are ready."""
        self.asked: dict[str, int] = {}
        """Name -> how often it was asked for."""
        self._transport: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        server = self

        class Protocol(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, sender: tuple[str, int]) -> None:
                assert server._transport is not None
                server._transport.sendto(server._answer(data), sender)

        self._transport, _ = await loop.create_datagram_endpoint(Protocol, local_addr=("127.0.0.1", 0))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._transport is not None
        self._transport.close()

    def target(self, name: str, port: int) -> str:
        """As `AIARTIST_*_ADDR` would be, if this were the machine's name server."""
        assert self._transport is not None
        return f"dns://127.0.0.1:{self._transport.get_extra_info('sockname')[1]}/{name}:{port}"

    def _answer(self, query: bytes) -> bytes:
        number, flags = struct.unpack_from("!HH", query)
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += 1 + query[at]
        kind, _ = struct.unpack_from("!HH", query, at + 1)
        question, name = query[12 : at + 5], ".".join(labels).lower()
        found = self.addresses.get(name, []) if kind == _A else []
        if kind == _A:
            self.asked[name] = self.asked.get(name, 0) + 1
        # A response, recursion available; a name that nobody has is NXDOMAIN.
        status = 0x8080 | (flags & 0x0100) | (0 if name in self.addresses else 3)
        head = struct.pack("!HHHHHH", number, status, 1, len(found), 0, 0)
        # 0xC00C: the name, as it stands in the question.
        records = (struct.pack("!HHHIH", 0xC00C, _A, _IN, 0, 4) + socket.inet_aton(ip) for ip in found)
        return head + question + b"".join(records)
