"""When rules move artists: by how their runs ended, and by time.

No rule retires an artist for silence. Rates and rows count what people and reviews said; idleness only
pauses; and a pause ends in retirement only where a rule paused the artist for its songs, and only while
people are there who were warned.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.artist_db.domain.lifecycle import Rule, State
from services.artist_db.domain.outcomes import Blame

WARNED_DAYS = 14
"""Days between the warning and the retirement that it is about, at least."""
DOWN_DAYS = 7
"""After so many days without a review the platform was down, and nobody was idle meanwhile."""
AT_WORK = (State.ACTIVE, State.EVOLVING)
"""States in which rules look at how runs end."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What `AIARTIST_LIVES_*` says; settings.py has each one's meaning and bounds."""

    enabled: bool = True
    pause_approval: float = 0.20
    pause_errors: float = 0.30
    evolve_approval: float = 0.40
    recover_approval: float = 0.50
    rejections_in_a_row: int = 5
    idle_days: int = 45
    retire_after_paused_days: int = 90
    window_days: int = 30
    min_runs: int = 10

    @property
    def window(self) -> timedelta:
        return timedelta(days=self.window_days)


@dataclass(frozen=True, slots=True)
class Life:
    """Where an artist stands, as rules need it. Times in UTC."""

    state: State
    since: datetime
    """When it came to its state."""
    judged_from: datetime
    """A person moved it then, or took it on: what was before no longer counts."""
    rule: str
    """What led to its state."""
    reason: str
    """Why, in words."""
    created_at: datetime
    last_run_at: datetime | None = None
    """When a run of it ended last; None: none did."""
    warned_at: datetime | None = None
    """When people were told that its pause ends in retirement; None: they were not."""


@dataclass(frozen=True, slots=True)
class Record:
    """How an artist's songs did."""

    approved: int = 0
    """Approved since `rates_from`."""
    rejected: int = 0
    """Rejected by people since `rates_from`."""
    errors: int = 0
    """Songs of which no take passed its review, since `rates_from`."""
    row: int = 0
    """The last verdicts since `judged_from` that were rejections, one after the other."""
    under_way: int = 0
    """Approved songs on the way to their release, whose outcome is not recorded yet."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a rule does."""

    rule: Rule
    target: State
    reason: str


def rates_from(rules: Rules, life: Life, now: datetime) -> datetime:
    """What ended after this counts for rates: in the window, and in the state that the artist is in.

    So no outcome counts for two moves, and what made an artist evolve can't make it recover.
    """
    return max(now - rules.window, life.since, life.judged_from)


def row_of(verdicts: Sequence[Blame]) -> int:
    """Rejections in a row among verdicts, newest first; what is none neither breaks nor lengthens it."""
    row = 0
    for verdict in verdicts:
        if verdict is Blame.APPROVED:
            break
        row += verdict is Blame.REJECTED
    return row


def after_run(rules: Rules, life: Life, record: Record) -> Ruling | None:
    """What follows from how runs ended; None: nothing."""
    if not rules.enabled or life.state not in AT_WORK:
        return None
    return _rejected_in_a_row(rules, record) or _by_errors(rules, record) or _by_approval(rules, life, record)


def idle(rules: Rules, life: Life, now: datetime, back_at: datetime | None) -> Ruling | None:
    """Pauses an artist without any run for long. The caller knows that none is under way or waits for people.

    `back_at`: the platform came back then after it was down for days; None: it was not.
    """
    if not (rules.enabled and rules.idle_days) or life.state not in AT_WORK:
        return None
    signs = (life.last_run_at, life.judged_from, life.created_at, life.since, back_at)
    last = max(sign for sign in signs if sign is not None)
    if now - last < timedelta(days=rules.idle_days):
        return None
    return Ruling(Rule.IDLE, State.PAUSED, f"no run for {rules.idle_days} days")


def on_trial(life: Life) -> bool:
    """True where a rule paused the artist for its songs: only such a pause may end in retirement."""
    return life.state is State.PAUSED and life.rule in (Rule.APPROVAL, Rule.ERRORS)


def warning_due(rules: Rules, life: Life, now: datetime, acted_at: datetime | None) -> bool:
    """Whether people are to be told now that a pause ends in retirement.

    `acted_at`: when a person did anything in the label last. With nobody there the clock waits.
    """
    if not _clock_runs(rules, life, now, acted_at) or life.warned_at is not None:
        return False
    return now - life.since >= timedelta(days=max(0, rules.retire_after_paused_days - WARNED_DAYS))


def paused_too_long(rules: Rules, life: Life, now: datetime, acted_at: datetime | None) -> Ruling | None:
    """Retires an artist whose warned pause was too long, where a person was there after the warning."""
    if not _clock_runs(rules, life, now, acted_at) or acted_at is None or life.warned_at is None:
        return None
    long_paused = now - life.since >= timedelta(days=rules.retire_after_paused_days)
    long_warned = now - life.warned_at >= timedelta(days=WARNED_DAYS)
    if not (long_paused and long_warned and acted_at > life.warned_at):
        return None
    days = (now - life.since).days
    return Ruling(Rule.PAUSED, State.RETIRED, f"paused for {days} days, since: {life.reason}")


def _clock_runs(rules: Rules, life: Life, now: datetime, acted_at: datetime | None) -> bool:
    if not (rules.enabled and rules.retire_after_paused_days) or not on_trial(life):
        return False
    return acted_at is not None and now - acted_at <= rules.window


def _rejected_in_a_row(rules: Rules, record: Record) -> Ruling | None:
    if not rules.rejections_in_a_row or record.row < rules.rejections_in_a_row:
        return None
    if record.under_way:
        # One of them may stand between these rejections: whoever records it looks again.
        return None
    return Ruling(Rule.REJECTIONS, State.RETIRED, f"{record.row} rejections in a row")


def _by_errors(rules: Rules, record: Record) -> Ruling | None:
    ended = record.approved + record.under_way + record.rejected + record.errors
    if ended < rules.min_runs or record.errors / ended <= rules.pause_errors:
        return None
    reason = (
        f"no take passed its review in {record.errors} of {ended} runs in {rules.window_days} days, "
        f"over {_percent(rules.pause_errors)}"
    )
    return Ruling(Rule.ERRORS, State.PAUSED, reason)


def _by_approval(rules: Rules, life: Life, record: Record) -> Ruling | None:
    approved = record.approved + record.under_way
    decided = approved + record.rejected
    if decided < rules.min_runs:
        return None
    approval = approved / decided
    said = f"approval {approved} of {decided} in {rules.window_days} days"
    if approval < rules.pause_approval:
        return Ruling(Rule.APPROVAL, State.PAUSED, f"{said}, below {_percent(rules.pause_approval)}")
    if life.state is State.ACTIVE and approval < rules.evolve_approval:
        return Ruling(Rule.APPROVAL, State.EVOLVING, f"{said}, below {_percent(rules.evolve_approval)}")
    if life.state is State.EVOLVING and approval >= rules.recover_approval:
        return Ruling(Rule.RECOVERED, State.ACTIVE, f"{said}, {_percent(rules.recover_approval)} or more")
    return None


def _percent(share: float) -> str:
    return f"{share * 100:g} %"
