"""What can be repaired here: the mode as it is set, as far as this machine and the repository allow."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from services.chassis.logs import get_logger
from services.error_analyzer.domain import RepairUnavailable
from services.error_analyzer.repair.git import GitError
from services.error_analyzer.repair.workshop import Workshop
from services.error_analyzer.settings import Mode, Settings

_log = get_logger("error_analyzer")


@dataclass(frozen=True, slots=True)
class Repairs:
    """A RepairSetup, and the workshop where there is one."""

    mode: Mode
    effective_mode: Mode
    lacks: str = ""
    repository: str = ""
    workshop: Workshop | None = None

    @property
    def isolation(self) -> str:
        """What confines tests; empty: nothing here can."""
        return self.workshop.isolation if self.workshop else ""


@asynccontextmanager
async def repairs_of(settings: Settings) -> AsyncIterator[Repairs]:
    """The mode that is set, else the best below it that works here; the log tells what is missing."""
    mode, lacks = settings.auto_fix_mode, ""
    async with AsyncExitStack() as stack:
        for less in _from(mode, settings):
            try:
                workshop = await stack.enter_async_context(
                    Workshop.open(settings.model_copy(update={"auto_fix_mode": less}))
                )
            except (RepairUnavailable, GitError, OSError) as error:
                # Errors are grouped and explained all the same.
                lacks = lacks or str(error)
                continue
            if lacks:
                _log.warning("repairs are limited", mode=mode, effective_mode=less, lacks=lacks)
            yield Repairs(mode, less, lacks, str(settings.auto_fix_repository), workshop)
            return
        if settings.auto_fix_repository is None:
            lacks = "AIARTIST_AUTO_FIX_REPOSITORY is not set: there is no code to repair"
        elif lacks:
            _log.warning("nothing can be repaired", mode=mode, lacks=lacks)
        yield Repairs(mode, "off", "" if mode == "off" else lacks, str(settings.auto_fix_repository or ""))


def _from(mode: Mode, settings: Settings) -> Sequence[Mode]:
    """The mode and what is left of it where tests can't be run."""
    if mode == "off" or settings.auto_fix_repository is None:
        return ()
    return (mode,) if mode == "suggest" else (mode, "suggest")
