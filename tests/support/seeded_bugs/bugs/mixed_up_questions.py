"""Two questions under one key."""

from tests.support.seeded_bugs.bug import Bug, Job

BUG = Bug(
    id="mixed_up_questions",
    kind="cache keys that collide",
    function="mixtape.cache.get",
    error="AssertionError: the cache has mixed up ('Nova', 'Lane Rain') and ('NovaLane', ' Rain')",
    log="json",
    jobs=(Job("cache.slugs", {"titles": [["Nova", "Lane Rain"], ["NovaLane", " Rain"]]}),),
    cause="get() joins the parts of a question without anything in between: two questions get one key.",
    severity="high",
    evidence="""        key = "".join(question)""",
    note="Where one part ends and the next begins is lost.",
    before="""\
        key = "".join(question)
""",
    after="""\
        key = "\\0".join(question)
""",
    test="""\
from mixtape import cache


def test_questions_that_read_the_same_stay_apart():
    assert cache.slugs([("Nova", "Lane Rain"), ("NovaLane", " Rain")]) == ["nova/lane-rain", "novalane/-rain"]
""",
    explanation="The parts are joined with a character that no name or title holds.",
)
