"""What the orchestrator can be told, beside what every service can."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from services.chassis.settings import ChassisSettings, values_ending
from services.orchestrator.models.overrides import PREFIXES
from services.orchestrator.trends.addresses import is_allowed

TREND_SOURCES = ("apple_music", "deezer", "last_fm", "youtube")
"""That can be named in the settings."""


def _other_keys() -> Mapping[str, SecretStr]:
    """Every variable `<NAME>_API_KEY`, or its file: a models file may name any of them."""
    return {name: SecretStr(value) for name, value in values_ending("_API_KEY").items()}


def _listed(value: str) -> tuple[str, ...]:
    """Words with commas between, in small letters, each once."""
    return tuple(dict.fromkeys(word for word in map(str.strip, value.lower().split(",")) if word))


def _model_overrides() -> Mapping[str, str]:
    """Every variable that stands for a value of the models file."""
    return {name: value for name, value in os.environ.items() if name.startswith(PREFIXES) and value}


class Settings(ChassisSettings):
    """`AIARTIST_*` variables and the providers' usual key variables, read once."""

    port: int = Field(50053, ge=0, le=65535, validation_alias="AIARTIST_ORCHESTRATOR_PORT")
    """gRPC port; 0: any free one."""
    metrics_port: int = Field(9103, ge=0, le=65535, validation_alias="AIARTIST_ORCHESTRATOR_METRICS_PORT")
    """Prometheus port; 0: any free one."""
    artist_db_addr: str = "127.0.0.1:50052"
    """Where artist_db is."""
    notifier_addr: str = "127.0.0.1:50055"
    """Where notifier is: operators are told there when a model fails."""
    orchestrator_models_file: Path = Path(__file__).parents[2] / "config" / "models.toml"
    """The models and roles; the default file comes with the code."""
    orchestrator_lease_s: float = Field(10.0, ge=1, le=600)
    """After so many seconds without a sign of life another replica may make a call that this one began."""
    model_url: str = "http://127.0.0.1:50080/v1"
    """Where the local model's OpenAI-compatible server is."""
    model_api_key: SecretStr | None = None
    """Its key, where it wants one."""
    openai_api_key: SecretStr | None = Field(None, validation_alias="OPENAI_API_KEY")
    anthropic_api_key: SecretStr | None = Field(None, validation_alias="ANTHROPIC_API_KEY")
    gemini_api_key: SecretStr | None = Field(None, validation_alias="GEMINI_API_KEY")
    mistral_api_key: SecretStr | None = Field(None, validation_alias="MISTRAL_API_KEY")
    deepseek_api_key: SecretStr | None = Field(None, validation_alias="DEEPSEEK_API_KEY")
    xai_api_key: SecretStr | None = Field(None, validation_alias="XAI_API_KEY")
    trends_sources: Annotated[tuple[str, ...] | None, NoDecode] = None
    """Where charts come from: apple_music, deezer, last_fm, youtube, or `off`.

    Unset: those that need no key or have one. A `trends_file` is read too, unless this is `off`.
    """
    trends_countries: Annotated[tuple[str, ...], NoDecode] = ("us",)
    """Of which countries charts are fetched, as `us,de`: ISO 3166-1 alpha-2, at most 10."""
    trends_every_s: int = Field(21_600, ge=60, le=604_800)
    """After so many seconds a chart is fetched again."""
    trends_fresh_s: int = Field(604_800, ge=3_600, le=2_592_000)
    """A chart that was last seen longer ago is shown to no songwriter."""
    trends_timeout_s: float = Field(15.0, gt=0, le=120)
    """How long a source may take to answer."""
    trends_file: Path | None = None
    """The owner's own chart: CSV with a header of rank,title,artist,genre,country."""
    trends_apple_music_url: str = "https://rss.marketingtools.apple.com"
    """Where Apple Music's feeds are."""
    trends_deezer_url: str = "https://api.deezer.com"
    """Where Deezer's API is."""
    trends_last_fm_url: str = "https://ws.audioscrobbler.com"
    """Where Last.fm's API is."""
    trends_youtube_url: str = "https://www.googleapis.com"
    """Where YouTube's Data API is."""
    lastfm_api_key: SecretStr | None = Field(None, validation_alias="LASTFM_API_KEY")
    """With it, Last.fm's charts are fetched."""
    youtube_api_key: SecretStr | None = Field(None, validation_alias="YOUTUBE_API_KEY")
    """With it, YouTube's charts are fetched."""
    model_overrides: Mapping[str, str] = Field(default_factory=_model_overrides, exclude=True, repr=False)
    """Values over those of the models file, such as `AIARTIST_MODELS__OPENAI__TIMEOUT_S=30`."""
    other_api_keys: Mapping[str, SecretStr] = Field(default_factory=_other_keys, exclude=True, repr=False)
    """Keys of providers that a models file adds, by the variable's name."""

    @field_validator("trends_sources", mode="before")
    @classmethod
    def _are_sources(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        names = _listed(value)
        unknown = [name for name in names if name not in TREND_SOURCES]
        if unknown and names != ("off",):
            raise ValueError(f"must be some of {', '.join(TREND_SOURCES)} with commas between, or off alone")
        return () if names == ("off",) else names

    @field_validator("trends_countries", mode="before")
    @classmethod
    def _are_countries(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        countries = _listed(value)
        if not 1 <= len(countries) <= 10 or not all(re.fullmatch("[a-z]{2}", name) for name in countries):
            raise ValueError("must be 1 to 10 countries of two letters with commas between, as us,de")
        return countries

    @field_validator(
        "trends_apple_music_url", "trends_deezer_url", "trends_last_fm_url", "trends_youtube_url"
    )
    @classmethod
    def _is_allowed_address(cls, value: str) -> str:
        if not is_allowed(value) or "?" in value or "#" in value:
            raise ValueError(
                "must be https://host alone, or http:// on this machine itself; keys have variables"
            )
        return value.rstrip("/")

    def api_key(self, variable: str) -> SecretStr | None:
        """The key in a variable such as `OPENAI_API_KEY`; None where it is unset or empty."""
        field = variable.lower()
        key = getattr(self, field) if field in type(self).model_fields else self.other_api_keys.get(variable)
        # A key that is read from a file often ends with a line break.
        text = key.get_secret_value().strip() if isinstance(key, SecretStr) else ""
        return SecretStr(text) if text else None
