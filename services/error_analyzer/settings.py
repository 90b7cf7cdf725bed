"""Settings of error_analyzer, from `AIARTIST_*` variables."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode

from services.chassis.settings import ChassisSettings

Mode = Literal["off", "suggest", "branch", "apply"]
"""How far repairs go: none · a fix is written and checked · proven on a branch · brought into the code."""

Words = Annotated[tuple[str, ...], NoDecode]


class Settings(ChassisSettings):
    """What error_analyzer can be told."""

    port: int = Field(50056, ge=0, le=65535, validation_alias="AIARTIST_ERROR_ANALYZER_PORT")
    """gRPC port; 0: any free one."""
    metrics_port: int = Field(9106, ge=0, le=65535, validation_alias="AIARTIST_ERROR_ANALYZER_METRICS_PORT")
    """Prometheus port; 0: any free one."""
    artist_db_addr: str = "127.0.0.1:50052"
    """Where error groups are stored."""
    orchestrator_addr: str = "127.0.0.1:50053"
    """Where models are asked."""
    notifier_addr: str = "127.0.0.1:50055"
    """Where notifier is: people are told there of new error groups."""
    ship_errors: bool = False
    """Always False: this service never sends its own errors to itself."""

    log_files: Words = ()
    """Log files to read, as globs with commas between; `name=glob` says which service wrote them, else the
    file's name does. Read on a poll; where reading stopped is kept in `data_dir`."""
    log_poll_s: float = Field(1.0, gt=0, le=60)
    """Seconds between two looks at the log files."""
    alerts_port: int | None = Field(None, ge=0, le=65535, validation_alias="AIARTIST_ERROR_ALERTS_PORT")
    """Port for Alertmanager's webhook, `POST /alerts`, a token of `tokens` as bearer; unset: none."""

    error_analysis: bool = True
    """False: errors are grouped, and no model is asked about them."""
    analyses_per_hour: int = Field(20, ge=0, le=1000, validation_alias="AIARTIST_ERROR_ANALYSES_PER_HOUR")
    """Error groups that models explain in any hour at most, over all replicas."""
    analysis_tokens: int = Field(6000, ge=1000, le=100_000, validation_alias="AIARTIST_ERROR_ANALYSIS_TOKENS")
    """Tokens of logs, source and commits that a question about an error holds at most, by estimate."""

    auto_fix_mode: Mode = "suggest"
    """off; suggest: a fix is written and checked, nothing is run; branch: it is proven by tests and kept as
    the branch `autofix/<fingerprint>`; apply: the same, and after an operator's yes it is brought into the
    repository, watched, and taken out again when the error comes back."""
    auto_fix_enabled: bool = False
    """Must be true for the mode `apply`."""
    auto_fix_repository: Path | None = None
    """Git repository of the code that runs; unset: models see no source and no fix is written."""
    auto_fix_paths: Words = ("services/**/*.py", "cli/**/*.py")
    """Globs of the files that a fix may change, with commas between."""
    auto_fix_tests: str = "tests/autofix"
    """Folder in the repository that the tests of fixes go to."""
    auto_fix_command: str = "python -m pytest -q -p no:cacheprovider"
    """The project's test command; run in a sandbox in a worktree. `python` is this service's own."""
    auto_fix_test_command: str = "python -m pytest -q -p no:cacheprovider {test}"
    """Runs the one test of a fix, `{test}`; it must end with 0 where the test passes, with 1 where not."""
    auto_fix_max_files: int = Field(3, ge=1, le=50)
    """Files that a fix changes at most."""
    auto_fix_max_lines: int = Field(120, ge=1, le=5000)
    """Lines that a fix adds and removes at most, its test not counted."""
    auto_fix_timeout_s: float = Field(300, gt=0, le=3600)
    """Seconds that one test command may take."""
    auto_fix_memory_mb: int = Field(1024, ge=64, le=65_536)
    """MiB of memory that each process of a test command may have."""
    auto_fix_disk_mb: int = Field(256, ge=1, le=65_536)
    """MiB that one file written by a test command may have."""
    auto_fix_classes: Words = ()
    """Exception types whose proven fixes the mode `apply` brings in without an operator's yes: `KeyError`."""
    auto_fix_watch_s: float = Field(86_400, gt=0, le=30 * 86_400)
    """Seconds for which an applied fix is watched."""
    auto_fix_settle_s: float = Field(0, ge=0, le=86_400)
    """Seconds in which what runs is restarted with an applied fix. A log file does not say when its process
    was started: until then its errors count as those of the code before."""
    auto_fix_rise: float = Field(3.0, ge=1.1, le=100)
    """A fix is reverted when the errors of its services rise to so many times those of the day before."""
    fixes_per_hour: int = Field(5, ge=0, le=1000, validation_alias="AIARTIST_AUTO_FIXES_PER_HOUR")
    """Fixes that are tried in any hour at most, over all replicas."""
    fix_tries: int = Field(2, ge=1, le=10, validation_alias="AIARTIST_AUTO_FIX_TRIES")
    """Fixes that are tried for one error group, until somebody asks for more."""

    @field_validator("ship_errors")
    @classmethod
    def _never_to_itself(cls, _value: bool) -> bool:
        return False

    @field_validator("log_files", "auto_fix_paths", "auto_fix_classes", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(word.strip() for word in value.split(",") if word.strip())
        return value

    @model_validator(mode="after")
    def _applied_on_purpose(self) -> "Settings":
        if self.auto_fix_mode == "apply" and not self.auto_fix_enabled:
            raise ValueError(
                "AIARTIST_AUTO_FIX_MODE=apply changes the repository: also set AIARTIST_AUTO_FIX_ENABLED=true"
            )
        return self
