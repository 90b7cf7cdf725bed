"""What the orchestrator can be told, beside what every service can."""

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, SecretStr

from services.chassis.settings import ChassisSettings, values_ending
from services.orchestrator.models.overrides import PREFIXES


def _other_keys() -> Mapping[str, SecretStr]:
    """Every variable `<NAME>_API_KEY`, or its file: a models file may name any of them."""
    return {name: SecretStr(value) for name, value in values_ending("_API_KEY").items()}


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
    model_overrides: Mapping[str, str] = Field(default_factory=_model_overrides, exclude=True, repr=False)
    """Values over those of the models file, such as `AIARTIST_MODELS__OPENAI__TIMEOUT_S=30`."""
    other_api_keys: Mapping[str, SecretStr] = Field(default_factory=_other_keys, exclude=True, repr=False)
    """Keys of providers that a models file adds, by the variable's name."""

    def api_key(self, variable: str) -> SecretStr | None:
        """The key in a variable such as `OPENAI_API_KEY`; None where it is unset or empty."""
        field = variable.lower()
        key = getattr(self, field) if field in type(self).model_fields else self.other_api_keys.get(variable)
        # A key that is read from a file often ends with a line break.
        text = key.get_secret_value().strip() if isinstance(key, SecretStr) else ""
        return SecretStr(text) if text else None
