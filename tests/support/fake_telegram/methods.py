"""The methods of the Bot API that the server knows."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping

from tests.support.fake_telegram import editing, sending
from tests.support.fake_telegram.call import Call
from tests.support.fake_telegram.errors import WEBHOOK_ACTIVE, bad_request, conflict, not_found
from tests.support.fake_telegram.media import MAX_DOWNLOAD
from tests.support.fake_telegram.records import Answer, Message, utf16_length
from tests.support.fake_telegram.updates import UpdateQueue
from tests.support.fake_telegram.webhook import Webhook
from tests.support.fake_telegram.wire import Wire, chat_json, file_json, person_json
from tests.support.fake_telegram.world import World

MAX_ANSWER = 200
_ACTIONS = frozenset(
    ("typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice",
     "upload_document", "choose_sticker", "find_location", "record_video_note", "upload_video_note")
)  # fmt: skip

Result = object
Method = Callable[[Call], Result | Awaitable[Result]]


class BotApi:
    """Does what a call asks for, at once and whole, or raises ApiError. Only getUpdates takes time."""

    def __init__(self, world: World, updates: UpdateQueue, webhook: Webhook) -> None:
        self.strict_audio = True
        """Whether sendAudio takes only what is MP3 or M4A by its content."""
        self.privacy = True
        """Whether the bot is told only of commands and replies in groups, as by default."""
        self._world = world
        self._updates = updates
        self._webhook = webhook
        methods: Mapping[str, Method] = {
            "answerCallbackQuery": self._answer_callback_query,
            "deleteMessage": lambda call: editing.delete(world, call),
            "deleteMyCommands": self._delete_my_commands,
            "deleteWebhook": self._delete_webhook,
            "editMessageCaption": lambda call: self._told(editing.edit_caption(world, call)),
            "editMessageMedia": lambda call: self._told(
                editing.edit_media(world, call, strict_audio=self.strict_audio)
            ),
            "editMessageReplyMarkup": lambda call: self._told(editing.edit_markup(world, call)),
            "editMessageText": lambda call: self._told(editing.edit_text(world, call)),
            "getChat": self._get_chat,
            "getFile": self._get_file,
            "getMe": self._get_me,
            "getMyCommands": lambda call: world.commands.get(_scope(call), []),
            "getUpdates": self._get_updates,
            "getWebhookInfo": self._get_webhook_info,
            "sendAudio": lambda call: self._told(
                sending.send_media(world, call, "audio", strict_audio=self.strict_audio)
            ),
            "sendChatAction": self._send_chat_action,
            "sendDocument": lambda call: self._told(
                sending.send_media(world, call, "document", strict_audio=False)
            ),
            "sendMessage": lambda call: self._told(sending.send_message(world, call)),
            "sendPhoto": lambda call: self._told(
                sending.send_media(world, call, "photo", strict_audio=False)
            ),
            "setMyCommands": self._set_my_commands,
            "setWebhook": self._set_webhook,
        }
        # As in Telegram, the case of a method's name does not count.
        self._methods = {name.lower(): (name, method) for name, method in methods.items()}

    def name_of(self, told: str) -> str:
        """The method's name as it is documented; as it was told where there is none."""
        return self._methods[told.lower()][0] if told.lower() in self._methods else told

    async def do(self, call: Call) -> Result:
        """The result of a call; ApiError 404 for an unknown method."""
        if call.method.lower() not in self._methods:
            raise not_found()
        result = self._methods[call.method.lower()][1](call)
        return await result if isinstance(result, Awaitable) else result

    def _told(self, message: Message) -> Wire:
        return self._world.json(message)

    def _get_me(self, call: Call) -> Wire:
        return person_json(self._world.bot) | {
            "can_join_groups": True,
            "can_read_all_group_messages": not self.privacy,
            "supports_inline_queries": False,
        }

    def _get_chat(self, call: Call) -> Wire:
        chat = self._world.chat_of(call.text("chat_id"), to_read=True)
        gifts = (
            "unlimited_gifts",
            "limited_gifts",
            "unique_gifts",
            "premium_subscription",
            "gifts_from_channels",
        )
        return chat_json(chat, self._world.people.get(chat.id)) | {
            "accent_color_id": 0,
            "max_reaction_count": 11,
            "accepted_gift_types": dict.fromkeys(gifts, True),
        }

    def _get_file(self, call: Call) -> Wire:
        file = self._world.files.get(call.text("file_id"))
        if file is None:
            raise bad_request("invalid file_id")
        if len(file.content) > MAX_DOWNLOAD:
            raise bad_request("file is too big")
        return file_json(file, with_path=True)

    def _send_chat_action(self, call: Call) -> bool:
        chat = self._world.chat_of(call.text("chat_id"))
        if call.text("action") not in _ACTIONS:
            raise bad_request("wrong parameter action in request")
        self._world.actions.append((chat.id, call.text("action")))
        return True

    def _answer_callback_query(self, call: Call) -> bool:
        if utf16_length(call.text("text")) > MAX_ANSWER:
            raise bad_request("MESSAGE_TOO_LONG")
        answer = Answer(
            call.text("text"), call.flag("show_alert"), call.text("url"), call.number("cache_time")
        )
        self._world.answer(call.text("callback_query_id"), answer)
        return True

    def _set_my_commands(self, call: Call) -> bool:
        commands = call.json("commands") or []
        if len(commands) > 100:
            raise bad_request("BOT_COMMANDS_TOO_MUCH")
        for command in commands:
            if not re.fullmatch(r"[a-z0-9_]{1,32}", command["command"].removeprefix("/")):
                raise bad_request("BOT_COMMAND_INVALID")
            if not 1 <= utf16_length(command["description"].strip()) <= 256:
                raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
        self._world.commands[_scope(call)] = commands
        self._world.bell.ring()
        return True

    def _delete_my_commands(self, call: Call) -> bool:
        self._world.commands.pop(_scope(call), None)
        return True

    async def _get_updates(self, call: Call) -> list[dict[str, object]]:
        if self._webhook.url:
            raise conflict(WEBHOOK_ACTIVE)
        self._updates.allow(call.json("allowed_updates"))
        updates = await self._updates.poll(
            call.number("offset"),
            call.number("limit", 100, least=1, most=100),
            call.number("timeout", least=0, most=50),
        )
        return [update.json for update in updates]

    def _set_webhook(self, call: Call) -> bool:
        if not call.text("url"):
            return self._delete_webhook(call)
        self._webhook.check(call.text("url"), call.text("secret_token"))
        self._updates.allow(call.json("allowed_updates"))
        if call.flag("drop_pending_updates"):
            self._updates.clear()
        self._updates.end_poll("terminated by setWebhook request")
        self._webhook.set(call.text("url"), call.text("secret_token"))
        return True

    def _delete_webhook(self, call: Call) -> bool:
        if call.flag("drop_pending_updates"):
            self._updates.clear()
        self._webhook.set("", "")
        return True

    def _get_webhook_info(self, call: Call) -> Wire:
        told: Wire = {
            "url": self._webhook.url,
            "has_custom_certificate": False,
            "pending_update_count": len(self._updates.pending),
        }
        if self._webhook.last_error:
            told["last_error_message"] = self._webhook.last_error
            told["last_error_date"] = self._webhook.last_error_date
        return told


def _scope(call: Call) -> str:
    scope = call.json("scope") or {"type": "default"}
    return json.dumps([scope, call.text("language_code")], sort_keys=True)
