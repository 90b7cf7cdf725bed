"""Settings of the command line, from the same `AIARTIST_*` variables that the services read."""

import getpass
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from services.chassis.settings import SECRETS_DIR, ChassisSettings, SettingsBase

SERVICES = ("scheduler", "artist_db", "orchestrator", "release", "notifier", "error_analyzer")
_HOST_PORT = re.compile(r"(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):(?P<port>\d{1,5})")


def _is_address(value: str) -> str:
    if value.startswith(("unix:", "dns://", "ipv4:", "ipv6:")):
        return value
    match = _HOST_PORT.fullmatch(value)
    if match is None or not 1 <= int(match["port"]) <= 65_535:
        raise ValueError("must be host:port, for example 127.0.0.1:50051")
    return value


Address = Annotated[str, AfterValidator(_is_address)]


class CliSettings(SettingsBase):
    """What the command line can be told."""

    model_config = SettingsConfigDict(
        env_prefix="AIARTIST_",
        env_ignore_empty=True,
        frozen=True,
        populate_by_name=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    scheduler_addr: Address = "127.0.0.1:50051"
    """Where the scheduler listens; the others likewise."""
    artist_db_addr: Address = "127.0.0.1:50052"
    orchestrator_addr: Address = "127.0.0.1:50053"
    release_addr: Address = "127.0.0.1:50054"
    notifier_addr: Address = "127.0.0.1:50055"
    error_analyzer_addr: Address = "127.0.0.1:50056"
    token: SecretStr | None = None
    """What proves to the services who calls."""
    tls_ca: Path | None = None
    """Certificates in PEM that are trusted; set, every call speaks TLS."""
    call_timeout_s: float = Field(10.0, gt=0, le=600)
    """How long one call may take."""
    operator: str = Field("", max_length=100)
    """Who decides, as it stands in the record of a decision; empty: the login name."""
    data_dir: Path = Path("data")
    """Where `serve` keeps its files; only doctor looks at it."""
    database_url: SecretStr | None = None
    """Only doctor looks at it; absent: the database that `serve` brings along."""
    grafana_password: SecretStr | None = None
    """With it, `aiartist migrate` lets Grafana log in to the database, to read what dashboards show."""
    model_url: str = "http://127.0.0.1:50080/v1"
    """The local model's OpenAI-compatible address; only doctor looks at it."""
    model_api_key: SecretStr | None = None
    """Its key, where it wants one; only doctor looks at it."""

    def address_of(self, service: str) -> str:
        """`host:port` of a service."""
        return str(getattr(self, f"{service}_addr"))

    @property
    def decided_by(self) -> str:
        """For example `cli:vera`."""
        return f"cli:{self.operator or _login_name()}"


class ProviderKeys(BaseSettings):
    """Keys of model providers, by the names that litellm knows; only whether they are set matters here."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    openai_api_key: SecretStr | None = None
    anthropic_api_key: SecretStr | None = None
    gemini_api_key: SecretStr | None = None
    mistral_api_key: SecretStr | None = None
    groq_api_key: SecretStr | None = None
    openrouter_api_key: SecretStr | None = None
    deepseek_api_key: SecretStr | None = None
    xai_api_key: SecretStr | None = None
    cohere_api_key: SecretStr | None = None
    together_ai_api_key: SecretStr | None = None

    def present(self) -> list[str]:
        """Names of the providers that have a key."""
        values: Mapping[str, Any] = dict(self)
        return [
            name.removesuffix("_api_key")
            for name, value in values.items()
            if value is not None and value.get_secret_value().strip()
        ]


class SettingsProblem(Exception):
    """Variables that can't be used: name -> reason."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {reason}" for name, reason in reasons.items()))
        self.reasons = dict(reasons)


def load() -> CliSettings:
    """Reads the environment; SettingsProblem names every variable that is wrong."""
    try:
        return CliSettings()
    except ValidationError as error:
        raise SettingsProblem(_reasons(error)) from None
    except SettingsError as error:
        raise _no_secrets(error) from None


def load_what_can_be() -> tuple[CliSettings, dict[str, str]]:
    """The settings with a default for each variable that is wrong, and what is wrong with it.

    Looks at what every service reads too: for doctor. SettingsProblem where nothing can be read.
    """
    reasons: dict[str, str] = {}
    usable: dict[str, Any] = {}
    try:
        CliSettings()
    except SettingsError as error:
        raise _no_secrets(error) from None
    except ValidationError as error:
        reasons = _reasons(error)
        fields = CliSettings.model_fields
        usable = {
            str(problem["loc"][0]): fields[str(problem["loc"][0])].get_default(call_default_factory=True)
            for problem in error.errors()
            if problem["loc"]
        }
    try:
        ChassisSettings()
    except SettingsError as error:
        raise _no_secrets(error) from None
    except ValidationError as error:
        reasons = _reasons(error) | reasons
    return CliSettings(**usable), reasons


def _no_secrets(error: SettingsError) -> SettingsProblem:
    return SettingsProblem({SECRETS_DIR: str(error).removeprefix(f"{SECRETS_DIR}: ")})


def _reasons(error: ValidationError) -> dict[str, str]:
    reasons = {}
    for problem in error.errors():
        field = str(problem["loc"][0]) if problem["loc"] else ""
        name = f"AIARTIST_{field.upper()}" if field else "AIARTIST_*"
        reasons[name] = problem["msg"].removeprefix("Value error, ")
    return reasons


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user may have no name.
        return "operator"
