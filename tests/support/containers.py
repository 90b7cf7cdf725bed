"""The platform as `docker compose` runs it, under a name of its own, to be watched and killed."""

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.processes import REPO

SERVICES = ("scheduler", "artist_db", "orchestrator", "release", "notifier", "error_analyzer")
IMAGES = (*SERVICES, "model", "cli")
COMMAND_S = 280
"""What one command may take, at most."""


def run(*command: str, environment: Mapping[str, str] | None = None, check: bool = True) -> str:
    """What a command printed; AssertionError with all that it said where it fails."""
    done = subprocess.run(
        command, cwd=REPO, env=dict(environment) if environment else None, capture_output=True, text=True,
        timeout=COMMAND_S, check=False,
    )  # fmt: skip
    if check and done.returncode:
        raise AssertionError(
            f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"[-6000:]
        )
    return done.stdout


def compose_command() -> tuple[str, ...]:
    """`docker compose`, or the older `docker-compose`."""
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, timeout=60, check=False)
    return ("docker", "compose") if plugin.returncode == 0 else ("docker-compose",)


@dataclass(frozen=True, slots=True)
class Container:
    """One container, as the engine describes it now."""

    id: str
    facts: Mapping[str, Any]

    @property
    def service(self) -> str:
        return str(self.facts["Config"]["Labels"]["com.docker.compose.service"])

    @property
    def host(self) -> Mapping[str, Any]:
        return dict(self.facts["HostConfig"])

    @property
    def running(self) -> bool:
        return bool(self.facts["State"]["Running"])

    @property
    def health(self) -> str:
        """`healthy`, `unhealthy`, `starting`, or empty where nothing is checked."""
        return str(self.facts["State"].get("Health", {}).get("Status", ""))

    @property
    def exit_code(self) -> int:
        return int(self.facts["State"]["ExitCode"])

    def published(self, port: int) -> str:
        """`host:port` where a port of the container is reached from outside."""
        bound = self.facts["NetworkSettings"]["Ports"][f"{port}/tcp"][0]
        return f"{bound['HostIp']}:{bound['HostPort']}"

    def kill(self) -> None:
        """SIGKILL, as a machine that loses power."""
        run("docker", "kill", self.id)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL after the grace of the Compose file."""
        run("docker", "stop", "--time", "30", self.id)

    def python(self, code: str) -> str:
        """What a line of Python prints inside."""
        return run("docker", "exec", self.id, "/opt/aiartist/bin/python", "-c", code)

    def metric(self, port: int, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels."""
        address = f"http://127.0.0.1:{port}/metrics"
        text = self.python(
            f"import urllib.request as u; print(u.urlopen({address!r}, timeout=9).read().decode())"
        )
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in text.splitlines()
            if line.partition("{")[0].partition(" ")[0] == name and all(label in line for label in wanted)
        )


class Project:
    """A Compose project with its own volumes, networks and ports."""

    def __init__(self, name: str, env_file: Path, variables: Mapping[str, str]) -> None:
        self.name = name
        self._compose = (*compose_command(), "--project-name", name, "--env-file", str(env_file))
        # Nothing from this shell but what Docker itself needs.
        kept = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME") or "DOCKER" in key}
        images = {key: os.environ[key] for key in os.environ if key.endswith("_IMAGE")}
        self.environment = {**kept, **images, "COMPOSE_HTTP_TIMEOUT": "600", **variables}

    def compose(self, *arguments: str, check: bool = True) -> str:
        """What `docker compose …` printed."""
        return run(*self._compose, *arguments, environment=self.environment, check=check)

    def containers(self, service: str = "") -> list[Container]:
        """All of the project, ended ones too, or those of a service."""
        filters = [f"label=com.docker.compose.project={self.name}", "label=com.docker.compose.oneoff=False"]
        if service:
            filters.append(f"label=com.docker.compose.service={service}")
        arguments = [part for one in filters for part in ("--filter", one)]
        ids = run("docker", "ps", "--all", "--quiet", "--no-trunc", *arguments).split()
        if not ids:
            return []
        return [Container(facts["Id"], facts) for facts in json.loads(run("docker", "inspect", *ids))]

    def running(self, service: str) -> list[Container]:
        return [container for container in self.containers(service) if container.running]

    def until_healthy(
        self, services: Sequence[str] = SERVICES, replicas: Mapping[str, int] | None = None
    ) -> None:
        """Waits until every replica of the services is healthy; AssertionError with the logs where not."""
        until = time.monotonic() + 300
        wanted = {service: (replicas or {}).get(service, 1) for service in services}
        while time.monotonic() < until:
            found = {
                service: sum(container.health == "healthy" for container in self.running(service))
                for service in services
            }
            if found == wanted:
                return
            time.sleep(1)
        logs = self.compose("logs", "--tail=30", *[s for s in services if found[s] != wanted[s]], check=False)
        raise AssertionError(f"healthy: {found}, wanted: {wanted}\n{logs[-6000:]}")

    def down(self) -> None:
        """Nothing of the project is left afterwards, data included."""
        everything = ("--profile", "observability", "--profile", "tools")
        self.compose(*everything, "down", "--volumes", "--remove-orphans", "--timeout", "10")
