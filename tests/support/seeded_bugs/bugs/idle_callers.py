"""A dictionary that shrinks under its own loop."""

from tests.support.seeded_bugs.bug import Bug, Job

BUG = Bug(
    id="idle_callers",
    kind="dictionary changed during iteration",
    function="mixtape.limiter.forget_idle",
    error="RuntimeError: dictionary changed size during iteration",
    log="plain",
    jobs=(Job("limiter.busy_callers", {"calls": {"shop": 0, "radio": 300}, "now": 310}),),
    cause="forget_idle() deletes callers from the dictionary that it loops over.",
    severity="high",
    evidence="        for caller, made in self._made.items():",
    note="The loop reads the dictionary itself, from which the body deletes.",
    before="""\
        for caller, made in self._made.items():
""",
    after="""\
        for caller, made in list(self._made.items()):
""",
    test="""\
from mixtape import limiter


def test_idle_callers_are_forgotten():
    assert limiter.busy_callers({"shop": 0, "press": 1, "radio": 300}, now=310) == 1
""",
    explanation="The loop goes over a copy, so that callers can be deleted on the way.",
)
