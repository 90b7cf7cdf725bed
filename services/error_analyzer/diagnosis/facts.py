"""What is known about an error: its occurrences, the code on its way, and what changed there."""

import asyncio
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from aiartist.artist_db.v1 import artist_db_pb2 as db
from services.chassis.logs import get_logger
from services.chassis.redaction import redact_fields
from services.error_analyzer.diagnosis.budget import Budget
from services.error_analyzer.diagnosis.frames import Frame, frames_of, in_app
from services.error_analyzer.diagnosis.source import Snapshot, SourceReader, Spot
from services.error_analyzer.diagnosis.texts import log_lines, plain
from services.error_analyzer.domain import RepairUnavailable

MAX_FRAMES = 8
"""Functions of ours that are looked up, the innermost ones."""
MAX_SAMPLES = 3
"""Different occurrences that are shown."""
MAX_FIELD = 500
MAX_NAME = 200
_CHANGING = re.compile(r"_[0-9a-z]{26}\b|[0-9a-f]{8,}+|\d++|\s++", re.IGNORECASE)
_PLAIN_PATH = re.compile(r"[\w./-]{1,70}")
_log = get_logger("error_analyzer.diagnosis")


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One sample without secrets, as lines."""

    heading: str
    lines: Sequence[str]
    context: Sequence[str]

    @property
    def error(self) -> list[str]:
        """What follows the frames: the error itself."""
        last = max((number for number, line in enumerate(self.lines) if frames_of(line)), default=-1)
        return list(self.lines[last + 1 :])


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about a group. `occurrences`: all, newest first. `spots`: innermost first.

    `code` None: there is no source to look at.
    """

    group: db.ErrorGroup
    occurrences: Sequence[Occurrence]
    frames: Sequence[Frame]
    spots: Sequence[Spot]
    code: Snapshot | None

    @property
    def shown(self) -> list[Occurrence]:
        """Occurrences that differ in more than their numbers, at most MAX_SAMPLES."""
        differing: dict[str, Occurrence] = {}
        for occurrence in self.occurrences:
            differing.setdefault(_CHANGING.sub("#", "\n".join(occurrence.lines)), occurrence)
        return list(differing.values())[:MAX_SAMPLES]

    @property
    def files(self) -> list[str]:
        """The files on the way to the error, innermost first."""
        return list(dict.fromkeys(spot.file.path for spot in self.spots))


async def facts_of(group: db.ErrorGroup, source: SourceReader | None) -> Facts:
    """What is known about a group; without source where that can't be read now."""
    occurrences = await asyncio.to_thread(_occurrences, group)
    frames = next((found for one in occurrences if (found := in_app(frames_of("\n".join(one.lines))))), [])
    frames = frames[:MAX_FRAMES]
    try:
        code = await source.snapshot() if source is not None else None
        spots = await _spots(code, frames)
    except RepairUnavailable as error:
        _log.warning("the source of an error can't be read", fingerprint=group.fingerprint, detail=str(error))
        return Facts(group, occurrences, frames, (), None)
    return Facts(group, occurrences, frames, spots, code)


def subject_digest(facts: Facts) -> str:
    """SHA-256 (hex) of the error's shape and of the source around its frames.

    No line numbers, no times, no counts: the same for the same error in the same code.
    """
    digest = hashlib.sha256()
    code = {_way(facts, spot.frame): spot.code for spot in facts.spots}
    # Sorted: how a recursion's frames stand depends on how deep it was.
    ways = sorted({_way(facts, frame) for frame in facts.frames})
    for part in (
        facts.group.fingerprint,
        facts.group.exception_type,
        *(f"{way}\n{code.get(way, '')}" for way in ways),
    ):
        data = part.encode(errors="surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


def tell_error(facts: Facts, budget: Budget, most: int) -> None:
    """What is known about the error as a whole."""
    group = facts.group
    newest = facts.occurrences[0] if facts.occurrences else None
    # What is cut off is the end.
    lines = [
        f"type: {plain(group.exception_type or group.title, MAX_NAME)}",
        f"raised in: {plain(group.culprit, MAX_NAME)}",
        *(["error:", *newest.error] if newest is not None else []),
        f"services: {plain(', '.join(group.services), MAX_NAME)}",
        f"releases of the code: {plain(', '.join(group.code_versions), MAX_NAME)}",
        # Roughly, and without the time of day: a question that is repeated after a crash must be the same.
        f"seen: {_roughly(group.count)}, first on {group.first_seen.ToDatetime():%Y-%m-%d}",
    ]
    budget.add("the error", lines, most=most)


def source_label(path: str) -> str:
    """What a file is called outside of its quotation: a name that reads like a sentence stays inside."""
    return f"source {path}" if _PLAIN_PATH.fullmatch(path) else "source"


def tell_spot(spot: Spot, budget: Budget, most: int) -> bool:
    """The code of one frame, with where in it the error went through."""
    function = plain(spot.frame.parts[-1], 100)
    where = "its line has moved since" if spot.line_moved else f"the error went through line {spot.at}"
    lines = [f"file {spot.file.path}, in {function}: {where}", *spot.numbered]
    return budget.add(
        source_label(spot.file.path), lines, most=most, keep="around", around=spot.at - spot.first + 1
    )


def tell_occurrences(facts: Facts, budget: Budget, mosts: Sequence[int]) -> None:
    """Occurrences that differ; of a long one its end, where the error stands."""
    for number, (occurrence, most) in enumerate(zip(facts.shown, mosts, strict=False), start=1):
        budget.add(
            f"log: occurrence {number}", [occurrence.heading, *occurrence.lines], most=most, keep="tail"
        )


def tell_context(facts: Facts, budget: Budget, most: int) -> None:
    """The other fields of the newest log record."""
    if facts.occurrences and facts.occurrences[0].context:
        budget.add("log: fields of occurrence 1", facts.occurrences[0].context, most=most)


async def tell_commits(facts: Facts, budget: Budget, most: int) -> None:
    """The last changes of the files on the way to the error."""
    if facts.code is None:
        return
    lines: list[str] = []
    for path in facts.files:
        try:
            lines += [f"{path}:", *await facts.code.commits(path)]
        except RepairUnavailable as error:
            _log.warning("the commits of a file can't be read", path=path, detail=str(error))
    budget.add("recent commits", lines, most=most)


def _way(facts: Facts, frame: Frame) -> str:
    """A function by its file and own name: a traceback says `drive` where a program says `Worker.drive`."""
    located = facts.code.locate(frame) if facts.code is not None else None
    return f"{located[0] if located else ''}:{frame.parts[-1]}"


async def _spots(code: Snapshot | None, frames: Sequence[Frame]) -> list[Spot]:
    found: dict[tuple[str, int, int], Spot] = {}
    for frame in frames if code is not None else ():
        assert code is not None
        spot = await code.spot(frame)
        if spot is not None:
            found.setdefault((spot.file.path, spot.first, spot.last), spot)
    return list(found.values())


def _occurrences(group: db.ErrorGroup) -> list[Occurrence]:
    newest_first = sorted(
        group.samples,
        key=lambda sample: (sample.time.seconds, sample.time.nanos, sample.error_id),
        reverse=True,
    )
    return [_occurrence(sample) for sample in newest_first]


def _occurrence(sample: db.ErrorSample) -> Occurrence:
    context = redact_fields({name: value[: MAX_FIELD * 4] for name, value in sorted(sample.context.items())})
    return Occurrence(
        heading=f"service {plain(sample.service, 60)}, release "
        f"{plain(sample.code_version, 60) or 'unknown'}: {plain(sample.message, MAX_FIELD)}",
        lines=log_lines(sample.text),
        context=[f"{plain(name, 60)} = {plain(value, MAX_FIELD)}" for name, value in context.items()],
    )


def _roughly(count: int) -> str:
    """To the power of ten."""
    if count <= 1:
        return "once"
    return f"about {10 ** (len(str(count)) - 1):,} times" if count >= 10 else "a few times"
