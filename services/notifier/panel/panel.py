"""The control panel: from what people press and write to what they see."""

from collections.abc import Awaitable, Callable, Mapping
from zoneinfo import ZoneInfo

from services.chassis.database import Connection
from services.chassis.errors import RemoteError
from services.notifier.panel import (
    actions,
    artists,
    budget,
    confirm,
    errors,
    experiments,
    finding,
    life_actions,
    menu,
    orders,
    persona,
    proposals,
    releases,
    runs,
    status,
    waiting,
)
from services.notifier.panel.desk import Desk
from services.notifier.panel.menu import COMMANDS
from services.notifier.panel.refusals import Refused, reason, role_too_low, seeing, service_away, toast
from services.notifier.panel.screen import Screen, Shown
from services.notifier.peers import PeerAway, Peers
from services.notifier.people import Person
from services.notifier.telegram.text import one_line, plain
from services.notifier.telegram.writer import Habits

__all__ = ["COMMANDS", "Panel"]

_UNKNOWN_BUTTON = Shown("This button is not known here. Send /help for fresh ones.", alert=True)

Order = Callable[[Desk, str], Awaitable[Screen]]

_ORDERS: Mapping[str, Order] = {
    "new": orders.new,
    "pause": orders.pause,
    "resume": orders.resume,
    "cancel": orders.cancel,
    "retry": orders.retry,
}
"""Commands that only operators have. Without an argument, each shows a list to choose from."""
_ERROR_ORDERS: Mapping[str, Callable[[Desk, str], Awaitable[actions.Outcome]]] = {
    "error.analyze": actions.analyze_error,
    "error.ignore": actions.ignore_error,
    "error.reopen": actions.reopen_error,
}
_ARTIST_CHOICES = ("new", "pause", "resume")


class Panel:
    """Serves commands, and presses of buttons whose data begins with `p:`, `x:` or `c:`."""

    COMMANDS = COMMANDS

    def __init__(self, peers: Peers, habits: Habits) -> None:
        self._peers = peers
        self._where: ZoneInfo = habits.where

    async def command(
        self, connection: Connection, person: Person, name: str, rest: str, *, key: str
    ) -> Screen:
        """The answer to `/name rest`. PeerAway where a change has to wait."""
        desk = Desk(self._peers, self._where, connection, person, key)
        try:
            return await self._command(desk, name, rest.strip())
        except Refused as refused:
            return refused.screen
        except RemoteError as error:
            return Screen(plain(reason(error)))

    async def press(self, connection: Connection, person: Person, data: str, *, key: str) -> Shown:
        """What comes of a press: `p:` shows, `x:` acts or asks first, `c:` acts. PeerAway where a change
        has to wait."""
        desk = Desk(self._peers, self._where, connection, person, key)
        kind, _, rest = data.partition(":")
        verb, _, argument = rest.partition(":")
        if kind not in ("p", "x", "c"):
            return _UNKNOWN_BUTTON
        if kind != "p" and not desk.operates:
            return Shown(toast(role_too_low(person)), alert=True)
        try:
            if kind == "p":
                return await self._show(desk, verb, argument)
            if kind == "x" and verb in confirm.VERBS:
                return await _seeing_press(confirm.ask(desk, verb, argument))
            return await self._act(desk, kind, verb, argument)
        except Refused as refused:
            return Shown(screen=refused.screen)
        except RemoteError as error:
            return Shown(toast(reason(error)), alert=True)

    def lost(self, person: Person) -> Screen:
        """Somebody wrote something that is no command."""
        return menu.lost_screen("I only understand commands and buttons.")

    async def _command(self, desk: Desk, name: str, rest: str) -> Screen:
        if name in _ORDERS:
            if not desk.operates:
                return Screen(plain(role_too_low(desk.person)))
            if rest:
                return await _ORDERS[name](desk, rest)
            if name in _ARTIST_CHOICES:
                return await seeing(artists.show_list(desk, name))
            return await seeing(runs.show_list(desk, name))
        if name == "autopilot" and rest:
            if not desk.operates:
                return Screen(plain(role_too_low(desk.person)))
            return await orders.autopilot(desk, rest)
        if name == "budget" and await orders.changes_budget(desk, rest):
            if not desk.operates:
                return Screen(plain(role_too_low(desk.person)))
            return await orders.set_budget(desk, rest)
        return await seeing(self._look(desk, name, rest))

    async def _look(self, desk: Desk, name: str, rest: str) -> Screen:
        """The commands that only show."""
        match name:
            case "start":
                return menu.start_screen(desk.person)
            case "help":
                return menu.help_screen(desk.person)
            case "status":
                return await status.show(desk)
            case "waiting":
                return await waiting.show(desk)
            case "proposals":
                return await proposals.show(desk)
            case "artist" if rest:
                return await orders.show_artist(desk, rest)
            case "artists" | "artist":
                return await artists.show_list(desk)
            case "autopilot":
                return await artists.show_list(desk, "autopilot")
            case "run" if rest:
                return await runs.show_run(desk, await finding.run(desk, rest, "/run run_0q8w"))
            case "runs" | "run":
                return await orders.show_runs(desk, rest)
            case "releases":
                return await orders.show_releases(desk, rest)
            case "errors":
                return await errors.show_list(desk)
            case "budget":
                return await orders.show_budget(desk, rest)
        return menu.lost_screen(f"There is no command /{one_line(name, 30)}.")

    async def _show(self, desk: Desk, verb: str, argument: str) -> Shown:
        """A press that leads to another screen."""
        first, _, second = argument.partition(":")
        middle, _, last = second.partition(":")
        screens: Mapping[str, Callable[[], Awaitable[Screen]]] = {
            "status": lambda: status.show(desk),
            "waiting": lambda: waiting.show(desk, first),
            "proposals": lambda: proposals.show(desk),
            "persona": lambda: persona.show(desk, first),
            "change": lambda: persona.show_change(desk, argument),
            "experiment": lambda: experiments.show(desk, first),
            "artists": lambda: artists.show_list(desk, first, second),
            "artist": lambda: artists.show(desk, first),
            "runs": lambda: runs.show_list(desk, first, middle, last),
            "run": lambda: runs.show(desk, first),
            "releases": lambda: releases.show_list(desk, first, second),
            "release": lambda: releases.show(desk, first),
            "errors": lambda: errors.show_list(desk, "open", first),
            "errors.all": lambda: errors.show_list(desk, "all", first),
            "error.fix": lambda: errors.show_fix(desk, first),
            "error": lambda: errors.show(desk, first),
            "budget": lambda: budget.show(desk, first),
        }
        if verb == "menu":
            return Shown(screen=menu.menu_screen())
        if verb == "help":
            return Shown(screen=menu.help_screen(desk.person))
        return await _seeing_press(screens[verb]()) if verb in screens else _UNKNOWN_BUTTON

    async def _act(self, desk: Desk, kind: str, verb: str, argument: str) -> Shown:
        """A press that changes something."""
        subject, _, more = argument.partition(":")
        if kind == "c":
            if verb not in confirm.VERBS:
                return _UNKNOWN_BUTTON
            outcome, screen = await confirm.do(desk, verb, argument)
            return Shown(toast(outcome.text), alert=not outcome.done, screen=screen)
        match verb:
            case "new":
                outcome = await actions.start_run(desk, subject, ticket=more)
                if outcome.run_id:
                    return Shown(toast(outcome.text), screen=await runs.show(desk, outcome.run_id))
            case "retry":
                outcome = await actions.retry(desk, subject)
                screen = await runs.show(desk, subject)
                return Shown(toast(outcome.text), alert=not outcome.done, screen=screen)
            case "pause":
                outcome = await actions.pause(desk, subject)
            case "resume":
                outcome = await actions.resume(desk, subject)
            case "autopilot" if more in ("on", "off"):
                outcome = await actions.set_autopilot(desk, subject, enabled=more == "on")
            case "autopilot.off":
                # Stands under a note about a release, which stays what it is.
                outcome = await actions.set_autopilot(desk, subject, enabled=False)
                return Shown(toast(outcome.text), alert=not outcome.done, spent=outcome.done)
            case "silence.hold" | "silence.expire" | "silence.autopilot":
                outcome = await actions.set_silence(desk, subject, verb.removeprefix("silence."))
            case "evolve.off" | "evolve.propose" | "evolve.auto":
                outcome = await life_actions.set_evolve(desk, subject, verb.removeprefix("evolve."))
            case "take_on":
                outcome = await life_actions.take_on(desk, subject)
                return _settled(outcome, await artists.show(desk, subject), f"x:{verb}:{argument}")
            case "agree" | "decline":
                outcome = await life_actions.decide_change(desk, argument, accept=verb == "agree")
                return _settled(outcome, await persona.show_change(desk, argument), f"x:{verb}:{argument}")
            case "error.analyze" | "error.ignore" | "error.reopen":
                outcome = await _ERROR_ORDERS[verb](desk, subject)
                screen = await errors.show(desk, subject)
                return Shown(toast(outcome.text), alert=not outcome.done, screen=screen)
            case _:
                return _UNKNOWN_BUTTON
        screen = await artists.show(desk, subject)
        return Shown(toast(outcome.text), alert=not outcome.done, screen=screen)


def _settled(outcome: actions.Outcome, screen: Screen, data: str) -> Shown:
    """A notice has nothing left to ask where the screen does not offer it any more, whoever decided it."""
    offered = any(button.data == data for row in screen.keyboard for button in row)
    return Shown(toast(outcome.text), alert=not outcome.done, screen=screen, spent=not offered)


async def _seeing_press(looking: Awaitable[Screen]) -> Shown:
    """The same for a press: a line over the message, which stays as it is."""
    try:
        return Shown(screen=await looking)
    except PeerAway as away:
        return Shown(toast(service_away(away.what)), alert=True)
