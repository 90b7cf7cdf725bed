"""What artist_db can be told, beside what every service can."""

from pydantic import Field

from services.artist_db.domain.budgets import Limits
from services.chassis.settings import ChassisSettings


class Settings(ChassisSettings):
    """`AIARTIST_*` variables, read once."""

    port: int = Field(50052, ge=0, le=65535, validation_alias="AIARTIST_ARTIST_DB_PORT")
    """gRPC port; 0: any free one."""
    metrics_port: int = Field(9102, ge=0, le=65535, validation_alias="AIARTIST_ARTIST_DB_METRICS_PORT")
    """Prometheus port; 0: any free one."""
    budget_day_usd: float = Field(10.0, ge=0, le=1_000_000)
    """US dollars that the label may spend on models in a day of UTC; 0: none. SetBudget overrides it."""
    budget_artist_usd: float = Field(5.0, ge=0, le=1_000_000)
    """US dollars that an artist may spend on models in a day of UTC; 0: none. SetBudget overrides it."""
    budget_run_usd: float = Field(2.0, ge=0, le=1_000_000)
    """US dollars that a run may spend on models in all; 0: none. SetBudget overrides it."""

    def budget_limits(self) -> Limits:
        """The three, in millionths of a US dollar."""
        return Limits.of_usd(artist=self.budget_artist_usd, day=self.budget_day_usd, run=self.budget_run_usd)
