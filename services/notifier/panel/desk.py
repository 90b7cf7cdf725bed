"""What every screen is made with, and the ways of asking the other services."""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import artist_state_pb2
from aiartist.scheduler.v1 import scheduler_pb2 as sched
from services.chassis.database import Connection
from services.chassis.errors import RemoteError
from services.chassis.ids import derived_id
from services.notifier.panel.pages import Fetch
from services.notifier.panel.words import name_of
from services.notifier.peers import CALL_TIMEOUT_S, PeerAway, Peers, found
from services.notifier.people import Person, Role
from services.notifier.store import clock

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Desk:
    """One press or command: who it is from, and what it may use."""

    peers: Peers
    where: ZoneInfo
    connection: Connection
    person: Person
    key: str
    """The same however often this press or command comes."""

    @property
    def operates(self) -> bool:
        """Whether the person may change things."""
        return self.person.role >= Role.OPERATOR

    @property
    def ticket(self) -> str:
        """What buttons of this screen carry that must not act twice, however often they are pressed."""
        return derived_id("ticket", self.key).removeprefix("ticket_")[:16]

    async def now(self) -> datetime:
        return await clock.now(self.connection)


async def soft(reading: Awaitable[Answer]) -> Answer | None:
    """The answer; None where it is not to be had, for what a screen can do without."""
    return (await tried(reading))[0]


async def tried(reading: Awaitable[Answer], within_s: float = CALL_TIMEOUT_S) -> tuple[Answer | None, str]:
    """The answer, or None and why there is none, for example `does not answer`."""
    try:
        return await asyncio.wait_for(reading, within_s), ""
    except (PeerAway, TimeoutError):
        return None, "does not answer"
    except RemoteError as error:
        return None, f"refuses: {error.message}"


def artists(peers: Peers, states: Sequence[artist_state_pb2.ArtistState.ValueType] = ()) -> Fetch[db.Artist]:
    """Pages of artists by name; no states: all."""

    async def fetch(size: int, token: str) -> tuple[Sequence[db.Artist], str]:
        request = db.ListArtistsRequest(states=states, page_size=size, page_token=token)
        page = await found("artist_db", peers.artist_db.ListArtists(request, timeout=CALL_TIMEOUT_S))
        return (page.artists, page.next_page_token) if page is not None else ((), "")

    return fetch


def runs(
    peers: Peers, states: Sequence[sched.RunState.ValueType] = (), artist_id: str = ""
) -> Fetch[sched.Run]:
    """Pages of runs, the newest first; no states: all."""

    async def fetch(size: int, token: str) -> tuple[Sequence[sched.Run], str]:
        request = sched.ListRunsRequest(artist_id=artist_id, states=states, page_size=size, page_token=token)
        page = await found("scheduler", peers.scheduler.ListRuns(request, timeout=CALL_TIMEOUT_S))
        return (page.runs, page.next_page_token) if page is not None else ((), "")

    return fetch


def releases(peers: Peers, artist_id: str = "") -> Fetch[db.StoredRelease]:
    """Pages of releases, the newest first."""

    async def fetch(size: int, token: str) -> tuple[Sequence[db.StoredRelease], str]:
        request = db.ListReleasesRequest(artist_id=artist_id, page_size=size, page_token=token)
        page = await found("artist_db", peers.artist_db.ListReleases(request, timeout=CALL_TIMEOUT_S))
        return (page.releases, page.next_page_token) if page is not None else ((), "")

    return fetch


def errors(peers: Peers, statuses: Sequence[str] = ()) -> Fetch[db.ErrorGroup]:
    """Pages of error groups, last seen first; no statuses: all."""

    async def fetch(size: int, token: str) -> tuple[Sequence[db.ErrorGroup], str]:
        request = db.ListErrorGroupsRequest(statuses=statuses, page_size=size, page_token=token)
        page = await found("artist_db", peers.artist_db.ListErrorGroups(request, timeout=CALL_TIMEOUT_S))
        return (page.groups, page.next_page_token) if page is not None else ((), "")

    return fetch


async def budgets(peers: Peers, *, artist_id: str = "", run_id: str = "") -> Sequence[db.Budget]:
    """The day's first, then the artist's or the run's."""
    request = db.GetBudgetsRequest(artist_id=artist_id, run_id=run_id)
    answer = await found("artist_db", peers.artist_db.GetBudgets(request, timeout=CALL_TIMEOUT_S))
    return answer.budgets if answer is not None else ()


async def names(peers: Peers, artist_ids: Iterable[str], most: int) -> dict[str, str]:
    """Names by id; of artists that cannot be asked for, the id."""
    wanted = list(dict.fromkeys(artist_ids))
    found_ones = await asyncio.gather(*(soft(peers.artist(artist_id)) for artist_id in wanted))
    return {
        artist_id: name_of(artist, most) if artist is not None else artist_id
        for artist_id, artist in zip(wanted, found_ones, strict=True)
    }
