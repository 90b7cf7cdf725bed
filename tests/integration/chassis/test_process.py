"""A service as a process: how it begins, how it ends, and what it says of its settings."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.chassis.clients import open_channel
from services.chassis.settings import ChassisSettings
from tests.support.echo_service import TOKENS, EchoRequest, EchoStub
from tests.support.processes import REPO, clean_environment, free_port

Process = asyncio.subprocess.Process


@asynccontextmanager
async def process(**variables: str) -> AsyncIterator[Process]:
    given = {"SHIP_ERRORS": "false", **variables}
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.echo_process",
        env=clean_environment(**{f"AIARTIST_{name}": value for name, value in given.items()}),
        cwd=REPO,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
            await started.wait()


async def log_until(running: Process, event: str) -> list[dict[str, Any]]:
    """The records up to the first of this event."""
    assert running.stderr is not None
    records: list[dict[str, Any]] = []
    async for line in running.stderr:
        records.append(json.loads(line))
        if records[-1]["event"] == event:
            return records
    raise AssertionError(f"the process ended without {event!r}: {records}")


async def the_end(running: Process) -> tuple[int, str]:
    """Exit status and the rest of standard error."""
    _, rest = await asyncio.wait_for(running.communicate(), 30)
    assert running.returncode is not None
    return running.returncode, rest.decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_a_service_in_order_though_somebody_watches_its_health(
    number: signal.Signals,
) -> None:
    async with process(STOP_GRACE_S="120") as running:
        serving = (await log_until(running, "serving"))[-1]
        async with open_channel(f"127.0.0.1:{serving['port']}", ChassisSettings()) as channel:
            assert await EchoStub(channel).call("Say", EchoRequest(text="hi"), timeout=10) == ["hi"]
            watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
            await watch.read()
            running.send_signal(number)
            status, rest = await the_end(running)
    assert status == 0
    assert json.loads(rest.splitlines()[-1])["event"] == "stopped"


async def test_a_service_shows_its_settings_without_secrets_when_it_begins() -> None:
    async with process(
        TOKENS=TOKENS, TOKEN="service-token-001", DATABASE_URL="postgresql://u:hunter2hunter2@h/d"
    ) as running:
        records = await log_until(running, "serving")
    starting = records[0]
    assert (starting["event"], starting["settings"]["host"]) == ("starting", "127.0.0.1")
    shown = json.dumps(records)
    for secret in ("hunter2", "service-token", "viewer-token"):
        assert secret not in shown


REFUSALS: dict[str, dict[str, str]] = {
    "AIARTIST_ECHO_PORT": {"ECHO_PORT": "many"},
    "AIARTIST_TOKENS": {"HOST": "0.0.0.0"},
    "AIARTIST_TLS_CERT": {"TLS_CERT": "absent.crt", "TLS_KEY": "absent.key"},
    "AIARTIST_TLS_CA": {"SHIP_ERRORS": "true", "TLS_CA": "absent.crt"},
}


@pytest.mark.parametrize("variable", REFUSALS)
async def test_a_service_that_cannot_start_says_why_in_one_line(variable: str) -> None:
    async with process(LOG_LEVEL="error", **REFUSALS[variable]) as running:
        status, said = await the_end(running)
    assert status == 1
    assert len(said.splitlines()) == 1, said
    assert said.startswith("aiartist: ")
    assert variable in said


async def test_a_second_service_on_the_same_port_says_so_in_one_line() -> None:
    port = str(free_port())
    async with process(ECHO_PORT=port) as first:
        await log_until(first, "serving")
        async with process(ECHO_PORT=port, LOG_LEVEL="error") as second:
            status, said = await the_end(second)
    assert status == 1
    assert len(said.splitlines()) == 1, said
    assert f"127.0.0.1:{port}" in said
    assert "AIARTIST_ECHO_PORT" in said


async def test_a_service_whose_worker_dies_ends_with_a_failure() -> None:
    async with process(ECHO_DIES="true") as running:
        records = await log_until(running, "a background task died")
        status, rest = await the_end(running)
    assert "nothing left to live for" in records[-1]["exception"]
    assert status == 1
    assert '"stopped"' in rest
