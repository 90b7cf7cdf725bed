"""What numbers of platforms come to, in plain Python: the yardstick for what SQL makes of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median

from services.artist_db.domain import scores
from services.artist_db.domain.scores import Mark, Score, Usual

PLAYS = {"STREAMS": 1, "VIEWS": 1, "DOWNLOADS": 150}
ENGAGED = {"SAVES": 10, "LIKES": 10, "SHARES": 20}


@dataclass(frozen=True, slots=True)
class Heard:
    """One number of a release."""

    day: date
    metric: str
    value: int


def mark_of(numbers: Sequence[Heard], released: date) -> Mark | None:
    """A release's mark; None: it has no numbers."""
    if not numbers:
        return None
    plays = sum(number.value for number in numbers if number.metric in ("STREAMS", "VIEWS"))
    last_day = max(number.day for number in numbers)
    recent = [number for number in numbers if (last_day - number.day).days < 180]
    days = sorted({number.day for number in recent if number.metric in PLAYS})
    if not days:
        return Mark(0.0, 0.0, 0, None, plays, last_day)

    def weight(day: date) -> float:
        return 0.5 ** ((last_day - day).days / 30)

    played = sum(PLAYS.get(n.metric, 0) * n.value * weight(n.day) for n in recent)
    engaged = sum(ENGAGED.get(n.metric, 0) * n.value * weight(n.day) for n in recent)
    covered = 0.0
    for day in days:
        others = [abs((day - other).days) for other in days if other != day]
        covered += min(*others, 31, max((day - released).days + 1, 1)) * weight(day)
    age = (days[-1] - released).days
    band = 0 if age <= 28 else 1 if age <= 120 else 2
    rate = (played + min(engaged, played)) / covered
    return Mark(rate, sum(map(weight, days)), band, days[-1], plays, last_day)


def scores_of(
    label: Mapping[str, Sequence[Heard]], released: Mapping[str, date], today: date
) -> dict[str, Score]:
    """The score of every release of a label."""
    marks = {name: mark_of(numbers, released[name]) for name, numbers in label.items()}
    known = [mark for mark in marks.values() if mark is not None and mark.last_heard is not None]
    bands = {band: usual_of([m for m in known if m.band == band]) for band in range(3)}
    whole = usual_of(known)
    return {
        name: scores.UNKNOWN
        if mark is None
        else scores.score(mark, scores.usual_rate(mark.band, bands, whole), today)
        for name, mark in marks.items()
    }


def usual_of(marks: Sequence[Mark]) -> Usual:
    rates = [mark.rate for mark in marks]
    above = [rate for rate in rates if rate > 0]
    return Usual(len(rates), median(rates) if rates else 0.0, median(above) if above else 0.0)
