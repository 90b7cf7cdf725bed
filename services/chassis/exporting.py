"""Whether this process sends its traces anywhere."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.chassis import tracing
from services.chassis.settings import ChassisSettings


@asynccontextmanager
async def exporting(settings: ChassisSettings) -> AsyncIterator[None]:
    """While open, this process makes spans and sends them to the collector, if the settings name one.

    Servers and channels that are made meanwhile carry traces. What is left at the end is sent, if that does
    not take long.
    """
    if not settings.otlp_endpoint:
        yield
        return
    # Nobody else loads the SDK: it costs a start a quarter of a second.
    from services.chassis.tracing_export import OtlpExport

    export = OtlpExport(settings)
    try:
        with tracing.sent_by(export):
            yield
    finally:
        await export.close()
