"""A division by a count that may be nothing."""

from tests.support.seeded_bugs.bug import Bug, Job

BUG = Bug(
    id="no_streams",
    kind="ZeroDivisionError",
    function="mixtape.royalties.per_stream",
    error="ZeroDivisionError: division by zero",
    log="json",
    jobs=(Job("royalties.per_stream", {"income_cents": 450, "streams": 0}),),
    cause="per_stream() divides by the number of streams, which is 0 in a month that only had downloads.",
    severity="medium",
    evidence="    return round(income_cents / streams, 4)",
    note="The division is made for any number of streams.",
    before="""\
    return round(income_cents / streams, 4)
""",
    after="""\
    return round(income_cents / streams, 4) if streams else 0.0
""",
    test="""\
from mixtape import royalties


def test_without_streams_a_stream_brings_nothing():
    assert royalties.per_stream(450, 0) == 0.0
""",
    explanation="Where there was no stream, none brought anything in.",
)
