"""The whole platform in containers, asked, killed and stopped from outside, as its operator would."""

import asyncio
import json
import time
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from pydantic import SecretStr

from aiartist.release.v1 import release_pb2, release_pb2_grpc
from aiartist.scheduler.v1 import scheduler_pb2 as pb
from services.chassis.clients import open_channel
from services.chassis.errors import remote_error
from services.chassis.settings import ChassisSettings
from tests.support.containers import SERVICES, Container, Project
from tests.support.label import Label

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1_500)]

PORTS = {
    "scheduler": 50051,
    "artist_db": 50052,
    "orchestrator": 50053,
    "release": 50054,
    "notifier": 50055,
    "error_analyzer": 50056,
}
GIB = 2**30


def addresses(project: Project) -> dict[str, str]:
    """Where each service is reached from this machine, over all of its replicas."""
    return {
        f"AIARTIST_{service.upper()}_ADDR": "ipv4:"
        + ",".join(container.published(PORTS[service]) for container in project.running(service))
        for service in SERVICES
    }


@pytest.fixture
async def label(project: Project, catalog: Path) -> AsyncIterator[Label]:
    """The owner, with the token that the platform made up."""
    token = project.compose("run", "--rm", "-T", "--entrypoint", "cat", "cli", "/run/aiartist/aiartist_token")
    label = Label(addresses(project), catalog, token.strip())
    yield label
    await label.close()


def test_every_container_is_confined_and_all_fit_into_8_gigabytes(project: Project) -> None:
    containers = project.containers()
    assert {container.service for container in containers} >= {*SERVICES, "model", "postgres", "migrate"}
    for container in containers:
        host = container.host
        assert 0 < host["Memory"] <= 3 * GIB, container.service
        assert "no-new-privileges:true" in host["SecurityOpt"], container.service
        for bound in (host["PortBindings"] or {}).values():
            assert {one["HostIp"] for one in bound} == {"127.0.0.1"}, container.service
        if container.service == "postgres":
            continue
        assert container.facts["Config"]["User"] == "10001:10001", container.service
        assert host["ReadonlyRootfs"], container.service
        assert host["CapDrop"] == ["ALL"], container.service
        shown = json.dumps(container.facts["Config"]["Env"])
        assert "platform:service:" not in shown, f"{container.service} shows its tokens"
    lasting = [container for container in containers if container.running]
    # What `--profile observability` adds.
    dashboards = 2 * 384 * 2**20
    assert sum(container.host["Memory"] for container in lasting) + dashboards <= 8 * GIB


async def test_nobody_is_served_without_a_token(project: Project, catalog: Path) -> None:
    stranger = Label(addresses(project), catalog)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stranger.take_on()
    await stranger.close()
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert remote_error(refused.value).remote_reason == "ERROR_REASON_UNAUTHENTICATED"


async def test_a_release_is_made_from_outside(project: Project, label: Label) -> None:
    artist_id = await label.take_on("Container Test")
    run = await label.until(await label.start(artist_id), pb.RUN_STATE_RELEASED, within_s=600)
    (release,) = await label.releases(run.id)
    assert await problems(label, release.id) == []
    assert published(project) == {release.id}


async def test_containers_killed_in_the_middle_of_a_run_cost_nothing(project: Project, label: Label) -> None:
    project.compose("up", "--detach", "--no-recreate", "--scale", "scheduler=2", "--scale", "release=2")
    project.until_healthy(replicas={"scheduler": 2, "release": 2})
    before = published(project)
    label = Label(addresses(project), label.catalog, label.token)
    artist_id = await label.take_on("Killed In Between")
    run_id = await label.start(artist_id)

    await label.until(run_id, pb.RUN_STATE_COMPOSING, pb.RUN_STATE_PRODUCING, within_s=120)
    driver = await at_work(project, "scheduler", 9101, "aiartist_scheduler_runs_in_hand")
    await asyncio.to_thread(driver.kill)

    await label.until(run_id, pb.RUN_STATE_PRODUCING, within_s=300)
    studio = await at_work(project, "release", 9104, "aiartist_release_workers", state="busy")
    await asyncio.to_thread(studio.kill)

    run = await label.until(run_id, pb.RUN_STATE_RELEASED, within_s=600)
    assert len(await label.releases(run.id)) == 1
    assert len(published(project) - before) == 1
    await label.close()

    project.compose("up", "--detach", "--no-recreate", "--scale", "scheduler=2", "--scale", "release=2")
    project.until_healthy(replicas={"scheduler": 2, "release": 2})


def test_prometheus_scrapes_every_replica(project: Project) -> None:
    project.compose(
        "--profile", "observability", "up", "--detach", "--no-deps", "--no-recreate", "prometheus"
    )
    (prometheus,) = project.running("prometheus")
    address = f"http://{prometheus.published(9090)}/api/v1/targets"
    wanted = {service: len(project.running(service)) for service in SERVICES}
    until, up = time.monotonic() + 180, {}
    while up != wanted and time.monotonic() < until:
        time.sleep(2)
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                targets = json.load(answer)["data"]["activeTargets"]
        except OSError:
            # It is starting.
            continue
        up = {
            service: sum(
                target["health"] == "up" and target["labels"]["job"] == service for target in targets
            )
            for service in SERVICES
        }
    assert up == wanted


def test_a_database_that_goes_away_is_seen_and_its_return_too(project: Project) -> None:
    project.compose("stop", "postgres")
    until = time.monotonic() + 180
    while any(container.health == "healthy" for container in project.running("artist_db")):
        assert time.monotonic() < until, "artist_db still says that it is healthy"
        time.sleep(1)
    project.compose("start", "postgres")
    counts = {service: len(project.running(service)) for service in SERVICES}
    project.until_healthy(replicas=counts)


def test_stopped_containers_drain_and_end_well(project: Project) -> None:
    for service in (*SERVICES, "model"):
        container = project.running(service)[0]
        container.stop()
        (now,) = [one for one in project.containers(service) if one.id == container.id]
        # 137 would be SIGKILL, after the grace.
        assert now.exit_code == 0, service
        assert not now.facts["State"]["OOMKilled"], service


async def test_a_backup_brings_back_what_there_was(project: Project, label: Label) -> None:
    project.compose("up", "--detach")
    project.until_healthy()
    project.compose("run", "--rm", "-T", "backup")
    (backup,) = Path(project.environment["BACKUP_FOLDER"]).glob("aiartist-*")
    before = published(project)
    assert before
    label = Label(addresses(project), label.catalog, label.token)
    await label.take_on("After The Backup")
    await label.close()

    project.compose("stop")
    project.compose(
        "run", "--rm", "-T", "backup", "deploy/backup/restore.sh", "--replace", f"/backups/{backup.name}"
    )
    project.compose("up", "--detach")
    project.until_healthy()
    label = Label(addresses(project), label.catalog, label.token)
    names = {artist.persona.name for artist in await label.all_artists()}
    assert "Container Test" in names
    assert "After The Backup" not in names
    assert published(project) == before
    for release_id in before:
        assert await problems(label, release_id) == []
    await label.close()


def test_what_a_platform_made_up_stays_over_a_restart(project: Project) -> None:
    def read(name: str) -> str:
        return project.compose(
            "run", "--rm", "-T", "--no-deps", "--entrypoint", "cat", "cli", f"/run/aiartist/{name}"
        )

    before = [read("aiartist_tokens"), read("aiartist_database_url")]
    project.compose("down")
    project.compose("up", "--detach")
    project.until_healthy()
    assert [read("aiartist_tokens"), read("aiartist_database_url")] == before


async def problems(label: Label, release_id: str) -> list[str]:
    """What is wrong with a release, from the hash of each file to the loudness of its audio."""
    settings = ChassisSettings(token=SecretStr(label.token), ship_errors=False)
    async with open_channel(label.environment["AIARTIST_RELEASE_ADDR"], settings) as channel:
        found = await release_pb2_grpc.ReleaseServiceStub(channel).VerifyRelease(
            release_pb2.VerifyReleaseRequest(release_id=release_id), timeout=120
        )
    return [str(problem) for problem in found.problems]


def published(project: Project) -> set[str]:
    """The releases in the catalogue's folder."""
    container = project.running("release")[0]
    listed = container.python("import os; print(*os.listdir('/data/releases'))")
    return {name for name in listed.split() if name.startswith("rel_")}


async def at_work(project: Project, service: str, port: int, name: str, **labels: str) -> Container:
    """The replica whose metric says that it works just now."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        for container in await asyncio.to_thread(project.running, service):
            if await asyncio.to_thread(lambda one=container: one.metric(port, name, **labels)):
                return container
        await asyncio.sleep(0.2)
    raise AssertionError(f"no replica of {service} works")
