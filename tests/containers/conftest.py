"""One platform in containers for all tests of this folder, from the files that a newcomer has."""

import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.containers import IMAGES, Project, run
from tests.support.processes import REPO, free_port


@pytest.fixture(scope="session")
def images() -> tuple[str, ...]:
    """The names of all images, which `make test-containers` has built from this tree."""
    version = run("make", "-s", "version").strip()
    return tuple(f"aiartist/{name}:{version}" for name in IMAGES)


@pytest.fixture(scope="session")
def project(images: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Up and healthy, with .env as it is copied; gone with its data afterwards."""
    env_file = tmp_path_factory.mktemp("project") / ".env"
    shutil.copy(REPO / ".env.example", env_file)
    variables = {
        **_ports(),
        "BACKUP_FOLDER": str(tmp_path_factory.mktemp("backups")),
        # What these tests are about is not filmed, and seen again sooner.
        "AIARTIST_RELEASE_VIDEO": "off",
        "AIARTIST_SCHEDULER_BACKOFF_MAX_S": "5",
    }
    project = Project(f"aiartist-test-{secrets.token_hex(4)}", env_file, variables)
    try:
        project.compose("up", "--detach")
        project.until_healthy()
        yield project
    finally:
        project.down()


def _ports() -> dict[str, str]:
    """Where the services are published: four in a row for those that get a second replica."""
    found = {"PROMETHEUS_PORT": str(free_port())}
    for service in ("SCHEDULER", "RELEASE"):
        first = _four_in_a_row()
        found[f"{service}_PORTS"] = f"{first}-{first + 3}"
    for service in ("ARTIST_DB", "ORCHESTRATOR", "NOTIFIER", "ERROR_ANALYZER"):
        found[f"{service}_PORTS"] = str(free_port())
    return found


def _four_in_a_row() -> int:
    while True:
        first = free_port()
        try:
            with ExitStack() as held:
                for port in range(first, first + 4):
                    held.enter_context(socket.socket()).bind(("127.0.0.1", port))
        except OSError:
            continue
        for _ in range(3):
            free_port()
        return first


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return tmp_path / "releases"
