"""An upgrade across a migration: the code of before it works on the schema of after it, until it is replaced.

The old code is the tree of before the newest migration was added, taken out of the project's history. It
runs as processes of its own, in the same environment.
"""

import asyncio
import io
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import pytest

from aiartist.scheduler.v1 import scheduler_pb2 as pb
from tests.support.fake_upstream import FakeUpstream
from tests.support.label import Label, environment_with_model
from tests.support.processes import REPO, SERVICES, Process, clean_environment, free_port, process

pytestmark = [pytest.mark.k8s, pytest.mark.timeout(580)]


def _git(*arguments: str) -> bytes:
    ran = subprocess.run(["git", *arguments], cwd=REPO, capture_output=True, timeout=60, check=False)
    if ran.returncode != 0:
        pytest.skip(f"the history is not here: git {arguments[0]}: {ran.stderr.decode().strip()}")
    return ran.stdout


def before_the_newest_migration() -> tuple[str, Path]:
    """The last commit without it, and its file. One that is not committed yet is the newest of all."""
    newest: tuple[float, str, Path] | None = None
    for path in sorted(REPO.glob("services/*/sql/migrations/*.sql")):
        added = _git("log", "--diff-filter=A", "--format=%ct %H", "--", str(path)).decode().split()
        when, commit = (float(added[-2]), f"{added[-1]}^") if added else (float("inf"), "HEAD")
        if newest is None or when >= newest[0]:
            newest = (when, commit, path)
    assert newest is not None
    return newest[1], newest[2]


@pytest.fixture(scope="module")
def old_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree of that commit; of the one before it where its programs do not even start, and so on.

    A change that came as several commits may not run in between, and such a tree was never rolled out.
    """
    newest, _ = before_the_newest_migration()
    for commit in _git("rev-list", "--first-parent", "--max-count=20", newest).decode().split():
        folder = tmp_path_factory.mktemp("old")
        with tarfile.open(fileobj=io.BytesIO(_git("archive", commit))) as archive:
            archive.extractall(folder, filter="data")
        if _starts(folder):
            return folder
    raise AssertionError(f"none of the 20 commits up to {newest} has programs that start")


def _starts(tree: Path) -> bool:
    modules = ["cli.main", "cli.migrate", "cli.serve", *(f"services.{service}.app" for service in SERVICES)]
    environment = {**clean_environment(), "PYTHONPATH": f"{tree}:{tree / 'gen'}"}
    imported = f"import {', '.join(modules)}"
    command = [sys.executable, "-c", imported]
    return not subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, timeout=120, check=False
    ).returncode


async def migrate(tree: Path, environment: Mapping[str, str]) -> str:
    """`aiartist migrate` of a tree; what it printed."""
    ran = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", "migrate",
        env={**environment, "PYTHONPATH": f"{tree}:{tree / 'gen'}"}, cwd=tree,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    printed, _ = await asyncio.wait_for(ran.communicate(), 60)
    assert ran.returncode == 0, printed.decode()
    return printed.decode()


async def migrations(url: str) -> dict[str, int]:
    """How many each schema has."""
    connection = await asyncpg.connect(url)
    try:
        return {
            schema: await connection.fetchval(f"SELECT count(*) FROM {schema}.migrations")
            for schema in ("artist_db", "notifier", "scheduler")
        }
    finally:
        await connection.close()


async def test_new_code_waits_for_the_migration_and_old_code_needs_none(
    old_tree: Path, tmp_path: Path, empty_database_url: str
) -> None:
    _, newest = before_the_newest_migration()
    service = newest.relative_to(REPO / "services").parts[0]
    environment = {
        **environment_with_model(tmp_path, "http://127.0.0.1:1/v1"),
        "AIARTIST_DATABASE_URL": empty_database_url,
    }
    await migrate(old_tree, environment)
    async with process(service, environment, tmp_path / "new.log") as early:
        assert await asyncio.wait_for(early.running.wait(), 60) == 1
    assert "the database is older than this version" in early.log.read_text()
    async with process(service, environment, tmp_path / "old.log", old_tree) as old:
        await old.ready(service)
        assert newest.stem in await migrate(REPO, environment)
        assert await old.stop() == 0
    async with (
        process(service, environment, tmp_path / "old-again.log", old_tree) as again,
        process(service, _elsewhere(environment, service), tmp_path / "new-again.log") as new,
    ):
        await again.ready(service)
        await new.ready(service)


async def test_songs_are_made_through_an_upgrade(
    old_tree: Path, tmp_path: Path, empty_database_url: str
) -> None:
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(FakeUpstream())
        environment = {
            **environment_with_model(tmp_path, upstream.url),
            "AIARTIST_DATABASE_URL": empty_database_url,
        }
        label = Label(environment, tmp_path / "catalog")
        stack.push_async_callback(label.close)
        await migrate(old_tree, environment)
        before = await migrations(empty_database_url)
        running: dict[str, Process] = {}
        for service in SERVICES:
            log = tmp_path / f"{service}-old.log"
            running[service] = await stack.enter_async_context(process(service, environment, log, old_tree))
        for service in SERVICES:
            await running[service].ready(service)
        artist_id = await label.take_on()

        during = await label.start(artist_id)
        await label.until(during, pb.RUN_STATE_PRODUCING)
        await migrate(REPO, environment)
        assert await migrations(empty_database_url) != before
        await label.until(during, pb.RUN_STATE_RELEASED)

        # From its first statement to its last, old code on the new schema.
        after = await label.start(artist_id)
        await label.until(after, pb.RUN_STATE_RELEASED)

        mixed = await label.start(artist_id)
        await label.until(mixed, pb.RUN_STATE_PRODUCING)
        # Old and new side by side while the song goes on, each service for a while.
        for service in ("artist_db", "notifier", "error_analyzer", "orchestrator", "release", "scheduler"):
            assert await running[service].stop() == 0
            log = tmp_path / f"{service}-new.log"
            new = await stack.enter_async_context(process(service, environment, log))
            await new.ready(service)
        await label.until(mixed, pb.RUN_STATE_RELEASED)

        for run_id in (during, after, mixed):
            (release,) = await label.releases(run_id)
            assert len(release.publications) == 1
        assert max(upstream.answered.values()) == 1


def _elsewhere(environment: Mapping[str, str], service: str) -> dict[str, str]:
    """The same with ports of its own, to run beside the other."""
    port, prefix = str(free_port()), f"AIARTIST_{service.upper()}"
    return {
        **environment,
        f"{prefix}_PORT": port,
        f"{prefix}_METRICS_PORT": str(free_port()),
        f"{prefix}_ADDR": f"127.0.0.1:{port}",
    }
