"""Model calls through the orchestrator, beside litellm's SDK, its proxy and its Router."""

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from tests.bench.harness import fresh_database, line
from tests.bench.orchestrator_bed import PROXY, Bed, Contender
from tests.bench.orchestrator_failing import Pair, failing_first_models
from tests.bench.orchestrator_models import FAILING, MASTER_KEY, behaviours, router_models
from tests.bench.orchestrator_rate import rates
from tests.bench.scheduler_server import peers
from tests.support.fake_upstream import upstream_process
from tests.support.postgres import TestServer, with_database


async def orchestrator(server: TestServer) -> None:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="aiartist-bench-models-")))
        await stack.enter_async_context(_durable(server))
        dsn = await stack.enter_async_context(fresh_database(server))
        notifier = await stack.enter_async_context(peers())
        upstream = await stack.enter_async_context(upstream_process(arguments=behaviours()))
        bed = await stack.enter_async_context(Bed.opened(folder, dsn, upstream.url, notifier))

        direct, direct_pid = await bed.orchestrator(direct=True)
        over_litellm, over_litellm_pid = await bed.orchestrator(direct=False)
        ways = {role: _service(direct, role) for role in ("good", *FAILING)}
        ways["over litellm"] = _service(over_litellm, "good")
        proxy_pid = 0
        if PROXY.exists():
            url, proxy_pid = await bed.proxy()
            ways["proxy"] = {"kind": "proxy", "url": url, "key": MASTER_KEY, "model": "good"}
        else:
            line("The litellm proxy is left out: make bench-orchestrator installs it.")
        client = await bed.callers("client", ways)
        sdk = await bed.callers(
            "sdk", {"sdk": {"kind": "sdk", "model": "openai/good", "api_base": upstream.url}}
        )
        contenders = {
            "sdk": Contender("litellm SDK", sdk, "sdk", sdk.pid),
            "proxy": Contender("litellm proxy", client, "proxy", proxy_pid),
            "direct": Contender("this service, direct", client, "good", direct_pid),
            "over litellm": Contender("this service, over litellm", client, "over litellm", over_litellm_pid),
        }
        if not proxy_pid:
            del contenders["proxy"]
        await rates(contenders)

        routes = {
            name: {"kind": "router", "models": router_models(upstream.url, bed.dead_base, name)}
            for name in ("good", *FAILING)
        }
        router = await bed.callers("router", routes)
        healthy = {
            "service": contenders["direct"],
            "router": Contender("litellm Router", router, "good", router.pid),
        }
        pairs = {
            name: {
                "service": Pair(Contender("this service", client, name, direct_pid), healthy["service"]),
                "router": Pair(Contender("litellm Router", router, name, router.pid), healthy["router"]),
            }
            for name in FAILING
        }
        await failing_first_models(pairs, upstream)


@asynccontextmanager
async def _durable(server: TestServer) -> AsyncIterator[None]:
    """Commits wait for the disk, as in production and unlike in tests."""
    await _set_fsync(server, "on")
    try:
        yield
    finally:
        await _set_fsync(server, "off")


async def _set_fsync(server: TestServer, value: str) -> None:
    await with_database(server, f"ALTER SYSTEM SET fsync = {value}")
    await with_database(server, "SELECT pg_reload_conf()")


def _service(address: str, role: str) -> Mapping[str, Any]:
    return {"kind": "service", "address": address, "role": role}
