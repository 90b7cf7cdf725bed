"""How people name things: artists by id or name, the rest by id or the beginning of one."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from google.protobuf.message import Message

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.scheduler.v1 import scheduler_pb2 as sched
from cli.failures import BAD_INPUT, Failure
from cli.session import Session
from cli.texts import plain

PAGE = 500
SEARCHED = 2_000
"""How many of the newest are looked through for the beginning of an id."""

_ID = re.compile(r"[a-z]{3}_[0-9a-z]{26}")
_FINGERPRINT = re.compile(r"[0-9a-f]{32}")
_BEGINNING = re.compile(r"[0-9a-z_]{1,29}|[0-9a-f]{1,31}")

R = TypeVar("R", bound=Message)
Fetch = Callable[[int, str], Awaitable[R]]
"""Gets a page of this size from this token."""


async def pages(fetch: Fetch[R], field: str, *, limit: int, token: str = "") -> R:
    """At most `limit` entries from as many pages as that takes, as one response."""
    whole: Any = await fetch(min(limit, PAGE), token)
    while whole.next_page_token and (left := limit - len(getattr(whole, field))) > 0:
        page: Any = await fetch(min(left, PAGE), whole.next_page_token)
        getattr(whole, field).extend(getattr(page, field))
        whole.next_page_token = page.next_page_token
    response: R = whole
    return response


async def artist(session: Session, given: str) -> db.Artist:
    """By id or by exact name."""
    by_id = _ID.fullmatch(given) is not None and given.startswith("art_")
    request = db.GetArtistRequest(artist_id=given) if by_id else db.GetArtistRequest(name=given)
    service = session.artist_db
    return (await service.answer(service.stub.GetArtist(request, timeout=session.timeout))).artist


async def run_id(session: Session, given: str) -> str:
    """A run's id from itself or its beginning, with or without `run_`."""

    async def fetch(size: int, token: str) -> sched.ListRunsResponse:
        return await list_runs(session, sched.ListRunsRequest(page_size=size, page_token=token))

    return await _whole_id("run", given, lambda: pages(fetch, "runs", limit=SEARCHED), "runs", "id")


async def release_id(session: Session, given: str) -> str:
    """A release's id from itself or its beginning, with or without `rel_`."""
    service = session.artist_db

    async def fetch(size: int, token: str) -> db.ListReleasesResponse:
        request = db.ListReleasesRequest(page_size=size, page_token=token)
        return await service.answer(service.stub.ListReleases(request, timeout=session.timeout))

    return await _whole_id(
        "release", given, lambda: pages(fetch, "releases", limit=SEARCHED), "releases", "id"
    )


async def fingerprint(session: Session, given: str) -> str:
    """An error group's fingerprint from itself or its beginning."""
    service = session.artist_db

    async def fetch(size: int, token: str) -> db.ListErrorGroupsResponse:
        request = db.ListErrorGroupsRequest(page_size=size, page_token=token)
        return await service.answer(service.stub.ListErrorGroups(request, timeout=session.timeout))

    return await _whole_id(
        "error", given, lambda: pages(fetch, "groups", limit=SEARCHED), "groups", "fingerprint"
    )


async def list_runs(session: Session, request: sched.ListRunsRequest) -> sched.ListRunsResponse:
    """One page of runs."""
    service = session.scheduler
    return await service.answer(service.stub.ListRuns(request, timeout=session.timeout))


async def _whole_id(
    kind: str, given: str, newest: Callable[[], Awaitable[Any]], entries: str, field: str
) -> str:
    if _ID.fullmatch(given) or _FINGERPRINT.fullmatch(given):
        return given
    if not _BEGINNING.fullmatch(given):
        raise Failure(
            f"{plain(given)!r} is not the id of a {kind} or its beginning",
            f"see which there are: aiartist {kind} list",
            exit_code=BAD_INPUT,
        )
    beginning = given if kind == "error" or given.startswith(kind[:3]) else f"{kind[:3]}_{given}"
    found = [
        identity
        for entry in getattr(await newest(), entries)
        if (identity := getattr(entry, field)).startswith(beginning)
    ]
    if not found:
        raise Failure(
            f"no {kind} among the newest {SEARCHED:,} begins with {beginning}",
            f"see which there are: aiartist {kind} list",
        )
    if len(found) > 1:
        shown = ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
        raise Failure(f"{beginning} is the beginning of {shown}; give more of it", exit_code=BAD_INPUT)
    return str(found[0])
