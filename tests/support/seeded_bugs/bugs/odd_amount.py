"""The wrong exception is caught."""

from tests.support.seeded_bugs.bug import Bug, Job

BUG = Bug(
    id="odd_amount",
    kind="wrong exception caught",
    function="mixtape.webhooks.amount",
    error="decimal.InvalidOperation: [<class 'decimal.ConversionSyntax'>]",
    log="plain",
    jobs=(Job("webhooks.amount", {"text": "n/a"}),),
    cause="amount() means to pass over what is no number, but Decimal raises no ValueError.",
    severity="high",
    evidence="    except ValueError:",
    note="decimal.InvalidOperation is no ValueError.",
    before="""\
    except ValueError:
""",
    after="""\
    except ArithmeticError:
""",
    test="""\
from mixtape import webhooks


def test_what_is_no_amount_counts_nothing():
    assert webhooks.amount("n/a") == 0
    assert webhooks.amount("12.50") == 1250
""",
    explanation="decimal.InvalidOperation is an ArithmeticError; that is what is caught now.",
)
