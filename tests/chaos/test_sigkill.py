"""SIGKILL at each stage: every run ends in one release, and no model is paid twice."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from aiartist.common.v1 import decision_pb2
from aiartist.scheduler.v1 import scheduler_pb2 as pb
from tests.support.fake_upstream import FakeUpstream, Hang
from tests.support.label import Label, environment_with_model
from tests.support.processes import Process, process

STAGES = (
    pb.STAGE_NAME_COMPOSE,
    pb.STAGE_NAME_PRODUCE,
    pb.STAGE_NAME_APPROVE,
    pb.STAGE_NAME_PACKAGE,
    pb.STAGE_NAME_PUBLISH,
    pb.STAGE_NAME_REFLECT,
)


@pytest.mark.chaos
@pytest.mark.timeout(600)
async def test_a_run_killed_in_each_stage_ends_in_one_release_and_pays_no_call_twice(tmp_path: Path) -> None:
    async with FakeUpstream() as upstream:
        environment = environment_with_model(tmp_path, upstream.url)
        label = Label(environment, tmp_path / "catalog")
        async with process("all", environment, tmp_path / "platform.log") as platform:
            await platform.ready("scheduler")
            artist_id = await label.take_on()
            runs = []
            for stage in STAGES:
                # The stage that waits for a person is only there without autopilot.
                autopilot = stage != pb.STAGE_NAME_APPROVE
                asked = Hang()
                if stage == pb.STAGE_NAME_COMPOSE:
                    upstream.next("scripted", asked)
                run_id = await label.start(artist_id, autopilot=autopilot)
                await _until_in(label, run_id, stage)
                if stage == pb.STAGE_NAME_COMPOSE:
                    # In the middle of the ask: the model was called and has not answered.
                    await asked.started.wait()
                await platform.kill()
                await _start_again(platform)
                if not autopilot:
                    await _approve(label, run_id)
                runs.append(await label.until(run_id, pb.RUN_STATE_RELEASED))
            await _one_release_each(label, runs)
            assert upstream.answered.total() > 0
            assert {key: times for key, times in upstream.answered.items() if times > 1} == {}
        await label.close()


@pytest.mark.chaos
@pytest.mark.timeout(300)
async def test_a_run_killed_again_and_again_at_any_moment_ends_in_one_release(tmp_path: Path) -> None:
    async with FakeUpstream() as upstream:
        environment = environment_with_model(tmp_path, upstream.url)
        label = Label(environment, tmp_path / "catalog")
        async with process("all", environment, tmp_path / "platform.log") as platform:
            await platform.ready("scheduler")
            run_id = await label.start(await label.take_on())
            # Moments that no stage knows of: prime numbers of hundredths of a second after it came up.
            for after_s in (0.23, 0.71, 1.63, 2.57):
                await asyncio.sleep(after_s)
                await platform.kill()
                await _start_again(platform)
            runs = [await label.until(run_id, pb.RUN_STATE_RELEASED)]
            await _one_release_each(label, runs)
        await label.close()


async def _start_again(platform: Process) -> None:
    await platform.start()
    await platform.ready("scheduler")


async def _until_in(label: Label, run_id: str, stage: pb.StageName.ValueType) -> None:
    while (await label.run(run_id)).stage != stage:
        await asyncio.sleep(0.005)


async def _approve(label: Label, run_id: str) -> None:
    run = await label.until(run_id, pb.RUN_STATE_AWAITING_APPROVAL)
    # Asked: the state says so a moment earlier.
    while run.stages[-1].state != pb.StageExecution.STATE_WAITING:
        run = await label.run(run_id)
    request = pb.DecideRunRequest(
        request_id=f"approve {run_id}",
        run_id=run_id,
        verdict=decision_pb2.VERDICT_APPROVED,
        content_digest=run.content_digest,
        decided_by="test",
    )
    await label.runs.DecideRun(request, timeout=10)


async def _one_release_each(label: Label, runs: list[pb.Run]) -> None:
    for run in runs:
        releases = await label.releases(run.id)
        assert len(releases) == 1
        assert len(releases[0].publications) == 1
    published = label.catalog.glob("rel_*")
    assert sorted(str(folder) for folder in published) == sorted(run.location for run in runs)
    titles = [run.title for run in runs]
    assert len(set(titles)) == len(titles)
    audio = {_audio_digest(run) for run in runs}
    assert len(audio) == len(runs)


def _audio_digest(run: pb.Run) -> str:
    (audio,) = Path(run.location).glob("audio/*.flac")
    return hashlib.sha256(audio.read_bytes()).hexdigest()
