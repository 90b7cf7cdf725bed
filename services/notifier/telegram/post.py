"""One call of the Bot API that sends or changes a message, as it is kept until it is done."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Self

from aiartist.common.v1.audio_pb2 import Artifact

DATA_MOST = 64
"""Bytes of a button's data, as Telegram allows."""


class Shape(StrEnum):
    """What a post carries."""

    TEXT = "text"
    PHOTO = "photo"
    AUDIO = "audio"


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a message; `data` comes back when it is pressed."""

    text: str
    data: str

    def __post_init__(self) -> None:
        if not 1 <= len(self.data.encode()) <= DATA_MOST:
            raise ValueError(f"a button's data has 1 to {DATA_MOST} bytes: {self.data!r}")


Keyboard = tuple[tuple[Button, ...], ...]
"""Rows of buttons, from the top."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of the artifact store, by what is needed to read it."""

    path: str
    sha256: str
    size_bytes: int
    media_type: str

    @classmethod
    def of(cls, artifact: Artifact) -> Self:
        return cls(artifact.path, artifact.sha256, artifact.size_bytes, artifact.media_type)

    def artifact(self) -> Artifact:
        return Artifact(
            path=self.path, sha256=self.sha256, size_bytes=self.size_bytes, media_type=self.media_type
        )


@dataclass(frozen=True, slots=True)
class Post:
    """What is said. `html` is the text, or the caption of a photo or audio."""

    html: str
    shape: Shape = Shape.TEXT
    keyboard: Keyboard = ()
    file: File | None = None
    thumbnail: File | None = None
    title: str = ""
    performer: str = ""
    duration_s: int = 0
    silent: bool = False
    """Comes without a sound."""
    asks_reply: bool = False
    """The person's client opens an answer to it."""
    mention: int = 0
    """Telegram's id of the message that it answers; 0: none."""

    def __post_init__(self) -> None:
        if (self.file is None) != (self.shape is Shape.TEXT):
            raise ValueError("a photo or audio has a file, a text has none")

    def as_text(self, remark: str) -> "Post":
        """The same without its file, and a remark why."""
        return replace(
            self,
            shape=Shape.TEXT,
            file=None,
            thumbnail=None,
            html=f"{self.html}\n{remark}" if remark else self.html,
        )

    def to_json(self) -> dict[str, Any]:
        """For the database."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Self:
        """From the database."""
        values = dict(body)
        values["shape"] = Shape(values["shape"])
        values["keyboard"] = tuple(tuple(Button(**button) for button in row) for row in values["keyboard"])
        for name in ("file", "thumbnail"):
            if values[name] is not None:
                values[name] = File(**values[name])
        return cls(**values)


def button(text: str, data: str) -> tuple[Button, ...]:
    """The button; none where an id is longer than any of ours, and its data with it."""
    return (Button(text, data),) if len(data.encode()) <= DATA_MOST else ()


def rows(*buttons: Sequence[Button]) -> Keyboard:
    """A keyboard of those rows that hold a button."""
    return tuple(tuple(row) for row in buttons if row)


@dataclass(frozen=True, slots=True)
class Stored:
    """A post as it is kept, with what is known of its tries."""

    id: int
    chat_id: int
    post: Post
    message_id: str | None
    edits: int | None
    urgent: bool
    attempts: int
    unsure: bool
    """A try began, and nobody knows how it ended."""
    floor: int
    """The greatest message id known in the chat before that try; 0: none was."""
    target: int | None = None
    """Of an edit: what Telegram calls the message that it changes; None where that was not sent."""
    unread: int = 0
    """How often it could not be sent for a reason of ours, such as a file that is not to be had."""
    due: bool = True
