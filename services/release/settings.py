"""What the release service can be told."""

import os
import re
from pathlib import Path
from typing import Annotated, Literal, Self, get_args
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from services.chassis.settings import ChassisSettings

MusicProvider = Literal["builtin", "acestep", "suno"]
MUSIC_PROVIDERS: tuple[MusicProvider, ...] = get_args(MusicProvider)


def forget_empty_cloud_variables() -> None:
    """Takes a cloud's variables that are empty out of this process's environment.

    obstore reads them by itself, and takes an empty address or key for one; `NAME: ${NAME:-}` in a compose
    file means: not set.
    """
    for name, value in dict(os.environ).items():
        if not value and name.startswith(("AWS_", "AZURE_", "GOOGLE_")):
            del os.environ[name]


class Settings(ChassisSettings):
    """Settings of the release service."""

    port: int = Field(50054, ge=0, le=65535, validation_alias="AIARTIST_RELEASE_PORT")
    """gRPC port; 0: any free one."""
    metrics_port: int = Field(9104, ge=0, le=65535, validation_alias="AIARTIST_RELEASE_METRICS_PORT")
    """Prometheus port; 0: any free one."""
    artist_db_addr: str = "127.0.0.1:50052"
    """Where artist_db is."""
    artifact_url: str = ""
    """Where bytes are kept: `file:///path`, `s3://bucket/prefix`, `gs://...` or `az://...`.

    Empty: the folder `<data_dir>/artifacts`.
    """
    release_catalog_dir: Path | None = None
    """The folder to publish to. Unset: `<data_dir>/releases`."""
    release_workers: int = Field(2, ge=1, le=64)
    """Processes for audio and pictures, at most. The first starts with the service, others when needed."""
    orchestrator_addr: str = "127.0.0.1:50053"
    """Where orchestrator is: its image models draw covers."""
    notifier_addr: str = "127.0.0.1:50055"
    """Where notifier is: operators are told there when a music provider fails."""

    music_providers: Annotated[tuple[MusicProvider, ...], NoDecode] = ("builtin",)
    """Music providers in the order in which they are tried, with commas between: `suno,acestep,builtin`."""
    music_soundfont: Path | None = None
    """A SoundFont 2 file from which `builtin` plays pianos, guitars, strings and the like.

    Unset: all of its sounds are synthesised.
    """
    acestep_url: str = ""
    """Where an ACE-Step 1.5 API server is, as `http://127.0.0.1:8001`."""
    acestep_api_key: SecretStr | None = None
    """Its key, where it wants one."""
    suno_url: str = ""
    """Where a Suno-style API is, as `https://api.example.com`."""
    suno_api_key: SecretStr | None = None
    """Its key."""
    suno_model: str = "V5"
    """Which of its models is asked."""
    suno_usd_per_song: float = Field(0.1, ge=0, le=1_000)
    """What a call costs, in US dollars; budgets hold and spend it."""
    music_timeout_s: float = Field(420.0, ge=0.1, le=3_600)
    """How long after its order a song is waited for."""
    music_poll_s: float = Field(3.0, ge=0.01, le=60)
    """How often a music provider is asked whether a song is ready."""
    music_cooldown_s: float = Field(60.0, ge=0.01, le=3_600)
    """How long a music provider that failed is left alone."""

    release_video: Annotated[tuple[Literal["landscape", "portrait"], ...], NoDecode] = (
        "landscape",
        "portrait",
    )
    """Videos that a release gets, with commas between; `off`: none."""
    pexels_api_key: SecretStr | None = Field(None, validation_alias="PEXELS_API_KEY")
    """With it, videos show stock clips of Pexels."""
    pexels_url: str = "https://api.pexels.com"
    """Where Pexels' API is."""

    label_name: str = Field("AI Artist Label", min_length=1, max_length=80)
    """The label's name, as packages and DDEX messages say it."""
    ddex_version: Literal["4.3", "4.1.1", "3.8.2"] = "4.3"
    """Of the ERN message in a package."""
    ddex_sender: str = ""
    """The label's DDEX Party Identifier, as `PADPIDA2014120301X`. Empty: it is named by its name only."""
    ddex_recipient: str = ""
    """The distributor's DDEX Party Identifier."""
    ddex_recipient_name: str = Field("Distributor", min_length=1, max_length=80)
    """The distributor's name."""

    release_targets: Annotated[tuple[Literal["folder", "s3", "sftp"], ...], NoDecode] = ("folder",)
    """Where releases are published, with commas between."""
    release_s3_url: str = ""
    """The bucket of the target `s3`: any URL of a store, as `s3://bucket/prefix`, `gs://...`, `az://...`."""
    release_sftp_url: str = ""
    """The server of the target `sftp`, as `sftp://user@host:22/folder`."""
    release_sftp_password: SecretStr | None = None
    """Its password; or use a key."""
    release_sftp_key: Path | None = None
    """A private key's file."""
    release_sftp_known_hosts: Path | None = None
    """The file with the server's public key. Unset: `~/.ssh/known_hosts`."""
    releases_per_week: int = Field(14, ge=0, le=1_000)
    """Releases of one artist that are published within seven days, at most; 0: no cap."""

    @field_validator("music_providers", "release_video", "release_targets", mode="before")
    @classmethod
    def _is_a_list(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        names = [name.strip() for name in value.split(",") if name.strip()]
        return () if names == ["off"] else tuple(dict.fromkeys(names))

    @field_validator("acestep_url", "suno_url", "pexels_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if not value:
            return value
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("is no URL of a server; write it as https://api.example.com")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("must be an address alone; the key has a variable of its own")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _providers_are_set_up(self) -> Self:
        if not self.music_providers:
            raise ValueError(
                f"AIARTIST_MUSIC_PROVIDERS: name at least one of {', '.join(MUSIC_PROVIDERS)}, "
                "or unset it: builtin needs nothing"
            )
        for name in self.music_providers:
            if missing := self.lacking(name):
                raise ValueError(
                    f"AIARTIST_MUSIC_PROVIDERS names {name}: set {' and '.join(missing)}, "
                    f"or take {name} off the list"
                )
        return self

    def lacking(self, provider: str) -> list[str]:
        """The variables that a music provider needs and that are not set."""
        needed: dict[str, dict[str, object]] = {
            "acestep": {"AIARTIST_ACESTEP_URL": self.acestep_url},
            "suno": {"AIARTIST_SUNO_URL": self.suno_url, "AIARTIST_SUNO_API_KEY": self.suno_api_key},
        }
        return [variable for variable, value in needed.get(provider, {}).items() if not value]

    @field_validator("ddex_sender", "ddex_recipient")
    @classmethod
    def _is_a_ddex_party(cls, value: str) -> str:
        if value and not re.fullmatch(r"PADPIDA[0-9A-Z]{10,11}", value):
            raise ValueError(
                "must be a DDEX Party Identifier without hyphens, as PADPIDA2014120301X; "
                "without one leave it empty"
            )
        return value

    @field_validator("release_sftp_url")
    @classmethod
    def _is_an_sftp_server(cls, value: str) -> str:
        if not value:
            return value
        parts = urlsplit(value)
        if parts.scheme != "sftp" or not parts.hostname or not parts.username:
            raise ValueError("must name server and user, as sftp://user@host:22/folder")
        if parts.password or parts.query or parts.fragment:
            raise ValueError("must be an address alone; the password is AIARTIST_RELEASE_SFTP_PASSWORD")
        try:
            parts.port  # noqa: B018 - reading it is what checks it
        except ValueError as error:
            raise ValueError("its port must be 1 to 65535") from error
        if any(name in (".", "..") for name in unquote(parts.path).split("/")):
            raise ValueError("its folder must be written without . and ..")
        return value

    @model_validator(mode="after")
    def _targets_are_set_up(self) -> Self:
        if not self.release_targets:
            raise ValueError("AIARTIST_RELEASE_TARGETS: name at least one of folder, s3, sftp")
        needed: dict[str, dict[str, object]] = {
            "s3": {"AIARTIST_RELEASE_S3_URL": self.release_s3_url},
            "sftp": {
                "AIARTIST_RELEASE_SFTP_URL": self.release_sftp_url,
                "AIARTIST_RELEASE_SFTP_PASSWORD or AIARTIST_RELEASE_SFTP_KEY": (
                    self.release_sftp_password or self.release_sftp_key
                ),
            },
        }
        for name in self.release_targets:
            if missing := [variable for variable, value in needed.get(name, {}).items() if not value]:
                raise ValueError(
                    f"AIARTIST_RELEASE_TARGETS names {name}: set {' and '.join(missing)}, "
                    f"or take {name} off the list"
                )
        return self

    @field_validator("artifact_url", "release_s3_url")
    @classmethod
    def _has_a_scheme(cls, value: str) -> str:
        if value and "://" not in value:
            raise ValueError(f"{value!r} is not a URL; for a folder write file:///absolute/path")
        return value

    @property
    def artifact_store_url(self) -> str:
        """The artifact store's URL, the default filled in."""
        return self.artifact_url or (self.data_dir / "artifacts").resolve().as_uri()

    @property
    def sftp_known_hosts(self) -> Path:
        """The file that the key of the target `sftp` must stand in."""
        return self.release_sftp_known_hosts or Path.home() / ".ssh" / "known_hosts"

    @property
    def catalog_dir(self) -> Path:
        """The folder to publish to, absolute."""
        return (self.release_catalog_dir or self.data_dir / "releases").resolve()

    @property
    def scratch_dir(self) -> Path:
        """Where work in progress lies, absolute. Emptied of what killed processes left."""
        return (self.data_dir / "scratch" / "release").resolve()
