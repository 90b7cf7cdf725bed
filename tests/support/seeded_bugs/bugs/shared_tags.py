"""A default that every call shares."""

from tests.support.seeded_bugs.bug import Bug, Job

BUG = Bug(
    id="shared_tags",
    kind="mutable default argument",
    function="mixtape.playlists.tagged",
    error="ValueError: Glass has the tag slow already",
    log="json",
    jobs=(
        Job("playlists.tagged", {"track": "Rain", "tag": "slow"}),
        Job("playlists.tagged", {"track": "Glass", "tag": "slow"}),
    ),
    cause="tagged() appends to its default list, so that an untagged track gets the tags of the one before.",
    severity="high",
    evidence="    tags.append(tag)",
    note="The list may be the default, which lives as long as the process.",
    before="""\
    tags.append(tag)
    return tags
""",
    after="""\
    return [*tags, tag]
""",
    test="""\
from mixtape import playlists


def test_two_untagged_tracks_share_nothing():
    assert playlists.tagged("Rain", "slow") == ["slow"]
    assert playlists.tagged("Glass", "slow") == ["slow"]
""",
    explanation="A new list is made for each track; nothing is added to the default.",
)
