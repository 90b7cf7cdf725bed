"""What artist_db can be told, beside what every service can."""

import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from services.artist_db.domain.budgets import Limits
from services.artist_db.domain.changes import Rules as ChangeRules
from services.artist_db.domain.codes import Prefixes
from services.artist_db.domain.lives import Rules
from services.artist_db.domain.vacancies import Roster
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

    lives_enabled: bool = True
    """False: no rule moves an artist, only people do."""
    lives_pause_approval: float = Field(0.20, ge=0, le=1)
    """An artist is paused where a smaller share of its decided songs was approved."""
    lives_pause_errors: float = Field(0.30, ge=0, le=1)
    """An artist is paused where of a larger share of its songs no take passed its review."""
    lives_evolve_approval: float = Field(0.40, ge=0, le=1)
    """An ACTIVE artist becomes EVOLVING where a smaller share of its decided songs was approved."""
    lives_recover_approval: float = Field(0.50, ge=0, le=1)
    """An EVOLVING artist becomes ACTIVE again where at least this share was approved."""
    lives_rejections_in_a_row: int = Field(5, ge=0, le=1_000)
    """An artist is retired after so many rejections by people without an approval between them; 0: never."""
    lives_idle_days: int = Field(45, ge=0, le=3_650)
    """An artist is paused after so many days without any run; 0: never."""
    lives_retire_after_paused_days: int = Field(90, ge=0, le=3_650)
    """An artist that a rule paused for its songs is retired after so many days, with a warning 14 days
    before; 0: never."""
    lives_window_days: int = Field(30, ge=1, le=3_650)
    """Shares are of songs whose runs ended within so many days."""
    lives_min_runs: int = Field(10, ge=1, le=10_000)
    """With fewer songs that count, no rule looks at shares."""

    reflection_changes_a_week: int = Field(2, ge=0, le=100)
    """Changes that reflections make of an artist in 7 days at most, of an EVOLVING one twice as many;
    0: none."""
    reflection_min_decided: int = Field(5, ge=0, le=1_000)
    """No reflector is asked before so many songs were decided since the last change, by people or by scores
    that are sure; 0: always."""

    roster_target: int = Field(0, ge=0, le=10_000)
    """An artist is invented where fewer are candidates, active or evolving; 0: never."""
    roster_new_probability: float = Field(0.0, ge=0, le=1)
    """How probable it is that an artist is invented on a day of UTC, whatever the target."""
    roster_candidates: Literal["ask", "allow"] = "ask"
    """`ask`: an invented artist is a candidate until a person agrees; `allow`: it makes songs at once."""
    roster_cadence_s: int = Field(604_800, ge=60, le=31_536_000)
    """Seconds between the songs of an invented artist."""

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

    @model_validator(mode="after")
    def _shares_rise(self) -> "Settings":
        if not self.lives_pause_approval <= self.lives_evolve_approval <= self.lives_recover_approval:
            raise ValueError(
                "AIARTIST_LIVES_PAUSE_APPROVAL must be at most AIARTIST_LIVES_EVOLVE_APPROVAL, and that at "
                "most AIARTIST_LIVES_RECOVER_APPROVAL, or artists would go to and fro; they are "
                f"{self.lives_pause_approval:g}, {self.lives_evolve_approval:g} and "
                f"{self.lives_recover_approval:g}"
            )
        return self

    def change_rules(self) -> ChangeRules:
        """How much reflections may change."""
        return ChangeRules(a_week=self.reflection_changes_a_week, min_decided=self.reflection_min_decided)

    def budget_limits(self) -> Limits:
        """The three, in millionths of a US dollar."""
        return Limits.of_usd(artist=self.budget_artist_usd, day=self.budget_day_usd, run=self.budget_run_usd)

    def code_prefixes(self) -> Prefixes:
        """What ISRC and UPC begin with."""
        return Prefixes(isrc=self.isrc_prefix, upc=self.upc_prefix)

    def life_rules(self) -> Rules:
        """When artists move by themselves."""
        return Rules(
            enabled=self.lives_enabled,
            pause_approval=self.lives_pause_approval,
            pause_errors=self.lives_pause_errors,
            evolve_approval=self.lives_evolve_approval,
            recover_approval=self.lives_recover_approval,
            rejections_in_a_row=self.lives_rejections_in_a_row,
            idle_days=self.lives_idle_days,
            retire_after_paused_days=self.lives_retire_after_paused_days,
            window_days=self.lives_window_days,
            min_runs=self.lives_min_runs,
        )

    def roster(self) -> Roster:
        """When artists are invented, and as what they begin."""
        return Roster(
            target=self.roster_target,
            new_probability=self.roster_new_probability,
            ask=self.roster_candidates == "ask",
            cadence_s=self.roster_cadence_s,
        )
