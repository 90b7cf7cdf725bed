"""The state: people, chats, messages, files and pressed buttons, with no word of HTTP."""

import itertools
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.support.fake_telegram.bell import Bell
from tests.support.fake_telegram.errors import QUERY_TOO_OLD, bad_request, forbidden
from tests.support.fake_telegram.records import Answer, Chat, FileKind, Message, Person, StoredFile
from tests.support.fake_telegram.wire import Wire, message_json


class World:
    """Everything is in memory and changes in one step; `bell` rings after each change."""

    def __init__(self, bot: Person) -> None:
        self.bot = bot
        self.bell = Bell()
        self.people: dict[int, Person] = {bot.id: bot}
        self.chats: dict[int, Chat] = {}
        self.blocked: set[int] = set()
        """Persons who blocked the bot."""
        self.messages: dict[int, dict[int, Message]] = defaultdict(dict)
        """By chat and message_id; without deleted ones."""
        self.deleted: list[Message] = []
        self.changes: list[Message] = []
        """Each message as it was sent, and as it was after each edit, in order."""
        self.files: dict[str, StoredFile] = {}
        self.commands: dict[str, list[dict[str, str]]] = {}
        """By scope and language, as JSON."""
        self.actions: list[tuple[int, str]] = []
        """Chat and action of each sendChatAction."""
        self.open_queries: set[str] = set()
        """Pressed buttons that were not answered."""
        self.answers: dict[str, Answer] = {}
        # As in Telegram, all private chats of a bot share one sequence, and each supergroup has its own.
        self._private_ids = itertools.count(1)
        self._group_ids: dict[int, Iterator[int]] = defaultdict(lambda: itertools.count(1))
        self._orders = itertools.count(1)
        self._file_numbers = itertools.count(1)
        self._query_ids = itertools.count(4_382_000_000_000_001)

    def chat_of(self, told: str, *, to_read: bool = False) -> Chat:
        """The chat of a request's `chat_id`; ApiError where the bot may not write, or not read."""
        if not told:
            raise bad_request("chat_id is empty")
        chat = self.chats.get(int(told)) if told.removeprefix("-").isdecimal() else None
        if chat is None and told.isdecimal() and int(told) in self.people:
            raise forbidden("bot can't initiate conversation with a user")
        if chat is None:
            raise bad_request("chat not found")
        if chat.id in self.blocked and not to_read:
            raise forbidden("bot was blocked by the user")
        return chat

    def add(self, chat: Chat, sender: Person, **content: Any) -> Message:
        """A new message, with the next message_id of its sequence."""
        number = next(self._private_ids if chat.type == "private" else self._group_ids[chat.id])
        message = Message(chat.id, number, sender, _now(), next(self._orders), **content)
        self.messages[chat.id][number] = message
        self.changes.append(message)
        self.bell.ring()
        return message

    def edit(self, message: Message, **content: Any) -> Message:
        """The message with new content, and what it was in its history."""
        before = replace(message, history=())
        edited = replace(message, **content, edit_date=_now(), history=(*message.history, before))
        self.messages[message.chat_id][message.message_id] = edited
        self.changes.append(edited)
        self.bell.ring()
        return edited

    def delete(self, message: Message) -> None:
        self.deleted.append(self.messages[message.chat_id].pop(message.message_id))
        self.bell.ring()

    def store(self, kind: FileKind, content: bytes, **told: Any) -> StoredFile:
        """A new file with an id of its own."""
        number = next(self._file_numbers)
        file = StoredFile(f"{kind}-file-id-{number:04}", f"file_{number}", kind, content, **told)
        self.files[file.file_id] = file
        return file

    def file_at(self, path: str) -> StoredFile | None:
        return next((file for file in self.files.values() if file.path == path), None)

    def json(self, message: Message) -> Wire:
        """The message as the Bot API tells it."""
        replied = self.messages[message.chat_id].get(message.reply_to or 0)
        return message_json(message, self.chats[message.chat_id], self.people.get(message.chat_id), replied)

    def new_query(self) -> str:
        """The id of a button's press."""
        query_id = str(next(self._query_ids))
        self.open_queries.add(query_id)
        return query_id

    def answer(self, query_id: str, answer: Answer) -> None:
        """A press is answered once, and not after it expired."""
        if query_id not in self.open_queries:
            raise bad_request(QUERY_TOO_OLD)
        self.open_queries.discard(query_id)
        self.answers[query_id] = answer
        self.bell.ring()


def _now() -> int:
    return int(time.time())
