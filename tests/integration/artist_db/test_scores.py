"""Scores as the database makes them: the same as by hand, and without reading every number."""

import random
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest

from aiartist.artist_db.v1 import performance_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from services.artist_db.domain.performance import Kind, Name
from services.artist_db.domain.scores import UNKNOWN, Score
from services.artist_db.store import performance as store
from services.artist_db.store import scores
from tests.integration.artist_db import seeds
from tests.integration.artist_db.listeners import VIEWS, entry, record, released
from tests.integration.artist_db.samples import artist
from tests.integration.artist_db.test_plans import plan
from tests.support.listening import Heard, scores_of

METRICS = ("STREAMS", "VIEWS", "DOWNLOADS", "SAVES", "LIKES", "SHARES", "LISTENERS", "EARNINGS")


def roughly(score: Score) -> object:
    return pytest.approx((score.score, score.sureness)), score.plays, score.last_day


async def test_what_the_database_makes_of_numbers_is_what_they_come_to_by_hand(
    stub: ArtistDbServiceStub, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    chance = random.Random(8)
    today = datetime.now(UTC).date()
    for seed in (seeds.artists, seeds.briefs, seeds.takes, seeds.releases):
        await seed(connection, range(30))
    await connection.execute("UPDATE releases SET created_at = now() - random() * interval '300 days'")
    born: dict[str, date] = {
        row["id"]: row["day"]
        for row in await connection.fetch(
            "SELECT id, (created_at AT TIME ZONE 'UTC')::date AS day FROM releases ORDER BY id"
        )
    }
    label: dict[str, list[Heard]] = {release_id: [] for release_id in born}
    entries = []
    for release_id in list(born)[:27]:
        days = [today - timedelta(days=n) for n in chance.sample(range(250), chance.randint(0, 9))]
        for day in days:
            for metric in chance.sample(METRICS, chance.randint(1, 4)):
                value = chance.choice([0, chance.randint(1, 10**5)])
                label[release_id].append(Heard(day, metric, value))
                number = pb.Metric.Value(f"METRIC_{metric}")
                entries.append(entry(release_id, day=str(day), metric=number, value=value))
    chance.shuffle(entries)
    for part in (entries[::2], entries[1::2]):
        await record(stub, *part)

    found = await scores.of_releases(connection, list(born))

    expected = scores_of(label, born, today)
    assert len({score.score for score in expected.values()}) > 15
    for release_id, score in expected.items():
        got = found[release_id]
        assert ((got.score, got.sureness), got.plays, got.last_day) == roughly(score), release_id


async def test_a_release_that_there_is_not_has_the_score_of_nothing_known(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    assert await scores.of_releases(connection, ["rel_nobody"]) == {"rel_nobody": UNKNOWN}
    assert await scores.of_releases(connection, []) == {}


async def test_scores_are_listed_newest_release_first_with_what_is_known_of_each(
    stub: ArtistDbServiceStub,
) -> None:
    nova = await artist(stub)
    today = datetime.now(UTC).date()
    ids = [await released(stub, str(n), nova.id) for n in range(3)]
    other = await released(stub, "4")
    await record(
        stub,
        entry(ids[0], day=str(today), value=30),
        entry(ids[0], day=str(today), metric=VIEWS, value=5),
        entry(ids[1], day=str(today), value=10),
        entry(other, day=str(today), value=20),
    )

    first = await stub.ListReleaseScores(pb.ListReleaseScoresRequest(artist_id=nova.id, page_size=2))
    rest = await stub.ListReleaseScores(
        pb.ListReleaseScoresRequest(artist_id=nova.id, page_size=2, page_token=first.next_page_token)
    )

    assert [score.release_id for score in first.scores] == [ids[2], ids[1]]
    assert [score.release_id for score in rest.scores] == [ids[0]]
    silent, low, high = (*first.scores, *rest.scores)
    assert (silent.score, silent.sureness, silent.plays, silent.last_day) == (0.5, 0.0, 0, "")
    assert low.score < 0.5 < high.score
    assert (high.plays, high.last_day, high.title) == (35, str(today), "Neon Rain 0")
    assert (high.artist_id, high.run_id, high.HasField("released_at")) == (nova.id, "run_0", True)


async def test_a_score_goes_back_to_the_middle_as_its_numbers_get_old(
    stub: ArtistDbServiceStub, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    ids = [await released(stub, str(n)) for n in range(3)]
    today = datetime.now(UTC).date()
    for n, release_id in enumerate(ids):
        await record(stub, entry(release_id, day=str(today), value=10 ** (n + 1)))
    fresh = await scores.of_releases(connection, ids)
    await connection.execute("UPDATE release_marks SET last_day = last_day - 90")

    old = await scores.of_releases(connection, ids)

    assert 0.5 < old[ids[2]].score < fresh[ids[2]].score
    assert 0 < old[ids[2]].sureness < fresh[ids[2]].sureness


async def test_numbers_and_scores_are_found_without_reading_all(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    for seed in (seeds.artists, seeds.briefs, seeds.takes, seeds.releases):
        await seed(connection, range(1_000))
    await connection.execute(
        """
        INSERT INTO performance (release_id, day, platform, metric, value, source)
        SELECT id, date '2026-01-01' + n, 'spotify', 'STREAMS', n, ''
        FROM releases, generate_series(1, 5) AS n
        """
    )
    await connection.execute(
        "INSERT INTO release_marks (release_id, last_heard) SELECT id, date '2026-01-01' FROM releases"
    )
    async with connection.transaction():
        await store.releases_of(connection, [Name(Kind.TITLE, "x")])
    await connection.execute("ANALYZE")
    await connection.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
    some, middle = [seeds.RELEASE], (date(2026, 1, 3), "b", "c")
    plans = [
        (lambda c: store.page(c, seeds.RELEASE, after=middle, limit=51), "performance_pkey"),
        (lambda c: scores.mark(c, some), "performance_pkey"),
        (lambda c: scores.of_releases(c, some), "release_marks_pkey"),
        (lambda c: scores.page(c, artist_id="art_1", after=None, limit=51), "releases_of_artist"),
        (lambda c: scores.page(c, artist_id="", after=None, limit=51), "releases_newest"),
        (lambda c: store.releases_of(c, [Name(Kind.ISRC, "x")]), "release_keys_by_isrc"),
        (lambda c: store.releases_of(c, [Name(Kind.UPC, "x")]), "release_keys_by_upc"),
        (lambda c: store.releases_of(c, [Name(Kind.TITLE, "x")]), "release_keys_by_title"),
    ]  # fmt: skip
    for query, index in plans:
        nodes = await plan(connection, query)

        assert index in {node.get("Index Name") for node in nodes}, nodes
        assert "Seq Scan" not in {node["Node Type"] for node in nodes}, nodes
