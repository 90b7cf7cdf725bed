"""Commands with something after them: what was written, and what comes of it."""

from collections.abc import Awaitable, Callable

from aiartist.artist_db.v1 import artist_db_pb2 as db
from services.notifier.panel import actions, artists, budget, confirm, finding, releases, runs
from services.notifier.panel.actions import Outcome
from services.notifier.panel.desk import Desk
from services.notifier.panel.finding import ToButton
from services.notifier.panel.pages import tap
from services.notifier.panel.refusals import seeing, wrong_use
from services.notifier.panel.screen import Screen
from services.notifier.panel.words import name_of
from services.notifier.telegram.post import Button
from services.notifier.telegram.text import bold, clean, joined, one_line

WISH_MOST = 1_000
"""Characters of a wish, as the scheduler takes them."""
_EVERYBODY = "all"


async def new(desk: Desk, rest: str) -> Screen:
    """`NAME` or `NAME: wish`."""
    text = clean(rest).strip()
    artist, wish = await _artist_and_wish(desk, text)
    if len(wish) > WISH_MOST:
        raise wrong_use(f"A wish has at most {WISH_MOST:,} characters; this one has {len(wish):,}.")
    outcome = await actions.start_run(desk, artist.id, wish)
    if not outcome.run_id:
        return headed(outcome, await artists.show(desk, artist.id))
    return headed(outcome, await runs.show(desk, outcome.run_id))


async def _artist_and_wish(desk: Desk, text: str) -> tuple[db.Artist, str]:
    readings = finding.split_wish(text)
    for name, wish in readings:
        exact = await finding.exact_artist(desk, name)
        if exact is not None:
            return exact, wish
    # No name to the letter: what stands before the first colon is meant. A button could not carry a wish.
    name, wish = readings[-1]
    to_button: ToButton = lambda one: tap(name_of(one), f"x:new:{one.id}:{desk.ticket}")  # noqa: E731
    return await finding.artist(desk, name, None if wish else to_button), wish


async def autopilot(desk: Desk, rest: str) -> Screen:
    """`NAME on` or `NAME off`; the artist alone is shown with the button."""
    words = rest.rsplit(maxsplit=1)
    switch = words[-1].lower()
    # `Turn On` may be a name.
    if len(words) == 2 and switch in ("on", "off") and not await finding.is_somebody(desk, rest):
        artist = await finding.artist(
            desk, words[0], lambda one: tap(name_of(one), f"x:autopilot:{one.id}:{switch}")
        )
        outcome = await actions.set_autopilot(desk, artist.id, enabled=switch == "on")
        return headed(outcome, await artists.show(desk, artist.id))
    if len(words) == 1 and switch in ("on", "off"):
        raise wrong_use("For whom?", f"/autopilot Nova Vale {switch}")
    return await seeing(show_artist(desk, rest))


async def pause(desk: Desk, rest: str) -> Screen:
    """`NAME` or `all`."""
    return await _move(desk, rest, "pause", actions.pause)


async def resume(desk: Desk, rest: str) -> Screen:
    """`NAME` or `all`."""
    return await _move(desk, rest, "resume", actions.resume)


async def _move(
    desk: Desk, rest: str, verb: str, change: Callable[[Desk, str], Awaitable[Outcome]]
) -> Screen:
    if rest.strip().lower() == _EVERYBODY:
        return await seeing(confirm.ask(desk, f"{verb}.all", ""))
    artist = await finding.artist(desk, rest, lambda one: tap(name_of(one), f"x:{verb}:{one.id}"))
    outcome = await change(desk, artist.id)
    return headed(outcome, await artists.show(desk, artist.id))


async def cancel(desk: Desk, rest: str) -> Screen:
    """`ID`: asks first."""

    async def asking() -> Screen:
        run = await finding.run(desk, rest, "/cancel run_0q8w")
        return await confirm.ask(desk, "cancel", run.id)

    return await seeing(asking())


async def retry(desk: Desk, rest: str) -> Screen:
    """`ID`."""
    run = await finding.run(desk, rest, "/retry run_0q8w")
    outcome = await actions.retry(desk, run.id)
    return headed(outcome, await runs.show(desk, run.id))


async def set_budget(desk: Desk, rest: str) -> Screen:
    """`day AMOUNT`, `artist NAME AMOUNT` or `run ID AMOUNT`; `off` removes the limit."""
    scope, _, more = rest.strip().partition(" ")
    subject, _, given = more.strip().rpartition(" ")
    limit = budget.micro_usd(given)
    match scope.lower(), subject.strip():
        case "day", "":
            outcome = await actions.set_budget(desk, db.BUDGET_SCOPE_DAY, "", limit, "")
            return headed(outcome, await budget.show(desk))
        case "artist", whose if whose:
            artist = await finding.artist(desk, whose, None)
            outcome = await actions.set_budget(
                desk, db.BUDGET_SCOPE_ARTIST, artist.id, limit, name_of(artist)
            )
            return headed(outcome, await budget.show(desk, artist.id))
        case "run", which if which:
            run = await finding.run(desk, which, "/budget run run_0q8w 0.50")
            outcome = await actions.set_budget(desk, db.BUDGET_SCOPE_RUN, run.id, limit, "")
            return headed(outcome, await budget.show(desk, run.id))
    raise wrong_use("A budget is the day's, an artist's or a run's.", *budget.EXAMPLES)


async def changes_budget(desk: Desk, rest: str) -> bool:
    """Whether what follows /budget sets a limit, or is only to be shown: `artist Blink 182` may be a name."""
    scope, _, more = rest.strip().partition(" ")
    if not names_an_amount(rest):
        return False
    return scope.lower() != "artist" or not await finding.is_somebody(desk, more)


def names_an_amount(rest: str) -> bool:
    """Whether what follows /budget could set a limit."""
    words = rest.split()
    return len(words) > 1 and (words[0].lower() == "day" or budget.is_amount(words[-1]))


async def show_budget(desk: Desk, rest: str) -> Screen:
    """Nothing or `day`, `artist NAME` or `run ID`."""
    scope, _, whose = rest.strip().partition(" ")
    match scope.lower(), whose.strip():
        case "" | "day", "":
            return await budget.show(desk)
        case "artist", name if name:
            artist = await finding.artist(desk, name, lambda one: tap(name_of(one), f"p:budget:{one.id}"))
            return await budget.show(desk, artist.id)
        case "run", given if given:
            run = await finding.run(desk, given, "/budget run run_0q8w")
            return await budget.show(desk, run.id)
    raise wrong_use("A budget is the day's, an artist's or a run's.", *budget.EXAMPLES)


async def show_artist(desk: Desk, rest: str) -> Screen:
    """`NAME`."""
    artist = await finding.artist(desk, rest, lambda one: tap(name_of(one), f"p:artist:{one.id}"))
    return await artists.show(desk, artist.id)


async def show_runs(desk: Desk, rest: str) -> Screen:
    """Nothing or `NAME`: an artist's."""
    artist = await _artist_of_list(desk, rest, "p:runs:all")
    return await runs.show_list(desk, "all", artist)


async def show_releases(desk: Desk, rest: str) -> Screen:
    """Nothing or `NAME`: an artist's."""
    artist = await _artist_of_list(desk, rest, "p:releases")
    return await releases.show_list(desk, artist)


async def _artist_of_list(desk: Desk, name: str, data: str) -> str:
    """The bare id of the artist that is named; empty where none is."""
    if not name:
        return ""

    def to_button(one: db.Artist) -> list[Button]:
        return tap(name_of(one), f"{data}:{one.id.removeprefix('art_')}")

    return (await finding.artist(desk, name, to_button)).id.removeprefix("art_")


def headed(outcome: Outcome, screen: Screen) -> Screen:
    """What came of a change, above how things are now."""
    line = bold(one_line(outcome.text, 300))
    return Screen(joined([line, screen.text], "\n\n"), screen.keyboard)
