"""The Secrets of the overlay dev and of docs/kubernetes.md are good as the code reads them."""

import base64
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from pydantic import SecretStr

from cli.settings import SERVICES
from services.chassis.settings import parse_tokens
from tests.k8s import facts
from tests.k8s.manifests import REPO, one, overlay

pytestmark = pytest.mark.k8s


@pytest.fixture(scope="module")
def made() -> dict[str, dict[str, str]]:
    """Name -> key -> value."""
    return {
        secret["metadata"]["name"]: {
            key: base64.b64decode(value).decode() for key, value in secret["data"].items()
        }
        for secret in facts.dev_secrets()
    }


def test_each_service_has_a_token_that_all_know(made: dict[str, dict[str, str]]) -> None:
    tokens = made["aiartist-tokens"]
    owners = parse_tokens(SecretStr(tokens["tokens"]))
    for service in SERVICES:
        name = facts.dns_name(service)
        assert owners[tokens[name]].name == name
        assert owners[tokens[name]].role == "service"
    assert owners[tokens["operator"]].role == "operator"
    assert len(owners) == len(SERVICES) + 1


def test_the_database_is_the_one_that_is_there(made: dict[str, dict[str, str]]) -> None:
    address = urlsplit(made["aiartist-database"]["url"])
    postgres = one(overlay("dev"), "StatefulSet", "postgres")
    (container,) = postgres["spec"]["template"]["spec"]["containers"]
    told: dict[str, Any] = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert address.hostname == "postgres"
    assert address.port == container["ports"][0]["containerPort"]
    assert address.username == told["POSTGRES_USER"]
    assert address.path == f"/{told['POSTGRES_DB']}"
    assert address.password == made["aiartist-database"]["password"]


def test_no_secret_is_the_same_twice(made: dict[str, dict[str, str]]) -> None:
    again = {secret["metadata"]["name"]: secret["data"] for secret in facts.dev_secrets.__wrapped__()}
    for name, values in made.items():
        for key, value in values.items():
            assert base64.b64decode(again[name][key]).decode() != value


async def test_the_page_s_address_of_a_database_needs_no_file_that_pods_lack(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = (REPO / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    (url,) = re.findall(r"--from-literal=url='([^']+)'", page)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ConnectionRefusedError):
        await asyncpg.connect(url.replace("db.example.com:5432", "127.0.0.1:1"), timeout=5)
