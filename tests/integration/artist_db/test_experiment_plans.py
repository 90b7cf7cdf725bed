"""What is asked for each run stays quick however long an experiment is."""

import json
from typing import Any

import asyncpg

from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from services.artist_db.rpc.experiment_arms import new_persona_versions
from services.artist_db.store import experiment_runs, experiments
from tests.integration.artist_db.experiments import COVERS, MOODS, begun
from tests.integration.artist_db.samples import artist

Connection = asyncpg.Connection


async def test_a_run_of_a_long_experiment_reads_only_what_is_open(
    stub: ArtistDbServiceStub, connection: "Connection[asyncpg.Record]"
):
    who, made = (await artist(stub)).id, await begun(stub, **COVERS)
    await connection.execute(
        """
        INSERT INTO experiment_assignments (experiment_id, run_id, artist_id, position, shares, state,
            outcome, ending, open)
        SELECT $1, 'run_' || n, $2, 0, '{0.5,0.5}', 'COUNTED', 1, 1, n % 500 = 0
        FROM generate_series(1, 20000) AS n
        """,
        made.id,
        who,
    )
    await connection.execute(
        """
        INSERT INTO run_outcomes (run_id, artist_id, state, blame, by_person, cost_micro_usd, brief_id,
            release_id, ending, ended_at, body)
        SELECT 'run_' || n, $1, 'RELEASED', 'APPROVED', true, 0, '', '', 1, now(), ''
        FROM generate_series(1, 20000) AS n
        """,
        who,
    )
    await connection.execute("INSERT INTO run_arms SELECT run_id, artist_id, '' FROM run_outcomes")
    # All of them wait for a score, and their runs are long over.
    await connection.execute(
        """
        INSERT INTO experiment_assignments (experiment_id, run_id, artist_id, position, shares, state, ending,
            until, release_id)
        SELECT $1, 'run_w' || n, $2, 0, '{0.5,0.5}', 'WAITING', 1, now() + interval '90 days', 'rel_' || n
        FROM generate_series(1, 20000) AS n
        """,
        made.id,
        who,
    )
    await connection.execute(
        """
        INSERT INTO run_outcomes (run_id, artist_id, state, blame, by_person, cost_micro_usd, brief_id,
            release_id, ending, ended_at, body)
        SELECT 'run_w' || n, $1, 'RELEASED', 'APPROVED', true, 0, '', 'rel_' || n, 1, now(), ''
        FROM generate_series(1, 20000) AS n
        """,
        who,
    )
    await connection.execute("ANALYZE")
    plans = {
        experiment_runs.ended: ({"experiment_assignments_open", "run_outcomes_pkey"}, 500),
        experiment_runs.overdue: ({"experiment_assignments_until"}, 500),
    }
    for function, (indexes, limit) in plans.items():
        recorder = _Recorder()
        await function(recorder, made.id, limit)  # type: ignore[arg-type]
        assert await _indexes(connection, recorder) == indexes
    open_now = "SELECT reltuples FROM pg_class WHERE relname = 'experiment_assignments_open'"
    # An estimate.
    assert await connection.fetchval(open_now) < 1_000
    recorder = _Recorder()
    await experiment_runs.told(recorder, "run_7")  # type: ignore[arg-type]
    assert await _indexes(connection, recorder) == {"run_arms_pkey"}
    recorder = _Recorder()
    await experiment_runs.waiting(recorder, made.id, after="", limit=500)  # type: ignore[arg-type]
    assert await _indexes(connection, recorder) == {"experiment_assignments_waiting"}


async def test_a_promotion_for_many_artists_takes_no_more_statements_than_for_few(
    stub: ArtistDbServiceStub, connection: "Connection[asyncpg.Record]"
):
    made = await begun(stub, **MOODS)
    sent: list[int] = []
    # The first time, the driver asks what the types are.
    for count in (1, 2, 30):
        for n in range(count):
            await artist(stub, f"Artist {count} {n}")
        sent.append(await _statements_of_promotion(connection, made.id))
    assert sent[1:] == [4, 4]


async def _statements_of_promotion(connection: "Connection[asyncpg.Record]", experiment_id: str) -> int:
    row = await experiments.by_id(connection, experiment_id)  # type: ignore[arg-type]
    arm = (await experiments.arms(connection, [experiment_id]))[experiment_id][1]  # type: ignore[arg-type]
    sent: list[object] = []
    transaction = connection.transaction()
    await transaction.start()
    with connection.query_logger(sent.append):
        await new_persona_versions(connection, row, arm)  # type: ignore[arg-type]
    await transaction.rollback()
    return len(sent)


class _Recorder:
    """Stands in for a connection and notes the statement that it is given."""

    def __init__(self) -> None:
        self.sql, self.values = "", ()

    async def fetch(self, sql: str, *values: object) -> list[Any]:
        self.sql, self.values = sql, values
        return []

    async def fetchrow(self, sql: str, *values: object) -> None:
        self.sql, self.values = sql, values


async def _indexes(connection: "Connection[asyncpg.Record]", recorder: _Recorder) -> set[str]:
    """The indexes of the statement's plan, which reads no table from end to end."""
    told = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {recorder.sql}", *recorder.values)
    nodes, found = [json.loads(told)[0]["Plan"]], set()
    for node in nodes:
        nodes += node.get("Plans", [])
        assert node["Node Type"] != "Seq Scan", node
        found |= {node["Index Name"]} if "Index Name" in node else set()
    return found
