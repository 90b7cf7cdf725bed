"""How the pools of connections to the database are used."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol

from services.chassis.metrics_live import LiveGauge

CONNECTIONS = LiveGauge(
    "aiartist_db_pool_connections", "Open connections to the database, by whether they are in use.",
    ("service", "state"),
)  # fmt: skip
SIZE = LiveGauge("aiartist_db_pool_size", "Connections to the database at most.", ("service",))
EXHAUSTED = LiveGauge(
    "aiartist_db_pools_exhausted", "Pools of which every connection is in use.", ("service",)
)


class Pool(Protocol):
    """What is asked of asyncpg's pool: counts that it has in memory."""

    def get_size(self) -> int: ...
    def get_idle_size(self) -> int: ...
    def get_max_size(self) -> int: ...


@contextmanager
def watched(pool: Pool, service: str) -> Iterator[None]:
    """Shows the pool while the block runs. A service's pools are added up; each may be exhausted alone."""

    def used() -> int:
        return max(0, pool.get_size() - pool.get_idle_size())

    with ExitStack() as stack:
        stack.enter_context(
            CONNECTIONS.following(
                lambda: {(service, "idle"): pool.get_idle_size(), (service, "used"): used()}
            )
        )
        stack.enter_context(SIZE.following(lambda: {(service,): pool.get_max_size()}))
        stack.enter_context(EXHAUSTED.following(lambda: {(service,): used() >= pool.get_max_size()}))
        yield
