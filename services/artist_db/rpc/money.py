"""What the rooms share that keep account of what is spent."""

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from services.artist_db.domain.budgets import Limits, Scope, left
from services.artist_db.rpc.room import Room
from services.artist_db.store import budgets as store
from services.chassis.database import Database

SCOPE_VALUES = {scope: pb.BudgetScope.Value(f"BUDGET_SCOPE_{scope.name}") for scope in Scope}
SCOPES = {value: scope for scope, value in SCOPE_VALUES.items()}


class MoneyRoom(Room):
    """Calls that need the budgets' limits, and connections of their own for what must not wait."""

    def __init__(self, db: Database, holds: Database, limits: Limits) -> None:
        super().__init__(db)
        self._holds = holds
        self._limits = limits


def budget_of(row: store.Row) -> pb.Budget:
    """An account with its limit, as a message."""
    used = row["spent_micro_usd"] + row["held_micro_usd"]
    return pb.Budget(
        scope=SCOPE_VALUES[Scope(row["scope"])],
        subject=row["subject"],
        limit_micro_usd=row["limit_micro_usd"],
        spent_micro_usd=row["spent_micro_usd"],
        held_micro_usd=row["held_micro_usd"],
        left_micro_usd=left(row["limit_micro_usd"], used),
        source=row["source"],
        day=row["day"],
    )
