"""What the panel offers: commands, help, and the menu."""

from collections.abc import Sequence

from services.notifier.panel.pages import tap
from services.notifier.panel.screen import Screen
from services.notifier.people import Person, Role
from services.notifier.telegram.post import Keyboard, rows
from services.notifier.telegram.text import Rich, bold, code, joined, one_line, plain

COMMANDS: Sequence[tuple[str, str]] = (
    ("status", "How the label stands"),
    ("waiting", "Songs that wait for a decision"),
    ("proposals", "Changes and new artists that wait for a yes"),
    ("artists", "All artists"),
    ("artist", "One artist: /artist NAME"),
    ("runs", "Songs being made, the newest first"),
    ("run", "One run: /run ID"),
    ("releases", "What is out"),
    ("errors", "What went wrong, by kind"),
    ("budget", "What may be spent, and what is left"),
    ("new", "Start a song: /new NAME: wish"),
    ("autopilot", "Who decides: /autopilot NAME on or off"),
    ("pause", "No new songs: /pause NAME or all"),
    ("resume", "Songs again: /resume NAME or all"),
    ("cancel", "End a run: /cancel ID"),
    ("retry", "Take a failed run up again: /retry ID"),
    ("help", "All commands, with examples"),
    ("start", "Who you are here, and the menu"),
)
"""Name and description, as clients offer them; at most 60 characters each."""

_MAY = {
    Role.VIEWER: "You may look at everything.",
    Role.APPROVER: "You may look at everything and decide about songs.",
    Role.OPERATOR: "You may look, decide about songs, and change everything.",
}
_LOOKING = (
    ("/status", "how the label stands"),
    ("/waiting", "songs that wait for you"),
    ("/proposals", "what else waits for a yes"),
    ("/artists", "all artists"),
    ("/artist Nova Vale", "one of them"),
    ("/runs", "songs being made"),
    ("/run run_0q8w", "one of them"),
    ("/releases", "what is out"),
    ("/errors", "what went wrong"),
    ("/budget", "what is spent and left"),
    ("/autopilot", "who decides alone"),
)
_CHANGING = (
    ("/new Nova Vale: slower", "start a song"),
    ("/autopilot Nova Vale on", "or off"),
    ("/pause Nova Vale", "or all"),
    ("/resume Nova Vale", "or all"),
    ("/budget day 5", "or artist, run; off"),
    ("/cancel run_0q8w", "end a run"),
    ("/retry run_0q8w", "take it up again"),
)


def start_screen(person: Person) -> Screen:
    """Who somebody is here, and the menu."""
    name = one_line(person.name, 40)
    lines = [
        bold(f"Welcome{', ' if name else ''}{name}."),
        plain(f"This is the label's control panel. Your role is {person.role.name.lower()}."),
        plain(_MAY[person.role]),
        plain("Songs that need a decision come here by themselves. /help shows all commands."),
    ]
    return Screen(joined(lines), _menu())


def menu_screen() -> Screen:
    return Screen(bold("What would you like to see?"), _menu())


def help_screen(person: Person) -> Screen:
    """All commands that the person may use, with examples."""
    lines = [bold("To look")]
    lines += [_example(*entry) for entry in _LOOKING]
    if person.role >= Role.OPERATOR:
        lines.append(bold("To change"))
        lines += [_example(*entry) for entry in _CHANGING]
        lines.append(plain("Without what follows, each offers a choice."))
    else:
        lines.append(plain(f"{_MAY[person.role]} Changes take the role operator."))
    lines.append(plain("The beginning of a name or id is enough."))
    return Screen(joined(lines), _menu())


def _example(example: str, text: str) -> Rich:
    """A touch sends a command that stands in plain text, and copies one that stands in code."""
    shown = code(example) if " " in example else plain(example)
    return joined([shown, plain(text)], " – ")


def lost_screen(problem: str) -> Screen:
    """Something was not understood."""
    lines = [
        plain(problem),
        plain("Try /status or /artists – /help has all."),
    ]
    return Screen(joined(lines), _menu())


def _menu() -> Keyboard:
    return rows(
        [*tap("Status", "p:status"), *tap("🎧 Waiting", "p:waiting:0")],
        [*tap("🎤 Artists", "p:artists"), *tap("Runs", "p:runs")],
        [*tap("🚀 Releases", "p:releases"), *tap("🐞 Errors", "p:errors:")],
        [*tap("💵 Budgets", "p:budget"), *tap("🧬 Proposals", "p:proposals")],
        tap("Help", "p:help"),
    )
