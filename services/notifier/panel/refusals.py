"""What is not done, and how people are told: what is wrong and what to do, never a bare error."""

from collections.abc import Awaitable

from services.chassis.errors import RemoteError
from services.notifier.panel.pages import tap
from services.notifier.panel.screen import Screen
from services.notifier.peers import PeerAway
from services.notifier.people import Person, Role
from services.notifier.telegram.post import rows
from services.notifier.telegram.text import code, joined, one_line, plain

TOAST_MOST = 200
"""Units that Telegram shows as an answer to a press."""


class Refused(Exception):
    """What was asked for is not done; `screen` says why and what to do."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen.text.html)
        self.screen = screen


def wrong_use(problem: str, *examples: str) -> Refused:
    """A command that was not understood, with examples of it."""
    shown = [joined([plain("For example:"), code(example)], " ") for example in examples]
    return Refused(Screen(joined([plain(problem), *shown])))


def role_too_low(person: Person) -> str:
    """For whom the press or command is too much."""
    return (
        f"That takes the role {Role.OPERATOR.name.lower()}; yours is {person.role.name.lower()}. "
        "The owner gives roles with AIARTIST_TELEGRAM_PEOPLE."
    )


def service_away(what: str) -> str:
    return f"{what} does not answer just now. Try again in a moment."


async def seeing(looking: Awaitable[Screen]) -> Screen:
    """A screen that changes nothing; where it is not to be had now, that."""
    try:
        return await looking
    except PeerAway as away:
        return Screen(plain(service_away(away.what)))


def reason(error: RemoteError) -> str:
    """Why a service refused, in words."""
    match error.remote_reason:
        case "ERROR_REASON_WRONG_STATE":
            kind = one_line(error.metadata.get("kind", "thing"), 20)
            state = one_line(error.metadata.get("state", "in another state"), 120)
            return f"That cannot be done now: the {kind} is {state.replace('_', ' ').lower()}."
        case "ERROR_REASON_INVALID_INPUT":
            wrong = "; ".join(violation.description for violation in error.violations)
            return f"That was not accepted: {one_line(wrong or error.message, 140)}"
        case "ERROR_REASON_REQUEST_ID_REUSED":
            return (
                "That was done already, and what it is about has changed since. Look again, then repeat it."
            )
        case "ERROR_REASON_ETAG_MISMATCH":
            return "It was changed since you were asked. Look again, then decide."
        case "ERROR_REASON_STALE_DIGEST":
            return "Another one has come since. Look again, then decide."
        case "ERROR_REASON_REPAIR_OFF":
            setting = one_line(error.metadata.get("setting", ""), 40)
            return one_line(error.message, 120) + (f" ({setting})." if setting else ".")
        case "ERROR_REASON_ROLE_TOO_LOW" | "ERROR_REASON_UNAUTHENTICATED":
            return "The bot itself may not do that: the owner has to give its service a token that may."
    return f"That did not work: {one_line(error.message, 160)}"


def toast(text: str) -> str:
    """As much of a text as Telegram shows as an answer to a press."""
    return one_line(text, TOAST_MOST)


def missing(what: str, list_name: str, data: str) -> Screen:
    """Something that is not there any more, and the way to what is."""
    return Screen(plain(f"There is no such {what} any more."), rows(tap(f"« {list_name}", data)))
