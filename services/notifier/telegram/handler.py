"""Who did what: finds the person, and who is to do it."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, replace

from services.chassis.database import Connection
from services.chassis.logs import get_logger
from services.notifier.panel.panel import Panel
from services.notifier.panel.screen import Screen
from services.notifier.people import People
from services.notifier.store import posts, updates
from services.notifier.store.updates import Prompt
from services.notifier.telegram.api import BotApi
from services.notifier.telegram.decisions import Decisions
from services.notifier.telegram.incoming import Press, Writing
from services.notifier.telegram.post import Post, rows
from services.notifier.telegram.text import Rich, code, joined, plain
from services.notifier.telegram.trouble import Trouble

STRANGER_EVERY_S = 3_600.0
"""A stranger is told once in that time that they are one."""
_STRANGERS_MOST = 1_000

_log = get_logger("notifier.handler")


@dataclass(frozen=True, slots=True)
class Answer:
    """The line that answers a press."""

    query_id: str
    text: str
    alert: bool = False


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of an update."""

    kind: str
    """`done`, `stranger` or `ignored`."""
    outcome: str
    answer: Answer | None = None


_IGNORED = Handled("ignored", "ignored")


class Handler:
    """Handles one update in the caller's transaction; PeerAway where it has to wait."""

    def __init__(self, api: BotApi, people: People, decisions: Decisions, panel: Panel) -> None:
        self._api = api
        self._people = people
        self._decisions = decisions
        self._panel = panel
        self._bot_name = ""
        self._told_strangers: OrderedDict[int, float] = OrderedDict()

    async def handle(self, connection: Connection, incoming: Press | Writing | None) -> Handled:
        match incoming:
            case Press():
                return await self._press(connection, incoming)
            case Writing():
                return await self._writing(connection, incoming)
        return _IGNORED

    async def wait_a_little(
        self, connection: Connection, incoming: Press | Writing | None, what: str
    ) -> Answer | None:
        """Said at the first try where something that is needed is away."""
        if isinstance(incoming, Press):
            text = f"{what} does not answer. Your press is kept and counts as soon as it does."
            return Answer(incoming.query_id, text)
        if isinstance(incoming, Writing):
            text = f"{what} does not answer. What you wrote is kept and done as soon as it does."
            await self._reply(connection, incoming, Screen(plain(text)))
        return None

    async def given_up(
        self, connection: Connection, incoming: Press | Writing | None, what: str
    ) -> Answer | None:
        """Said where it was waited for in vain."""
        text = f"{what} still does not answer. What you asked for was not done: ask again later."
        if isinstance(incoming, Press):
            await posts.add(connection, incoming.chat_id, _post(Screen(plain(text))), urgent=True)
        elif isinstance(incoming, Writing):
            await self._reply(connection, incoming, Screen(plain(text)))
        return None

    def gone_wrong(self, incoming: Press | Writing | None, error_id: str) -> Answer | None:
        """Said where it went wrong for good."""
        if not isinstance(incoming, Press):
            return None
        return Answer(incoming.query_id, f"That went wrong. The log has it as {error_id}.", alert=True)

    async def _press(self, connection: Connection, press: Press) -> Handled:
        person = self._people.get(press.user_id)
        if press.data.startswith("q:"):
            said = await self._decisions.press(connection, press, person)
            kind = "stranger" if person is None else "done"
            return Handled(kind, said.outcome, Answer(press.query_id, said.text, said.alert))
        if person is None:
            text = f"This is not for you. Your user id is {press.user_id}; the owner can let you in."
            return Handled("stranger", "stranger", Answer(press.query_id, text, alert=True))
        pressed = await posts.called(connection, press.chat_id, press.telegram_id)
        if press.forwarded or pressed is None:
            text = "This is a copy, or too old. Send /help for a fresh one."
            return Handled("done", "forwarded", Answer(press.query_id, text, alert=True))
        shown = await self._panel.press(connection, person, press.data, key=press.key)
        if shown.screen is not None:
            # A notice stays what it is; a screen of the panel becomes the next one.
            edits = pressed.id if pressed.message_id is None else None
            await posts.add(connection, press.chat_id, _post(shown.screen), edits=edits, urgent=True)
        if shown.spent and pressed.message_id is not None:
            await self._spend(connection, pressed.message_id)
        return Handled("done", "panel", Answer(press.query_id, shown.toast, shown.alert))

    @staticmethod
    async def _spend(connection: Connection, message_id: str) -> None:
        """Takes the buttons that do something from a notice, wherever it stands; those that show stay."""
        for part in await posts.sent_parts(connection, message_id):
            showing = rows(
                *([button for button in row if button.data.startswith("p:")] for row in part.post.keyboard)
            )
            if showing != part.post.keyboard:
                spent = replace(part.post, keyboard=showing)
                await posts.add(connection, part.chat_id, spent, edits=part.id, urgent=True)

    async def _writing(self, connection: Connection, writing: Writing) -> Handled:
        person, command = self._people.get(writing.user_id), writing.command
        if command is not None and command[1] and not await self._is_me(command[1]):
            return _IGNORED
        if person is None:
            return await self._stranger(connection, writing)
        if command is not None:
            name, _, rest = command
            screen = await self._panel.command(connection, person, name, rest, key=writing.key)
            if name == "start":
                screen = replace(screen, text=joined([screen.text, _chat_line(writing)]))
            await self._reply(connection, writing, screen)
            return Handled("done", f"/{name}"[:50])
        prompt = await self._prompt(connection, writing)
        if prompt is not None:
            said = await self._decisions.wrote(connection, prompt, writing, person)
            await self._reply(connection, writing, Screen(plain(said.text)))
            return Handled("done", said.outcome)
        if not writing.private:
            return _IGNORED
        await self._reply(connection, writing, self._panel.lost(person))
        return Handled("done", "not understood")

    @staticmethod
    async def _prompt(connection: Connection, writing: Writing) -> Prompt | None:
        """What the person answers with it. In a group only a reply is an answer: people talk there."""
        chat_id, user_id = writing.chat_id, writing.user_id
        if writing.reply_to:
            asked = await updates.prompt_called(connection, chat_id, user_id, writing.reply_to)
            if asked is not None:
                return asked
            # A question of ours that stands there twice is known by one of its two ids.
            known = await posts.called(connection, chat_id, writing.reply_to)
            if writing.answers_us and known is None:
                return await updates.newest_prompt(connection, chat_id, user_id)
        return await updates.newest_prompt(connection, chat_id, user_id) if writing.private else None

    async def _stranger(self, connection: Connection, writing: Writing) -> Handled:
        """Tells a stranger who they are and where, so that the owner can let them in."""
        _log.info("a stranger wrote", user_id=writing.user_id, chat_id=writing.chat_id)
        now = asyncio.get_running_loop().time()
        before = self._told_strangers.get(writing.user_id)
        # In a group only to who wants to start it: others there may not even know of the bot.
        asks = writing.private or (writing.command or ("",))[0] == "start"
        if asks and (before is None or now - before >= STRANGER_EVERY_S):
            self._told_strangers[writing.user_id] = now
            while len(self._told_strangers) > _STRANGERS_MOST:
                self._told_strangers.popitem(last=False)
            lines = [
                plain("This bot belongs to a record label, and you are not on its list."),
                joined([plain("Your user id:"), code(str(writing.user_id))], " "),
                _chat_line(writing),
                plain("The owner can let you in: AIARTIST_TELEGRAM_PEOPLE names user ids and roles."),
            ]
            await self._reply(connection, writing, Screen(joined(lines)))
        return Handled("stranger", "stranger")

    async def _reply(self, connection: Connection, writing: Writing, screen: Screen) -> None:
        mention = 0 if writing.private else writing.telegram_id
        post = replace(_post(screen), mention=mention)
        await posts.add(connection, writing.chat_id, post, urgent=True)

    async def _is_me(self, name: str) -> bool:
        """Whether a command is meant for this bot; yes, where its name cannot be asked."""
        if not self._bot_name:
            try:
                self._bot_name = await self._api.who_am_i()
            except Trouble as trouble:
                _log.info("the bot's name could not be asked", detail=str(trouble))
                return True
        return name.lower() == self._bot_name.lower()


def _chat_line(writing: Writing) -> Rich:
    return joined([plain("This chat's id:"), code(str(writing.chat_id))], " ")


def _post(screen: Screen) -> Post:
    return Post(screen.text.html, keyboard=screen.keyboard)
