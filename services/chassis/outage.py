"""Something that is away is told once, however often it is tried, and once more when it is back."""

from typing import Any

from services.chassis import logs


class Outage:
    """Whether one thing answers, for those who try again and again."""

    def __init__(self, log: Any, what: str) -> None:
        self._log = log
        self._what = what
        self._on = False

    def noticed(self, error: BaseException) -> None:
        """A try failed."""
        if not self._on:
            detail = logs.mask_text(f"{type(error).__name__}: {error}")
            self._log.warning(f"{self._what} does not answer; trying again", detail=detail)
        self._on = True

    def over(self) -> None:
        """A try succeeded."""
        if self._on:
            self._log.info(f"{self._what} answers again")
        self._on = False
