"""What the panel shows."""

from dataclasses import dataclass

from services.notifier.telegram.post import Keyboard
from services.notifier.telegram.text import Rich


@dataclass(frozen=True, slots=True)
class Screen:
    """A message of the panel; a press on one of its buttons may put another in its place."""

    text: Rich
    keyboard: Keyboard = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """What comes of a press: a line for the person, and what is shown from now on."""

    toast: str = ""
    alert: bool = False
    """The line has to be closed by hand: for what must not be missed."""
    screen: Screen | None = None
    """None: the message stays as it is."""
    spent: bool = False
    """The pressed notice loses the buttons that do something, in every chat: what they offered is done."""
