"""What doctor looks at where people are reached on Telegram: the settings, the bot, its chats, who decides.

The settings are read with notifier's own code, so that what passes here is what the service takes.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
from pydantic import ValidationError

from cli.checks import Check
from cli.texts import duration, plain
from services.chassis.settings import ChassisSettings
from services.notifier.people import Role
from services.notifier.settings import Settings

TIMEOUT_S = 5.0
_PEOPLE_EXAMPLE = "AIARTIST_TELEGRAM_PEOPLE=123456789:operator:Vera"
_IDS = "write to the bot: it answers with your user id and the chat's id"
_REMEDIES = {
    "telegram_people": f"as in {_PEOPLE_EXAMPLE}, with commas between several; {_IDS}",
    "telegram_chat_ids": f"numbers, with commas between; {_IDS}",
    "notifier_time_zone": "a name such as Europe/Berlin, or unset it",
    "notifier_quiet_hours": "two times such as 22:00-07:30, or unset it",
}
_TOGETHER = ("notifier_channel", "telegram_webhook_url")
"""What is set aside where settings do not go together."""


class _Refused(Exception):
    """The Bot API says no."""

    def __init__(self, code: int, description: str, parameters: Mapping[str, Any]) -> None:
        super().__init__(description)
        self.code = code
        self.parameters = parameters


class _Away(Exception):
    """Nobody answers, or something that is no Bot API."""


async def telegram_checks() -> Sequence[Check]:
    """Everything about Telegram; a line that says so where it is not used."""
    settings, wrong = _settings()
    checks = [_wrong_setting(name, reason) for name, reason in wrong.items()]
    token = settings.telegram_token
    if settings.channel == "console" or token is None:
        return checks or [_unused(settings)]
    if "telegram_api_base" not in wrong:
        checks += await _online(settings, token.get_secret_value())
    if "telegram_chat_ids" not in wrong and not settings.telegram_chat_ids:
        checks.append(
            Check(
                "telegram chats",
                "fail",
                "nobody is told anything: AIARTIST_TELEGRAM_CHAT_IDS is empty",
                f"set it to the chats that get questions and notices; {_IDS}",
            )
        )
    return checks if "telegram_people" in wrong else [*checks, *_people(settings)]


def _settings() -> tuple[Settings, dict[str, str]]:
    """notifier's settings, with a default for each one that is wrong, and by field what is wrong with it.

    Those that every service has alike are taken as right: they are checked elsewhere.
    """
    given = _defaults(ChassisSettings.model_fields.keys() - Settings.__annotations__.keys())
    wrong: dict[str, str] = {}
    # Ends: whatever is wrong is at its default the next time, and the defaults go together.
    while True:
        try:
            return Settings(**given), wrong
        except ValidationError as error:
            for problem in error.errors():
                name = _field(str(problem["loc"][0])) if problem["loc"] else ""
                wrong[name] = problem["msg"].removeprefix("Value error, ")
                given |= _defaults([name] if name else _TOGETHER)


def _field(place: str) -> str:
    """The field that a problem is about: it may be told by its variable."""
    fields = Settings.model_fields
    return next(name for name, field in fields.items() if place in (name, field.validation_alias))


def _defaults(names: Iterable[str]) -> dict[str, Any]:
    return {name: Settings.model_fields[name].get_default(call_default_factory=True) for name in names}


def _wrong_setting(name: str, reason: str) -> Check:
    if not name:
        return Check("notifier settings", "fail", reason, "set both, or neither")
    variable = Settings.model_fields[name].validation_alias or f"AIARTIST_{name.upper()}"
    advice = f": {_REMEDIES[name]}" if name in _REMEDIES else " or unset it"
    return Check("notifier settings", "fail", f"{variable}: {reason}", f"correct {variable}{advice}")


def _unused(settings: Settings) -> Check:
    decide = "decisions come from the command line: aiartist run approve"
    if settings.telegram_token is not None:
        return Check("telegram", "pass", f"not used: AIARTIST_NOTIFIER_CHANNEL is console; {decide}")
    if settings.telegram_chat_ids or settings.telegram_people.by_id:
        return Check(
            "telegram",
            "warn",
            f"chats or people are set, but no token; {decide}",
            "set AIARTIST_TELEGRAM_TOKEN to the bot's token; @BotFather tells it",
        )
    return Check("telegram", "pass", f"no AIARTIST_TELEGRAM_TOKEN is set; {decide}")


async def _online(settings: Settings, token: str) -> list[Check]:
    """What Telegram says about the token, the way that updates take, and each chat."""
    base = settings.telegram_api_base
    async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
        bot = _Bot(client, base, token)
        try:
            name = plain(str((await bot.call("getMe")).get("username", "")))
        except _Refused as error:
            return [_refused_token(error)]
        except _Away as error:
            remedy = "let this machine reach it, or correct AIARTIST_TELEGRAM_API_BASE"
            return [Check("telegram bot", "fail", f"{base} {error}", remedy)]
        checks = [Check("telegram bot", "pass", f"@{name} at {base}")]
        ways = await asyncio.gather(
            _webhook(bot, settings), *(_chat(bot, name, chat_id) for chat_id in settings.telegram_chat_ids)
        )
    return [*checks, *ways]


def _refused_token(error: _Refused) -> Check:
    if error.code in (401, 404):
        return Check(
            "telegram bot",
            "fail",
            "Telegram does not know the token",
            "set AIARTIST_TELEGRAM_TOKEN to what @BotFather tells: /mybots, your bot, API Token",
        )
    return Check("telegram bot", "warn", f"Telegram answers {error.code}: {error}", "try again later")


async def _webhook(bot: "_Bot", settings: Settings) -> Check:
    """Whether updates come the way that the settings say."""
    name, wanted = "telegram updates", settings.telegram_webhook_url
    try:
        info = await bot.call("getWebhookInfo")
    except (_Refused, _Away) as error:
        return Check(name, "warn", f"getWebhookInfo failed: {error}", "try again later")
    url, trouble = str(info.get("url", "")), _last_error(info)
    # Its host alone: in the path of a webhook people keep tokens.
    host = plain(urlsplit(url).hostname or "")
    if wanted is None:
        if not url:
            return Check(name, "pass", "long polling")
        detail = f"a webhook is set at {host}, but long polling is configured{trouble}"
        return Check(
            name,
            "warn",
            detail,
            "the notifier removes it when it starts; is it another program's, give each a bot of its own",
        )
    if url != wanted:
        detail = f"the webhook is set at {host}, not at" if url else "no webhook is set yet at"
        remedy = "the notifier sets it when it starts; is it set again and again, who else has the token?"
        return Check(name, "warn", f"{detail} AIARTIST_TELEGRAM_WEBHOOK_URL{trouble}", remedy)
    if trouble:
        port = settings.telegram_webhook_port
        remedy = f"let {host} lead to port {port} here, with a certificate that Telegram trusts"
        return Check(name, "warn", f"the webhook at {host} fails{trouble}", remedy)
    return Check(name, "pass", f"webhook at {host}")


def _last_error(info: Mapping[str, Any]) -> str:
    text = plain(str(info.get("last_error_message", "")))
    if not text:
        return ""
    ago = duration(time.time() - float(info.get("last_error_date") or 0))
    return f"; {text}, {ago} ago; {info.get('pending_update_count', 0)} updates wait"


async def _chat(bot: "_Bot", bot_name: str, chat_id: int) -> Check:
    """Whether the bot may write to a chat."""
    name = f"telegram chat {chat_id}"
    try:
        chat = await bot.call("getChat", chat_id=chat_id)
    except _Refused as error:
        return Check(name, "fail", str(error), _right_chat(bot_name, chat_id, error))
    except _Away as error:
        return Check(name, "warn", str(error), "try again later")
    called = chat.get("title") or chat.get("first_name") or chat.get("username") or ""
    return Check(name, "pass", plain(f"{chat.get('type', 'chat')}: {called}"))


def _right_chat(bot_name: str, chat_id: int, error: _Refused) -> str:
    if moved := error.parameters.get("migrate_to_chat_id"):
        return f"put {moved} in its place in AIARTIST_TELEGRAM_CHAT_IDS: the group has become another chat"
    if chat_id > 0:
        return (
            f"open @{bot_name} there and press Start, or correct AIARTIST_TELEGRAM_CHAT_IDS; "
            "a person's chat has their user id, a group's id is negative"
        )
    return (
        f"add @{bot_name} to the group, or correct AIARTIST_TELEGRAM_CHAT_IDS; "
        "the id of a large group begins with -100"
    )


def _people(settings: Settings) -> list[Check]:
    """Whether there is somebody to decide, and whether those who are asked may."""
    people, name = settings.telegram_people, "telegram people"
    if not people.by_id:
        detail = "nobody may decide: AIARTIST_TELEGRAM_PEOPLE is empty"
        return [Check(name, "fail", detail, f"set it, for example {_PEOPLE_EXAMPLE}; {_IDS}")]
    deciding = people.may(Role.APPROVER)
    counts = ", ".join(
        f"{count} {role.name.lower()}"
        for role in reversed(Role)
        if (count := sum(person.role is role for person in people.by_id.values()))
    )
    if not deciding:
        remedy = f"give somebody the role approver or operator, as in {_PEOPLE_EXAMPLE}"
        return [Check(name, "fail", f"nobody may decide: {counts}", remedy)]
    checks = [Check(name, "pass", counts)]
    asked = [chat for chat in settings.telegram_chat_ids if chat > 0]
    if strangers := [f"{chat}" for chat in asked if people.get(chat) is None]:
        detail = f"asked, but nobody of AIARTIST_TELEGRAM_PEOPLE: {', '.join(strangers)}"
        checks.append(Check(name, "warn", detail, "add them with a role, or take the chat away"))
    return checks


@dataclass(frozen=True, slots=True)
class _Bot:
    """The Bot API, as far as doctor asks it."""

    client: httpx.AsyncClient
    base: str
    token: str

    async def call(self, method: str, **parameters: Any) -> Mapping[str, Any]:
        """The result; _Refused or _Away where there is none. Neither tells the token."""
        # Quoted: a token with a slash in it is a wrong token, and no other address.
        url = f"{self.base}/bot{quote(self.token, safe=':')}/{method}"
        try:
            answer = await self.client.post(url, json=parameters)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            told = plain(str(error)).replace(self.token, "***") or type(error).__name__
            raise _Away(f"cannot be reached: {told}") from None
        try:
            body = answer.json()
            if body["ok"] is True:
                if not isinstance(body["result"], Mapping):
                    raise TypeError("no object")
                result: Mapping[str, Any] = body["result"]
                return result
            code, text = int(body["error_code"]), plain(str(body["description"]))
        except (ValueError, KeyError, TypeError):
            raise _Away(f"does not answer as the Bot API does, but with {answer.status_code}") from None
        raise _Refused(code, text.replace(self.token, "***"), body.get("parameters") or {})
