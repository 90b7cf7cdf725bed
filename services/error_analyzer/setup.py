"""How errors are repaired here, as clients are told of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.error_analyzer.settings import Settings


class RepairSetup(Protocol):
    """What this process found out about repairs; may change while it runs."""

    @property
    def mode(self) -> str:
        """`off`, `suggest`, `branch` or `apply`, as set."""

    @property
    def effective_mode(self) -> str:
        """What the mode can do here: as `mode`, or less where something is missing."""

    @property
    def lacks(self) -> str:
        """Why it is less, for people; empty: it is not."""

    @property
    def repository(self) -> str:
        """Empty: none."""

    @property
    def isolation(self) -> str:
        """What confines tests, for example `seccomp, landlock, rlimit`; empty: nothing here can."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is done, and to what. `tries_per_group`: fixes for one group, until somebody asks for more."""

    analyses_per_hour: int
    fixes_per_hour: int
    tries_per_group: int
    allowed_paths: Sequence[str] = ()
    applied_classes: Sequence[str] = ()

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """As the settings have them."""
        return cls(
            analyses_per_hour=settings.analyses_per_hour if settings.error_analysis else 0,
            fixes_per_hour=settings.fixes_per_hour,
            tries_per_group=settings.fix_tries,
            allowed_paths=settings.auto_fix_paths,
            applied_classes=settings.auto_fix_classes,
        )
