"""WatchErrors: the kept changes of error groups in order, read from artist_db again and again."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.error_analyzer.v1 import error_analyzer_pb2 as pb
from services.chassis.clients import deadline_s
from services.chassis.errors import AppError, DependencyUnavailable, FieldViolation, InvalidInput, RemoteError
from services.error_analyzer.news import News
from services.error_analyzer.statuses import STATUSES
from services.error_analyzer.stored import CALL_TIMEOUT_S, asked

POLL_S = 1.0
HEARTBEAT_S = 10.0
PATIENCE_S = 60.0
"""How long artist_db may be away before a watch ends; heartbeats go on meanwhile."""
PAGE = 100
MAX_SERVICE = 60


@dataclass(frozen=True, slots=True)
class Filter:
    """What a client wants to hear of; empty: all."""

    service: str
    statuses: frozenset[str]

    @classmethod
    def of(cls, request: pb.WatchErrorsRequest) -> "Filter":
        """InvalidInput where a value can't be meant."""
        wrong = [
            FieldViolation(f"statuses[{number}]", f"must be one of {', '.join(STATUSES)}")
            for number, status in enumerate(request.statuses)
            if status not in STATUSES
        ]
        if len(request.service) > MAX_SERVICE:
            wrong.append(FieldViolation("service", f"must have at most {MAX_SERVICE} characters"))
        if wrong:
            raise InvalidInput(wrong)
        return cls(request.service, frozenset(request.statuses))

    def status(self, report: db.ErrorReport) -> bool:
        return not self.statuses or report.status in self.statuses

    def group(self, group: db.ErrorGroup) -> bool:
        return not self.service or self.service in group.services


class Watching:
    """Any number of watches; each reads for itself."""

    def __init__(self, artist_db: ArtistDbServiceStub, news: News, closing: asyncio.Event) -> None:
        self._artist_db = artist_db
        self._news = news
        self._closing = closing

    async def watch(self, request: pb.WatchErrorsRequest) -> AsyncIterator[pb.WatchErrorsResponse]:
        """Until the service stops. InvalidInput; DependencyUnavailable where artist_db stays away.

        The first message is a heartbeat: who began without a sequence knows where it began.
        """
        wanted = Filter.of(request)
        sequence = await self._begin(request)
        yield pb.WatchErrorsResponse(sequence=sequence)
        told_at = heard_at = time.monotonic()
        page: deque[db.ErrorReport] = deque()
        groups: dict[str, db.ErrorGroup | None] = {}
        full = False
        while not self._closing.is_set():
            # One report at a time: a page may be 100 calls, and whoever watches hears of each at once.
            group, away = None, False
            try:
                if not page:
                    page.extend(await self._reports(sequence))
                    groups.clear()
                    full = len(page) == PAGE
                if page:
                    group = await self._group(page[0], wanted, groups)
            except AppError as error:
                away = True
                if not _passes(error) or time.monotonic() - heard_at > PATIENCE_S:
                    raise
            else:
                heard_at = time.monotonic()
                if page:
                    sequence = page.popleft().sequence
                if group is not None:
                    told_at = time.monotonic()
                    yield pb.WatchErrorsResponse(sequence=sequence, group=group)
            if time.monotonic() - told_at >= HEARTBEAT_S:
                told_at = time.monotonic()
                yield pb.WatchErrorsResponse(sequence=sequence)
            if away or not (page or full):
                await self._news.wait(self._closing, most_s=POLL_S)

    async def _begin(self, request: pb.WatchErrorsRequest) -> int:
        newest = await self._reports(None)
        last = newest[-1].sequence if newest else 0
        if not request.HasField("after_sequence"):
            return last
        if request.after_sequence > last:
            raise InvalidInput([FieldViolation("after_sequence", "is not one that WatchErrors gave out")])
        return request.after_sequence

    async def _reports(self, after: int | None) -> Sequence[db.ErrorReport]:
        request = db.ListErrorReportsRequest(after_sequence=after, page_size=1 if after is None else PAGE)
        call = self._artist_db.ListErrorReports(request, timeout=deadline_s(CALL_TIMEOUT_S))
        return (await asked(call)).reports

    async def _group(
        self, report: db.ErrorReport, wanted: Filter, groups: dict[str, db.ErrorGroup | None]
    ) -> db.ErrorGroup | None:
        """The group as this report left it; None where nobody wants to hear of it, or it is gone.

        `groups`: those that were read for this page, by the fingerprints of their reports.
        """
        if not wanted.status(report):
            return None
        if report.fingerprint not in groups:
            groups[report.fingerprint] = await self._read(report.fingerprint)
        known = groups[report.fingerprint]
        if known is None or not wanted.group(known):
            return None
        group = db.ErrorGroup()
        group.CopyFrom(known)
        group.status = report.status
        group.report.CopyFrom(report)
        return group

    async def _read(self, fingerprint: str) -> db.ErrorGroup | None:
        """The group as it is now, without what no watch tells; None where it is gone."""
        request = db.GetErrorGroupRequest(fingerprint=fingerprint)
        try:
            answer = await asked(self._artist_db.GetErrorGroup(request, timeout=deadline_s(CALL_TIMEOUT_S)))
        except RemoteError as error:
            if error.remote_reason == "ERROR_REASON_NOT_FOUND":
                return None
            raise
        for name in ("samples", "hours", "history", "step"):
            answer.group.ClearField(name)
        return answer.group


def _passes(error: AppError) -> bool:
    """Whether the same may work a little later."""
    return isinstance(error, DependencyUnavailable) or (isinstance(error, RemoteError) and error.retryable)
