"""A port that nothing should connect to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class Listener:
    """Counts who connects."""

    port: int = 0
    connections: int = 0

    @classmethod
    @asynccontextmanager
    async def serving(cls) -> AsyncIterator["Listener"]:
        """On a free port of loopback, while the block runs."""
        listener = cls()

        async def count(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            listener.connections += 1
            writer.close()

        async with await asyncio.start_server(count, "127.0.0.1", 0) as server:
            listener.port = server.sockets[0].getsockname()[1]
            yield listener
