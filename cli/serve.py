"""`aiartist serve`: the platform, or one service of it, until Ctrl-C or SIGTERM."""

from typing import Literal, TypeAlias

from cli.platform import run_one, run_platform
from services.chassis import logs
from services.chassis.lifecycle import wait_for_end
from services.chassis.settings import ChassisSettings
from services.chassis.version import VERSION

Target: TypeAlias = Literal[
    "all", "scheduler", "artist_db", "orchestrator", "release", "notifier", "error_analyzer", "model"
]

_log = logs.get_logger("serve")


async def serve(target: Target, *, any_ports: bool = False) -> None:
    """Serves until a signal. SetupError where it can't start."""
    if target != "all":
        await run_one(target)
        return
    settings = ChassisSettings.load()
    logs.configure(level=settings.log_level, format=settings.log_format)
    logs.keep_secret(settings)
    _log.info("starting", version=VERSION, settings=logs.public_settings(settings))
    async with run_platform(any_ports=any_ports) as platform:
        _log.info("the platform is up", **platform.addresses, model=platform.model_url)
        await wait_for_end(platform.apps)
