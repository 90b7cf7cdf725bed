"""Batches of errors, from whoever brings them: checked, grouped, stored, and told of where they are new."""

import re

from aiartist.error_analyzer.v1 import error_analyzer_pb2 as pb
from services.chassis.errors import FieldViolation, InvalidInput
from services.chassis.logs import get_logger
from services.error_analyzer import metrics
from services.error_analyzer.grouping import Grouper, culprit_of
from services.error_analyzer.grouping.from_proto import moment
from services.error_analyzer.news import News
from services.error_analyzer.teller import Teller

MAX_EVENTS = 500
MAX_VIOLATIONS = 20

_SERVICE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,59}")
_log = get_logger("error_analyzer")


class Ingest:
    """Takes batches; each counts once."""

    def __init__(self, grouper: Grouper, teller: Teller, news: News) -> None:
        self._grouper = grouper
        self._teller = teller
        self._news = news

    async def ingest(self, request: pb.IngestErrorsRequest) -> pb.IngestErrorsResponse:
        """Stores the batch whole or not at all. InvalidInput, RequestIdReused, DependencyUnavailable."""
        check(request)
        recorded = await self._grouper.record(request)
        metrics.count_events(event.service for event in request.events)
        metrics.DROPPED.inc(request.dropped)
        metrics.NEW_GROUPS.inc(len(recorded.new))
        for occurrences in recorded.batch.occurrences:
            if occurrences.group.fingerprint in recorded.new:
                _log.info(
                    "new error group",
                    fingerprint=occurrences.group.fingerprint,
                    title=occurrences.group.title,
                    culprit=culprit_of(occurrences),
                )
                self._teller.new_group(occurrences)
        if recorded.new:
            self._news.announce()
        return pb.IngestErrorsResponse(fingerprints=recorded.batch.fingerprints)


def check(request: pb.IngestErrorsRequest) -> None:
    """InvalidInput where the batch breaks the contract; names the first 20 fields."""
    wrong: list[FieldViolation] = []
    if not 1 <= len(request.events) <= MAX_EVENTS:
        wrong.append(FieldViolation("events", f"must be 1 to {MAX_EVENTS} errors, are {len(request.events)}"))
    for number, event in enumerate(request.events[:MAX_EVENTS]):
        place = f"events[{number}]"
        if not _SERVICE.fullmatch(event.service):
            wrong.append(
                FieldViolation(f"{place}.service", "is required: a service's name, such as scheduler")
            )
        if not event.message.strip():
            wrong.append(FieldViolation(f"{place}.message", "is required: the log event"))
        times = {"time": event.time, "process_started_at": event.process_started_at}
        wrong += [
            FieldViolation(f"{place}.{field}", "must be a time from year 1 to 9999")
            for field, time in times.items()
            # One that is absent reads as 1970.
            if moment(time) is None
        ]
        if len(wrong) >= MAX_VIOLATIONS:
            break
    if wrong:
        raise InvalidInput(wrong[:MAX_VIOLATIONS])
