"""What a stranger may run into when starting the platform: one line that says what and what to do."""

import asyncio
import socket
import sys
from pathlib import Path

import asyncpg
import pytest

from tests.support.processes import REPO, clean_environment, free_port, ports_environment


async def test_a_taken_port_is_named_with_its_setting(tmp_path: Path, database_url: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, told = await _serve(
            tmp_path, "notifier", AIARTIST_DATABASE_URL=database_url, AIARTIST_NOTIFIER_PORT=str(port)
        )
    assert status == 1
    assert f"127.0.0.1:{port}" in told
    assert "AIARTIST_NOTIFIER_PORT" in told
    assert "Traceback" not in told


async def test_a_database_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    status, told = await _serve(
        tmp_path, "artist_db", AIARTIST_DATABASE_URL=f"postgresql://label:hush-hush@{address}/label"
    )
    assert status == 1
    assert address in told
    assert "AIARTIST_DATABASE_URL" in told
    assert "hush-hush" not in told
    assert "Traceback" not in told


async def test_a_service_without_a_database_setting_says_which_one_it_needs(tmp_path: Path) -> None:
    status, told = await _serve(tmp_path, "scheduler")
    assert status == 1
    assert "AIARTIST_DATABASE_URL" in told
    assert "Traceback" not in told


async def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path, database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "INSERT INTO notifier.migrations (number, name, sha256) VALUES (9999, '9999_future', 'x')"
    )
    await connection.close()
    status, told = await _serve(tmp_path, "all", AIARTIST_DATABASE_URL=database_url)
    assert status == 1
    assert "newer version" in told
    assert "upgrade aiartist" in told
    assert "Traceback" not in told


async def test_a_data_folder_of_another_postgresql_is_left_alone(tmp_path: Path) -> None:
    postgres = tmp_path / "data" / "postgres"
    postgres.mkdir(parents=True)
    (postgres / "PG_VERSION").write_text("99\n")
    status, told = await _serve(tmp_path, "all")
    assert status == 1
    assert "another version" in told
    assert "AIARTIST_DATA_DIR" in told
    assert "Traceback" not in told


async def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    status, told = await _serve(tmp_path, "all", AIARTIST_DATA_DIR=str(tmp_path / "file" / "data"))
    assert status == 1
    assert str(tmp_path / "file") in told
    assert "AIARTIST_DATA_DIR" in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("variable", "value"),
    [("AIARTIST_NOTIFIER_PORT", "99999"), ("AIARTIST_LOG_LEVEL", "loud"), ("AIARTIST_TOKENS", "vera:boss:x")],
)
async def test_a_wrong_setting_is_named(tmp_path: Path, database_url: str, variable: str, value: str) -> None:
    status, told = await _serve(
        tmp_path, "notifier", **{"AIARTIST_DATABASE_URL": database_url, variable: value}
    )
    assert status == 1
    assert variable in told
    assert "Traceback" not in told


async def test_an_open_door_needs_tokens(tmp_path: Path, database_url: str) -> None:
    status, told = await _serve(
        tmp_path, "notifier", AIARTIST_DATABASE_URL=database_url, AIARTIST_HOST="0.0.0.0"
    )
    assert status == 1
    assert "AIARTIST_TOKENS" in told


async def _serve(folder: Path, target: str, **environment: str) -> tuple[int, str]:
    """Exit status and output of a `serve` that must end by itself."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", "serve", "--target", target, cwd=REPO,
        env=clean_environment(
            **{**ports_environment(), "AIARTIST_DATA_DIR": str(folder / "data"), **environment}
        ),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode is not None
    return process.returncode, output.decode()
