"""Shorthands for budgets, holds and what becomes of them."""

from typing import Any, TypeAlias

import asyncpg

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from services.chassis.ids import new_id
from tests.integration.artist_db.samples import hold, model_call

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

DAY, ARTIST, RUN = pb.BUDGET_SCOPE_DAY, pb.BUDGET_SCOPE_ARTIST, pb.BUDGET_SCOPE_RUN
SCOPES = (DAY, ARTIST, RUN)


async def set_limit(
    stub: ArtistDbServiceStub, scope: Any, micro_usd: int | None, subject: str = ""
) -> pb.Budget:
    """Sets a limit; None removes it."""
    request = pb.SetBudgetRequest(request_id=new_id("req"), scope=scope, subject=subject)
    if micro_usd is not None:
        request.limit_micro_usd = micro_usd
    return (await stub.SetBudget(request)).budget


async def budgets(
    stub: ArtistDbServiceStub, artist_id: str = "art_1", run_id: str = "run_1"
) -> dict[Any, pb.Budget]:
    """Scope -> budget, in the order in which they are told."""
    request = pb.GetBudgetsRequest(artist_id=artist_id, run_id=run_id)
    return {budget.scope: budget for budget in (await stub.GetBudgets(request)).budgets}


async def used(
    stub: ArtistDbServiceStub, artist_id: str = "art_1", run_id: str = "run_1"
) -> list[tuple[int, int]]:
    """What is spent and held, in millionths of a US dollar: of the day, the artist and the run."""
    return [
        (budget.spent_micro_usd, budget.held_micro_usd)
        for budget in (await budgets(stub, artist_id, run_id)).values()
    ]


async def granted(stub: ArtistDbServiceStub, call_id: str = "call-1", **changes: Any) -> bool:
    """Asks to hold."""
    return (await stub.HoldSpend(hold(call_id, **changes))).granted


async def settle(stub: ArtistDbServiceStub, call_id: str = "call-1", **changes: Any) -> None:
    """Records the call, at 1,500 millionths where nothing else is said."""
    await stub.RecordModelCall(pb.RecordModelCallRequest(call=model_call(call_id, **changes)))


def renewal(*call_ids: str, holder: str = "orchestrator-a", lease_ms: int = 60_000) -> pb.RenewHoldsRequest:
    """To renew the first attempts of these calls."""
    attempts = [pb.AttemptId(call_id=call_id, attempt=1) for call_id in call_ids]
    return pb.RenewHoldsRequest(holder=holder, lease_ms=lease_ms, attempts=attempts)


async def holds(connection: Connection) -> list[tuple[str, int, str, int]]:
    """Call, attempt, holder and amount of all that is held."""
    rows = await connection.fetch(
        "SELECT call_id, attempt, holder, amount_micro_usd FROM spend_holds ORDER BY call_id, attempt"
    )
    return [tuple(row) for row in rows]


async def end_day(connection: Connection) -> None:
    """Makes yesterday of today: time is the database's, so what lies in it is moved."""
    yesterday = "to_char(now() AT TIME ZONE 'UTC' - interval '1 day', 'YYYY-MM-DD')"
    await connection.execute(f"UPDATE spend_accounts SET period = {yesterday} WHERE period <> 'all'")
    await connection.execute(f"UPDATE spend_holds SET day = {yesterday}")


async def end_leases(connection: Connection) -> None:
    """All leases were over a second ago."""
    await connection.execute("UPDATE spend_holds SET lease_until = now() - interval '1 second'")
