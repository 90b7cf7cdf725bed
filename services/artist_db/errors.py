"""Errors of artist_db's own."""

import math
from datetime import UTC, datetime

import grpc

from aiartist.common.v1 import error_reason_pb2 as reasons
from services.artist_db.domain.budgets import Shortage, usd
from services.artist_db.domain.codes import Series
from services.chassis.errors import AppError, NotFound, WrongState


class NoAnswer(NotFound):
    """No attempt of a model call succeeded; `attempts` is the number of the last one that is recorded.

    {"kind": "model answer", "id": "mdl_1f", "attempts": "2"}
    """

    def __init__(self, call_id: str, attempts: int) -> None:
        super().__init__("model answer", call_id)
        self.metadata["attempts"] = str(attempts)


class BudgetSpent(AppError):
    """A call may cost more than is left of a budget.

    {"scope": "artist", "subject": "art_1f", "limit_usd": "5.00", "left_usd": "0.02", "needed_usd": "0.10"}
    """

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = reasons.ERROR_REASON_BUDGET_SPENT

    def __init__(self, shortage: Shortage) -> None:
        super().__init__(
            shortage.text,
            metadata={
                "scope": shortage.scope,
                "subject": shortage.subject,
                "limit_usd": usd(shortage.limit),
                "left_usd": usd(shortage.left),
                "needed_usd": usd(shortage.needed),
            },
        )


class ReleaseCapReached(AppError):
    """An artist has as many releases within seven days as the label allows.

    {"artist_id": "art_1f", "cap": "7", "again_at": "2026-03-08T09:00:00Z"}
    """

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = reasons.ERROR_REASON_RELEASE_CAP

    def __init__(self, artist_id: str, *, cap: int, again_at: datetime) -> None:
        # To the next full second: at that one it is true.
        moment = datetime.fromtimestamp(math.ceil(again_at.timestamp()), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        super().__init__(
            f"artist {artist_id!r} has as many releases within seven days as AIARTIST_RELEASES_PER_WEEK "
            f"allows, {cap}; publish again at {moment}, or raise it",
            metadata={"artist_id": artist_id, "cap": str(cap), "again_at": moment},
        )


class CodesSpent(WrongState):
    """A prefix has no numbers left.

    {"kind": "ISRC prefix", "id": "QZABC26", "state": "SPENT", "expected": "another AIARTIST_ISRC_PREFIX"}
    """

    def __init__(self, series: Series) -> None:
        # A new year has numbers of its own.
        remedy = f"another AIARTIST_{series.kind}_PREFIX" + (", or the next year" if series.year else "")
        super().__init__(f"{series.kind} prefix", series.name, state="SPENT", expected=remedy)
