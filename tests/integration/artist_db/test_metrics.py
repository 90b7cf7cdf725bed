"""artist_db's gauges: what the database says, at a price that does not grow with the label."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import pytest
from pydantic import SecretStr

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from services.artist_db.app import build
from services.artist_db.domain.budgets import Limits
from services.artist_db.domain.error_reports import NEW
from services.artist_db.domain.error_steps import Kind
from services.artist_db.metrics import Sampler
from services.artist_db.schema import SCHEMA
from services.artist_db.settings import Settings
from services.artist_db.store import tallies
from services.chassis.database import Database
from services.chassis.ids import new_id
from services.chassis.metrics import OTHER, SERVICE_LABELS
from services.chassis.metrics_sampling import keep_sampled
from services.chassis.migrations import migrate
from tests.integration.artist_db import seeds
from tests.integration.artist_db.money import granted, set_limit, settle
from tests.integration.artist_db.samples import artist
from tests.integration.artist_db.test_plans import plan
from tests.integration.artist_db.test_publications import releases
from tests.support.database_proxy import database_proxy
from tests.support.metrics import metric, until

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
DAY = Limits(artist=0, day=10_000_000, run=0)
MIGRATIONS = Path(tallies.__file__).parents[1] / "sql" / "migrations"


@pytest.fixture
async def sampler(database_url: str) -> AsyncIterator[Sampler]:
    async with Database.open(database_url, schema=SCHEMA, pool_size=2) as database:
        yield Sampler(database, DAY)


def of(gauge: str, **labels: str) -> float | None:
    return metric(f"aiartist_artist_db_{gauge}", **labels)


def by_state(gauge: str, *states: str) -> list[float | None]:
    return [of(gauge, state=state) for state in states]


async def publish(stub: ArtistDbServiceStub, release_id: str, target: str = "folder") -> None:
    await stub.RecordPublication(
        pb.RecordPublicationRequest(
            request_id=new_id("req"), release_id=release_id, target=target, location=f"file:///{release_id}"
        )
    )


async def take_down(stub: ArtistDbServiceStub, release_id: str, target: str = "folder") -> None:
    await stub.RecordTakeDown(
        pb.RecordTakeDownRequest(
            request_id=new_id("req"), release_id=release_id, target=target, reason="a test"
        )
    )


async def test_artists_are_counted_by_state(stub: ArtistDbServiceStub, sampler: Sampler) -> None:
    first = await artist(stub, "Nova Vale")
    await artist(stub, "Mira Sol")
    await stub.PauseArtist(pb.PauseArtistRequest(artist_id=first.id, reason="on tour"))
    await sampler.sample()
    assert by_state("artists", "active", "paused", "retired") == [1, 1, 0]
    await stub.ResumeArtist(pb.ResumeArtistRequest(artist_id=first.id))
    await sampler.sample()
    assert by_state("artists", "active", "paused", "retired") == [2, 0, 0]


async def test_a_release_is_packaged_then_published_while_it_stands_somewhere_then_taken_down(
    stub: ArtistDbServiceStub, sampler: Sampler
) -> None:
    async def told() -> list[float | None]:
        await sampler.sample()
        return by_state("releases", "packaged", "published", "taken_down")

    first, _ = await releases(stub, 2)
    assert await told() == [2, 0, 0]
    await publish(stub, first.id, "folder")
    assert await told() == [1, 1, 0]
    await publish(stub, first.id, "s3")
    await publish(stub, first.id, "s3")
    assert await told() == [1, 1, 0]
    await take_down(stub, first.id, "folder")
    assert await told() == [1, 1, 0]
    await take_down(stub, first.id, "s3")
    await take_down(stub, first.id, "s3")
    assert await told() == [1, 0, 1]
    await publish(stub, first.id, "folder")
    assert await told() == [1, 1, 0]


async def test_a_release_that_reaches_two_targets_at_once_is_published_once(
    stub: ArtistDbServiceStub, sampler: Sampler
) -> None:
    made = await releases(stub, 5)
    await asyncio.gather(*(publish(stub, r.id, target) for r in made for target in ("folder", "s3", "sftp")))
    await sampler.sample()
    assert by_state("releases", "packaged", "published", "taken_down") == [0, 5, 0]


async def test_what_was_there_before_there_were_tallies_counts(
    empty_database_url: str, tmp_path: Path
) -> None:
    earlier = tmp_path / "migrations"
    earlier.mkdir()
    for path in sorted(MIGRATIONS.glob("*.sql"))[:4]:
        (earlier / path.name).write_bytes(path.read_bytes())
    await migrate(empty_database_url, schema=SCHEMA, folder=earlier)
    connection = await asyncpg.connect(empty_database_url, server_settings={"search_path": SCHEMA})
    for seed, numbers in (
        (seeds.artists, range(3)),
        (seeds.briefs, range(1)),
        (seeds.takes, range(1)),
        (seeds.releases, range(3)),
    ):
        await seed(connection, numbers)
    await connection.execute(
        """
        INSERT INTO publications (release_id, target, location, taken_down_at)
        SELECT id, 'folder', 'x', CASE WHEN id = $1 THEN now() END FROM releases ORDER BY id LIMIT 2
        """,
        await connection.fetchval("SELECT min(id) FROM releases"),
    )
    await connection.close()
    await migrate(empty_database_url, schema=SCHEMA, folder=MIGRATIONS)
    async with Database.open(empty_database_url, schema=SCHEMA, pool_size=1) as database:
        await Sampler(database, DAY).sample()
    assert by_state("releases", "packaged", "published", "taken_down") == [1, 1, 1]
    assert of("artists", state="active") == 3


async def test_tallies_are_summed_up_and_stay_right_while_others_write_and_sum(
    connection: Connection, sampler: Sampler
) -> None:
    numbers = range(3 * tallies.GATHERED)
    half = len(numbers) // 2
    await seeds.artists(connection, numbers[:half])
    await asyncio.gather(seeds.artists(connection, numbers[half:]), *(sampler.sample() for _ in range(8)))
    await sampler.sample()
    await sampler.sample()
    assert of("artists", state="active") == len(numbers)
    assert await connection.fetchval("SELECT count(*) FROM tallies") == 1


async def test_the_day_s_money_is_told(stub: ArtistDbServiceStub, sampler: Sampler) -> None:
    await sampler.sample()
    assert of("budget_micro_usd", scope="day") == 10_000_000
    assert of("spent_micro_usd", scope="day") == 0
    await set_limit(stub, pb.BUDGET_SCOPE_DAY, 7_000_000)
    assert await granted(stub, "call-1", amount_micro_usd=2_000)
    assert await granted(stub, "call-2", amount_micro_usd=3_000)
    await settle(stub, "call-1", cost_micro_usd=1_500)
    await sampler.sample()
    assert of("budget_micro_usd", scope="day") == 7_000_000
    assert of("spent_micro_usd", scope="day") == 1_500
    assert of("held_micro_usd", scope="day") == 3_000


async def test_error_groups_are_counted_by_status_and_service(
    connection: Connection, sampler: Sampler
) -> None:
    await seeds.error_groups(connection, range(5))
    await seeds.error_reports(connection, range(2))
    await connection.execute(
        "UPDATE error_groups SET services = '{release,scheduler,evil-1,evil-2}' WHERE fingerprint = $1",
        f"{4:032x}",
    )
    await sampler.sample()
    assert of("error_groups", status="analyzed", service="scheduler") == 2
    assert of("error_groups", status="new", service="scheduler") == 3
    assert of("error_groups", status="new", service="release") == 1
    assert of("error_groups", status="new", service="other") == 1
    assert of("error_groups", status="new", service="evil-1") is None
    await connection.execute("DELETE FROM error_reports; DELETE FROM error_groups")
    await sampler.sample()
    assert of("error_groups", status="analyzed", service="scheduler") == 0


async def test_steps_of_error_groups_are_counted_by_kind(connection: Connection, sampler: Sampler) -> None:
    await seeds.error_groups(connection, range(5))
    await seeds.error_steps(connection, range(5))
    await connection.execute("UPDATE error_steps SET kind = 'WATCH' WHERE fingerprint = $1", "0" * 32)
    await sampler.sample()
    assert (of("error_steps", kind="fix"), of("error_steps", kind="watch")) == (4, 1)
    assert of("error_steps", kind="analyze") == 0


async def test_steps_are_counted_by_their_index(connection: Connection) -> None:
    await seeds.error_groups(connection, range(2_000))
    await seeds.error_steps(connection, range(2_000))
    await connection.execute("ANALYZE error_steps")
    await connection.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")

    nodes = await plan(connection, lambda c: tallies.error_steps(c, list(Kind)))

    assert {node["Index Name"] for node in nodes if "Index Name" in node} == {"error_steps_due"}
    assert "Limit" in {node["Node Type"] for node in nodes}


async def test_a_running_artist_db_samples(database_url: str, connection: Connection) -> None:
    await seeds.artists(connection, range(11))
    settings = Settings(database_url=SecretStr(database_url), port=0, metrics_port=0, ship_errors=False)
    async with await build(settings):
        await until(lambda: of("artists", state="active") == 11)


async def test_the_last_values_stay_while_the_database_is_away(
    database_url: str, connection: Connection
) -> None:
    failed = "aiartist_samples_failed_total"
    await seeds.artists(connection, range(4))
    closing = asyncio.Event()
    async with (
        database_proxy(database_url) as proxy,
        Database.open(proxy.url, schema=SCHEMA, pool_size=1) as database,
    ):
        work = keep_sampled("artist_db", Sampler(database, DAY).sample, closing, every_s=0.01)
        sampling = asyncio.create_task(work)
        await until(lambda: of("artists", state="active") == 4)
        before = metric(failed, service="artist_db") or 0.0
        await proxy.cut()
        await until(lambda: (metric(failed, service="artist_db") or 0.0) >= before + 2)
        assert of("artists", state="active") == 4
        await connection.execute("UPDATE artists SET state = 'RETIRED' WHERE id = 'art_0'")
        await proxy.open()
        await until(lambda: of("artists", state="active") == 3)
        closing.set()
        await sampling


async def test_error_groups_are_counted_from_the_newest_on_by_their_indexes(connection: Connection) -> None:
    await seeds.error_groups(connection, range(3_000))
    await seeds.error_reports(connection, range(3_000))
    await connection.execute("ANALYZE")
    # A whole small table would be as cheap; what is asked here is whether the indexes serve the query.
    await connection.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")

    async def query(recorder: Any) -> Any:
        return await tallies.error_groups(recorder, new=NEW, services=SERVICE_LABELS, other=OTHER)

    nodes = await plan(connection, query)
    used = [node["Index Name"] for node in nodes if "Index Name" in node]
    assert sorted(used) == ["error_groups_last_seen", "error_reports_of_group"]
    assert "Seq Scan" not in {node["Node Type"] for node in nodes}
    assert "Limit" in {node["Node Type"] for node in nodes}
