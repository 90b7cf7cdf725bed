"""Times with and without a zone."""

from tests.support.seeded_bugs.bug import Bug, Job

BUG = Bug(
    id="naive_deadline",
    kind="naive and aware times compared",
    function="mixtape.schedule.is_late",
    error="TypeError: can't compare offset-naive and offset-aware datetimes",
    log="json",
    jobs=(Job("schedule.is_late", {"deadline": "2026-03-01T12:00:00", "now": "2026-03-01T12:30:00+00:00"}),),
    cause="is_late() compares times as they come; one without a zone can't be compared with one that has it.",
    severity="high",
    evidence="    return datetime.fromisoformat(now) > datetime.fromisoformat(deadline)",
    note="Neither time is given a zone.",
    before="""\
from datetime import date, datetime, timedelta

FRIDAY = 4


def is_late(deadline: str, now: str) -> bool:
    \"\"\"Whether a deadline has passed; both are ISO 8601.\"\"\"
    return datetime.fromisoformat(now) > datetime.fromisoformat(deadline)
""",
    after="""\
from datetime import UTC, date, datetime, timedelta

FRIDAY = 4


def is_late(deadline: str, now: str) -> bool:
    \"\"\"Whether a deadline has passed; both are ISO 8601, in UTC where they tell no zone.\"\"\"
    return _aware(now) > _aware(deadline)


def _aware(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
""",
    test="""\
from mixtape import schedule


def test_a_deadline_without_a_zone_is_in_utc():
    assert schedule.is_late("2026-03-01T12:00:00", "2026-03-01T13:30:00+01:00")
    assert not schedule.is_late("2026-03-01T12:00:00", "2026-03-01T12:30:00+01:00")
""",
    explanation="A time without a zone is taken for UTC before it is compared.",
)
