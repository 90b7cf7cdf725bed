"""`python -m services.orchestrator.local_model` serves the local model alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.chassis import logs
from services.chassis.errors import SetupError
from services.chassis.health import Health, HealthOnly
from services.chassis.lifecycle import run_process, wait_for_end
from services.orchestrator.local_model import LocalModel, Settings


async def serve() -> None:
    """Serves until a signal; SetupError where it can't."""
    settings = Settings.load()
    logs.configure(level=settings.log_level, format=settings.log_format)
    logs.keep_secret(settings)
    async with _health(settings) as health, LocalModel(settings):
        await health.set_ready(True)
        await wait_for_end([])
        await health.set_ready(False)


@asynccontextmanager
async def _health(settings: Settings) -> AsyncIterator[Health]:
    """On the port for probes, as every service tells it; the model itself speaks HTTP."""
    health = Health(())
    port = HealthOnly(health)
    if settings.health_port is not None:
        try:
            port.bind(settings.model_host, settings.health_port)
        except OSError as error:
            raise SetupError(
                f"cannot listen on {settings.model_host}:{settings.health_port}: the port is taken or not "
                "allowed; set AIARTIST_HEALTH_PORT to another, or unset it"
            ) from error
    await port.start()
    await health.set_alive()
    try:
        yield health
    finally:
        await health.close()
        await port.close()


if __name__ == "__main__":
    run_process(serve)
