"""Which orders people may give about an error group, by its status, and what becomes of it.

new ── analyzed ── fix_suggested ── fix_applied ── reverted
   └── analysis_failed    └── fix_attempted, fix_failed, fix_skipped_invalid
any of them ── ignored; fix_applied only while its revert waits
"""

from dataclasses import dataclass
from enum import StrEnum

STATUSES = (
    "new",
    "analyzed",
    "analysis_failed",
    "fix_suggested",
    "fix_attempted",
    "fix_failed",
    "fix_skipped_invalid",
    "fix_applied",
    "reverted",
    "ignored",
)
"""As error groups have them."""


class Verb(StrEnum):
    """What people order."""

    ANALYZE = "analyze"
    IGNORE = "ignore"
    REOPEN = "reopen"
    APPLY = "apply"
    REVERT = "revert"


class Step(StrEnum):
    """What is to be done next; NONE: nothing."""

    NONE = ""
    ANALYZE = "analyze"
    FIX = "fix"
    APPLY = "apply"
    WATCH = "watch"
    REVERT = "revert"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a group stands before an order.

    commit: of its proven fix; empty: there is none. begun: an attempt at the step was made, whose end nobody
    knows. postponed: it could not be made, and waits. followed: this very order was followed already, so the
    group did allow it; of the step that it had then nothing is known.
    """

    status: str
    commit: str = ""
    step: Step = Step.NONE
    begun: bool = False
    postponed: bool = False
    followed: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What an order does: the status that the group gets, its next step, and the reason that is kept where
    the person gave none."""

    status: str
    step: Step
    forced: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an order can't be followed: how the group stands, and what the order needs."""

    state: str
    expected: str


_GIVEN_UP = ("ignored", "analysis_failed", "fix_failed", "fix_skipped_invalid", "reverted")
ALLOWED = {
    Verb.ANALYZE: (
        "new",
        "analyzed",
        "analysis_failed",
        "fix_suggested",
        "fix_failed",
        "fix_skipped_invalid",
        "reverted",
    ),
    Verb.IGNORE: tuple(status for status in STATUSES if status not in ("fix_applied", "ignored")),
    Verb.REOPEN: _GIVEN_UP,
    Verb.APPLY: ("fix_suggested",),
    Verb.REVERT: ("fix_applied",),
}
"""The statuses in which an order is followed."""
_CHANGES = {
    Verb.ANALYZE: Change("new", Step.ANALYZE, forced=True, reason="to be explained again"),
    Verb.IGNORE: Change("ignored", Step.NONE, forced=False, reason="ignored"),
    Verb.REOPEN: Change("new", Step.ANALYZE, forced=False, reason="taken up again"),
    Verb.APPLY: Change("fix_suggested", Step.APPLY, forced=True, reason="to be applied"),
    Verb.REVERT: Change("fix_applied", Step.REVERT, forced=True, reason="to be reverted"),
}
_ORDERED = {Step.APPLY: "about to be fixed", Step.REVERT: "about to be reverted"}
"""Steps that people ordered, or that must not be lost; only IGNORE takes them back."""


def change_of(verb: Verb, standing: Standing) -> Change | Refusal:
    """What the order does to a group that stands so, or why it does nothing."""
    if standing.followed:
        return _CHANGES[verb]
    status = standing.status or "new"
    # Else a revert that can never work would let nobody do anything about its group.
    unstuck = verb is Verb.IGNORE or (verb is Verb.REVERT and standing.postponed)
    if unstuck and status == "fix_applied" and standing.step is Step.REVERT:
        return _CHANGES[verb]
    if status not in ALLOWED[verb]:
        return Refusal(status, " or ".join(ALLOWED[verb]))
    if standing.step is Step.APPLY and standing.begun and not standing.postponed:
        return Refusal("being fixed", "that to be done: the fix may be in the code already")
    if standing.step in _ORDERED and verb is not Verb.IGNORE:
        return Refusal(_ORDERED[standing.step], "nothing else to be under way")
    if verb is Verb.APPLY and not standing.commit:
        return Refusal("fix_suggested without a proven fix", "a fix that is proven on a branch")
    return _CHANGES[verb]
