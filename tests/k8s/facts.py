"""What the code and the pages say, to hold manifests against."""

import functools
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

import yaml
from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from cli.settings import SERVICES, CliSettings
from services.chassis.health import LIVENESS, READINESS
from services.chassis.settings import ChassisSettings
from tests.k8s.manifests import K8S, REPO, Object

PREFIX = "AIARTIST_"
PROBES = {"startupProbe": LIVENESS, "livenessProbe": LIVENESS, "readinessProbe": READINESS}
"""Which health service a probe asks for."""
_CREATE_SECRET = re.compile(r"kubectl -n aiartist create secret (generic|tls) (\S+)((?:[^\n]*\\\n)*[^\n]*)")
_KEY = re.compile(r"--from-(?:literal|file)=\"?([A-Za-z0-9_.-]+)=")


@functools.cache
def version() -> str:
    """The project's, as pyproject.toml has it."""
    with (REPO / "pyproject.toml").open("rb") as file:
        found: str = tomllib.load(file)["project"]["version"]
    return found


def dns_name(service: str) -> str:
    """`artist_db` in code is `artist-db` in Kubernetes."""
    return service.replace("_", "-")


def settings_of(service: str) -> type[ChassisSettings]:
    """The settings class of a service, or of the local model."""
    module = "orchestrator.local_model" if service == "model" else service
    found: type[ChassisSettings] = import_module(f"services.{module}.settings").Settings
    return found


def default_port(service: str, field: str = "port") -> int:
    """A port as it is where nobody sets one."""
    found: int = settings_of(service).model_fields[field].default
    return found


def variables(service: str) -> set[str]:
    """Every variable that a process of this image understands."""
    if service == "cli":
        return _names(ChassisSettings) | _names(CliSettings)
    known = _names(settings_of(service))
    if service == "orchestrator":
        known |= provider_keys()
    if service == "release":
        known |= cloud_variables()
    return known


def _names(settings: type[BaseSettings]) -> set[str]:
    return {name for field, info in settings.model_fields.items() for name in _variables(field, info)}


def _variables(field: str, info: FieldInfo) -> set[str]:
    if info.validation_alias is None:
        return {PREFIX + field.upper()}
    if isinstance(info.validation_alias, AliasChoices):
        return {str(choice) for choice in info.validation_alias.choices}
    return {str(info.validation_alias)}


def provider_keys() -> set[str]:
    """The variables with providers' keys that config/models.toml names."""
    with (REPO / "config" / "models.toml").open("rb") as file:
        models = tomllib.load(file)["models"]
    return {model["api_key_env"] for model in models.values() if "api_key_env" in model}


def cloud_variables() -> set[str]:
    """The clouds' own variables, which the library of buckets reads, as docs/publishing.md names them."""
    text = (REPO / "docs" / "publishing.md").read_text(encoding="utf-8")
    return set(re.findall(r"`((?:AWS|GOOGLE|AZURE)_[A-Z_]+)`", text))


def calls() -> set[tuple[str, str]]:
    """Who calls whom: each service whose settings have the address of another."""
    return {
        (caller, callee)
        for caller in SERVICES
        for callee in SERVICES
        if caller != callee and f"{callee}_addr" in settings_of(caller).model_fields
    }


def users_of_the_database() -> set[str]:
    """The services that own a schema, and what migrates them."""
    from cli.migrate import SCHEMAS

    return {*SCHEMAS, "cli"}


@functools.cache
def metric_names() -> frozenset[str]:
    """Every metric's name that stands in the services' code."""
    return frozenset(
        name
        for path in (REPO / "services").rglob("*.py")
        for name in re.findall(r'"(aiartist_[a-z0-9_]+)"', path.read_text(encoding="utf-8"))
    )


def documented_secrets() -> Mapping[str, set[str]]:
    """Secret -> keys, from the commands in docs/kubernetes.md that make them.

    What only the overlay dev has besides, the password of its PostgreSQL, its own script makes.
    """
    text = (REPO / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    found: dict[str, set[str]] = {}
    for kind, name, rest in _CREATE_SECRET.findall(text):
        assert kind == "generic", "a Secret of the kind tls would lack ca.crt"
        found.setdefault(name, set()).update(_KEY.findall(rest))
    for secret in dev_secrets():
        found.setdefault(secret["metadata"]["name"], set()).update(secret["data"])
    return found


@functools.cache
def dev_secrets() -> Sequence[Object]:
    """What the script of the overlay dev makes, without a cluster."""
    tools = Path(sys.executable).parent
    rendered = subprocess.run(
        [K8S / "overlays" / "dev" / "secrets.sh", "--dry-run=client", "-o", "yaml"],
        env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    documents = re.split(r"^apiVersion: v1$", rendered.stdout, flags=re.MULTILINE)[1:]
    return [yaml.safe_load(document) for document in documents]
