"""docker-compose.yml says what settings know, keeps secrets where they belong and fits one machine."""

import re
from importlib import import_module
from typing import Any

import pytest
import yaml

from cli.new_secrets import MAKERS
from cli.settings import CliSettings
from services.chassis.settings import SECRETS_DIR, ChassisSettings
from services.orchestrator.local_model import Settings as ModelSettings
from tests.support.processes import REPO, SERVICES

FILE = (REPO / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(FILE)
OURS = (*SERVICES, "model", "cli", "migrate", "secrets")
ROOM_BYTES = 8 * 2**30
UNITS = {"m": 2**20, "g": 2**30}

HOST_ONLY = {
    "AIARTIST_TLS_CERT", "AIARTIST_TLS_KEY", "AIARTIST_TLS_CA", "AIARTIST_HEALTH_PORT", "AIARTIST_LOG_FORMAT",
    "AIARTIST_DATA_DIR", "AIARTIST_ORCHESTRATOR_MODELS_FILE", "AIARTIST_TOKENS", "AIARTIST_TOKEN",
    "AIARTIST_DATABASE_URL", "AIARTIST_MODEL_API_KEY", "AIARTIST_MODEL_HOST",
}  # fmt: skip
"""What the image or the secrets' folder says, or what containers on one machine do without."""
OF_LIBRARIES = {
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_ALLOW_HTTP",
    "AWS_SESSION_TOKEN", "GOOGLE_SERVICE_ACCOUNT_KEY",
    "AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY",
}  # fmt: skip
"""What obstore reads."""


def settings_of(service: str) -> type[Any]:
    if service == "model":
        return ModelSettings
    if service in ("cli", "migrate"):
        return CliSettings
    settings: type[Any] = import_module(f"services.{service}.settings").Settings
    return settings


def variables_of(settings: type[Any]) -> set[str]:
    found = set()
    for name, field in settings.model_fields.items():
        if not field.exclude:
            alias = field.validation_alias
            found.add(alias if isinstance(alias, str) else f"AIARTIST_{name.upper()}")
    return found


def environment_of(service: str) -> dict[str, str]:
    return dict(COMPOSE["services"][service].get("environment", {}))


@pytest.mark.parametrize("service", [*SERVICES, "model"])
def test_every_setting_of_a_service_can_be_said_in_env(service: str) -> None:
    passed = {name for name, value in environment_of(service).items() if value.startswith(f"${{{name}:-")}
    fixed = set(environment_of(service)) - passed
    own = {name for name in variables_of(settings_of(service)) if not name.endswith("_PORT")}
    if service == "model":
        # The model is called; it calls nobody, ships nothing and has no database.
        own = {name for name in own if name.startswith("AIARTIST_MODEL_")}
    assert own - passed - fixed - HOST_ONLY == set()


@pytest.mark.parametrize("service", [*SERVICES, "model", "cli"])
def test_no_variable_is_one_that_nobody_reads(service: str) -> None:
    # All get the shared block: addresses of services that they may not call.
    known = variables_of(settings_of(service)) | variables_of(ChassisSettings) | variables_of(CliSettings)
    assert set(environment_of(service)) - known - OF_LIBRARIES - {SECRETS_DIR} == set()


def test_no_service_gets_a_secret_of_another() -> None:
    for service in SERVICES:
        settings = variables_of(settings_of(service))
        for name in environment_of(service):
            if name.endswith(("_KEY", "_TOKEN", "_PASSWORD", "_SECRET")) and name not in OF_LIBRARIES:
                assert name in settings, f"{service}: {name}"


def test_env_example_names_only_what_is_read() -> None:
    example = (REPO / ".env.example").read_text()
    named = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", example, re.MULTILINE))
    read = set(re.findall(r"\$\{([A-Z0-9_]+)", FILE))
    assert named - read == set()
    assert {name for name in MAKERS if f"\n{name}=\n" not in example} == set()
    assert set(MAKERS) <= set(environment_of("secrets"))


def test_everything_is_published_on_loopback_only() -> None:
    for service, facts in COMPOSE["services"].items():
        for port in facts.get("ports", []):
            assert re.fullmatch(r"127\.0\.0\.1:\$\{\w+:-\d+\}:\d+", port), f"{service}: {port}"


def test_our_containers_are_read_only_and_without_privileges() -> None:
    for service in OURS:
        facts = COMPOSE["services"][service]
        assert facts["read_only"] is True, service
        assert facts["cap_drop"] == ["ALL"], service
        assert facts["security_opt"] == ["no-new-privileges:true"], service
        assert "user" not in facts, f"{service}: the image's own is no root"


def test_limits_fit_the_whole_on_8_gigabytes() -> None:
    lasting = [
        facts
        for name, facts in COMPOSE["services"].items()
        if name not in ("cli", "migrate", "secrets", "backup")
    ]
    usual = [facts for facts in lasting if facts.get("profiles", ["observability"]) == ["observability"]]
    assert all("mem_limit" in facts and "cpus" in facts for facts in usual)
    assert sum(int(facts["mem_limit"][:-1]) * UNITS[facts["mem_limit"][-1]] for facts in usual) <= ROOM_BYTES
    assert max(facts["cpus"] for facts in usual) <= 2


def test_images_are_pinned_to_a_version() -> None:
    for service, facts in COMPOSE["services"].items():
        tag = facts["image"].rpartition(":-")[2].rstrip("}").rpartition(":")[2]
        assert re.search(r"\d", tag), f"{service}: {facts['image']}"
        assert "latest" not in facts["image"]


def test_versions_of_images_are_that_of_the_project() -> None:
    version = re.search(r'^version = "(.*)"', (REPO / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert set(re.findall(r"AIARTIST_VERSION:-([^}]+)\}", FILE)) == {version[1]}
