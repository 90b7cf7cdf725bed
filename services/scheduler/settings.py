"""What the scheduler can be told."""

from datetime import timedelta

from pydantic import Field, field_validator

from services.chassis.settings import ChassisSettings
from services.scheduler.cadence import Restraint
from services.scheduler.quiet import Quiet, zone_of


class Settings(ChassisSettings):
    """The scheduler's settings beside those of every service."""

    port: int = Field(50051, ge=0, le=65535, validation_alias="AIARTIST_SCHEDULER_PORT")
    """Where it serves; 0: any free port."""
    metrics_port: int = Field(9101, ge=0, le=65535, validation_alias="AIARTIST_SCHEDULER_METRICS_PORT")
    """Where Prometheus scrapes; 0: any free port."""
    db_pool_size: int = Field(10, ge=3, le=200)
    """Connections at most; one of them listens for jobs all the time."""
    artist_db_addr: str = "127.0.0.1:50052"
    """Where artist_db serves."""
    orchestrator_addr: str = "127.0.0.1:50053"
    """Where orchestrator serves."""
    release_addr: str = "127.0.0.1:50054"
    """Where release serves."""
    notifier_addr: str = "127.0.0.1:50055"
    """Where notifier serves."""
    scheduler_max_active_runs: int = Field(2, ge=1, le=10_000)
    """Runs under way at once, over all replicas; runs that wait for a person do not count."""
    scheduler_max_takes: int = Field(3, ge=1, le=20)
    """Takes rendered until one passes its review, before the run fails."""
    scheduler_takes: int = Field(1, ge=1, le=5)
    """Takes that must pass their review before a person is asked, where the run's starter does not say."""
    scheduler_max_failures: int = Field(4, ge=1, le=50)
    """Failed tries of one stage before the run fails."""
    scheduler_max_attempts: int = Field(20, ge=2, le=1_000)
    """Begun tries of one stage, crashes included, before the run is parked as FAILED."""
    scheduler_backoff_base_s: float = Field(1.0, gt=0, le=60)
    """The longest wait before the second try; doubled for each one after."""
    scheduler_backoff_max_s: float = Field(60.0, gt=0, le=3_600)
    """The longest wait between two tries."""
    scheduler_approval_ttl_s: int = Field(7 * 86_400, ge=1)
    """How long a question waits before silence is answered, where the artist does not hold."""
    scheduler_tick_s: float = Field(1.0, gt=0, le=60)
    """How often due retries and questions that nobody answered are looked for."""
    scheduler_cadence_tick_s: float = Field(5.0, gt=0, le=3_600)
    """How often artists that are due are looked for."""
    scheduler_label_tick_s: float = Field(30.0, gt=0, le=3_600)
    """How often artists' lives are reviewed, vacancies are filled, and news of them is told."""
    scheduler_runs_a_week: int = Field(7, ge=0, le=1_000)
    """An artist with so many runs in seven days starts none by its cadence; 0: no cap."""
    scheduler_spacing_s: int = Field(3_600, ge=0, le=2_592_000)
    """Between the start of an artist's last run, whoever started it, and one by its cadence."""
    scheduler_quiet: str = ""
    """When nothing starts by cadence, with commas between: `22:00-07:00`, `sat-sun`, `12-24..12-26`."""
    scheduler_quiet_zone: str = "UTC"
    """The time zone of the quiet periods, as `Europe/Berlin`."""
    scheduler_heartbeat_timeout_s: float = Field(6.0, ge=1, le=600)
    """A worker silent for so long is taken for dead, and another replica takes its runs over."""
    scheduler_dequeue_timeout_s: float = Field(2.0, gt=0, le=60)
    """How often the queue is polled where no notification came."""

    @field_validator("scheduler_quiet")
    @classmethod
    def _is_quiet(cls, value: str) -> str:
        Quiet.parse(value)
        return value

    @field_validator("scheduler_quiet_zone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        zone_of(value)
        return value

    def restraint(self) -> Restraint:
        """What holds back runs that start by themselves."""
        return Restraint(
            self.scheduler_runs_a_week,
            timedelta(seconds=self.scheduler_spacing_s),
            Quiet.parse(self.scheduler_quiet, self.scheduler_quiet_zone),
        )
