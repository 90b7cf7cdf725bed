"""Nothing where something was expected."""

from tests.support.seeded_bugs.bug import Bug, Job

BUG = Bug(
    id="empty_body",
    kind="empty input not handled",
    function="mixtape.webhooks.events",
    error="json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)",
    log="json",
    jobs=(Job("webhooks.events", {"body": ""}),),
    cause="events() parses an empty body, which shops send to see whether the webhook is there.",
    severity="low",
    evidence="    told = json.loads(body)",
    note="An empty text is no JSON.",
    before="""\
    told = json.loads(body)
""",
    after="""\
    told = json.loads(body) if body.strip() else []
""",
    test="""\
from mixtape import webhooks


def test_an_empty_body_tells_nothing():
    assert webhooks.events("") == webhooks.events(" \\n") == []
""",
    explanation="An empty body holds no events.",
)
