"""The server's values as the JSON of the Bot API."""

from tests.support.fake_telegram.media import MAX_DOWNLOAD
from tests.support.fake_telegram.records import Chat, Entity, Message, Person, StoredFile

Wire = dict[str, object]


def person_json(person: Person) -> Wire:
    told: Wire = {"id": person.id, "is_bot": person.is_bot, "first_name": person.first_name}
    return told | ({"username": person.username} if person.username else {})


def chat_json(chat: Chat, person: Person | None) -> Wire:
    """`person` is who the other one is in a private chat."""
    told: Wire = {"id": chat.id, "type": chat.type}
    if chat.type != "private":
        return told | {"title": chat.title}
    if person is None:
        return told
    told["first_name"] = person.first_name
    return told | ({"username": person.username} if person.username else {})


def entity_json(entity: Entity) -> Wire:
    told: Wire = {"type": entity.type, "offset": entity.offset, "length": entity.length}
    if entity.url:
        told["url"] = entity.url
    if entity.language:
        told["language"] = entity.language
    if entity.user_id:
        told["user"] = {"id": entity.user_id, "is_bot": False, "first_name": str(entity.user_id)}
    return told


def file_json(file: StoredFile, *, with_path: bool = False) -> Wire:
    told: Wire = {"file_id": file.file_id, "file_unique_id": file.unique_id, "file_size": len(file.content)}
    return told | ({"file_path": file.path} if with_path and len(file.content) <= MAX_DOWNLOAD else {})


def message_json(message: Message, chat: Chat, person: Person | None, replied: Message | None = None) -> Wire:
    """`replied` is told within, itself without what it replied to."""
    told: Wire = {
        "message_id": message.message_id,
        "from": person_json(message.sender),
        "chat": chat_json(chat, person),
        "date": message.date,
    }
    if message.edit_date:
        told["edit_date"] = message.edit_date
    if message.forward_origin:
        told["forward_origin"] = dict(message.forward_origin)
    if replied is not None:
        told["reply_to_message"] = message_json(replied, chat, person)
    named = "caption" if message.media else "text"
    if message.words:
        told[named] = message.words
    if message.entities:
        told["caption_entities" if message.media else "entities"] = [*map(entity_json, message.entities)]
    if message.media:
        told |= _media_json(message.media)
    if message.link_preview_options:
        told["link_preview_options"] = dict(message.link_preview_options)
    if message.buttons:
        told["reply_markup"] = {"inline_keyboard": keyboard_json(message)}
    return told


def keyboard_json(message: Message) -> list[list[Wire]]:
    return [
        [
            {"text": button.text, "url": button.url}
            if button.url
            else {"text": button.text, "callback_data": button.callback_data}
            for button in row
        ]
        for row in message.buttons
    ]


def _media_json(media: StoredFile) -> Wire:
    told = file_json(media)
    if media.kind == "photo":
        return {"photo": [told | {"width": media.width, "height": media.height}]}
    named: Wire = {"file_name": media.name, "mime_type": media.mime_type}
    told |= {name: value for name, value in named.items() if value}
    if media.thumbnail:
        size = {"width": media.thumbnail.width, "height": media.thumbnail.height}
        told["thumbnail"] = file_json(media.thumbnail) | size
    if media.kind == "audio":
        told["duration"] = media.duration
        tags: Wire = {"title": media.title, "performer": media.performer}
        told |= {name: value for name, value in tags.items() if value}
    return {media.kind: told}
