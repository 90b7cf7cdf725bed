"""Places in the roster: opened when artists are lacking, leased, filled once, given up in the end."""

import asyncio
from typing import Any

import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1 import life_pb2
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from tests.integration.artist_db.lives import moved, moves_of, name_of, news, pass_days
from tests.integration.artist_db.samples import (
    EXISTS,
    INVALID,
    NOT_FOUND,
    WRONG_STATE,
    artist,
    persona,
    refused,
    violations,
)
from tests.integration.artist_db.test_lives import Serving, serving

__all__ = ["serving"]

Connection = Any


async def claimed(stub: ArtistDbServiceStub, holder: str = "a") -> life_pb2.Vacancy | None:
    answer = await stub.ClaimVacancy(life_pb2.ClaimVacancyRequest(holder=holder, lease_ms=60_000))
    return answer.vacancy if answer.HasField("vacancy") else None


async def filled(
    stub: ArtistDbServiceStub, vacancy_id: str, name: str = "Mira Sol"
) -> life_pb2.FillVacancyResponse:
    request = life_pb2.FillVacancyRequest(vacancy_id=vacancy_id, persona=persona(name))
    return await stub.FillVacancy(request)


async def failed(
    stub: ArtistDbServiceStub, vacancy_id: str, *, again_s: int = 60, no_try: bool = False
) -> None:
    answer = await stub.FillVacancy(
        life_pb2.FillVacancyRequest(vacancy_id=vacancy_id, failure="no model", again_s=again_s, no_try=no_try)
    )
    assert answer.artist_id == ""


async def test_without_a_target_and_a_probability_nobody_is_looked_for(stub: ArtistDbServiceStub) -> None:
    assert await claimed(stub) is None


async def test_a_vacancy_is_filled_with_a_candidate_of_whom_people_are_told(
    serving: Serving, connection: Connection
) -> None:
    async with serving(roster_target=2) as stub:
        await artist(stub)

        vacancy = await claimed(stub)
        assert vacancy is not None
        answer = await filled(stub, vacancy.id)
        made = (await stub.GetArtist(pb.GetArtistRequest(artist_id=answer.artist_id))).artist

        assert (vacancy.reason, vacancy.tries) == ("the roster has 1 artist, its target is 2", 1)
        assert name_of(answer.state) == name_of(made.state) == "CANDIDATE"
        assert made.persona.name == "Mira Sol"
        assert (made.cadence.interval_s, made.autopilot_enabled, made.evolve) == (
            604_800,
            False,
            pb.EVOLVE_PROPOSE,
        )
        (first,) = await moves_of(stub, made.id)
        assert (first.rule, first.reason, first.moved_by) == ("vacancy", vacancy.reason, "")
        assert await news(connection) == [("CANDIDATE", "Mira Sol would like to join the label", False)]
        assert await connection.fetchval("SELECT subject_id FROM news") == made.id
        assert await filled(stub, vacancy.id, "Another") == answer, "once"
        assert await claimed(stub) is None, "a candidate counts"
        assert name_of((await moved(stub, made.id, "ACTIVE")).to_state) == "ACTIVE"


async def test_where_candidates_need_nobodys_yes_the_artist_is_active_at_the_set_cadence(
    serving: Serving, connection: Connection
) -> None:
    async with serving(roster_target=1, roster_candidates="allow", roster_cadence_s=3_600) as stub:
        vacancy = await claimed(stub)
        assert vacancy is not None

        answer = await filled(stub, vacancy.id)

        made = (await stub.GetArtist(pb.GetArtistRequest(artist_id=answer.artist_id))).artist
        assert (name_of(answer.state), made.cadence.interval_s) == ("ACTIVE", 3_600)
        assert await news(connection) == [("CANDIDATE", "Mira Sol was taken on", False)]


@pytest.mark.parametrize(("state", "counts"), [("EVOLVING", True), ("PAUSED", False), ("RETIRED", False)])
async def test_candidates_active_and_evolving_artists_count_for_the_target(
    serving: Serving, state: str, counts: bool
) -> None:
    async with serving(roster_target=1) as stub:
        made = await artist(stub)
        await moved(stub, made.id, state)

        assert (await claimed(stub) is None) is counts


async def test_a_vacancy_is_leased_to_one_at_a_time(serving: Serving, connection: Connection) -> None:
    async with serving(roster_target=1) as stub, serving(roster_target=1) as replica:
        both = await asyncio.gather(*(claimed(each, name) for each, name in ((stub, "a"), (replica, "b"))))
        (first,) = [vacancy for vacancy in both if vacancy is not None]

        await pass_days(connection, 0.001)  # More than a minute.
        second = await claimed(replica, "b")

        assert second is not None
        assert (second.id, first.tries, second.tries) == (first.id, 1, 2)
        assert await connection.fetchval("SELECT count(*) FROM vacancies") == 1


async def test_a_failed_try_is_made_again_when_it_is_time_and_given_up_after_five(
    serving: Serving, connection: Connection
) -> None:
    async with serving(roster_target=1) as stub:
        for number in range(1, 6):
            vacancy = await claimed(stub)
            assert vacancy is not None
            assert vacancy.tries == number
            await failed(stub, vacancy.id, again_s=86_400)
            assert await claimed(stub) is None, "not yet"
            await pass_days(connection, 1.01)

        assert await claimed(stub) is None, "given up"
        assert await news(connection) == [("CANDIDATE", "No new artist could be invented in 5 tries", True)]
        assert await connection.fetchval("SELECT body FROM news") == "The last try: no model"
        error = await refused(filled(stub, vacancy.id), WRONG_STATE)
        assert error.metadata["state"] == "GIVEN_UP"
        await pass_days(connection, 6.9)
        assert await claimed(stub) is None, "a rest of 7 days"
        await pass_days(connection, 0.2)
        again = await claimed(stub)
        assert again is not None
        assert (again.id != vacancy.id, again.tries) == (True, 1)


async def test_tries_that_nobody_finished_are_counted_and_given_up_too(
    serving: Serving, connection: Connection
) -> None:
    async with serving(roster_target=1) as stub:
        for _ in range(5):
            assert await claimed(stub) is not None
            await pass_days(connection, 0.001)

        assert await claimed(stub) is None
        assert len(await news(connection)) == 1
        assert await connection.fetchval("SELECT body FROM news") == "The last try: it was left unfinished"


async def test_a_failure_that_was_no_try_is_not_counted_however_often(
    serving: Serving, connection: Connection
) -> None:
    async with serving(roster_target=1) as stub:
        for _ in range(7):
            vacancy = await claimed(stub)
            assert vacancy is not None
            assert vacancy.tries == 1
            await failed(stub, vacancy.id, again_s=86_400, no_try=True)
            await failed(stub, vacancy.id, again_s=86_400, no_try=True)
            await pass_days(connection, 0.99)
            assert await claimed(stub) is None, "not yet"
            await pass_days(connection, 0.02)

        assert await claimed(stub) is not None
        assert await connection.fetchval("SELECT tries FROM vacancies") == 1, "told twice, it counts once"
        assert await news(connection) == []


@pytest.mark.parametrize("no_try", [False, True])
@pytest.mark.parametrize("claims", [1, 4])
async def test_a_failure_of_who_lost_the_lease_takes_nothing_from_who_works_now(
    serving: Serving, connection: Connection, no_try: bool, claims: int
) -> None:
    async with serving(roster_target=1) as stub:
        for _ in range(claims):
            assert await claimed(stub, "lost") is not None
            await pass_days(connection, 0.001)
        vacancy = await claimed(stub, "works")
        assert vacancy is not None

        await failed(stub, vacancy.id, no_try=no_try)
        await connection.execute("UPDATE vacancies SET due_at = now()")

        assert await claimed(stub, "third") is None
        assert name_of((await filled(stub, vacancy.id)).state) == "CANDIDATE"


async def test_the_last_try_may_be_filled_until_its_lease_ends(
    serving: Serving, connection: Connection
) -> None:
    async with serving(roster_target=1) as stub:
        for _ in range(5):
            vacancy = await claimed(stub)
            assert vacancy is not None
            await failed(stub, vacancy.id)
            assert await news(connection) == []
            await pass_days(connection, 0.001)

        assert await claimed(stub) is None
        assert len(await news(connection)) == 1


async def test_a_name_that_is_taken_keeps_the_vacancy_open(serving: Serving, connection: Connection) -> None:
    async with serving(roster_target=2) as stub:
        await artist(stub, "Nova Vale")
        vacancy = await claimed(stub)
        assert vacancy is not None

        await refused(filled(stub, vacancy.id, "NOVA vale"), EXISTS)

        assert name_of((await filled(stub, vacancy.id)).state) == "CANDIDATE"
        assert len(await news(connection)) == 1


async def test_a_vacancy_is_withdrawn_where_a_person_took_somebody_on_meanwhile(
    serving: Serving, connection: Connection
) -> None:
    async with serving(roster_target=1) as stub:
        vacancy = await claimed(stub)
        assert vacancy is not None
        await failed(stub, vacancy.id)
        await artist(stub)
        await pass_days(connection, 0.001)

        assert await claimed(stub) is None
        assert await connection.fetchval("SELECT state FROM vacancies") == "WITHDRAWN"
        await refused(filled(stub, vacancy.id), WRONG_STATE)


async def test_a_days_die_opens_one_vacancy_whatever_became_of_it(
    serving: Serving, connection: Connection
) -> None:
    async with serving(roster_new_probability=1.0) as stub:
        vacancy = await claimed(stub)
        assert vacancy is not None
        assert vacancy.reason == "by chance, 100 % a day"
        await filled(stub, vacancy.id)
        assert await claimed(stub) is None
    async with serving(roster_new_probability=1.0) as stub:
        assert await claimed(stub) is None, "not again after a restart"
        await connection.execute("UPDATE vacancies SET day = day - 1")
        assert await claimed(stub) is not None, "another day"


async def test_two_fill_a_vacancy_at_once_and_both_get_the_same_artist(serving: Serving) -> None:
    async with serving(roster_target=3) as stub:
        vacancy = await claimed(stub)
        assert vacancy is not None

        answers = await asyncio.gather(*(filled(stub, vacancy.id, name) for name in ("Mira", "Noor")))

        assert answers[0] == answers[1]
        assert len((await stub.ListArtists(pb.ListArtistsRequest())).artists) == 1


async def test_wrong_requests_are_refused_with_every_field(stub: ArtistDbServiceStub) -> None:
    error = await refused(stub.ClaimVacancy(life_pb2.ClaimVacancyRequest(lease_ms=999)), INVALID)
    assert list(violations(error)) == ["holder", "lease_ms"]
    error = await refused(stub.FillVacancy(life_pb2.FillVacancyRequest(again_s=59)), INVALID)
    assert list(violations(error)) == ["vacancy_id", "failure", "again_s"]
    wrong = life_pb2.FillVacancyRequest(vacancy_id="vac_1", persona=persona(genre="jazz"))
    assert list(violations(await refused(stub.FillVacancy(wrong), INVALID))) == ["persona.genre"]
    await refused(filled(stub, "vac_none"), NOT_FOUND)
