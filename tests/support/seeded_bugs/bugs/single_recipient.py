"""A coroutine that nobody awaits."""

from tests.support.seeded_bugs.bug import Bug, Job

BUG = Bug(
    id="single_recipient",
    kind="coroutine never awaited",
    function="mixtape.mail.send",
    error="AttributeError: 'coroutine' object has no attribute 'number'",
    log="plain",
    jobs=(Job("mail.send", {"recipients": ["ana"], "text": "hello"}),),
    cause="send() takes the coroutine of a single mail for its receipt: it is never run.",
    severity="critical",
    evidence="        return [_hand_over(recipients[0], text).number]",
    note="_hand_over() is async.",
    before="""\
    if len(recipients) == 1:
        return [_hand_over(recipients[0], text).number]
""",
    after="""\
    if len(recipients) == 1:
        return [asyncio.run(_hand_over(recipients[0], text)).number]
""",
    test="""\
from mixtape import mail


def test_a_mail_to_one_is_sent():
    assert mail.send(["ana"], "hello") == [5]
""",
    explanation="The coroutine is run, as it is for several recipients.",
)
