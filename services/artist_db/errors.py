"""Errors of artist_db's own."""

from services.chassis.errors import NotFound


class NoAnswer(NotFound):
    """No attempt of a model call succeeded; `attempts` is the number of the last one that is recorded.

    {"kind": "model answer", "id": "mdl_1f", "attempts": "2"}
    """

    def __init__(self, call_id: str, attempts: int) -> None:
        super().__init__("model answer", call_id)
        self.metadata["attempts"] = str(attempts)
