"""A real PostgreSQL for the whole test run, and a fresh, migrated database for each test."""

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from tests.support.postgres import TestServer, fresh_database


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test's settings are its own, whatever the shell that runs it has set."""
    for name in [name for name in os.environ if name.startswith("AIARTIST_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres() -> Iterator[TestServer]:
    """One server for all workers: the first starts it and fills the template, the last stops it."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", secrets.token_hex(8))
    # Short: a socket's path may not be long.
    folder = Path(tempfile.gettempdir()) / f"aiartist-tests-{run[:16]}"
    folder.mkdir(exist_ok=True)
    with TestServer.shared(folder) as server:
        with FileLock(folder / "template.lock"):
            asyncio.run(server.make_template())
        yield server
    if not (folder / "pg").exists():
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database_url(postgres: TestServer) -> Iterator[str]:
    """The address of a fresh database with every service's schema."""
    with fresh_database(postgres) as url:
        yield url


@pytest.fixture
def empty_database_url(postgres: TestServer) -> Iterator[str]:
    """The address of a fresh database without anything in it."""
    with fresh_database(postgres, migrated=False) as url:
        yield url
