"""A recursion that no data ends."""

from tests.support.seeded_bugs.bug import Bug, Job

BUG = Bug(
    id="endless_remix",
    kind="recursion without an end",
    function="mixtape.catalogue.original",
    error="RecursionError: maximum recursion depth exceeded",
    log="plain",
    jobs=(
        Job(
            "catalogue.original",
            {"tracks": {"A": {"remix_of": "B"}, "B": {"remix_of": "A"}}, "isrc": "A"},
        ),
    ),
    cause="original() follows remix_of for ever where two tracks call themselves remixes of each other.",
    severity="high",
    evidence="    return original(tracks, source) if source else isrc",
    note="It calls itself with whatever comes next, also with a track where it has been.",
    before="""\
    source = tracks[isrc].get("remix_of")
    return original(tracks, source) if source else isrc
""",
    after="""\
    seen = {isrc}
    while (source := tracks[isrc].get("remix_of")) and source not in seen:
        seen.add(source)
        isrc = source
    return isrc
""",
    test="""\
from mixtape import catalogue


def test_remixes_of_each_other_have_an_end():
    tracks = {"A": {"remix_of": "B"}, "B": {"remix_of": "A"}}
    assert catalogue.original(tracks, "A") == "B"
""",
    explanation="The way back ends at a track that it has passed already.",
)
