"""Updates of the Bot API as values: what somebody pressed, or wrote."""

from dataclasses import dataclass
from typing import Any, TypeGuard

from services.notifier.telegram.text import clean


@dataclass(frozen=True, slots=True)
class Press:
    """Somebody pressed a button."""

    key: str
    """The same however often Telegram tells of it, and no other's."""
    query_id: str
    user_id: int
    first_name: str
    chat_id: int
    telegram_id: int
    """The message with the button."""
    forwarded: bool
    """The message is a copy of the one that was sent."""
    data: str


@dataclass(frozen=True, slots=True)
class Writing:
    """Somebody wrote something."""

    key: str
    user_id: int
    first_name: str
    chat_id: int
    telegram_id: int
    private: bool
    text: str
    reply_to: int = 0
    """The message that it answers, as Telegram calls it; 0: none."""
    answers_us: bool = False
    """That message is the bot's."""

    @property
    def command(self) -> tuple[str, str, str] | None:
        """Name, the bot that is meant (empty: any) and the rest of `/command@bot rest`; None: no command."""
        words = self.text.split(maxsplit=1)
        if not words or not words[0].startswith("/") or len(words[0]) < 2:
            return None
        name, _, bot = words[0][1:].partition("@")
        return name.lower(), bot, words[1].strip() if len(words) > 1 else ""


def is_decision(incoming: "Press | Writing | None") -> bool:
    """Whether it is about a question, and not an order to the control panel."""
    if isinstance(incoming, Press):
        return incoming.data.startswith("q:")
    return isinstance(incoming, Writing) and incoming.command is None


def part(value: dict[str, Any], name: str) -> dict[str, Any]:
    """An object within an object; an empty one where there is none."""
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def is_id(value: object) -> TypeGuard[int]:
    """Whether it is a number that the database takes for one of Telegram's."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def parse(bot_id: str, update: dict[str, Any]) -> Press | Writing | None:
    """What an update tells; None where it is of no kind that matters here, or not of the documented form."""
    key = f"telegram/{bot_id}/{update.get('update_id')}"
    query, message = update.get("callback_query"), update.get("message")
    try:
        if isinstance(query, dict):
            shown = query.get("message") or {}
            return Press(
                key=key,
                query_id=str(query["id"]),
                user_id=int(query["from"]["id"]),
                first_name=clean(str(query["from"].get("first_name") or "")),
                chat_id=int((shown.get("chat") or {}).get("id") or 0),
                telegram_id=int(shown.get("message_id") or 0),
                forwarded=not shown or any(name in shown for name in ("forward_origin", "forward_date")),
                data=clean(str(query.get("data") or "")),
            )
        if isinstance(message, dict) and isinstance(message.get("text"), str) and "from" in message:
            return Writing(
                key=key,
                user_id=int(message["from"]["id"]),
                first_name=clean(str(message["from"].get("first_name") or "")),
                chat_id=int(message["chat"]["id"]),
                telegram_id=int(message["message_id"]),
                private=message["chat"].get("type") == "private",
                text=clean(message["text"]),
                reply_to=int(part(message, "reply_to_message").get("message_id") or 0),
                answers_us=str(part(part(message, "reply_to_message"), "from").get("id")) == bot_id,
            )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return None
