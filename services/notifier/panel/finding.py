"""How people name things: artists by name, its beginning or id; runs by id or its beginning."""

import difflib
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.scheduler.v1 import scheduler_pb2 as sched
from services.chassis.errors import RemoteError
from services.notifier.panel import desk as ask
from services.notifier.panel.desk import Desk
from services.notifier.panel.pages import MOST, SIZE, tap, walk
from services.notifier.panel.refusals import Refused
from services.notifier.panel.screen import Screen
from services.notifier.panel.words import name_of, title_of
from services.notifier.peers import CALL_TIMEOUT_S, found
from services.notifier.telegram.post import Button, rows
from services.notifier.telegram.text import clean, code, italic, joined, one_line, plain

_ARTIST_ID = re.compile(r"art_[0-9a-z]{26}")
_RUN_ID = re.compile(r"run_[0-9a-z]{26}")
_RUN_BEGINNING = re.compile(r"[0-9a-z]{1,26}")
_NAME_MOST = 80
"""Characters of a name, as artist_db takes them."""
_NEAREST = 5
_ALIKE = 0.5
"""How much of a name must be right for it to be offered, from 0 to 1."""

ToButton = Callable[[db.Artist], list[Button]]
"""What choosing an artist does; without one, people write the name again."""


@dataclass(frozen=True, slots=True)
class Matches:
    """Artists that are meant by what somebody wrote."""

    artists: Sequence[db.Artist]
    near: bool = False
    """They are only alike: none has that name."""


def folded(name: str) -> str:
    """A form in which spellings of one name are equal: case, width and spaces do not count."""
    return " ".join(unicodedata.normalize("NFKC", clean(name)).casefold().split())


def split_wish(text: str) -> list[tuple[str, str]]:
    """The ways to read `NAME: wish`, the one with the longest name first; names may have colons."""
    at = [place for place, character in enumerate(text) if character == ":"]
    readings = [(text[:place].strip(), text[place + 1 :].strip()) for place in reversed(at)]
    return [(text.strip(), ""), *((name, wish) for name, wish in readings if name)]


def match(given: str, artists: Sequence[db.Artist]) -> Matches:
    """By exact name, else by the beginning of name or id, else those with names alike."""
    wanted = folded(given)
    if not wanted:
        return Matches((), near=True)
    by_name = [(folded(artist.persona.name), artist) for artist in artists]
    exact = [artist for name, artist in by_name if name == wanted or artist.id == given.strip()]
    if exact:
        return Matches(exact)
    beginning = [
        artist
        for name, artist in by_name
        if name.startswith(wanted) or (wanted.startswith("art_") and artist.id.startswith(wanted))
    ]
    if beginning:
        return Matches(beginning)
    inside = [artist for name, artist in by_name if wanted in name]
    known = dict(by_name)
    alike = [known[name] for name in difflib.get_close_matches(wanted, known, _NEAREST, _ALIKE)]
    nearest = {artist.id: artist for artist in [*alike, *inside]}
    return Matches(list(nearest.values())[:_NEAREST], near=True)


async def artist(desk: Desk, given: str, button: ToButton | None) -> db.Artist:
    """The one that is meant; Refused with a choice where that is not clear."""
    exact = await exact_artist(desk, given)
    if exact is not None:
        return exact
    everybody, complete = await walk(ask.artists(desk.peers))
    matches = match(given, everybody)
    if len(matches.artists) == 1 and not matches.near:
        return matches.artists[0]
    raise Refused(choice(given, matches, button, complete=complete))


async def is_somebody(desk: Desk, given: str) -> bool:
    """Whether this, as a whole, is an artist's name or the beginning of one."""
    if await exact_artist(desk, given) is not None:
        return True
    everybody, _ = await walk(ask.artists(desk.peers))
    matches = match(given, everybody)
    return bool(matches.artists) and not matches.near


async def exact_artist(desk: Desk, given: str) -> db.Artist | None:
    """By id or exact name; None where there is none."""
    text = given.strip()
    if _ARTIST_ID.fullmatch(text):
        return await desk.peers.artist(text)
    if not text or len(text) > _NAME_MOST or clean(text) != text or "\n" in text:
        return None
    request = db.GetArtistRequest(name=text)
    try:
        answer = await found("artist_db", desk.peers.artist_db.GetArtist(request, timeout=CALL_TIMEOUT_S))
    except RemoteError as error:
        if error.remote_reason == "ERROR_REASON_INVALID_INPUT":
            return None
        raise
    return answer.artist if answer is not None else None


def choice(given: str, matches: Matches, button: ToButton | None, *, complete: bool = True) -> Screen:
    """Several artists could be meant, or none has that name."""
    shown = matches.artists[:SIZE]
    asked = one_line(given, 40)
    if not matches.near:
        lines = [plain(f"Several artists begin with “{asked}”.")]
    elif shown:
        lines = [plain(f"There is no artist “{asked}”. These are near:")]
    else:
        lines = [plain(f"There is no artist “{asked}”.")]
    if not complete:
        lines.append(italic(f"Only the first {MOST:,} artists were looked through; exact names always work."))
    if len(matches.artists) > len(shown):
        lines.append(plain(f"Here are {len(shown)} of {len(matches.artists)}; write more of the name."))
    if button is None:
        lines += [joined([plain("•"), code(name_of(artist))], " ") for artist in shown]
        lines.append(plain("Send it again with the whole name."))
        return Screen(joined(lines))
    buttons = [button(artist) for artist in shown]
    return Screen(joined(lines), rows(*buttons, tap("« Artists", "p:artists")))


async def run(desk: Desk, given: str, example: str) -> sched.Run:
    """The one that is meant, by its id or the beginning of it; Refused where that is not clear."""
    text = given.strip().lower()
    if _RUN_ID.fullmatch(text):
        exact = await desk.peers.run(text)
        if exact is None:
            raise _no_run(f"There is no run {text}.", example)
        return exact
    beginning = text.removeprefix("run_")
    if not _RUN_BEGINNING.fullmatch(beginning):
        raise _no_run(f"“{one_line(given, 40)}” is not the id of a run or its beginning.", example)
    newest, complete = await walk(ask.runs(desk.peers))
    matches = [found_run for found_run in newest if found_run.id.startswith(f"run_{beginning}")]
    exact_one = [found_run for found_run in matches if found_run.id == f"run_{beginning}"]
    if len(exact_one or matches) == 1:
        # As it is now, with its stages.
        whole = await desk.peers.run((exact_one or matches)[0].id)
        if whole is not None:
            return whole
    if not matches:
        among = "" if complete else f" among the newest {MOST:,}"
        raise _no_run(f"No run{among} begins with run_{beginning}.", example)
    lines = [plain(f"{len(matches)} runs begin with run_{beginning}. Which one?")]
    buttons = [tap(f"{title_of(one.title, 18)} · {one.id[:10]}", f"p:run:{one.id}") for one in matches[:SIZE]]
    raise Refused(Screen(joined(lines), rows(*buttons)))


def _no_run(problem: str, example: str) -> Refused:
    lines = [plain(problem), joined([plain("For example:"), code(example)], " ")]
    return Refused(Screen(joined(lines), rows(tap("Runs", "p:runs"))))
