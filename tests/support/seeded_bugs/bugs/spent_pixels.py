"""A generator that is read twice."""

from tests.support.seeded_bugs.bug import Bug, Job

BUG = Bug(
    id="spent_pixels",
    kind="generator exhausted",
    function="mixtape.covers.contrast",
    error="ValueError: max() arg is an empty sequence",
    log="plain",
    jobs=(Job("covers.contrast", {"rows": [[7, 200], [90, 30]], "details": True}),),
    cause="contrast() reads its generator of pixels for the darkest one; nothing is left for the brightest.",
    severity="medium",
    evidence="    pixels = (pixel for row in rows for pixel in row)",
    note="A generator can be read once.",
    before="""\
    pixels = (pixel for row in rows for pixel in row)
""",
    after="""\
    pixels = [pixel for row in rows for pixel in row]
""",
    test="""\
from mixtape import covers


def test_the_brightest_pixel_is_found_too():
    assert covers.contrast([[7, 200], [90, 30]], details=True) == {"darkest": 7, "brightest": 200}
""",
    explanation="The pixels are kept in a list, which can be read twice.",
)
