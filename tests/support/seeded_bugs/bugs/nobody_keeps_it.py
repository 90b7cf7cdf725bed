"""None where a text was expected."""

from tests.support.seeded_bugs.bug import Bug, Job

BUG = Bug(
    id="nobody_keeps_it",
    kind="None not handled",
    function="mixtape.playlists.describe",
    error="AttributeError: 'NoneType' object has no attribute 'title'",
    log="plain",
    jobs=(Job("playlists.describe", {"playlist": {"name": "Late", "curator": None}}),),
    cause="describe() calls title() on the curator, who is None for playlists that an algorithm keeps.",
    severity="medium",
    evidence="""    return f"{playlist['name']}, kept by {playlist['curator'].title()}\"""",
    note="The curator may be None by the type of the argument.",
    before="""\
    return f"{playlist['name']}, kept by {playlist['curator'].title()}"
""",
    after="""\
    curator = playlist["curator"]
    return f"{playlist['name']}, kept by {curator.title() if curator else 'nobody'}"
""",
    test="""\
from mixtape import playlists


def test_a_playlist_that_nobody_keeps_is_described():
    assert playlists.describe({"name": "Late", "curator": None}) == "Late, kept by nobody"
""",
    explanation="A playlist without a curator is said to be kept by nobody.",
)
