"""An hour that the clock skips in spring."""

from tests.support.seeded_bugs.bug import Bug, Job

BUG = Bug(
    id="skipped_hour",
    kind="daylight saving time",
    function="mixtape.timezones.to_utc",
    error="StopIteration",
    log="plain",
    jobs=(Job("timezones.to_utc", {"local": "2026-03-29T02:30:00"}),),
    cause="to_utc() looks for a moment at which the clock shows the time; in the hour that "
    "is skipped in spring there is none.",
    severity="medium",
    evidence="    moment = next(iter(shown))",
    note="shown is empty between 02:00 and 03:00 of the last Sunday in March.",
    before="""\
    moment = next(iter(shown))
""",
    after="""\
    # The clock jumps over some times in spring: what the winter's offset makes of them is an hour later.
    moment = next(iter(shown), candidates[-1])
""",
    test="""\
from mixtape import timezones


def test_a_time_in_the_skipped_hour_is_taken_by_the_winters_clock():
    assert timezones.to_utc("2026-03-29T02:30:00") == "2026-03-29T01:30:00+00:00"
""",
    explanation="A time that the clock never shows is read as if summer had not begun.",
)
