"""sendMessage, sendPhoto, sendAudio, sendDocument, and what edits share with them."""

import mimetypes
from typing import Any

from tests.support.fake_telegram.call import Call
from tests.support.fake_telegram.errors import bad_request
from tests.support.fake_telegram.formatting import Formatted, formatted
from tests.support.fake_telegram.keyboards import read_markup
from tests.support.fake_telegram.media import check_audio, photo_size, thumbnail_size
from tests.support.fake_telegram.records import Chat, FileKind, Message, StoredFile, utf16_length
from tests.support.fake_telegram.world import World

MAX_TEXT = 4096
MAX_CAPTION = 1024


def send_message(world: World, call: Call) -> Message:
    chat = world.chat_of(call.text("chat_id"))
    text, entities = message_text(call)
    return _send(world, chat, call, text=text, entities=entities)


def send_media(world: World, call: Call, kind: FileKind, *, strict_audio: bool) -> Message:
    chat = world.chat_of(call.text("chat_id"))
    caption, entities = media_caption(call)
    options = {name: call.text(name) for name in ("title", "performer", "duration", "thumbnail")}
    media = read_media(world, call, kind, kind, call.text(kind), options, strict_audio=strict_audio)
    return _send(world, chat, call, caption=caption, entities=entities, media=media)


def message_text(call: Call) -> Formatted:
    """The text of a request; ApiError where it is empty, too long or wrongly marked up."""
    if not call.text("text"):
        raise bad_request("message text is empty")
    text, entities = formatted(call.text("text"), call.text("parse_mode"), call.text("entities"))
    if not text:
        raise bad_request("text must be non-empty")
    if utf16_length(text) > MAX_TEXT:
        raise bad_request("message is too long")
    return text, entities


def media_caption(call: Call) -> Formatted:
    """The caption of a request, which may be empty."""
    return check_caption(call.text("caption"), call.text("parse_mode"), call.text("caption_entities"))


def check_caption(caption: str, parse_mode: str, told_entities: str) -> Formatted:
    text, entities = formatted(caption, parse_mode, told_entities)
    if utf16_length(text) > MAX_CAPTION:
        raise bad_request("message caption is too long")
    return text, entities


def read_media(
    world: World,
    call: Call,
    kind: FileKind,
    part: str,
    value: str,
    options: dict[str, Any],
    *,
    strict_audio: bool,
) -> StoredFile:
    """The file of this part or value: uploaded now, or known by its file_id."""
    upload = call.upload(part, value)
    if upload is None:
        return _known_file(world, kind, value)
    width, height = photo_size(upload.content) if kind == "photo" else (0, 0)
    if kind == "audio" and strict_audio:
        check_audio(upload.content)
    told: dict[str, Any] = {"width": width, "height": height}
    if kind == "audio":
        told["title"] = str(options.get("title") or "")
        told["performer"] = str(options.get("performer") or "")
        told["duration"] = int(options.get("duration") or 0)
    if kind != "photo":
        told["name"] = upload.name
        told["mime_type"] = mimetypes.guess_type(upload.name)[0] or upload.mime_type
        told["thumbnail"] = _thumbnail(world, call, str(options.get("thumbnail") or ""))
    return world.store(kind, upload.content, **told)


def _known_file(world: World, kind: FileKind, value: str) -> StoredFile:
    if not value:
        raise bad_request(f"there is no {kind} in the request")
    if value.startswith(("http://", "https://")):
        raise bad_request("failed to get HTTP URL content")
    known = world.files.get(value)
    if known is None:
        raise bad_request("wrong file identifier/HTTP URL specified")
    if known.kind != kind:
        raise bad_request(f"can't use file of type {known.kind.title()} as {kind.title()}")
    return known


def _thumbnail(world: World, call: Call, value: str) -> StoredFile | None:
    """Only one that is uploaded now counts: Telegram takes no file_id here."""
    upload = call.upload("thumbnail", value)
    if upload is None:
        return None
    width, height = thumbnail_size(upload.content)
    return world.store("thumbnail", upload.content, width=width, height=height)


def _send(world: World, chat: Chat, call: Call, **content: Any) -> Message:
    markup = read_markup(call.text("reply_markup"))
    return world.add(
        chat,
        world.bot,
        **content,
        parse_mode=call.text("parse_mode"),
        buttons=markup.buttons,
        markup=markup.other,
        reply_to=_replied(world, chat, call),
        disable_notification=call.flag("disable_notification"),
        link_preview_options=call.json("link_preview_options") or {},
    )


def _replied(world: World, chat: Chat, call: Call) -> int | None:
    told = call.json("reply_parameters") or {}
    try:
        number = int(told.get("message_id") or call.number("reply_to_message_id"))
    except (AttributeError, TypeError, ValueError):
        raise bad_request("can't parse reply parameters") from None
    if not number:
        return None
    if number in world.messages[chat.id]:
        return number
    if told.get("allow_sending_without_reply") or call.flag("allow_sending_without_reply"):
        return None
    raise bad_request("message to be replied not found")
