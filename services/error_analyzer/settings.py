"""Settings of error_analyzer, from `AIARTIST_*` variables."""

from pydantic import Field, field_validator

from services.chassis.settings import ChassisSettings


class Settings(ChassisSettings):
    """What error_analyzer can be told."""

    port: int = Field(50056, ge=0, le=65535, validation_alias="AIARTIST_ERROR_ANALYZER_PORT")
    """gRPC port; 0: any free one."""
    metrics_port: int = Field(9106, ge=0, le=65535, validation_alias="AIARTIST_ERROR_ANALYZER_METRICS_PORT")
    """Prometheus port; 0: any free one."""
    artist_db_addr: str = "127.0.0.1:50052"
    """Where error groups are stored."""
    notifier_addr: str = "127.0.0.1:50055"
    """Where notifier is: people are told there of new error groups."""
    ship_errors: bool = False
    """Always False: this service never sends its own errors to itself."""

    @field_validator("ship_errors")
    @classmethod
    def _never_to_itself(cls, _value: bool) -> bool:
        return False
