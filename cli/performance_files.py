"""Exports of platforms and distributors as numbers of releases."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from aiartist.artist_db.v1 import performance_pb2 as pb
from cli.failures import BAD_INPUT, Failure
from cli.performance_kinds import COUNTED, TOTALS, Fit, Kind, MetricValue, When, store
from cli.performance_names import Label, Name, names_of
from cli.performance_table import MAX_NAME, MAX_SHOWN, Row, table_of
from cli.performance_values import (
    DayOrder,
    amount,
    count,
    day,
    day_order,
    decimal_mark,
    is_ambiguous,
    is_nothing,
    month_end,
    normal,
)
from cli.texts import plain, shortened
from cli.yaml_file import FileProblems, Problem

EARLIEST = date(2000, 1, 1)
_MOST_IN_CELL = 10**15
"""In the kept unit; more is a mistake, and could be more than a message holds."""
_GROUPING = re.compile(r"[\s-]+")
_MOST_PROBLEMS = 200

_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True)
class Number:
    """What was counted of one release in a day or period, over all rows of the file."""

    name: Name
    platform: str
    metric: MetricValue
    day: date
    value: int


@dataclass(frozen=True, slots=True)
class Export:
    """A file that could be read."""

    kind: Kind
    rows: int
    """With numbers in them; totals are left out."""
    numbers: Sequence[Number]
    too_early: int = 0
    """Rows that were left out because their month is not over."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the person who imports a file says about it."""

    today: date
    platform: str = ""
    """In place of the kind's own."""
    day: date | None = None
    """Of what has no day of its own."""
    release_id: str = ""
    """What all of it is about."""
    order: DayOrder | None = None
    only: frozenset[MetricValue] = frozenset()
    """Empty: all."""


@dataclass(slots=True)
class _Sum:
    """What the rows of one number add up to."""

    total: Decimal
    role: str
    line: int
    """Of the last of them."""

    def add(self, other: "_Sum") -> None:
        self.total += other.total
        self.line = max(self.line, other.line)


def read(path: Path, choices: Choices) -> Export:
    """The numbers of an export. Failure where it is no such file, FileProblems where rows of it are wrong."""
    found, delimiter, rows = table_of(path)
    _require_fitting(path, found.kind, choices)
    return _Reader(path, found, delimiter, choices).read(rows)


class _Reader:
    """Reads the rows of one file."""

    def __init__(self, path: Path, found: Fit, delimiter: str, choices: Choices) -> None:
        self._path = path
        self._kind = found.kind
        self._columns = found.columns
        self._choices = choices
        self._usual_mark = "," if delimiter == ";" else "."
        self._problems: list[Problem] = []
        self._sums: dict[tuple[Label, str, MetricValue, date], _Sum] = {}
        self._too_early = 0
        self._spelling: dict[Label, Label] = {}

    def read(self, rows: Sequence[Row]) -> Export:
        rows = [row for row in rows if not self._is_total(row)]
        order = self._order(rows)
        mark = self._mark(rows)
        self._refuse()
        used = 0
        for row in rows:
            if len(self._problems) >= _MOST_PROBLEMS:
                break
            used += self._take(row, order, mark)
        self._refuse()
        if not self._sums and not self._too_early:
            raise Failure(f"{plain(str(self._path))}: has no numbers", exit_code=BAD_INPUT)
        numbers = self._numbers()
        self._refuse()
        return Export(self._kind, used, numbers, self._too_early)

    def _refuse(self) -> None:
        if self._problems:
            raise FileProblems(str(self._path), self._problems)

    def _cell(self, row: Row, role: str) -> str:
        place = self._columns.get(role)
        return row.cells[place].strip() if place is not None and place < len(row.cells) else ""

    def _is_total(self, row: Row) -> bool:
        return self._kind.platform == "youtube" and normal(row.cells[0]) in TOTALS

    def _order(self, rows: Sequence[Row]) -> DayOrder | None:
        """How the file writes days such as 3/4/2026; what is said counts for what the file does not show."""
        if self._kind.when is not When.DAY:
            return None
        days = [self._cell(row, "day") for row in rows]
        try:
            shown = day_order(days)
        except ValueError as error:
            self._problems.append(Problem(0, self._heading("day"), str(error)))
            return None
        order = shown or self._choices.order
        doubtful = next((row for row in rows if order is None and is_ambiguous(self._cell(row, "day"))), None)
        if doubtful is not None:
            text = (
                f"{self._cell(doubtful, 'day')} may be two days; say which it is with "
                "--dates day-first or --dates month-first"
            )
            self._problems.append(Problem(doubtful.line, self._heading("day"), text))
        return order

    def _mark(self, rows: Sequence[Row]) -> str:
        roles = [role for role in self._columns if role in COUNTED and not COUNTED[role].whole]
        try:
            return decimal_mark(
                (self._cell(row, role) for row in rows for role in roles), usual=self._usual_mark
            )
        except ValueError as error:
            self._problems.append(Problem(0, "", str(error)))
            return self._usual_mark

    def _heading(self, role: str) -> str:
        return {**self._kind.required, **self._kind.optional}[role][0]

    def _take(self, row: Row, order: DayOrder | None, mark: str) -> bool:
        """Adds a row's numbers; False where it has none."""
        on = self._day(row, order)
        label = self._label(row)
        if on is None or label is None:
            return False
        platform, quantity = self._kind.platform, pb.METRIC_STREAMS
        if not platform:
            platform, quantity = store(self._cell(row, "store"))
        took = False
        for role, place in self._columns.items():
            counted = COUNTED.get(role)
            text = row.cells[place].strip() if place < len(row.cells) else ""
            if counted is None or is_nothing(text):
                continue
            metric = quantity if role == "quantity" else counted.metric
            try:
                value = (Decimal(count(text)) if counted.whole else amount(text, mark)) * counted.factor
                if abs(value) > _MOST_IN_CELL:
                    raise ValueError(f"expected at most {_MOST_IN_CELL // counted.factor:,}")
            except ValueError as error:
                self._problem(row, role, text, error)
                continue
            took = True
            if not self._choices.only or metric in self._choices.only:
                key = (label, self._choices.platform or platform, metric, on)
                _add(self._sums, key, _Sum(value, role, row.line))
        return took

    def _day(self, row: Row, order: DayOrder | None) -> date | None:
        if self._kind.when is When.PERIOD:
            return self._choices.day
        role = "day" if self._kind.when is When.DAY else "month"
        text = self._cell(row, role)
        today = self._choices.today
        try:
            on = day(text, order) if role == "day" else month_end(text)
            if role == "month" and today < on and on.replace(day=1) <= today:
                # Its numbers still grow, and kept at any other day than its last they would count twice.
                self._too_early += 1
                return None
            if not EARLIEST <= on <= today + timedelta(days=1):
                raise ValueError(f"expected a day from {EARLIEST} to today, {today}")
        except ValueError as error:
            self._problem(row, role, text, error)
            return None
        return on

    def _label(self, row: Row) -> Label | None:
        given = {role: self._cell(row, role) for role in ("isrc", "upc", "title", "artist")}
        for role, text in given.items():
            if len(text) > MAX_NAME:
                self._problem(row, role, text, ValueError(f"expected at most {MAX_NAME:,} characters"))
                return None
        isrc, upc = (
            "" if is_nothing(text) else _GROUPING.sub("", text).upper()
            for text in (given["isrc"], given["upc"])
        )
        # Spreadsheets drop the zeros, and an EAN has one more than its UPC.
        codes = Label(isrc, upc.lstrip("0"))
        folded = replace(codes, title=normal(given["title"]), artist=normal(given["artist"]))
        # The file's first spelling is the one that people are told.
        self._spelling.setdefault(folded, replace(codes, title=given["title"], artist=given["artist"]))
        if self._kind.names_releases and not (self._choices.release_id or isrc or upc or given["title"]):
            self._problem(row, "title", "", ValueError("names no release"))
            return None
        return folded

    def _problem(self, row: Row, role: str, text: str, error: ValueError) -> None:
        given = f", is {shortened(plain(text), MAX_SHOWN)!r}" if text else ", is empty"
        self._problems.append(Problem(row.line, self._heading(role), f"{error}{given}"))

    def _numbers(self) -> list[Number]:
        labels = {key[0] for key in self._sums}
        if self._choices.release_id:
            titles = {label.title for label in labels if label.title}
            if len(titles) > 1:
                raise Failure(
                    f"{plain(str(self._path))}: is about {len(titles)} titles, and --release is for one",
                    exit_code=BAD_INPUT,
                )
            names = {label: Name("release_id", self._choices.release_id) for label in labels}
        else:
            names = names_of(labels, self._spelling)
        sums: dict[tuple[Name, str, MetricValue, date], _Sum] = {}
        for (label, platform, metric, on), number in self._sums.items():
            _add(sums, (names[label], platform, metric, on), number)
        for number in sums.values():
            if abs(number.total) > _MOST_IN_CELL:
                most = _MOST_IN_CELL // COUNTED[number.role].factor
                text = f"adds up to more than {most:,} with the rows before it"
                self._problems.append(Problem(number.line, self._heading(number.role), text))
        return [Number(*key, _kept(key[2], number.total)) for key, number in sums.items()]


def _add(sums: dict[_Key, _Sum], key: _Key, number: _Sum) -> None:
    known = sums.get(key)
    if known is None:
        sums[key] = replace(number)
    else:
        known.add(number)


def _kept(metric: MetricValue, value: Decimal) -> int:
    whole = int(value.to_integral_value())
    # Returned downloads of an earlier month can outnumber this month's: none is what there were then.
    return whole if metric == pb.METRIC_EARNINGS else max(whole, 0)


def _require_fitting(path: Path, kind: Kind, choices: Choices) -> None:
    """Failure where a kind of file and what is said about it don't go together."""
    trouble = ""
    if kind.why_not:
        trouble = kind.why_not
    elif kind.when is When.PERIOD and choices.day is None:
        trouble = (
            "its numbers are sums of a period without days: give the period's last day with --day 2026-03-31"
        )
    elif kind.when is not When.PERIOD and choices.day is not None:
        trouble = f"has a {kind.when} in each row: leave out --day"
    elif not kind.names_releases and not choices.release_id:
        trouble = "does not say which release it is about: give it with --release"
    elif not kind.platform and choices.platform:
        trouble = "has a store in each row: leave out --platform"
    if trouble:
        raise Failure(f"{plain(str(path))} ({kind.label}): {trouble}", exit_code=BAD_INPUT)
