"""editMessage* and deleteMessage."""

import json
from typing import Any, get_args

from tests.support.fake_telegram.call import Call
from tests.support.fake_telegram.errors import NOT_MODIFIED, bad_request
from tests.support.fake_telegram.keyboards import read_markup
from tests.support.fake_telegram.records import FileKind, Message
from tests.support.fake_telegram.sending import check_caption, media_caption, message_text, read_media
from tests.support.fake_telegram.world import World


def edit_text(world: World, call: Call) -> Message:
    text, entities = message_text(call)
    message = _to_edit(world, call)
    if message.media:
        raise bad_request("there is no text in the message to edit")
    options = call.json("link_preview_options") or {}
    return _edit(world, call, message, text=text, entities=entities, link_preview_options=options)


def edit_caption(world: World, call: Call) -> Message:
    caption, entities = media_caption(call)
    message = _to_edit(world, call)
    if not message.media:
        raise bad_request("there is no caption in the message to edit")
    return _edit(world, call, message, caption=caption, entities=entities)


def edit_markup(world: World, call: Call) -> Message:
    return _edit(world, call, _to_edit(world, call))


def edit_media(world: World, call: Call, *, strict_audio: bool) -> Message:
    told = call.json("media")
    if not isinstance(told, dict):
        raise bad_request("can't parse InputMedia: expected an Object")
    kind: FileKind = told.get("type", "")
    if kind not in get_args(FileKind) or kind == "thumbnail":
        raise bad_request(f'can\'t parse InputMedia: type "{kind}" is unsupported')
    told_entities = json.dumps(told["caption_entities"]) if told.get("caption_entities") else ""
    caption, entities = check_caption(told.get("caption", ""), told.get("parse_mode", ""), told_entities)
    message = _to_edit(world, call)
    value = str(told.get("media", ""))
    media = read_media(world, call, kind, "media", value, told, strict_audio=strict_audio)
    return _edit(world, call, message, text="", caption=caption, entities=entities, media=media)


def delete(world: World, call: Call) -> bool:
    chat = world.chat_of(call.text("chat_id"))
    number = call.number("message_id")
    if not number:
        raise bad_request("message identifier is not specified")
    message = world.messages[chat.id].get(number)
    if message is None:
        raise bad_request("message to delete not found")
    if chat.type != "private" and not message.from_bot:
        raise bad_request("message can't be deleted")
    world.delete(message)
    return True


def _to_edit(world: World, call: Call) -> Message:
    if call.text("inline_message_id"):
        raise bad_request("MESSAGE_ID_INVALID")
    chat = world.chat_of(call.text("chat_id"))
    number = call.number("message_id")
    if not number:
        raise bad_request("message identifier is not specified")
    message = world.messages[chat.id].get(number)
    if message is None:
        raise bad_request("message to edit not found")
    # One with any other markup than an inline keyboard cannot be edited, even by its bot.
    if message.sender != world.bot or message.markup or message.forward_origin:
        raise bad_request("message can't be edited")
    return message


def _edit(world: World, call: Call, message: Message, **content: Any) -> Message:
    """Without a reply_markup, an edit takes the buttons away."""
    markup = read_markup(call.text("reply_markup"))
    if markup.other:
        raise bad_request("inline keyboard expected")
    content["buttons"] = markup.buttons
    shown = {name: value for name, value in content.items() if name != "link_preview_options"}
    if all(getattr(message, name) == value for name, value in shown.items()):
        raise bad_request(NOT_MODIFIED)
    if "entities" in content:
        content["parse_mode"] = call.text("parse_mode")
    return world.edit(message, **content)
