"""The nightly backup, with a bucket and with a volume: confined, and with the scripts that it runs."""

import re
import subprocess

import kubernetes_validate
import pytest
import yaml

from tests.k8s.manifests import K8S, REPO, Object, customised, of_kind, one, pod_labels, selects

pytestmark = pytest.mark.k8s

SCRIPTS = K8S.parent / "backup"
KINDS = {
    "bucket": ["components/s3", "components/network-policies", "backup"],
    "volume": ["components/volume", "components/network-policies", "backup", "backup-volume"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_backup_runs_the_scripts_confined_and_reaches_the_database_alone(kind: str) -> None:
    objects = customised("base", KINDS[kind])
    for found in objects:
        if "backup" in found["metadata"]["name"]:
            kubernetes_validate.validate(found, "1.33", strict=True)
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
    objects = customised("base", KINDS[kind])
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


def test_the_database_of_dev_lets_the_backup_in() -> None:
    objects = customised("overlays/dev", ["backup", "backup-volume"])
    labels = pod_labels(one(objects, "CronJob", "backup"))
    (rule,) = one(objects, "NetworkPolicy", "postgres")["spec"]["ingress"]
    assert any(selects(peer["podSelector"], labels) for peer in rule["from"])


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_s_commands_make_a_job_of_the_backup_that_restores(kind: str) -> None:
    page = (REPO / "docs" / "operations.md").read_text()
    found = re.search(r"--from=cronjob/backup restore .*?\| (sed .*?)\\\n +\| kubectl apply", page, re.DOTALL)
    assert found is not None
    template = one(customised("base", KINDS[kind]), "CronJob", "backup")["spec"]["jobTemplate"]
    # As kubectl writes it: keys in order, lists not indented, double quotes.
    told = yaml.safe_dump(template).replace("'", '"')
    ended = subprocess.run(["bash", "-c", found[1]], input=told, capture_output=True, text=True, check=True)
    spec = yaml.safe_load(ended.stdout)["spec"]["template"]["spec"]
    assert spec.keys() == template["spec"]["template"]["spec"].keys() - {"affinity"}
    (container,) = spec["containers"]
    assert container["command"][:3] == ["bash", "/opt/backup/restore.sh", "--replace"]
    assert re.fullmatch(r"/backups/aiartist-\d{8}T\d{6}Z", container["command"][3])
    assert len(container["command"]) == 4
    writable = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
    assert writable == {"/backups", "/tmp"} | ({"/data"} if kind == "volume" else set())
