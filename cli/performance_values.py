"""Numbers and days as exports and spreadsheets write them."""

import re
import unicodedata
from calendar import monthrange
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from enum import StrEnum

_NOTHING = frozenset({"", "-", "–", "—", "n/a", "na", "null"})
_GROUPS = " '’\u00a0\u202f\u2009"
_COUNT = re.compile(r"(\d{1,3}([,.]\d{3})+|\d+)([.,]0+)?", re.ASCII)
_AMOUNT = {
    ".": re.compile(r"(?=\.?\d)(\d{1,3}(,\d{3})+|\d+)?(\.\d+)?(e-?\d{1,2})?", re.ASCII | re.IGNORECASE),
    ",": re.compile(r"(?=,?\d)(\d{1,3}(\.\d{3})+|\d+)?(,\d+)?(e-?\d{1,2})?", re.ASCII | re.IGNORECASE),
}
# A mark with other than three digits after it, or after groups by the other mark, is a decimal mark.
_DECIMAL = {
    ".": re.compile(r"\d*\.(\d{1,2}|\d{4,})|\d{1,3}(,\d{3})+\.\d+", re.ASCII),
    ",": re.compile(r"\d*,(\d{1,2}|\d{4,})|\d{1,3}(\.\d{3})+,\d+", re.ASCII),
}
_CURRENCY = re.compile(r"^(us\$|\$|usd)\s*|\s*(us\$|\$|usd)$", re.IGNORECASE)
_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})([T ].*)?", re.ASCII)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)
_DOTTED = re.compile(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})", re.ASCII)
_SLASHED = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4}|\d{2})", re.ASCII)
_NAME_FIRST = re.compile(r"([A-Za-z]{3,9})\.? (\d{1,2}),? (\d{4})", re.ASCII)
_NAME_SECOND = re.compile(r"(\d{1,2})\.? ([A-Za-z]{3,9})\.?,? (\d{4})", re.ASCII)
_MONTH = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        r"(?P<year>\d{4})[-/.]?(?P<month>\d{1,2})",
        r"(?P<month>\d{1,2})[-/.](?P<year>\d{4})",
        r"(?P<name>[A-Za-z]{3,9})\.?[ -](?P<year>\d{4}|\d{2})",
    )
)
_NAMES = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_CENTURY = 2000


class DayOrder(StrEnum):
    """What comes first in a day such as 3/4/2026."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


def normal(text: str) -> str:
    """A column's name as names are compared."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).strip("*:")


def is_nothing(text: str) -> bool:
    """A cell without a number."""
    return text.strip().casefold() in _NOTHING


def count(text: str) -> int:
    """A whole number, its thousands grouped in any way; ValueError for anything else."""
    sign, bare = _bare(text)
    found = _COUNT.fullmatch(bare)
    if found is None:
        raise ValueError("expected a whole number")
    return sign * int(found[1].replace(",", "").replace(".", ""))


def amount(text: str, mark: str) -> Decimal:
    """A number with the decimal mark `.` or `,`; ValueError for anything else."""
    sign, bare = _bare(_CURRENCY.sub("", text.strip()))
    if _AMOUNT[mark].fullmatch(bare) is None:
        raise ValueError(f"expected a number such as 1234{mark}56")
    plain = bare.replace("," if mark == "." else ".", "").replace(",", ".")
    return sign * Decimal(plain)


def decimal_mark(texts: Iterable[str], *, usual: str) -> str:
    """The decimal mark of a file's numbers, `usual` where they do not show it.

    ValueError where some have the one and some the other.
    """
    seen: set[str] = set()
    for text in texts:
        bare = _bare(_CURRENCY.sub("", text.strip()))[1]
        seen |= {mark for mark, pattern in _DECIMAL.items() if pattern.fullmatch(bare)}
    if len(seen) > 1:
        raise ValueError("has numbers with decimal points and others with decimal commas")
    return seen.pop() if seen else usual


def day_order(texts: Iterable[str]) -> DayOrder | None:
    """What comes first in days such as 3/4/2026, as a whole column shows it; None where nothing shows it.

    ValueError where some show the one and some the other.
    """
    seen: set[DayOrder] = set()
    for text in texts:
        found = _SLASHED.fullmatch(text.strip())
        if found is not None:
            first, second = int(found[1]), int(found[2])
            seen |= {DayOrder.DAY_FIRST} if first > 12 else set()
            seen |= {DayOrder.MONTH_FIRST} if second > 12 else set()
    if len(seen) > 1:
        raise ValueError("has days with the day first and others with the month first")
    return seen.pop() if seen else None


def is_ambiguous(text: str) -> bool:
    """Whether a day is another one with the month first than with the day first."""
    found = _SLASHED.fullmatch(text.strip())
    return found is not None and found[1].zfill(2) != found[2].zfill(2)


def day(text: str, order: DayOrder | None) -> date:
    """A day in one of the usual forms; ValueError for anything else."""
    bare = text.strip()
    for pattern in (_YEAR_FIRST, _COMPACT):
        if found := pattern.fullmatch(bare):
            return _date(found[1], found[2], found[3])
    if found := _DOTTED.fullmatch(bare):
        return _date(found[3], found[2], found[1])
    if found := _SLASHED.fullmatch(bare):
        if order is DayOrder.MONTH_FIRST:
            return _date(found[3], found[1], found[2])
        return _date(found[3], found[2], found[1])
    if found := _NAME_FIRST.fullmatch(bare):
        return _date(found[3], _month_number(found[1]), found[2])
    if found := _NAME_SECOND.fullmatch(bare):
        return _date(found[3], _month_number(found[2]), found[1])
    raise ValueError("expected a day such as 2026-03-01")


def month_end(text: str) -> date:
    """The last day of a month such as 2026-03 or Mar 2026; ValueError for anything else."""
    bare = text.strip()
    for pattern in _MONTH:
        if found := pattern.fullmatch(bare):
            parts = found.groupdict()
            number = parts.get("month") or _month_number(parts["name"])
            first = _date(parts["year"], number, 1)
            return first.replace(day=monthrange(first.year, first.month)[1])
    try:
        first = day(bare, None)
    except ValueError as error:
        raise ValueError("expected a month such as 2026-03") from error
    return first.replace(day=monthrange(first.year, first.month)[1])


def _bare(text: str) -> tuple[int, str]:
    """Sign and digits; in bookkeeping what stands in brackets is below zero."""
    stripped = text.strip().replace("\u2212", "-")
    negative = stripped.startswith("-") or (stripped.startswith("(") and stripped.endswith(")"))
    digits = stripped.lstrip("+-(").rstrip(")").strip()
    for mark in _GROUPS:
        digits = digits.replace(mark, "")
    return (-1 if negative else 1), digits


def _date(year: str, month: str | int, day: str | int) -> date:
    number = int(year) + (_CENTURY if len(year) == 2 else 0)
    try:
        return date(number, int(month), int(day))
    except ValueError as error:
        raise ValueError("is no day of the calendar") from error


def _month_number(name: str) -> int:
    known = [number for number, whole in enumerate(_NAMES, 1) if whole.startswith(name.lower())]
    if len(known) != 1:
        raise ValueError("expected a month's English name or its number")
    return known[0]
