"""What a run of an artist does when nobody answers its question."""

from enum import StrEnum


class Silence(StrEnum):
    """As in `SilenceAnswer`, without its prefix."""

    HOLD = "HOLD"
    EXPIRE = "EXPIRE"
    AUTOPILOT = "AUTOPILOT"
