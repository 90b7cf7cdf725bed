"""What people do in their chats, and what they see there: the side of the tests."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from tests.support.fake_telegram.formatting import commands_in
from tests.support.fake_telegram.methods import BotApi
from tests.support.fake_telegram.records import Answer, Chat, ChatType, Json, Message, Person, Update
from tests.support.fake_telegram.updates import UpdateQueue
from tests.support.fake_telegram.webhook import Webhook
from tests.support.fake_telegram.wire import person_json
from tests.support.fake_telegram.world import World


class People:
    """Chats and persons may be given as values or as ids."""

    def __init__(self, token: str) -> None:
        self.token = token
        bot = Person(int(token.partition(":")[0]), "Label", "label_test_bot", is_bot=True)
        self._world = World(bot)
        self._updates = UpdateQueue(self._world.bell)
        self._webhook = Webhook(self._updates, self._world.bell)
        self._api = BotApi(self._world, self._updates, self._webhook)

    @property
    def bot(self) -> Person:
        return self._world.bot

    @property
    def updates(self) -> tuple[Update, ...]:
        """All that were ever made, in order."""
        return tuple(self._updates.all)

    @property
    def pending(self) -> tuple[Update, ...]:
        """Those that were not acknowledged."""
        return tuple(self._updates.pending)

    @property
    def actions(self) -> tuple[tuple[int, str], ...]:
        """Chat and action of each sendChatAction, in order."""
        return tuple(self._world.actions)

    @property
    def commands(self) -> Mapping[str, list[dict[str, str]]]:
        """What setMyCommands set, by scope and language as JSON."""
        return dict(self._world.commands)

    @property
    def webhook_url(self) -> str:
        return self._webhook.url

    @property
    def webhook_refused(self) -> int:
        """How many deliveries the webhook did not take."""
        return self._webhook.refused

    def person(self, id: int, first_name: str = "", username: str = "") -> Person:
        """Makes or changes a person. The bot may write to them once they have a chat with it."""
        self._world.people[id] = Person(id, first_name or f"Person {id}", username)
        return self._world.people[id]

    def chat(self, chat_id: int, type: ChatType | None = None, title: str = "") -> Chat:
        """Makes or changes a chat: by default a group for a negative id, else a person's private one."""
        type = type or ("group" if chat_id < 0 else "private")
        if (type == "group") != (chat_id < 0):
            raise ValueError("the id of a group is negative, that of a private chat is its person's")
        if type == "private" and chat_id not in self._world.people:
            self.person(chat_id)
        self._world.chats[chat_id] = Chat(chat_id, type, title or ("Group" if type == "group" else ""))
        return self._world.chats[chat_id]

    def block(self, person: Person | int) -> None:
        """This person blocks the bot: 403 for whatever it sends to their private chat."""
        self._world.blocked.add(_id(person))

    def unblock(self, person: Person | int) -> None:
        self._world.blocked.discard(_id(person))

    async def say(
        self, person: Person | int, chat: Chat | int, text: str, reply_to: Message | int | None = None
    ) -> Message:
        """A person writes. In a group, the bot is told only where its privacy mode lets it know."""
        where, who = self._where(chat), self._who(person)
        number = reply_to.message_id if isinstance(reply_to, Message) else reply_to
        replied = self._world.messages[where.id].get(number or 0)
        if number and replied is None:
            raise LookupError(f"there is no message {number} in chat {where.id} to reply to")
        message = self._world.add(where, who, text=text, entities=commands_in(text), reply_to=number)
        to_bot = text.startswith("/") or f"@{self.bot.username}" in text
        if where.type == "private" or to_bot or (replied and replied.from_bot) or not self._api.privacy:
            self._updates.add("message", self._world.json(message))
        return message

    async def press(self, person: Person | int, chat: Chat | int, message: Message | int, button: str) -> str:
        """A person presses the button with this text or data; the id of the callback query.

        LookupError where the message is gone, or has no such button now.
        """
        where = self._where(chat)
        number = message.message_id if isinstance(message, Message) else message
        shown = self._world.messages[where.id].get(number)
        if shown is None:
            raise LookupError(f"there is no message {number} in chat {where.id}")
        pressed = shown.button(button)
        if not pressed.callback_data:
            raise LookupError(f"button {button!r} opens {pressed.url}")
        return await self.press_raw(person, pressed.callback_data, chat=where, message=shown)

    async def press_raw(
        self,
        person: Person | int,
        data: str,
        *,
        chat: Chat | int,
        message: Message | Json | None = None,
        forwarded: bool = False,
    ) -> str:
        """A callback query with any data about any message: an old one, a deleted one, JSON, or none.

        `forwarded`: this person has forwarded the message to the chat before, and presses there.
        """
        where, who = self._where(chat), self._who(person)
        if forwarded:
            if not isinstance(message, Message):
                raise ValueError("only a message can be forwarded")
            message = self._forward(who, where, message)
        query_id = self._world.new_query()
        body: dict[str, object] = {"id": query_id, "from": person_json(who), "data": data}
        body["chat_instance"] = str(where.id * 7_919)
        if message is not None:
            body["message"] = self._world.json(message) if isinstance(message, Message) else message
        self._updates.add("callback_query", body)
        return query_id

    async def redeliver(self, what: Update | Message | str) -> None:
        """Gives an update again, as a server that forgot that it was acknowledged.

        It may be told as the message that a person wrote, or as the id of a callback query.
        """
        self._updates.again(what if isinstance(what, Update) else self._update_of(what))

    async def answer_of(self, query_id: str, timeout: float = 10) -> Answer:
        """What the person who pressed was shown, as soon as the bot answers; TimeoutError."""
        async with asyncio.timeout(timeout):
            return await self._world.bell.until(lambda: self._world.answers.get(query_id))

    def expire(self, query_id: str) -> None:
        """From now on it is too late to answer."""
        self._world.open_queries.discard(query_id)

    def messages(self, chat: Chat | int) -> list[Message]:
        """What is in a chat now, in the order of sending."""
        found = self._world.messages[_id(chat)].values()
        return sorted(found, key=lambda message: message.order)

    def deleted(self, chat: Chat | int) -> list[Message]:
        """What the bot deleted in a chat."""
        return [message for message in self._world.deleted if message.chat_id == _id(chat)]

    async def wait_for(
        self, chat: Chat | int, predicate: Callable[[Message], object], timeout: float = 10
    ) -> Message:
        """The first message of a chat that fulfils this, now, or as it is sent or edited.

        No change is missed, be it for a moment: the message is told as it then was.
        TimeoutError tells what is in the chat instead.
        """
        seen = len(self._world.changes)
        for message in self.messages(chat):
            if predicate(message):
                return message

        def found() -> Message | None:
            # Only what is new since the last look: a chat may have thousands of messages.
            nonlocal seen
            new, seen = self._world.changes[seen:], len(self._world.changes)
            here = [message for message in new if message.chat_id == _id(chat)]
            return next((message for message in here if predicate(message)), None)

        try:
            async with asyncio.timeout(timeout):
                return await self._world.bell.until(found)
        except TimeoutError:
            there = [(message.message_id, message.words, message.labels) for message in self.messages(chat)]
            raise TimeoutError(
                f"no such message in chat {_id(chat)} after {timeout} s, but {there}"
            ) from None

    async def until(self, condition: Callable[[], object], timeout: float = 10) -> None:
        """Waits until this is true of messages, answers, updates or commands; TimeoutError."""
        async with asyncio.timeout(timeout):
            await self._world.bell.until(condition)

    def _forward(self, who: Person, where: Chat, message: Message) -> Message:
        sender = self._world.people[message.sender.id]
        origin = {"type": "user", "date": message.date, "sender_user": person_json(sender)}
        content: dict[str, Any] = {"text": message.text, "caption": message.caption, "media": message.media}
        return self._world.add(
            where, who, **content, entities=message.entities, buttons=message.buttons, forward_origin=origin
        )

    def _update_of(self, what: Message | str) -> Update:
        for update in reversed(self._updates.all):
            if isinstance(what, str) and update.kind == "callback_query" and update.body["id"] == what:
                return update
            if isinstance(what, Message) and update.kind == "message":
                chat = update.body["chat"]
                assert isinstance(chat, dict)
                if (chat["id"], update.body["message_id"]) == (what.chat_id, what.message_id):
                    return update
        raise LookupError(f"no update was made of {what!r}")

    def _where(self, chat: Chat | int) -> Chat:
        known = self._world.chats.get(_id(chat))
        return known or self.chat(_id(chat))

    def _who(self, person: Person | int) -> Person:
        known = self._world.people.get(_id(person))
        return known or self.person(_id(person))


def message_record(message: Message) -> dict[str, object]:
    """A message as plain JSON, files as their sizes, for another process."""
    told = asdict(message)
    told["from_bot"], told["edits"] = message.from_bot, message.edits
    told["history"] = [message_record(before) for before in message.history]
    told["media"] = None
    if message.media:
        media = asdict(message.media)
        media["size"] = len(media.pop("content"))
        media["thumbnail"] = len(message.thumbnail or b"")
        told["media"] = media
    return told


def _id(of: Person | Chat | int) -> int:
    return of if isinstance(of, int) else of.id
