"""A match that is not there."""

from tests.support.seeded_bugs.bug import Bug, Job

BUG = Bug(
    id="untimed_line",
    kind="regular expression that does not match",
    function="mixtape.lyrics.timed",
    error="AttributeError: 'NoneType' object has no attribute 'groups'",
    log="json",
    jobs=(Job("lyrics.sheet", {"text": "[ar:Nova]\n[00:01] rain on glass"}),),
    cause="timed() expects a time at the head of every line; a file may begin with lines about itself.",
    severity="medium",
    evidence="    minutes, seconds, words = _TIMED.match(line).groups()",
    note="match() gives None for a line without a time.",
    before="""\
    return sorted(timed(line) for line in text.splitlines() if line.strip())
""",
    after="""\
    return sorted(timed(line) for line in text.splitlines() if _TIMED.match(line))
""",
    test="""\
from mixtape import lyrics


def test_lines_without_a_time_are_left_out():
    assert lyrics.sheet("[ar:Nova]\\n[00:01] rain on glass") == [(1.0, "rain on glass")]
""",
    explanation="Lines without a time are no lyrics; they are left out of the sheet.",
)
