"""The nightly backup, with a bucket and with a volume: confined, and with the scripts that it runs."""

import os
import tempfile
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from tests.k8s.manifests import K8S, Object, _render, of_kind

pytestmark = pytest.mark.k8s

SCRIPTS = K8S.parent / "backup"
KINDS = {
    "bucket": ["components/s3", "components/network-policies", "backup"],
    "volume": ["components/volume", "components/network-policies", "backup", "backup-volume"],
}


def rendered(parts: list[str]) -> list[Object]:
    """The base with these folders of deploy/k8s as its components."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        above = Path(os.path.relpath(K8S, folder))
        told = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": "aiartist",
            "resources": [f"{above / 'base'}"],
            "components": [f"{above / part}" for part in parts],
        }
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(told))
        return _render(str(folder))


@pytest.mark.parametrize("kind", KINDS)
def test_the_backup_runs_the_scripts_confined_and_reaches_the_database_alone(kind: str) -> None:
    objects = rendered(KINDS[kind])
    for one in objects:
        if "backup" in one["metadata"]["name"]:
            kubernetes_validate.validate(one, "1.33", strict=True)
    (job,) = of_kind(objects, "CronJob")
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["resources"]["limits"]
    assert container["command"][:2] == ["bash", "/opt/backup/backup.sh"]
    mounts = {mount["name"] for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert mounts == set(volumes)
    scripts = volumes["scripts"]["configMap"]["name"]
    (kept,) = [found for found in of_kind(objects, "ConfigMap") if found["metadata"]["name"] == scripts]
    assert kept["data"] == {path.name: path.read_text() for path in SCRIPTS.glob("*.sh")}
    (policy,) = [one for one in of_kind(objects, "NetworkPolicy") if one["metadata"]["name"] == "backup"]
    assert policy["spec"]["egress"] == [{"ports": [{"protocol": "TCP", "port": 5432}]}]


@pytest.mark.parametrize("kind", KINDS)
def test_the_backup_looks_for_songs_where_release_keeps_them(kind: str) -> None:
    objects = rendered(KINDS[kind])
    (job,) = of_kind(objects, "CronJob")
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (release,) = [one for one in of_kind(objects, "Deployment") if one["metadata"]["name"] == "release"]
    serving = release["spec"]["template"]["spec"]

    def artifacts(spec: Object) -> object:
        (container,) = spec["containers"]
        return next((one for one in container["env"] if one["name"] == "AIARTIST_ARTIFACT_URL"), None)

    def claims(spec: Object) -> set[str]:
        found = {volume.get("persistentVolumeClaim", {}).get("claimName") for volume in spec["volumes"]}
        return found - {None, "backups"}

    if kind == "bucket":
        assert artifacts(pod) == artifacts(serving)
        assert claims(pod) == set()
    else:
        assert artifacts(pod) == {"name": "AIARTIST_ARTIFACT_URL", "value": "file:///data/artifacts"}
        assert claims(pod) == claims(serving) == {"release-data"}
