"""Decimal times float."""

from tests.support.seeded_bugs.bug import Bug, Job

BUG = Bug(
    id="float_share",
    kind="float and Decimal mixed",
    function="mixtape.royalties.owed",
    error="TypeError: unsupported operand type(s) for *: 'decimal.Decimal' and 'float'",
    log="plain",
    jobs=(Job("royalties.owed", {"income": "10.00", "share": 0.5}),),
    cause="owed() multiplies a Decimal by the share as it comes, and a share from JSON is a float.",
    severity="high",
    evidence="    part = Decimal(income) * share",
    note="Only the income is made a Decimal.",
    before="""\
    part = Decimal(income) * share
""",
    after="""\
    part = Decimal(income) * Decimal(str(share))
""",
    test="""\
from mixtape import royalties


def test_a_share_may_be_a_float():
    assert royalties.owed("10.00", 0.1) == "1.00"
""",
    explanation="The share is made a Decimal of what it shows, so that 0.1 is a tenth and no more.",
)
