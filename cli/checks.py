"""What doctor looks at. Each check answers within a few seconds, whatever is down."""

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import asyncpg
import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pydantic import SecretStr

import services
from cli.failures import ServiceFailure, explain
from cli.settings import SERVICES, CliSettings, ProviderKeys
from cli.texts import plain
from services.chassis.clients import open_channel
from services.chassis.database import public_address
from services.chassis.errors import RemoteError, SetupError, remote_error

Status = Literal["pass", "warn", "fail"]
TIMEOUT_S = 5.0
LOW_BYTES, TOO_LOW_BYTES = 2 << 30, 200 << 20
_SKEW_WARN_S, _SKEW_FAIL_S = 2.0, 60.0
_MAX_MODELS = 3


@dataclass(frozen=True, slots=True)
class Check:
    """One line of doctor's table; a remedy where there is something to do."""

    name: str
    status: Status
    detail: str
    remedy: str = ""


async def all_checks(
    settings: CliSettings, wrong_settings: dict[str, str], *more: Awaitable[Sequence[Check]]
) -> list[Check]:
    """Everything, at the same time, in the table's order; `more` comes before the services."""
    groups: list[Awaitable[Sequence[Check]]] = [
        _now(settings_checks(wrong_settings)),
        _now(data_dir_checks(settings.data_dir)),
        database_checks(settings),
        model_checks(settings.model_url, ProviderKeys().present(), settings.model_api_key),
        *more,
        asyncio.gather(*(service_check(settings, name) for name in SERVICES)),
    ]
    return [check for group in await asyncio.gather(*groups) for check in group]


async def _now(checks: Sequence[Check]) -> Sequence[Check]:
    return checks


def settings_checks(wrong: dict[str, str]) -> list[Check]:
    """One failure for each variable that can't be used."""
    if not wrong:
        return [Check("settings", "pass", "all can be used")]
    return [
        Check("settings", "fail", f"{name}: {reason}", f"correct {name} or unset it")
        for name, reason in wrong.items()
    ]


def data_dir_checks(folder: Path) -> list[Check]:
    """Whether files can be written there, and how much room there is."""
    there = folder.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    remedy = f"make {folder} writable, or set AIARTIST_DATA_DIR to another folder"
    try:
        if not there.is_dir():
            raise NotADirectoryError(20, "is not a folder")
        if there == folder.absolute():
            with tempfile.TemporaryFile(dir=there):
                written = Check("data folder", "pass", f"{folder} can be written")
        elif os.access(there, os.W_OK | os.X_OK):
            written = Check("data folder", "pass", f"{folder} will be made")
        else:
            raise PermissionError(13, "may not be made")
    except OSError as error:
        written = Check("data folder", "fail", f"{folder}: {error.strerror}", remedy)
    return [written, _room(there)]


def _room(folder: Path) -> Check:
    free = shutil.disk_usage(folder).free
    detail = f"{free / 2**30:.1f} GiB free"
    remedy = "make room, or set AIARTIST_DATA_DIR to a folder on another disk"
    if free < TOO_LOW_BYTES:
        return Check("disk", "fail", detail, remedy)
    return Check("disk", "warn", detail, remedy) if free < LOW_BYTES else Check("disk", "pass", detail)


async def database_checks(settings: CliSettings) -> list[Check]:
    """Whether the database answers, is up to date, and has our time."""
    if settings.database_url is None:
        return [
            Check("database", "pass", f"embedded, in {settings.data_dir / 'postgres'}: serve brings it along")
        ]
    dsn = settings.database_url.get_secret_value()
    # A password may stand in the query too.
    where = public_address(dsn).partition("?")[0]
    try:
        connection = await asyncpg.connect(dsn, timeout=TIMEOUT_S, command_timeout=TIMEOUT_S)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        detail = f"no answer at {where}: {_short(error).replace(dsn, where)}"
        return [Check("database", "fail", detail, "start PostgreSQL, or correct AIARTIST_DATABASE_URL")]
    try:
        version = connection.get_server_version()
        answers = Check("database", "pass", f"PostgreSQL {version.major} at {where}")
        return [answers, await _migrated(connection), await _clock(connection)]
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        detail = f"broke off at {where}: {_short(error)}"
        return [Check("database", "fail", detail, "see the database's log")]
    finally:
        connection.terminate()


async def _migrated(connection: "asyncpg.Connection[asyncpg.Record]") -> Check:
    missing, newer = [], []
    for schema, known in known_migrations().items():
        if await connection.fetchval("SELECT to_regclass($1)", f"{schema}.migrations") is None:
            missing.append(schema)
            continue
        applied = await connection.fetchval(f"SELECT count(*) FROM {schema}.migrations")
        if applied < known:
            missing.append(schema)
        elif applied > known:
            newer.append(schema)
    if newer:
        return Check(
            "migrations",
            "fail",
            f"of a newer version: {', '.join(newer)}",
            "upgrade aiartist",
        )
    if missing:
        return Check("migrations", "fail", f"missing in: {', '.join(missing)}", "run: aiartist migrate")
    return Check("migrations", "pass", "every schema is up to date")


def known_migrations() -> dict[str, int]:
    """Schema -> how many migrations this code has for it; by its files alone."""
    known: dict[str, int] = {}
    for root in services.__path__:
        for file in Path(root).glob("*/sql/migrations/*.sql"):
            schema = file.relative_to(root).parts[0]
            known[schema] = known.get(schema, 0) + 1
    return dict(sorted(known.items()))


async def _clock(connection: "asyncpg.Connection[asyncpg.Record]") -> Check:
    asked = time.time()
    theirs = (await connection.fetchval("SELECT clock_timestamp()")).timestamp()
    skew = theirs - (asked + time.time()) / 2
    detail = f"{abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} this machine's"
    remedy = "set both clocks by NTP"
    if abs(skew) > _SKEW_FAIL_S:
        return Check("database clock", "fail", detail, remedy)
    if abs(skew) > _SKEW_WARN_S:
        return Check("database clock", "warn", detail, remedy)
    return Check("database clock", "pass", "agrees with this machine's")


async def model_checks(url: str, providers: Sequence[str], key: SecretStr | None = None) -> list[Check]:
    """Whether the local model answers, and which hosted ones could."""
    keys = Check(
        "model providers",
        "pass",
        f"keys for: {', '.join(providers)}" if providers else "no keys: the local model writes alone",
    )
    # Hosted models can do without it.
    status: Status = "warn" if providers else "fail"
    remedy = "start it with: make up"
    address = f"{url.rstrip('/').removesuffix('/v1')}/v1/models"
    headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key is not None else {}
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client:
            answer = await client.get(address, headers=headers)
        answer.raise_for_status()
        names = [str(entry["id"]) for entry in answer.json()["data"]]
    except httpx.HTTPStatusError as error:
        told = error.response.status_code
        remedy = "set AIARTIST_MODEL_API_KEY" if told == 401 else "see the log, or correct AIARTIST_MODEL_URL"
        return [Check("local model", status, f"{address} answers {told}", remedy), keys]
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return [Check("local model", status, f"no answer from {address}: {_short(error)}", remedy), keys]
    except (ValueError, KeyError, TypeError):
        detail = f"{address} does not answer as a model server does"
        return [Check("local model", status, detail, "correct AIARTIST_MODEL_URL"), keys]
    return [Check("local model", "pass", plain(", ".join(names[:_MAX_MODELS])) or "no models"), keys]


async def service_check(settings: CliSettings, name: str) -> Check:
    """Whether a service wants work, by its own word."""
    address = settings.address_of(name)
    try:
        async with open_channel(address, settings) as channel:
            # Its types do not know what its constructor makes.
            stub: Any = health_pb2_grpc.HealthStub(channel)
            request = health_pb2.HealthCheckRequest(service="readiness")
            answer = await stub.Check(request, timeout=TIMEOUT_S)
    except SetupError as error:
        return Check(name, "fail", str(error), "correct AIARTIST_TLS_CA or unset it")
    except grpc.aio.AioRpcError as error:
        return _not_reached(name, address, remote_error(error))
    if answer.status == health_pb2.HealthCheckResponse.SERVING:
        return Check(name, "pass", f"ready at {address}")
    return Check(name, "fail", f"is up at {address} but not ready", "see its log for what it waits for")


def _not_reached(name: str, address: str, remote: RemoteError) -> Check:
    if not remote.from_platform and remote.remote_code is grpc.StatusCode.UNAVAILABLE:
        detail, remedy = f"no answer at {address}", "start it with: make up"
        if "ssl" in remote.message.lower() or "handshake" in remote.message.lower():
            detail, remedy = f"TLS failed at {address}", "correct AIARTIST_TLS_CA or unset it"
        return Check(name, "fail", detail, remedy)
    first, *rest = explain(ServiceFailure(name, address, remote)).lines
    return Check(name, "fail", first, " ".join(rest))


def _short(error: BaseException) -> str:
    return plain(str(error)) or type(error).__name__
