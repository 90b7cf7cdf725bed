"""`python -m services.orchestrator.local_model` serves the local model alone."""

from services.chassis import logs
from services.chassis.lifecycle import run_process, wait_for_end
from services.orchestrator.local_model import LocalModel, Settings


async def serve() -> None:
    """Serves until a signal; SetupError where it can't."""
    settings = Settings.load()
    logs.configure(level=settings.log_level, format=settings.log_format)
    async with LocalModel(settings):
        await wait_for_end([])


if __name__ == "__main__":
    run_process(serve)
