"""The numbers of an export on their way to artist_db."""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from aiartist.artist_db.v1 import performance_pb2 as pb
from cli.failures import BAD_INPUT, Failure, ServiceFailure
from cli.performance_files import Export, Number
from cli.performance_kinds import MetricValue
from cli.performance_names import Name
from cli.performance_view import called, metric_name
from cli.session import Session, new_request_id
from cli.texts import plain

AT_ONCE = 5_000
"""Entries of one call, as the contract has it."""
RECORD_TIMEOUT_S = 60.0
_MAX_SOURCE = 200
_ENTRY = re.compile(r"entries\[(\d+)\](\.\w+)?")


@dataclass(slots=True)
class Tally:
    """What became of a file's numbers."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    unmatched: dict[tuple[Name, str], int] = field(default_factory=dict)
    """How many numbers of each name, and why they were not kept."""
    together: set[tuple[Name, Name]] = field(default_factory=set)
    """Names that turned out to be of one release, whose numbers were added up."""

    def count(self, numbers: Sequence[Number], answer: pb.RecordPerformanceResponse) -> None:
        self.added += answer.added
        self.changed += answer.changed
        self.unchanged += answer.unchanged
        for one in answer.unmatched:
            key = numbers[one.index].name, one.reason
            self.unmatched[key] = self.unmatched.get(key, 0) + 1

    @property
    def summary(self) -> str:
        left = sum(self.unmatched.values())
        told = f"{self.added:,} added, {self.changed:,} changed, {self.unchanged:,} unchanged"
        return f"{told}, {left:,} of no release" if left else told

    def document(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "added": self.added,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "unmatched": [
                {name.field: name.text, "artist_name": name.artist, "numbers": numbers, "reason": reason}
                for (name, reason), numbers in self.unmatched.items()
            ],
        }


async def record(session: Session, file: Path, export: Export) -> Tally:
    """Sends the numbers in batches, each with an id of its own so that the transport may repeat it.

    A command that ended midway is repeated whole: numbers that are known already stay as they are.
    """
    command, tally, same = new_request_id(), Tally(), dict[Name, Name]()
    for place, batch in enumerate(_batches(file, export.numbers)):
        for attempt in itertools.count():
            numbers = _together(batch, same)
            found = await _sent(session, file, f"{command}-{place}-{attempt}", numbers, tally)
            if not found:
                break
            same |= found
    tally.together = set(same.items())
    return tally


async def _sent(
    session: Session, file: Path, request_id: str, numbers: Sequence[Number], tally: Tally
) -> dict[Name, Name]:
    """Sends numbers. Where some were refused for being of one release: which names are of whose release."""
    service = session.artist_db
    request = pb.RecordPerformanceRequest(
        request_id=request_id, entries=map(_entry, numbers), source=plain(file.name)[:_MAX_SOURCE]
    )
    timeout = max(session.timeout, RECORD_TIMEOUT_S)
    try:
        answer = await service.answer(service.stub.RecordPerformance(request, timeout=timeout))
    except ServiceFailure as failure:
        if twins := _twins(numbers, failure):
            return twins
        raise _explained(file, numbers, failure) from failure
    tally.count(numbers, answer)
    return {}


def _batches(file: Path, numbers: Sequence[Number]) -> list[Sequence[Number]]:
    """Numbers of one platform, metric and day go together, for some may turn out to be of one release.

    Apart, the later would replace the earlier.
    """
    batches: list[Sequence[Number]] = []
    batch: list[Number] = []
    for (day, platform, _), group in itertools.groupby(sorted(numbers, key=_order), key=_place):
        alike = list(group)
        if len(alike) > AT_ONCE and len({number.name.field for number in alike}) > 1:
            raise Failure(
                f"{plain(str(file))}: has over {AT_ONCE:,} titles for {platform} on {day}, and not all "
                "by one kind of name: import several files, each with all rows of its titles",
                exit_code=BAD_INPUT,
            )
        if batch and len(batch) + len(alike) > AT_ONCE:
            batches.append(batch)
            batch = []
        batch += alike
        while len(batch) > AT_ONCE:
            batches.append(batch[:AT_ONCE])
            batch = batch[AT_ONCE:]
    return [*batches, batch] if batch else batches


def _place(number: Number) -> tuple[date, str, MetricValue]:
    return number.day, number.platform, number.metric


def _order(number: Number) -> tuple[date, str, MetricValue, str, str]:
    return *_place(number), number.name.text, number.name.artist


def _twins(numbers: Sequence[Number], failure: ServiceFailure) -> dict[Name, Name]:
    """Names that were refused for being of one release with others; empty: more than that is wrong."""
    twins = {}
    for violation in failure.remote.violations:
        second, first = _ENTRY.fullmatch(violation.field), _ENTRY.search(violation.description)
        if second is None or first is None:
            return {}
        twins[numbers[int(second[1])].name] = numbers[int(first[1])].name
    return twins


def _together(numbers: Sequence[Number], same: Mapping[Name, Name]) -> list[Number]:
    """The numbers, those of one release added up as the rows of one name are."""
    sums: dict[tuple[Name, MetricValue, str, date], Number] = {}
    for number in numbers:
        name = number.name
        while name in same:
            name = same[name]
        key = (name, number.metric, number.platform, number.day)
        before = sums[key].value if key in sums else 0
        sums[key] = replace(number, name=name, value=before + number.value)
    return list(sums.values())


def _entry(number: Number) -> pb.PerformanceEntry:
    entry = pb.PerformanceEntry(
        artist_name=number.name.artist,
        platform=number.platform,
        metric=number.metric,
        day=str(number.day),
        value=number.value,
    )
    setattr(entry, number.name.field, number.name.text)
    return entry


def _explained(file: Path, numbers: Sequence[Number], failure: ServiceFailure) -> Exception:
    """The refusal of entries by what the file has in them; any other failure as it is."""
    refused = [v for v in failure.remote.violations if _ENTRY.fullmatch(v.field)]
    if not refused:
        return failure

    def told(found: re.Match[str]) -> str:
        number = numbers[int(found[1])]
        return f"{called(number.name)} ({number.platform}, {metric_name(number.metric)}, {number.day})"

    lines = (plain(f"{v.field}: {v.description}") for v in refused)
    return Failure(
        f"{plain(str(file))}: {len(refused)} of its numbers were refused, and none of these was kept:",
        *(_ENTRY.sub(told, line) for line in lines),
        exit_code=BAD_INPUT,
    )
