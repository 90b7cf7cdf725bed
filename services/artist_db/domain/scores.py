"""How a release does among listeners: a score from 0 to 1, and how sure it is.

It is the answer to one question: how many plays a day has it, next to what is usual in this label? In
steps, each chosen so that a person can follow it:

1. Plays are streams and views, the same on all platforms; a download counts as many streams. Saves, likes
   and shares are worth more than a play each, but all together at most as much as the plays themselves:
   they tell how much a play meant, and can't stand for plays that nobody counted. So more of anything never
   lowers a score. Listeners of different days are partly the same people and earnings depend on countries,
   so neither counts; nor does time watched.
2. Its rate is a weighted average of plays a day over the days that its numbers cover, with half the weight
   for each `HALF_LIFE_DAYS` before the last of them. A number covers as many days as there are to the
   nearest one before or after it (a day in an export by day, a month in a distributor's statement), but
   none before the release. Days of which nothing is known are not days without plays. What is
   `HORIZON_DAYS` older than the last number counts for nothing.
3. The usual rate is the median of the label's releases that were about as old at their last number, or of
   all of them as long as there are few of that age. A median, so that one hit does not make all others
   failures.
4. The score is rate / (rate + usual): the usual is 0.5, twice that 0.67, ten times 0.91, a tenth 0.09. Ten
   times the plays on every release change nothing.
5. That is drawn to 0.5 as far as it is unsure: n / (n + ENOUGH_DAYS), where n counts days with numbers,
   each for half as much with every `HALF_LIFE_DAYS` that pass. So the score of a release of which no more
   is heard goes back to 0.5.

Sureness depends on how many numbers there are and how old, not on how high they are: a higher number can't
lower a score by making it surer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

HALF_LIFE_DAYS = 30
"""A song's listening of two months ago says a quarter of what yesterday's says."""
HORIZON_DAYS = 6 * HALF_LIFE_DAYS
"""So that years of numbers need not be read again for each new one; a number of then would weigh 1/64."""
ENOUGH_DAYS = 3.0
"""So many days with numbers make a score half sure; a week 0.7, a month of days 0.9."""
DOWNLOAD_PLAYS = 150
"""Plays that a download counts for: the RIAA's ratio of on-demand streams to one."""
ENGAGED_PLAYS = 10
"""Plays that a save or a like counts for; of streams, a few in a hundred are saved."""
SHARED_PLAYS = 20
"""Plays that a share counts for."""
LONGEST_COVER_DAYS = 31
"""Days that a number covers at most, and one alone does: distributors' statements are monthly."""
YOUNG_DAYS, GROWN_DAYS = 28, 120
"""Ages at which a release's usual rate becomes another one: the first weeks are unlike the rest."""
ENOUGH_RELEASES = 8
"""Releases of an age that make a usual rate of their own."""
MIDDLE = 0.5


@dataclass(frozen=True, slots=True)
class Score:
    """How a release does."""

    score: float
    """0 to 1; 0.5 is what is usual in the label, also where nothing is known."""
    sureness: float
    """0 (nothing is known) to 1."""
    plays: int
    """Streams and views in all, undiminished."""
    last_day: date | None
    """The last day with a number of any kind; None: there is none."""


UNKNOWN = Score(MIDDLE, 0.0, 0, None)
"""Of a release without numbers."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What the numbers of a release come to; it changes only when they do."""

    rate: float
    """Plays a day, step 2 above; at least 0."""
    evidence: float
    """Days with plays' numbers, each for as much as it counted on `last_day`."""
    band: int
    """Its age at its last number: 0 young, 1 grown, 2 old."""
    last_heard: date | None
    """The last day with a number of plays that counts; None: none does, and the fields above mean nothing."""
    plays: int
    last_day: date | None


@dataclass(frozen=True, slots=True)
class Usual:
    """The rates of the label's releases, or of those of one age."""

    releases: int
    """How many have a rate."""
    median: float
    median_above_zero: float
    """Of those that were played at all; 0: none was."""

    @property
    def rate(self) -> float:
        """What is usual. Where most were never played, it is what those that were have."""
        return self.median or self.median_above_zero


NOTHING_USUAL = Usual(0, 0.0, 0.0)


def usual_rate(band: int, bands: Mapping[int, Usual], whole: Usual) -> float:
    """The rate that a release of an age is held against."""
    own = bands.get(band, NOTHING_USUAL)
    return own.rate if own.releases >= ENOUGH_RELEASES else whole.rate


def score(mark: Mark, usual: float, today: date) -> Score:
    """The score of a release whose usual rate is `usual`, as of `today`."""
    if mark.last_heard is None or mark.last_day is None:
        return Score(MIDDLE, 0.0, mark.plays, mark.last_day)
    age = max((today - mark.last_day).days, 0)
    evidence = mark.evidence * 0.5 ** (age / HALF_LIFE_DAYS)
    sureness = evidence / (evidence + ENOUGH_DAYS)
    both = mark.rate + usual
    raw = mark.rate / both if both else MIDDLE
    return Score(MIDDLE + sureness * (raw - MIDDLE), sureness, mark.plays, mark.last_day)
