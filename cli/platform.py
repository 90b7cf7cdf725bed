"""All services in one process: one loop, each on its own port, with a database and a model of their own.

Same code and wiring as one container each; only where the others are found differs.
"""

import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from pydantic import SecretStr

from cli.embedded_postgres import embedded_postgres
from cli.migrate import migrate_all
from services.chassis import logs
from services.chassis.exporting import exporting
from services.chassis.lifecycle import App, shipping
from services.chassis.settings import ChassisSettings

SERVICES = ("artist_db", "notifier", "error_analyzer", "orchestrator", "release", "scheduler")
"""In the order of starting: a service comes after most of those that it calls."""

Tell = Callable[[str], None]
"""Gets each step of starting, for people."""


@dataclass(frozen=True, slots=True)
class Platform:
    """What runs, and where."""

    apps: Sequence[App]
    addresses: dict[str, str]
    """`host:port` of each service by name."""
    database_url: str
    model_url: str

    @property
    def names(self) -> list[str]:
        return [app.name for app in self.apps]


@asynccontextmanager
async def run_platform(
    *, any_ports: bool = False, tell: Tell = lambda _: None, usual: Mapping[str, Any] | None = None
) -> AsyncIterator[Platform]:
    """Starts everything, gives it, and stops it in reverse order. SetupError where that can't be.

    `any_ports` takes whatever ports are free in place of the configured ones, so that two can
    run side by side. `usual` are values of settings that nobody has set.
    """
    settings = ChassisSettings.load()
    async with AsyncExitStack() as stack:
        tell("database")
        dsn = await _database(stack, settings)
        await migrate_all(dsn)
        tell("language model")
        model_url = await _model(stack, any_ports)
        tell("services")
        await stack.enter_async_context(exporting(settings))
        common: dict[str, Any] = {"database_url": SecretStr(dsn), "model_url": model_url}
        # One port can't tell of six services; each of them tells on its own.
        common["health_port"] = None
        ports = _ports(any_ports)
        addresses = {name: f"{_reachable(settings.host)}:{port}" for name, port in ports.items()}
        apps: list[App] = []
        for name in SERVICES:
            more = {"port": ports[name], **({"metrics_port": 0} if any_ports else {})}
            app = await _build(name, common | more, addresses, usual or {})
            # Closed here where a later one can't be built; `close` does nothing the second time.
            stack.push_async_callback(app.close)
            apps.append(app)
        shipper = settings.model_copy(update={"error_analyzer_addr": addresses["error_analyzer"]})
        await stack.enter_async_context(shipping(shipper, default_service="platform"))
        for app in apps:
            await app.start()
        try:
            yield Platform(apps, addresses, dsn, model_url)
        finally:
            # The scheduler first: it hands back its runs while the others still answer.
            for app in reversed(apps):
                await app.close()


async def run_one(name: str) -> None:
    """One service alone, as its container runs it, until a signal."""
    if name == "model":
        await import_module("services.orchestrator.local_model.__main__").serve()
        return
    lifecycle = import_module("services.chassis.lifecycle")
    await lifecycle.run_service(_module(name, "app").build, _module(name, "settings").Settings.load())


async def _database(stack: AsyncExitStack, settings: ChassisSettings) -> str:
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return await stack.enter_async_context(embedded_postgres(settings.data_dir / "postgres"))


async def _model(stack: AsyncExitStack, any_ports: bool) -> str:
    """The address of the local model: the one that is set, else of one started here."""
    orchestrator = _module("orchestrator", "settings").Settings.load()
    if "model_url" in orchestrator.model_fields_set:
        return str(orchestrator.model_url)
    module = import_module("services.orchestrator.local_model")
    settings = module.Settings.load()
    if any_ports:
        settings = settings.model_copy(update={"port": 0})
    model = await stack.enter_async_context(module.LocalModel(settings))
    return str(model.url)


def _ports(any_ports: bool) -> dict[str, int]:
    """Each service's port, known before any is built: some of them call each other."""
    wanted = {name: 0 if any_ports else _module(name, "settings").Settings.load().port for name in SERVICES}
    with ExitStack() as held:
        for name in [name for name, port in wanted.items() if port == 0]:
            # All are held until the last is chosen, so that no two are the same.
            probe = held.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            wanted[name] = int(probe.getsockname()[1])
    return wanted


async def _build(
    name: str, common: dict[str, Any], addresses: dict[str, str], usual: Mapping[str, Any]
) -> App:
    settings_type: type[ChassisSettings] = _module(name, "settings").Settings
    set_already = settings_type.load().model_fields_set
    unset = {field: value for field, value in usual.items() if field not in set_already}
    known = {f"{service}_addr": address for service, address in addresses.items()}
    wanted = {**unset, **common, **known}
    given = {field: value for field, value in wanted.items() if field in settings_type.model_fields}
    settings = settings_type.load(**given)
    logs.keep_secret(settings)
    app: App = await _module(name, "app").build(settings)
    return app


def _module(service: str, part: str) -> Any:
    return import_module(f"services.{service}.{part}")


def _reachable(host: str) -> str:
    """Where a server on this address is called from here."""
    return "127.0.0.1" if host in ("0.0.0.0", "::", "[::]") else host
