"""Every overlay and every combination of components, rendered offline and held against the code."""

import base64
from itertools import combinations

import pytest

from cli.settings import SERVICES
from services.chassis.errors import SetupError
from tests.k8s import facts
from tests.k8s.callers import policies
from tests.k8s.checks import CHECKS, Check
from tests.k8s.manifests import (
    COMPONENTS,
    OVERLAYS,
    Object,
    combined,
    containers,
    customised,
    environment,
    of_kind,
    one,
    overlay,
    pod,
    service_of,
    workloads,
)

pytestmark = pytest.mark.k8s

APART = ({"s3", "volume"}, {"autoscaling", "volume"})
"""Components of which one excludes the other."""
COMBINATIONS = [
    chosen
    for size in (0, 1, 2)
    for chosen in combinations(COMPONENTS, size)
    if set(chosen) not in APART and ("tls-cert-manager" not in chosen or "tls" in chosen)
] + [tuple(name for name in COMPONENTS if name != "volume")]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_stands_every_check(name: str, check: Check) -> None:
    assert list(check(overlay(name))) == []


@pytest.mark.parametrize("chosen", COMBINATIONS, ids="+".join)
def test_every_combination_of_components_stands_every_check(chosen: tuple[str, ...]) -> None:
    objects = combined(chosen)
    assert [complaint for check in CHECKS for complaint in check(objects)] == []
    if "network-policies" in chosen:
        assert list(policies(objects)) == []


@pytest.mark.parametrize("name", OVERLAYS)
def test_who_may_call_whom_is_what_the_settings_say(name: str) -> None:
    assert list(policies(overlay(name))) == []


def test_an_overlay_of_one_s_own_stands_every_check() -> None:
    named = {"newName": "registry.example.com:5000/label/{}", "newTag": "2026-11-22"}
    objects = customised(
        "overlays/production",
        ["components/local-model", "components/tls-cert-manager", "components/tracing"],
        namespace="second-label",
        images=[
            {"name": f"aiartist/{image}", **{key: value.format(image) for key, value in named.items()}}
            for image in (*SERVICES, "model", "cli")
        ],
    )
    assert [complaint for check in CHECKS for complaint in check(objects)] == []
    assert list(policies(objects)) == []
    ours = {service_of(found) for found in workloads(objects)}
    assert ours == {*SERVICES, "model", "cli"}


@pytest.mark.parametrize("name", OVERLAYS)
def test_songs_outlive_the_pod_that_made_them(name: str) -> None:
    release = one(overlay(name), "Deployment", "release")
    (container,) = containers(release)
    claimed = any("persistentVolumeClaim" in volume for volume in pod(release)["volumes"])
    in_a_bucket = "AIARTIST_ARTIFACT_URL" in environment(container, overlay(name))
    assert claimed or in_a_bucket


def test_production_has_two_of_every_service() -> None:
    objects = overlay("production")
    least = {
        found["metadata"]["name"]: found["spec"].get("replicas") for found in of_kind(objects, "Deployment")
    }
    scalers = of_kind(objects, "HorizontalPodAutoscaler")
    least |= {found["spec"]["scaleTargetRef"]["name"]: found["spec"]["minReplicas"] for found in scalers}
    assert {name: count for name, count in least.items() if count < 2} == {}


def test_production_speaks_tls_and_dev_needs_no_certificate() -> None:
    for name, wanted in (("production", True), ("dev", False)):
        objects = overlay(name)
        for service in SERVICES:
            (container,) = containers(one(objects, "Deployment", facts.dns_name(service)))
            assert ("AIARTIST_TLS_CERT" in environment(container, objects)) is wanted


def test_dev_has_one_of_everything_and_a_database_and_a_model_of_its_own() -> None:
    objects = overlay("dev")
    assert {found["spec"].get("replicas", 1) for found in of_kind(objects, "Deployment", "StatefulSet")} == {
        1
    }
    names = {found["metadata"]["name"] for found in workloads(objects)}
    assert {"postgres", "model"} <= names


def test_the_certificate_names_every_service_as_it_is_called() -> None:
    objects = combined(("tls", "tls-cert-manager"))
    named = set(one(objects, "Certificate", "aiartist-tls")["spec"]["dnsNames"])
    assert named == {*(facts.dns_name(service) for service in SERVICES), "localhost"}


def test_what_comes_before_the_rollout_is_all_that_the_job_needs() -> None:
    for name in OVERLAYS:
        before = [
            found
            for found in overlay(name)
            if found["metadata"].get("labels", {}).get("aiartist.io/phase") == "before"
        ]
        kinds = {found["kind"] for found in before}
        assert {"Namespace", "ServiceAccount", "Job"} <= kinds
        assert "Deployment" not in kinds
        (job,) = of_kind(before, "Job")
        accounts = {found["metadata"]["name"] for found in of_kind(before, "ServiceAccount")}
        assert pod(job)["serviceAccountName"] in accounts
        # Its name changes with the shared settings, and a Job can't be changed.
        assert all("envFrom" not in container for container in containers(job))


def test_a_change_of_the_shared_settings_rolls_the_services_out() -> None:
    def config(objects: list[Object]) -> str:
        (container,) = containers(one(objects, "Deployment", "scheduler"))
        name: str = container["envFrom"][0]["configMapRef"]["name"]
        return name

    assert config(combined(())) != config(combined(("tracing",)))


SECRETS = {
    "aiartist-s3/allow-http": "false",
    "aiartist-s3/artifact-url": "s3://artifacts/songs",
    "aiartist-s3/release-url": "s3://releases/catalogue",
    "aiartist-telegram/chat-ids": "-1001234567890",
    "aiartist-telegram/people": "123456789:operator:Vera",
    "aiartist-telegram/token": "123456789:AAexample",
}
"""Values that settings look at; any other Secret may hold any text."""


@pytest.mark.parametrize("with_optional", [True, False], ids=["all Secrets", "no optional one"])
@pytest.mark.parametrize("name", OVERLAYS)
def test_every_process_takes_the_settings_that_it_is_given(
    name: str, with_optional: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {
        f"{secret['metadata']['name']}/{key}": base64.b64decode(value).decode()
        for secret in facts.dev_secrets()
        for key, value in secret["data"].items()
    }
    objects = overlay(name)
    for workload in workloads(objects):
        service = service_of(workload)
        if service not in (*SERVICES, "model"):
            continue
        (container,) = containers(workload)
        told = {key: value for key, value in environment(container, objects).items() if value is not None}
        for entry in container["env"]:
            reference = entry.get("valueFrom", {}).get("secretKeyRef")
            if reference and (with_optional or not reference.get("optional")):
                known = f"{reference['name']}/{reference['key']}"
                told[entry["name"]] = SECRETS.get(known) or made.get(known, "some-secret-text")
        with monkeypatch.context() as patched:
            for key, value in told.items():
                patched.setenv(key, value)
            settings = facts.settings_of(service).load()
        assert settings.host == ("127.0.0.1" if service == "model" else "0.0.0.0")


def test_settings_that_do_not_fit_together_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIARTIST_RELEASE_TARGETS", "s3")
    with pytest.raises(SetupError, match="set AIARTIST_RELEASE_S3_URL"):
        facts.settings_of("release").load()
