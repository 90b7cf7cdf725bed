"""Settings that every service has. Read once, from `AIARTIST_*` variables, and frozen."""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from services.chassis.errors import SetupError

Role = Literal["viewer", "operator", "service"]
"""What a token may do: viewers read, operators change, services do both and ship errors."""


@dataclass(frozen=True, slots=True)
class TokenOwner:
    """Whose token it is."""

    name: str
    role: Role


_COLLECTOR = re.compile(r"https?://(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})/?")
SECRETS_DIR = "AIARTIST_SECRETS_DIR"
"""Names a folder with a file a setting, each called like the variable, in small letters: `aiartist_token`.

So that containers get secrets as files, which no `inspect` shows. The environment wins.
"""


def _secret_files(settings: type[BaseSettings]) -> tuple[SecretsSettingsSource, ...]:
    """Where settings are read from beside the environment. SettingsError where there is no such folder."""
    folder = os.environ.get(SECRETS_DIR)
    if not folder:
        return ()
    if not Path(folder).is_dir():
        raise SettingsError(f"{SECRETS_DIR}: {folder} is no folder; mount the secrets there, or unset it")
    return (_SecretFiles(settings, folder, env_ignore_empty=True),)


def values_ending(ending: str) -> dict[str, str]:
    """What stands in variables whose names end so, or else in their files; for names that no field has.

    SettingsError where a file can't be read.
    """
    found: dict[str, str] = {}
    folder = os.environ.get(SECRETS_DIR)
    try:
        for path in Path(folder).iterdir() if folder else ():
            if path.name.upper().endswith(ending):
                found[path.name.upper()] = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{SECRETS_DIR}: cannot read {error.filename}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{SECRETS_DIR}: a file {ending.lower()} is not in UTF-8") from error
    found |= {name: value for name, value in os.environ.items() if name.endswith(ending) and value}
    return {name: value for name, value in found.items() if value}


class _SecretFiles(SecretsSettingsSource):
    """A file per setting; an empty one, as a variable that is empty, sets nothing.

    One that is there but can't be read, or is no file, ends the start: without it a service might run open.
    """

    def __call__(self) -> dict[str, Any]:
        try:
            return super().__call__()
        except SettingsError as error:
            # It tells the field and hides why.
            raise error.__cause__ if isinstance(error.__cause__, SettingsError) else error from None

    @classmethod
    def find_case_path(cls, dir_path: Path, file_name: str, case_sensitive: bool) -> Path | None:
        path = super().find_case_path(dir_path, file_name, case_sensitive)
        if path is not None and not path.resolve(strict=True).is_file():
            raise SettingsError(f"{SECRETS_DIR}: {path} is no file")
        if path is not None and dir_path.resolve() not in path.resolve().parents:
            raise SettingsError(f"{SECRETS_DIR}: {path} leads out of the folder")
        return path

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        try:
            value, key, is_complex = super().get_field_value(field, field_name)
        except OSError as error:
            raise SettingsError(f"{SECRETS_DIR}: cannot read {error.filename}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise SettingsError(f"{SECRETS_DIR}: the file of {field_name} is not in UTF-8") from error
        return value or None, key, is_complex


class SettingsBase(BaseSettings):
    """Settings from the environment and from the files of `AIARTIST_SECRETS_DIR`."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given, then the environment, then the files of `AIARTIST_SECRETS_DIR`."""
        return (init_settings, env_settings, *_secret_files(settings_cls))


class ChassisSettings(SettingsBase):
    """What every service can be told. A service adds its own fields in a subclass."""

    model_config = SettingsConfigDict(
        env_prefix="AIARTIST_",
        # `NAME: ${NAME:-}` in a compose file means: not set.
        env_ignore_empty=True,
        frozen=True,
        populate_by_name=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    host: str = "127.0.0.1"
    """Address to listen on. Anything but loopback needs `tokens`."""
    data_dir: Path = Path("data")
    """Where files live that have no better place."""
    database_url: SecretStr | None = None
    """PostgreSQL, as `postgresql://user:password@host/name`."""
    db_pool_size: int = Field(10, ge=1, le=200)
    """Connections at most, for each service."""
    token: SecretStr | None = None
    """What this service sends to the others."""
    tokens: SecretStr | None = None
    """Whom this service knows: `name:role:token`, with commas between."""
    tls_cert: Path | None = None
    """Certificate chain in PEM; with `tls_key`, the server speaks TLS."""
    tls_key: Path | None = None
    """Private key in PEM."""
    tls_ca: Path | None = None
    """Certificates in PEM that a client trusts; set, clients speak TLS."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is logged."""
    log_format: Literal["auto", "json", "console"] = "auto"
    """`auto`: for people on a terminal, else JSON."""
    drain_delay_s: float = Field(0.0, ge=0, le=300)
    """How long to go on serving after NOT_SERVING was told, for load balancers to notice."""
    stop_grace_s: float = Field(5.0, ge=0, le=300)
    """How long running calls may take to end."""
    max_concurrent_rpcs: int = Field(256, ge=1)
    """Calls at once at most, health checks not counted."""
    health_port: int | None = Field(None, ge=0, le=65535)
    """A second gRPC port, always plain, that serves health checks only; 0: any free one. Unset: none.

    For probes that can't speak TLS, such as those of Kubernetes.
    """
    error_analyzer_addr: str = "127.0.0.1:50056"
    """Where errors are shipped."""
    ship_errors: bool = True
    """False: errors stay in the log."""
    otlp_endpoint: str = ""
    """An OpenTelemetry collector that gets traces, as `http://host:4317` (OTLP over gRPC). Empty: no tracing.

    `https://` speaks TLS, and trusts `tls_ca` where it is set, else the system's certificates.
    """
    trace_sample_ratio: float = Field(1.0, ge=0, le=1)
    """The share of traces that are kept, decided where each begins."""

    @field_validator("tokens")
    @classmethod
    def _tokens_parse(cls, value: SecretStr | None) -> SecretStr | None:
        parse_tokens(value)
        return value

    @field_validator("otlp_endpoint")
    @classmethod
    def _is_collector(cls, value: str) -> str:
        found = _COLLECTOR.fullmatch(value)
        if value and (found is None or not 0 < int(found["port"]) < 65536):
            raise ValueError("must be http://host:port or https://host:port, and nothing more")
        return value

    @model_validator(mode="after")
    def _refuse_open_door(self) -> Self:
        if not is_loopback(self.host) and self.tokens is None:
            raise ValueError(
                f"AIARTIST_HOST: {self.host} is not loopback: set AIARTIST_TOKENS "
                "(name:role:token,...), or listen on 127.0.0.1"
            )
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("set both AIARTIST_TLS_CERT and AIARTIST_TLS_KEY, or neither")
        return self

    @classmethod
    def load(cls, **given: Any) -> Self:
        """Reads the environment for all but `given`; SetupError names every variable that is wrong."""
        try:
            return cls(**given)
        except ValidationError as error:
            raise SetupError(explain(error)) from None
        except SettingsError as error:
            raise SetupError(f"settings: {error}") from None

    def dsn(self) -> str:
        """The database's address; SetupError where there is none."""
        if self.database_url is None:
            raise SetupError(
                "AIARTIST_DATABASE_URL is not set; set it to postgresql://user:password@host/name, "
                "or run everything at once with: aiartist serve --target all"
            )
        return self.database_url.get_secret_value()


def explain(error: ValidationError) -> str:
    """Every wrong setting in one line, by the name of its variable."""
    parts = []
    for problem in error.errors():
        place = str(problem["loc"][0]) if problem["loc"] else ""
        variable = place if place.isupper() else f"AIARTIST_{place.upper()}"
        text = problem["msg"].removeprefix("Value error, ")
        parts.append(f"{variable}: {text}" if place else text)
    return "settings: " + "; ".join(parts)


def parse_tokens(tokens: SecretStr | None) -> Mapping[str, TokenOwner]:
    """Token -> owner. ValueError where an entry is not `name:role:token`, a token is short or comes twice."""
    owners: dict[str, TokenOwner] = {}
    for number, entry in enumerate(tokens.get_secret_value().split(",") if tokens else [], start=1):
        name, _, rest = entry.strip().partition(":")
        role, _, token = rest.partition(":")
        if not name or role not in get_args(Role):
            raise ValueError(f"entry {number} must be name:role:token with role viewer, operator or service")
        if len(token) < 16:
            raise ValueError(f"the token of {name!r} must have at least 16 characters")
        if token in owners:
            raise ValueError(f"{owners[token].name!r} and {name!r} have the same token")
        owners[token] = TokenOwner(name, role)  # type: ignore[arg-type]
    return owners


def is_loopback(host: str) -> bool:
    """True for `localhost`, 127.0.0.0/8 and ::1."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
