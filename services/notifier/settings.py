"""Settings of notifier, from `AIARTIST_*` variables."""

from typing import Literal

from pydantic import Field

from services.chassis.settings import ChassisSettings


class Settings(ChassisSettings):
    """What notifier can be told."""

    port: int = Field(50055, ge=0, le=65535, validation_alias="AIARTIST_NOTIFIER_PORT")
    """gRPC port; 0: any free one."""
    metrics_port: int = Field(9105, ge=0, le=65535, validation_alias="AIARTIST_NOTIFIER_METRICS_PORT")
    """Prometheus port; 0: any free one."""
    notifier_channel: Literal["console"] = "console"
    """How people are reached: `console` writes a log line for each message."""
    notifier_poll_interval_s: float = Field(2.0, gt=0, le=60)
    """How often to look for messages that nobody told us of."""
    notifier_delivery_timeout_s: float = Field(30.0, gt=0, le=300)
    """How long the channel may take for one message."""
    notifier_retry_base_s: float = Field(2.0, gt=0, le=60)
    """Wait after the first failure of a message; doubles with each one."""
    notifier_retry_max_s: float = Field(300.0, gt=0, le=3600)
    """The longest such wait."""
