"""What the server keeps, as values: each edit makes a new one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ChatType = Literal["private", "group"]
FileKind = Literal["photo", "audio", "document", "thumbnail"]
Json = Mapping[str, object]


def utf16_length(text: str) -> int:
    """In UTF-16 code units, the unit in which Telegram counts."""
    return len(text) + sum(character > "\uffff" for character in text)


@dataclass(frozen=True, slots=True)
class Person:
    """A user; the bot too is one."""

    id: int
    first_name: str
    username: str = ""
    is_bot: bool = False


@dataclass(frozen=True, slots=True)
class Chat:
    """A private chat has the id of its person; a group's id is negative."""

    id: int
    type: ChatType = "private"
    title: str = ""


@dataclass(frozen=True, slots=True)
class Entity:
    """A piece of a text that is shown in another way, or that can be clicked."""

    type: str
    """As in the Bot API: `bold`, `text_link`, `url`, `bot_command` ..."""
    offset: int
    """In UTF-16 code units, as is `length`."""
    length: int
    url: str = ""
    """Of a `text_link`."""
    language: str = ""
    """Of a `pre`."""
    user_id: int = 0
    """Of a `text_mention`."""

    def of(self, text: str) -> str:
        """The words that it covers."""
        units = text.encode("utf-16-le")
        return units[2 * self.offset : 2 * (self.offset + self.length)].decode("utf-16-le")


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a message."""

    text: str
    callback_data: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that was uploaded, with what was told of it at that time."""

    file_id: str
    unique_id: str
    kind: FileKind
    content: bytes = field(repr=False)
    name: str = ""
    mime_type: str = ""
    width: int = 0
    height: int = 0
    title: str = ""
    performer: str = ""
    duration: int = 0
    """In seconds, as told; the server does not listen."""
    thumbnail: "StoredFile | None" = None

    @property
    def path(self) -> str:
        """As `file_path`."""
        folder = {"photo": "photos", "audio": "music", "document": "documents", "thumbnail": "thumbnails"}
        return f"{folder[self.kind]}/{self.unique_id}{'-' if self.name else ''}{self.name}"


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it is now; `history` has it as it was."""

    chat_id: int
    message_id: int
    sender: Person
    date: int
    order: int
    """Counts up over all chats, in the order of sending."""
    text: str = ""
    """Without markup; empty for one with media."""
    caption: str = ""
    entities: tuple[Entity, ...] = ()
    """Of the text or the caption."""
    parse_mode: str = ""
    """As it was told."""
    buttons: tuple[tuple[Button, ...], ...] = ()
    """The inline keyboard, row by row."""
    markup: Json = field(default_factory=dict)
    """Any other reply_markup, as it was told: a ForceReply, a ReplyKeyboardRemove, a keyboard."""
    media: StoredFile | None = None
    reply_to: int | None = None
    disable_notification: bool = False
    link_preview_options: Json = field(default_factory=dict)
    forward_origin: Json = field(default_factory=dict)
    edit_date: int = 0
    """0: never edited."""
    history: "tuple[Message, ...]" = field(default=(), repr=False)
    """As it was before each edit, the oldest first; these have no history of their own."""

    @property
    def from_bot(self) -> bool:
        return self.sender.is_bot

    @property
    def words(self) -> str:
        """The text, or the caption of its media."""
        return self.caption if self.media else self.text

    @property
    def edits(self) -> int:
        return len(self.history)

    @property
    def photo(self) -> bytes | None:
        return self._content("photo")

    @property
    def audio(self) -> bytes | None:
        return self._content("audio")

    @property
    def document(self) -> bytes | None:
        return self._content("document")

    @property
    def title(self) -> str:
        return self.media.title if self.media else ""

    @property
    def performer(self) -> str:
        return self.media.performer if self.media else ""

    @property
    def duration(self) -> int:
        return self.media.duration if self.media else 0

    @property
    def thumbnail(self) -> bytes | None:
        return self.media.thumbnail.content if self.media and self.media.thumbnail else None

    @property
    def labels(self) -> tuple[str, ...]:
        """What is written on its buttons, in one row."""
        return tuple(button.text for row in self.buttons for button in row)

    def button(self, told: str) -> Button:
        """The one with this text or callback data; LookupError where there is none."""
        found = [
            button for row in self.buttons for button in row if told in (button.text, button.callback_data)
        ]
        if not found:
            raise LookupError(f"message {self.message_id} has no button {told!r}, only {self.labels}")
        return found[0]

    def covered(self, kind: str) -> tuple[str, ...]:
        """The words under each entity of this type."""
        return tuple(entity.of(self.words) for entity in self.entities if entity.type == kind)

    def _content(self, kind: FileKind) -> bytes | None:
        return self.media.content if self.media and self.media.kind == kind else None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person who pressed a button sees."""

    text: str = ""
    show_alert: bool = False
    url: str = ""
    cache_time: int = 0


@dataclass(frozen=True, slots=True)
class Update:
    """As getUpdates gives it."""

    update_id: int
    kind: str
    """`message` or `callback_query`."""
    body: Json

    @property
    def json(self) -> dict[str, object]:
        return {"update_id": self.update_id, self.kind: self.body}
