"""TLS from end to end, and what is said where the files are no good."""

from pathlib import Path

import grpc
import pytest
from pydantic import SecretStr

from services.chassis.clients import open_channel
from services.chassis.errors import SetupError
from services.chassis.settings import ChassisSettings
from tests.support.certificates import Certificate, make_certificate
from tests.support.echo_service import TOKENS, Echo, EchoRequest, EchoStub, build, running_echo


@pytest.fixture
def ours(tmp_path: Path) -> Certificate:
    return make_certificate(tmp_path, "ours")


def server_settings(files: Certificate) -> ChassisSettings:
    return ChassisSettings(tls_cert=files.cert, tls_key=files.key, ship_errors=False)


async def test_a_client_that_trusts_the_certificate_is_served_with_its_token(ours: Certificate) -> None:
    client = ChassisSettings(tls_ca=ours.cert, token=SecretStr("operator-token-01"))
    async with running_echo(tls_cert=ours.cert, tls_key=ours.key, tokens=TOKENS, client=client) as running:
        for method in ("Say", "Repeat"):
            assert set(await running.stub.call(method, EchoRequest(text="hi"), timeout=10)) == {"hi"}


async def test_a_client_that_speaks_plain_is_not_served(ours: Certificate) -> None:
    async with running_echo(tls_cert=ours.cert, tls_key=ours.key) as running:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await running.stub.call("Say", EchoRequest(), timeout=10)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_client_that_trusts_another_certificate_does_not_talk(
    ours: Certificate, tmp_path: Path
) -> None:
    theirs = make_certificate(tmp_path, "theirs")
    client = ChassisSettings(tls_ca=theirs.cert)
    async with running_echo(tls_cert=ours.cert, tls_key=ours.key, client=client) as running:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await running.stub.call("Say", EchoRequest(), timeout=10)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("broken", ["cert", "key"])
@pytest.mark.parametrize("how", ["absent", "garbage", "empty"])
async def test_files_that_are_no_certificate_are_told_by_their_settings(
    ours: Certificate, broken: str, how: str
) -> None:
    file: Path = getattr(ours, broken)
    if how == "absent":
        file.unlink()
    else:
        file.write_text("garbage" if how == "garbage" else "")
    with pytest.raises(SetupError, match=r"AIARTIST_TLS_CERT .*AIARTIST_TLS_KEY") as refused:
        await build(server_settings(ours), Echo())
    assert str(file) in str(refused.value)


async def test_a_key_of_another_certificate_is_told(ours: Certificate, tmp_path: Path) -> None:
    theirs = make_certificate(tmp_path, "theirs")
    with pytest.raises(SetupError, match="AIARTIST_TLS_KEY"):
        await build(server_settings(Certificate(ours.cert, theirs.key)), Echo())


async def test_a_missing_authority_is_told_by_its_setting(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="AIARTIST_TLS_CA: cannot read"):
        open_channel("127.0.0.1:1", ChassisSettings(tls_ca=tmp_path / "absent.crt"))


async def test_a_service_can_be_called_by_name(ours: Certificate) -> None:
    client = ChassisSettings(tls_ca=ours.cert)
    async with (
        running_echo(tls_cert=ours.cert, tls_key=ours.key) as running,
        open_channel(f"localhost:{running.app.port}", client) as channel,
    ):
        assert await EchoStub(channel).call("Say", EchoRequest(text="hi"), timeout=10) == ["hi"]
