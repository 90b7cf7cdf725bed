"""Text plus a number."""

from tests.support.seeded_bugs.bug import Bug, Job

BUG = Bug(
    id="open_advance",
    kind="integer and text concatenated",
    function="mixtape.royalties.statement_line",
    error='TypeError: can only concatenate str (not "int") to str',
    log="json",
    jobs=(Job("royalties.statement_line", {"artist": "Nova", "streams": 1200, "advance": 250}),),
    cause="statement_line() puts the advance, a number, behind a text with +.",
    severity="high",
    evidence="""        line += ", open advance $" + advance""",
    note="advance is an int here.",
    before="""\
        line += ", open advance $" + advance
""",
    after="""\
        line += f", open advance ${advance:,}"
""",
    test="""\
from mixtape import royalties


def test_an_open_advance_is_told():
    line = royalties.statement_line("Nova", 1200, 2500)
    assert line == "Nova: 1,200 streams, open advance $2,500"
""",
    explanation="The advance is formatted into the line, as the streams are.",
)
