"""`python -m tests.support.echo_process`: an echo service in a process of its own."""

from pydantic import Field

from services.chassis.lifecycle import App, main
from services.chassis.settings import ChassisSettings
from tests.support.echo_service import Echo, build


class Settings(ChassisSettings):
    port: int = Field(0, ge=0, le=65535, validation_alias="AIARTIST_ECHO_PORT")
    metrics_port: int = Field(0, ge=0, le=65535, validation_alias="AIARTIST_ECHO_METRICS_PORT")
    echo_dies: bool = False
    """True: a background task dies as soon as the service is up."""


async def build_echo(settings: Settings) -> App:
    app = await build(settings, Echo(), port=settings.port, metrics_port=settings.metrics_port)
    if settings.echo_dies:
        app.spawn("worker", _die())
    return app


async def _die() -> None:
    raise RuntimeError("nothing left to live for")


if __name__ == "__main__":
    main(build_echo, Settings)
