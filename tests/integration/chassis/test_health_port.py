"""The plain port for probes, and the probe that containers run."""

import asyncio
import os
import socket
import sys
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pydantic import SecretStr

from services.chassis import lifecycle
from services.chassis.errors import SetupError
from services.chassis.health import LIVENESS, READINESS
from services.chassis.settings import ChassisSettings
from tests.support.certificates import make_certificate
from tests.support.echo_service import SERVICE, TOKENS, Echo, build, running_echo

REPO = Path(__file__).resolve().parents[3]


async def probe(port: int | str, *names: str) -> tuple[int, str]:
    """Exit status and what it said."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{REPO}:{REPO / 'gen'}",
        "AIARTIST_HEALTH_PORT": str(port),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.chassis.probe",
        *names,
        env=environment,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, said.decode().strip()


async def test_health_is_told_in_the_clear_beside_a_server_with_tls_and_tokens(tmp_path: Path) -> None:
    files = make_certificate(tmp_path, "ours")
    client = ChassisSettings(tls_ca=files.cert, token=SecretStr("operator-token-01"))
    async with running_echo(
        tls_cert=files.cert, tls_key=files.key, tokens=TOKENS, health_port=0, client=client
    ) as running:
        port = running.app.server.health_port
        assert port is not None
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            for name in (LIVENESS, READINESS, SERVICE, ""):
                answer = await stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=10)
                assert answer.status == health_pb2.HealthCheckResponse.SERVING
            # Nothing else is to be had there.
            say = channel.unary_unary(f"/{SERVICE}/Say")
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await say(b"", timeout=10)
            assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_the_probe_sees_a_service_that_serves_one_that_does_not_and_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Its readiness is what this test says.
    monkeypatch.setattr(lifecycle, "PROBE_INTERVAL_S", 3_600.0)
    async with running_echo(health_port=0) as running:
        port = running.app.server.health_port
        assert port is not None
        assert await probe(port) == (0, "readiness: SERVING")
        await running.app.server.health.set_ready(False)
        assert await probe(port) == (1, "readiness: NOT_SERVING")
        assert await probe(port, "liveness") == (0, "liveness: SERVING")
        assert await probe(port, "nonsense") == (1, "nonsense: NOT_FOUND")
    assert await probe(port) == (1, "readiness: UNAVAILABLE")
    code, said = await probe("")
    assert code == 2
    assert "AIARTIST_HEALTH_PORT" in said


async def test_a_health_port_that_is_taken_is_named() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SetupError, match=f"127.0.0.1:{port}.*AIARTIST_HEALTH_PORT"):
            await build(ChassisSettings(health_port=port, ship_errors=False), Echo())
