"""An optional field is read as if it were always there."""

from tests.support.seeded_bugs.bug import Bug, Job

BUG = Bug(
    id="missing_producer",
    kind="KeyError on a missing optional field",
    function="mixtape.catalogue.credits",
    error="KeyError: 'producer'",
    log="json",
    jobs=(Job("catalogue.credits", {"track": {"writers": ["Ana"], "singer": "Nova"}}),),
    cause="credits() reads the field `producer` of every track, and a track that nobody produced has none.",
    severity="medium",
    evidence="""    people.append(f"produced by {track['producer']}")""",
    note="The field is read without a look whether it is there.",
    before="""\
    people.append(f"produced by {track['producer']}")
""",
    after="""\
    if track.get("producer"):
        people.append(f"produced by {track['producer']}")
""",
    test="""\
from mixtape import catalogue


def test_a_track_without_a_producer_has_credits():
    assert catalogue.credits({"writers": ["Ana"], "singer": "Nova"}) == "written by Ana; sung by Nova"
""",
    explanation="A track need not have a producer; the part about them is left out where there is none.",
)
