"""Over a real artist_db: arms from an experiment to a brief, an artist from a vacancy to a candidate."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from pydantic import SecretStr

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import artist_state_pb2, experiment_pb2, life_pb2
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.common.v1 import experiment_pb2 as common
from aiartist.orchestrator.v1 import orchestrator_pb2 as pb
from services.artist_db.app import build
from services.artist_db.settings import Settings
from tests.support.fake_scout import INVENTED, ROSTER, Scouted, invent, like, models


@dataclass
class _Real:
    address: str
    stub: ArtistDbServiceStub


@pytest.fixture
async def artist_db(database_url: str) -> AsyncIterator[Any]:
    settings = Settings(
        database_url=SecretStr(database_url), port=0, metrics_port=0, ship_errors=False, roster_target=2
    )
    async with await build(settings) as app:
        address = f"127.0.0.1:{app.port}"
        async with grpc.aio.insecure_channel(address) as channel:
            yield _Real(address, ArtistDbServiceStub(channel))


async def test_a_claimed_vacancy_is_filled_with_one_candidate_whoever_asks_again(
    start: Callable[..., Any], artist_db: Any, upstream: Any
) -> None:
    model = Scouted([like(tempo={"min_bpm": 120, "max_bpm": 80}), like(name="Nova Rise"), INVENTED])
    upstream.usual = {"first": model}
    orchestrator = await start(models())
    await artist_db.stub.CreateArtist(db.CreateArtistRequest(request_id="c-1", persona=ROSTER))
    claim = life_pb2.ClaimVacancyRequest(holder="test", lease_ms=60_000)
    vacancy = (await artist_db.stub.ClaimVacancy(claim)).vacancy
    answer = await invent(orchestrator, "i-1", vacancy.id)
    found = await artist_db.stub.GetArtist(db.GetArtistRequest(artist_id=answer.artist_id))
    assert found.artist.persona.name == "Ferro Quill"
    assert found.artist.state == artist_state_pb2.ARTIST_STATE_CANDIDATE
    assert "must be at least min_bpm" in model.invented[1]
    assert await invent(orchestrator, "i-1", vacancy.id) == answer
    assert (await invent(orchestrator, "i-2", vacancy.id)).artist_id == answer.artist_id
    assert len((await artist_db.stub.ListArtists(db.ListArtistsRequest())).artists) == 2


async def test_a_song_keeps_the_arms_that_its_run_was_given_and_another_try_of_the_run_gets_the_same(
    start: Callable[..., Any], artist_db: Any, upstream: Any
) -> None:
    created = await artist_db.stub.CreateArtist(db.CreateArtistRequest(request_id="c-1", persona=ROSTER))
    artist_id = created.artist.id
    for kind, field, values in (
        (common.ARM_KIND_PROMPT, "", ("open with a question", "end with a question")),
        (common.ARM_KIND_PERSONA_FIELD, "moods", ('["furious"]', '["tender"]')),
    ):
        experiment = experiment_pb2.Experiment(
            name=f"by {field or 'prompt'}",
            kind=kind,
            field=field,
            arms=[
                experiment_pb2.Arm(name=name, value=value) for name, value in zip("ab", values, strict=True)
            ],
        )
        await artist_db.stub.CreateExperiment(experiment_pb2.CreateExperimentRequest(experiment=experiment))
    orchestrator = await start(models())

    async def arms(request_id: str, note: str) -> list[common.AssignedArm]:
        order = pb.ComposeSongRequest(request_id=request_id, artist_id=artist_id, run_id="run_1", note=note)
        song = [update async for update in orchestrator.stub.ComposeSong(order, timeout=60)][-1].song
        brief = (await artist_db.stub.GetBrief(db.GetBriefRequest(brief_id=song.brief_id))).brief
        assert list(brief.persona.moods) == [song.brief.mood]
        assert song.brief.mood in ("furious", "tender")
        return list(brief.arms)

    first = await arms("s-1", "")
    assert {arm.kind for arm in first} == {common.ARM_KIND_PROMPT, common.ARM_KIND_PERSONA_FIELD}
    assert all(arm.followed for arm in first)
    assert await arms("s-2", "slower") == first
    direction = next(arm.value for arm in first if arm.kind == common.ARM_KIND_PROMPT)
    assert all(f"> {direction}" in asked.body["messages"][1]["content"] for asked in upstream.asked)
