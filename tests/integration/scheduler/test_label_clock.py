"""The label's clock: lives are reviewed, vacancies filled, news told, and none of it twice."""

import asyncio
from typing import Any

import pytest

from aiartist.artist_db.v1 import life_pb2
from aiartist.notifier.v1 import notifier_pb2
from aiartist.orchestrator.v1 import orchestrator_pb2
from services.chassis.errors import AppError, DependencyUnavailable, FieldViolation, InvalidInput
from tests.integration.scheduler.conftest import NewReplica
from tests.support.captured_logs import CapturedLogs
from tests.support.scheduler_peers import Peers

FAST = {"scheduler_label_tick_s": 0.02}


def news(number: int, **more: Any) -> life_pb2.News:
    values = {"topic": life_pb2.News.TOPIC_LIFE, "title": f"News {number}", "subject_id": f"mov_{number}"}
    return life_pb2.News(id=number, **{**values, **more})


async def until(peers: Peers, condition: Any) -> None:
    """As soon as a request has made it true."""
    async with asyncio.timeout(30):
        while not condition():
            peers.told.clear()
            await peers.told.wait()


async def test_artists_with_runs_that_are_not_over_are_told_as_busy(
    new_replica: NewReplica, peers: Peers, sql: Any
) -> None:
    await sql.execute(
        """
        INSERT INTO runs (id, artist_id, state, stage, place, autopilot, started_by, not_before)
        SELECT 'run_' || artist, 'art_' || artist, state, 'APPROVE', place, false, 'operator',
            now() + interval '1 day'
        FROM (VALUES ('queued', 'QUEUED', 'wanted'), ('asked', 'AWAITING_APPROVAL', 'none'),
            ('asked', 'RELEASED', 'none'), ('reflecting', 'REJECTED', 'wanted'),
            ('over', 'RELEASED', 'none'), ('failed', 'FAILED', 'none')) AS r (artist, state, place)
        ON CONFLICT DO NOTHING
        """
    )
    async with new_replica(**FAST):
        await until(peers, lambda: peers.of(life_pb2.ReviewLivesRequest))
    asked = peers.of(life_pb2.ReviewLivesRequest)[0]
    assert sorted(asked.busy_artist_ids) == ["art_asked", "art_queued", "art_reflecting"]


async def test_a_vacancy_is_filled_under_an_id_of_its_own_for_each_try(
    new_replica: NewReplica, peers: Peers
) -> None:
    peers.vacancies = [life_pb2.Vacancy(id="vac_1", tries=1), life_pb2.Vacancy(id="vac_1", tries=2)]
    async with new_replica(**FAST):
        await until(peers, lambda: len(peers.of(orchestrator_pb2.InventArtistRequest)) == 2)
    asked = peers.of(orchestrator_pb2.InventArtistRequest)
    assert [(r.request_id, r.vacancy_id) for r in asked] == [
        ("invent/vac_1/1", "vac_1"),
        ("invent/vac_1/2", "vac_1"),
    ]
    claimed = peers.of(life_pb2.ClaimVacancyRequest)
    assert {(request.lease_ms, request.holder == "") for request in claimed} == {(600_000, False)}


async def test_an_artist_that_takes_long_to_invent_keeps_nothing_else_waiting(
    new_replica: NewReplica, peers: Peers
) -> None:
    peers.invents.clear()
    peers.vacancies = [life_pb2.Vacancy(id="vac_1", tries=1)]
    async with new_replica(**FAST):
        await until(peers, lambda: peers.of(orchestrator_pb2.InventArtistRequest))
        peers.news = [news(1)]
        reviews = len(peers.of(life_pb2.ReviewLivesRequest))
        await until(peers, lambda: not peers.news)
        await until(peers, lambda: len(peers.of(life_pb2.ReviewLivesRequest)) > reviews + 3)
        assert len(peers.of(life_pb2.ClaimVacancyRequest)) == 1
        peers.invents.set()
        await until(peers, lambda: len(peers.of(life_pb2.ClaimVacancyRequest)) > 1)


async def test_a_scheduler_that_stops_does_not_wait_for_an_artist_to_be_invented(
    new_replica: NewReplica, peers: Peers
) -> None:
    peers.invents.clear()
    peers.vacancies = [life_pb2.Vacancy(id="vac_1", tries=1)]
    async with asyncio.timeout(30), new_replica(**FAST):
        await until(peers, lambda: peers.of(orchestrator_pb2.InventArtistRequest))


async def test_an_artist_that_could_not_be_invented_is_logged_and_the_next_vacancy_is_looked_for(
    new_replica: NewReplica, peers: Peers, captured: CapturedLogs
) -> None:
    peers.failing_once["InventArtist"] = AppError("broken off")
    peers.vacancies = [life_pb2.Vacancy(id="vac_1", tries=1), life_pb2.Vacancy(id="vac_2", tries=1)]
    async with new_replica(**FAST):
        await until(
            peers,
            lambda: (
                {r.vacancy_id for r in peers.of(orchestrator_pb2.InventArtistRequest)} == {"vac_1", "vac_2"}
            ),
        )
    assert [record["vacancy_id"] for record in captured.of("no artist could be invented")] == ["vac_1"]


@pytest.mark.parametrize("replicas", [1, 3])
async def test_news_are_told_in_order_and_once(new_replica: NewReplica, peers: Peers, replicas: int) -> None:
    peers.news = [news(number, warning=number == 2) for number in range(1, 121)]
    running = [new_replica(**FAST) for _ in range(replicas)]
    for replica in running:
        await replica.__aenter__()
    try:
        await until(peers, lambda: not peers.news)
    finally:
        for replica in running:
            await replica.__aexit__(None, None, None)
    told = {notice.request_id: notice for notice in peers.of(notifier_pb2.NotifyRequest)}
    assert list(told) == [f"news/{number}" for number in range(1, 121)]
    notice = told["news/2"]
    assert (notice.title, notice.subject_id, notice.topic, notice.severity) == (
        "News 2", "mov_2", notifier_pb2.TOPIC_LIFE, notifier_pb2.SEVERITY_WARNING,
    )  # fmt: skip


async def test_news_that_were_told_and_not_acknowledged_are_told_again_under_the_same_id(
    new_replica: NewReplica, peers: Peers
) -> None:
    peers.news = [news(1)]
    peers.failing_once["AcknowledgeNews"] = AppError("broken off")
    async with new_replica(**FAST):
        await until(peers, lambda: not peers.news)
    assert [notice.request_id for notice in peers.of(notifier_pb2.NotifyRequest)] == ["news/1"] * 2


async def test_while_notifier_is_away_news_are_kept_and_it_is_logged_once(
    new_replica: NewReplica, peers: Peers, captured: CapturedLogs
) -> None:
    peers.news = [news(1), news(2)]
    peers.failing["Notify"] = DependencyUnavailable("database")
    async with new_replica(**FAST):
        async with asyncio.timeout(30):
            while len(peers.of(notifier_pb2.NotifyRequest)) < 5:
                await asyncio.sleep(0.01)
        assert [one.id for one in peers.news] == [1, 2]
        peers.failing.clear()
        await until(peers, lambda: not peers.news)
    away = "artist_db or notifier, for the label's news, does not answer; trying again"
    assert len(captured.of(away)) == 1


async def test_news_that_notifier_refuses_do_not_keep_back_all_others(
    new_replica: NewReplica, peers: Peers, captured: CapturedLogs
) -> None:
    peers.news = [news(1), news(2)]
    peers.failing_once["Notify"] = InvalidInput([FieldViolation("subject_id", "is too long")])
    async with new_replica(**FAST):
        await until(peers, lambda: not peers.news)
    assert [record["news_id"] for record in captured.of("notifier refuses news")] == [1]
    assert peers.of(notifier_pb2.NotifyRequest)[-1].request_id == "news/2"
