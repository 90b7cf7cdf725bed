"""What artist_db can be told, beside what every service can."""

import re

from pydantic import Field, field_validator

from services.artist_db.domain.budgets import Limits
from services.artist_db.domain.codes import Prefixes
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

    isrc_prefix: str = ""
    """The label's ISRC prefix: country and registrant, as `QZABC`. Empty: its recordings get no ISRC."""
    upc_prefix: str = ""
    """The label's GS1 company prefix, 6 to 11 digits. One that begins with 0, as American ones do, gives
    UPCs of 12 digits, any other one EANs of 13. Empty: its releases get neither."""

    @field_validator("isrc_prefix")
    @classmethod
    def _is_an_isrc_prefix(cls, value: str) -> str:
        if value and not re.fullmatch(r"[A-Z]{2}[A-Z0-9]{3}", value):
            raise ValueError(
                "must be the five characters that an ISRC agency gave, as QZABC; without one leave it empty"
            )
        return value

    @field_validator("upc_prefix")
    @classmethod
    def _is_a_company_prefix(cls, value: str) -> str:
        if value and not re.fullmatch(r"[0-9]{6,11}", value):
            raise ValueError(
                "must be a GS1 company prefix of 6 to 11 digits, as 0614141; without one leave it empty"
            )
        return value

    def budget_limits(self) -> Limits:
        """The three, in millionths of a US dollar."""
        return Limits.of_usd(artist=self.budget_artist_usd, day=self.budget_day_usd, run=self.budget_run_usd)

    def code_prefixes(self) -> Prefixes:
        """What ISRC and UPC begin with."""
        return Prefixes(isrc=self.isrc_prefix, upc=self.upc_prefix)
