"""What artist_db can be told, beside what every service can."""

from pydantic import Field

from services.chassis.settings import ChassisSettings


class Settings(ChassisSettings):
    """`AIARTIST_*` variables, read once."""

    port: int = Field(50052, ge=0, le=65535, validation_alias="AIARTIST_ARTIST_DB_PORT")
    """gRPC port; 0: any free one."""
    metrics_port: int = Field(9102, ge=0, le=65535, validation_alias="AIARTIST_ARTIST_DB_METRICS_PORT")
    """Prometheus port; 0: any free one."""
