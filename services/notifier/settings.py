"""Settings of notifier, from `AIARTIST_*` variables."""

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from services.chassis.settings import ChassisSettings
from services.notifier.hours import QuietHours, zone
from services.notifier.people import People

_CHAT_ID = re.compile(r"-?[1-9][0-9]{0,18}")
_SECRET = re.compile(r"[A-Za-z0-9_-]{16,256}")


class Settings(ChassisSettings):
    """What notifier can be told."""

    port: int = Field(50055, ge=0, le=65535, validation_alias="AIARTIST_NOTIFIER_PORT")
    """gRPC port; 0: any free one."""
    metrics_port: int = Field(9105, ge=0, le=65535, validation_alias="AIARTIST_NOTIFIER_METRICS_PORT")
    """Prometheus port; 0: any free one."""
    db_pool_size: int = Field(16, ge=4, le=200)
    """Connections at most: 4 for chats, 4 for what people do, 2 that listen, the rest for calls."""
    scheduler_addr: str = "127.0.0.1:50051"
    """Where scheduler serves."""
    artist_db_addr: str = "127.0.0.1:50052"
    """Where artist_db serves."""
    orchestrator_addr: str = "127.0.0.1:50053"
    """Where orchestrator serves; asked only whether it is ready."""
    release_addr: str = "127.0.0.1:50054"
    """Where release serves."""
    notifier_channel: Literal["auto", "console", "telegram"] = "auto"
    """How people are reached: `console` writes a log line for each message; `auto`: Telegram where there is
    a token, else the console."""
    notifier_poll_interval_s: float = Field(2.0, gt=0, le=60)
    """How often to look for work that nobody told us of."""
    notifier_delivery_timeout_s: float = Field(30.0, gt=0, le=300)
    """How long the console may take for one message."""
    notifier_retry_base_s: float = Field(2.0, gt=0, le=60)
    """Wait after the first failure of a message; doubles with each one."""
    notifier_retry_max_s: float = Field(300.0, gt=0, le=3600)
    """The longest such wait."""
    notifier_time_zone: str = "UTC"
    """In which times are told and quiet hours are meant, for example `Europe/Berlin`."""
    notifier_quiet_hours: Annotated[QuietHours | None, NoDecode] = None
    """When nobody is woken, as `22:00-07:30`: reminders wait, all but errors comes without a sound."""
    notifier_remind_after_s: int = Field(6 * 3600, ge=0)
    """When people are reminded of a question the first time; 0: never."""
    notifier_remind_every_s: int = Field(24 * 3600, ge=60)
    """How often after that."""
    notifier_digest_from: int = Field(20, ge=2, le=500)
    """So many messages that wait for one chat are sent as one digest."""
    telegram_token: SecretStr | None = None
    """The bot's token, from @BotFather."""
    telegram_api_base: str = "https://api.telegram.org"
    """Where the Bot API is."""
    telegram_chat_ids: Annotated[tuple[int, ...], NoDecode] = ()
    """Chats that get questions and notices, with commas between; a group's id is negative."""
    telegram_people: Annotated[People, NoDecode] = People({})
    """Who may do what: `id:role` or `id:role:name`, with commas between; roles viewer, approver, operator."""
    telegram_webhook_url: str | None = None
    """Where Telegram reaches this service, `https://…`; not set: it is asked (long polling)."""
    telegram_webhook_port: int = Field(8443, ge=0, le=65535)
    """Where the webhook listens, on `AIARTIST_HOST`; 0: any free port."""
    telegram_webhook_secret: SecretStr | None = None
    """What Telegram proves itself with: 16 to 256 letters, digits, _ and -."""
    telegram_poll_timeout_s: int = Field(10, ge=0, le=50)
    """How long Telegram may hold a poll open when there is nothing new."""
    telegram_chat_interval_s: float = Field(1.0, ge=0, le=60)
    """Least time between two messages to one chat; Telegram asks for no more than one a second."""
    telegram_timeout_s: float = Field(20.0, gt=0, le=300)
    """How long one call of the Bot API may take; files get three times as much."""

    @field_validator("notifier_time_zone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        zone(value)
        return value

    @field_validator("notifier_quiet_hours", mode="before")
    @classmethod
    def _parse_quiet_hours(cls, value: object) -> object:
        return QuietHours.parse(value) if isinstance(value, str) else value

    @field_validator("telegram_people", mode="before")
    @classmethod
    def _parse_people(cls, value: object) -> object:
        return People.parse(value) if isinstance(value, str) else value

    @field_validator("telegram_chat_ids", mode="before")
    @classmethod
    def _parse_chat_ids(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        entries = [entry.strip() for entry in value.split(",") if entry.strip()]
        for entry in entries:
            if not _CHAT_ID.fullmatch(entry):
                raise ValueError(f"{entry!r} is no chat id: a number such as 123456789 or -1001234567890")
        return tuple(dict.fromkeys(int(entry) for entry in entries))

    @field_validator("telegram_webhook_secret")
    @classmethod
    def _is_a_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _SECRET.fullmatch(value.get_secret_value()):
            raise ValueError("must have 16 to 256 letters, digits, _ and -")
        return value

    @field_validator("telegram_api_base")
    @classmethod
    def _is_http(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an http or https URL, for example https://api.telegram.org")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        if self.notifier_channel == "telegram" and self.telegram_token is None:
            raise ValueError(
                "AIARTIST_NOTIFIER_CHANNEL is telegram: set AIARTIST_TELEGRAM_TOKEN to the bot's token"
            )
        if self.telegram_webhook_url is not None and self.telegram_webhook_secret is None:
            raise ValueError(
                "AIARTIST_TELEGRAM_WEBHOOK_URL is set: set AIARTIST_TELEGRAM_WEBHOOK_SECRET too, "
                "or anybody could press buttons"
            )
        return self

    @property
    def channel(self) -> Literal["console", "telegram"]:
        """The channel that is used."""
        if self.notifier_channel == "auto":
            return "console" if self.telegram_token is None else "telegram"
        return self.notifier_channel
