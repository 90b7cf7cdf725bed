"""`aiartist doctor`: what it finds when all is well, when parts are down, and when everything is."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from cli import checks
from cli.checks import data_dir_checks, known_migrations
from tests.support.command import Finished, invoke, run_command
from tests.support.fake_services import FakePlatform

SERVICES = ["scheduler", "artist_db", "orchestrator", "release", "notifier", "error_analyzer"]
MODELS = '{"data": [{"id": "smollm2"}]}'


@asynccontextmanager
async def model_server(body: str = MODELS, status: str = "200 OK", key: str = "") -> AsyncIterator[str]:
    """A model server as far as `GET /v1/models` goes; with a key, for those who know it."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        found = status if request.startswith(b"GET /v1/models ") else "404 Not Found"
        if key and f"authorization: bearer {key}\r\n" not in request.decode().lower():
            found = "401 Unauthorized"
        writer.write(
            f"HTTP/1.1 {found}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
        )
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def by_name(done: Finished) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


async def test_where_all_is_well_everything_passes(platform: FakePlatform, tmp_path: Path, database_url: str):
    async with model_server() as model:
        env = {
            **platform.environment,
            "AIARTIST_DATA_DIR": str(tmp_path),
            "AIARTIST_DATABASE_URL": database_url,
            "AIARTIST_MODEL_URL": f"{model}/v1",
        }
        done = await invoke("doctor", "--json", env=env)
    assert done.code == 0, done.stdout
    found = by_name(done)
    assert list(found) == [
        "settings",
        "data folder",
        "disk",
        "database",
        "migrations",
        "database clock",
        "local model",
        "model providers",
        "telegram",
        "music provider builtin",
        *SERVICES,
    ]
    assert {check["status"] for check in found.values()} <= {"pass", "warn"}
    assert found["local model"]["detail"] == "smollm2"
    assert json.loads(done.stdout)["ok"] is True


async def test_the_table_says_the_same_to_people(platform: FakePlatform, tmp_path: Path):
    async with model_server() as model:
        env = {**platform.environment, "AIARTIST_DATA_DIR": str(tmp_path), "AIARTIST_MODEL_URL": model}
        done = await invoke("doctor", env=env)
    assert done.code == 0
    assert done.stdout.splitlines()[-1].startswith("all is well")
    assert max(len(line) for line in done.stdout.splitlines()) <= 100


async def test_where_everything_is_down_it_says_so_with_remedies(tmp_path: Path):
    env = {f"AIARTIST_{name.upper()}_ADDR": "127.0.0.1:1" for name in SERVICES}
    env |= {
        "AIARTIST_DATA_DIR": str(tmp_path),
        "AIARTIST_MODEL_URL": "http://127.0.0.1:1",
        "AIARTIST_DATABASE_URL": "postgresql://app:s3cret@127.0.0.1:1/label",
    }
    done = await run_command("doctor", "--json", env=env)
    assert done.code == 1
    found = by_name(done)
    failed = {name for name, check in found.items() if check["status"] == "fail"}
    assert failed == {"database", "local model", *SERVICES}
    assert all(found[name]["remedy"] for name in failed)
    assert "s3cret" not in done.stdout
    assert found["scheduler"]["remedy"] == "start it with: make up"


async def test_services_that_are_up_but_not_ready_fail(platform: FakePlatform):
    await platform.stop()
    await platform.start(ready=False)
    done = await invoke("doctor", "--json", env=platform.environment)
    found = by_name(done)
    assert found["notifier"]["status"] == "fail"
    assert "not ready" in found["notifier"]["detail"]


async def test_every_wrong_variable_is_a_row_and_the_rest_is_still_checked(platform: FakePlatform):
    env = {
        **platform.environment,
        "AIARTIST_RELEASE_ADDR": "x",
        "AIARTIST_TOKENS": "a",
        "AIARTIST_LOG_LEVEL": "loud",
    }
    done = await invoke("doctor", "--json", env=env)
    rows = [c for c in json.loads(done.stdout)["checks"] if c["name"] == "settings"]
    assert sorted(row["detail"].partition(":")[0] for row in rows) == [
        "AIARTIST_LOG_LEVEL",
        "AIARTIST_RELEASE_ADDR",
        "AIARTIST_TOKENS",
    ]
    assert {row["status"] for row in rows} == {"fail"}
    assert by_name(done)["scheduler"]["status"] == "pass"


async def test_a_database_without_migrations_fails_with_the_command_that_helps(empty_database_url: str):
    done = await invoke("doctor", "--json", env={"AIARTIST_DATABASE_URL": empty_database_url})
    found = by_name(done)
    assert found["database"]["status"] == "pass"
    assert found["migrations"]["detail"] == f"missing in: {', '.join(known_migrations())}"
    assert found["migrations"]["remedy"] == "run: aiartist migrate"


async def test_a_database_of_a_newer_version_fails(database_url: str):
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(
            "INSERT INTO notifier.migrations (number, name, sha256) VALUES (99, '0099_later', 'x')"
        )
    finally:
        await connection.close()
    done = await invoke("doctor", "--json", env={"AIARTIST_DATABASE_URL": database_url})
    assert by_name(done)["migrations"]["detail"] == "of a newer version: notifier"


async def test_without_a_database_of_ones_own_the_embedded_one_is_named(tmp_path: Path):
    done = await invoke("doctor", "--json", env={"AIARTIST_DATA_DIR": str(tmp_path)})
    found = by_name(done)
    assert found["database"]["detail"].startswith("embedded, in ")
    assert "migrations" not in found


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [("nope", "200 OK", "as a model server does"), (MODELS, "503 Service Unavailable", "answers 503")],
)
async def test_a_model_server_that_answers_rubbish_fails(body: str, status: str, expected: str):
    async with model_server(body, status) as model:
        done = await invoke("doctor", "--json", env={"AIARTIST_MODEL_URL": model})
    model_check = by_name(done)["local model"]
    assert model_check["status"] == "fail"
    assert expected in model_check["detail"]


async def test_a_model_server_that_wants_a_key_is_shown_it():
    async with model_server(key="a-key-of-ours") as model:
        without = await invoke("doctor", "--json", env={"AIARTIST_MODEL_URL": model})
        knowing = {"AIARTIST_MODEL_URL": model, "AIARTIST_MODEL_API_KEY": "a-key-of-ours"}
        with_it = await invoke("doctor", "--json", env=knowing)
    refused = by_name(without)["local model"]
    assert "answers 401" in refused["detail"]
    assert refused["remedy"] == "set AIARTIST_MODEL_API_KEY"
    assert by_name(with_it)["local model"]["status"] == "pass"


async def test_with_a_provider_key_the_local_model_is_only_missed_and_the_key_never_shown():
    env = {
        "AIARTIST_MODEL_URL": "http://127.0.0.1:1",
        "OPENAI_API_KEY": "sk-very-secret",
        "GROQ_API_KEY": "gsk-also",
    }
    done = await invoke("doctor", "--json", env=env)
    found = by_name(done)
    assert found["local model"]["status"] == "warn"
    assert found["model providers"]["detail"] == "keys for: openai, groq"
    assert "secret" not in done.stdout


def test_a_data_folder_that_is_a_file_fails(tmp_path: Path):
    (tmp_path / "data").write_text("x")
    written, _ = data_dir_checks(tmp_path / "data")
    assert written.status == "fail"
    assert written.remedy


def test_a_data_folder_that_is_not_there_yet_passes(tmp_path: Path):
    written, _ = data_dir_checks(tmp_path / "a" / "b")
    assert written.status == "pass"
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("free", "status"),
    [(100 << 20, "fail"), (1 << 30, "warn"), (3 << 30, "pass")],
    ids=["100 MiB", "1 GiB", "3 GiB"],
)
def test_little_room_warns_and_too_little_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, status: str
):
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda _folder: type("Usage", (), {"free": free})())
    _, room = data_dir_checks(tmp_path)
    assert room.status == status
