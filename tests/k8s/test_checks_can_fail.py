"""Each check complains about what it is for: rendered objects are broken one at a time."""

from collections.abc import Callable

import pytest

from cli.settings import SERVICES
from tests.k8s import checks, facts
from tests.k8s.callers import policies
from tests.k8s.checks import Check
from tests.k8s.manifests import Object, of_kind, one, overlay, pod

pytestmark = pytest.mark.k8s

Objects = list[Object]
Break = Callable[[Objects], object]


def scheduler(objects: Objects) -> Object:
    return one(objects, "Deployment", "scheduler")


def server(objects: Objects, name: str = "scheduler") -> Object:
    found: Object = pod(one(objects, "Deployment", name))["containers"][0]
    return found


def env(objects: Objects, name: str, **entry: object) -> None:
    server(objects)["env"].append({"name": name, **entry})


def policy(objects: Objects, name: str) -> Object:
    found: Object = one(objects, "NetworkPolicy", name)["spec"]
    return found


def without(objects: Objects, kind: str, name: str) -> None:
    objects.remove(one(objects, kind, name))


def shared(objects: Objects) -> str:
    """The name of the settings that all services share; it ends in a hash."""
    name: str = server(objects)["envFrom"][0]["configMapRef"]["name"]
    return name


def unset(objects: Objects, name: str) -> None:
    server(objects)["env"] = [entry for entry in server(objects)["env"] if entry["name"] != name]


SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "aiartist"}}
AN_HPA = {
    "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "x", "namespace": "aiartist"},
    "spec": {"scaleTargetRef": {"name": "nobody"}, "metrics": []},
}  # fmt: skip

BROKEN: list[tuple[Check, Break, str]] = [
    (checks.schemas, lambda o: scheduler(o)["spec"].update(replicsa=2), "replicsa"),
    (checks.schemas, lambda o: scheduler(o)["spec"].update(replicas="two"), "'two' is not of type"),
    (checks.schemas, lambda o: scheduler(o).update(kind="Deploymnt"), "Couldn't find schema"),
    (
        checks.schemas,
        lambda o: one(o, "ServiceMonitor", "aiartist")["spec"].update(port="x"),
        "unknown field port",
    ),
    (
        checks.schemas,
        lambda o: one(o, "ServiceMonitor", "aiartist")["spec"].pop("endpoints"),
        "lacks endpoints",
    ),
    (
        checks.schemas,
        lambda o: one(o, "ServiceMonitor", "aiartist")["spec"]["endpoints"][0].pop("relabelings"),
        "keeps the operator's label",
    ),
    (checks.namespaces, lambda o: scheduler(o)["metadata"].update(namespace="default"), "is in default"),
    (checks.namespaces, lambda o: scheduler(o)["metadata"].pop("namespace"), "is in None"),
    (checks.namespaces, lambda o: o.append(scheduler(o)), "is there twice"),
    (checks.images, lambda o: server(o).update(image="aiartist/scheduler"), "names no version"),
    (checks.images, lambda o: server(o).update(image="aiartist/scheduler:latest"), "names no version"),
    (checks.images, lambda o: server(o).update(image="aiartist/scheduler:0.0.9"), "is not 0.1.0"),
    (
        checks.images,
        lambda o: of_kind(o, "Job")[0]["metadata"].update(name="migrate"),
        "does not say the version",
    ),
    (checks.every_service, lambda o: without(o, "Deployment", "notifier"), "notifier has no Deployment"),
    (checks.every_service, lambda o: without(o, "Service", "notifier"), "service/notifier: is missing"),
    (
        checks.every_service,
        lambda o: without(o, "PodDisruptionBudget", "release"),
        "has 0 PodDisruptionBudgets",
    ),
    (
        checks.every_service,
        lambda o: one(o, "Service", "release")["spec"].pop("clusterIP"),
        "is not headless",
    ),
    (
        checks.every_service,
        lambda o: one(o, "Service", "release")["spec"]["ports"][0].update(port=1),
        "its ports",
    ),
    (checks.every_service, lambda o: server(o)["ports"][0].update(containerPort=1), "its ports are not"),
    (
        checks.every_service,
        lambda o: server(o, "error-analyzer")["ports"][2].update(containerPort=9117),
        "its ports are not",
    ),
    (checks.every_service, lambda o: server(o).update(image="aiartist/notifier:0.1.0"), "runs notifier"),
    (checks.confinement, lambda o: pod(scheduler(o))["securityContext"].pop("runAsNonRoot"), "runAsNonRoot"),
    (
        checks.confinement,
        lambda o: pod(scheduler(o))["securityContext"].pop("seccompProfile"),
        "seccompProfile",
    ),
    (checks.confinement, lambda o: pod(scheduler(o))["securityContext"].update(runAsUser=0), "not 10001"),
    (
        checks.confinement,
        lambda o: pod(scheduler(o)).pop("automountServiceAccountToken"),
        "token of the cluster",
    ),
    (
        checks.confinement,
        lambda o: server(o)["securityContext"].update(readOnlyRootFilesystem=False),
        "may more",
    ),
    (
        checks.confinement,
        lambda o: server(o)["securityContext"]["capabilities"].update(add=["NET_RAW"]),
        "may more",
    ),
    (checks.confinement, lambda o: server(o)["securityContext"].pop("allowPrivilegeEscalation"), "may more"),
    (checks.confinement, lambda o: server(o)["volumeMounts"].clear(), "has no /tmp"),
    (checks.confinement, lambda o: pod(scheduler(o))["volumes"].clear(), "mounts"),
    (
        checks.confinement,
        lambda o: pod(scheduler(o)).pop("serviceAccountName"),
        "no ServiceAccount of its own",
    ),
    (checks.resources, lambda o: server(o)["resources"].pop("limits"), "no limits"),
    (checks.resources, lambda o: server(o)["resources"]["requests"].pop("memory"), "no requests"),
    (checks.probes, lambda o: server(o).pop("livenessProbe"), "has no livenessProbe"),
    (
        checks.probes,
        lambda o: server(o)["readinessProbe"]["grpc"].update(service="ready"),
        "does not ask readiness",
    ),
    (
        checks.probes,
        lambda o: server(o)["startupProbe"]["grpc"].update(port=50051),
        "does not ask liveness on 50090",
    ),
    (checks.rollout, lambda o: scheduler(o)["spec"].pop("strategy"), "take pods away"),
    (checks.rollout, lambda o: scheduler(o)["spec"]["strategy"].update(type="Recreate"), "take pods away"),
    (checks.rollout, lambda o: pod(scheduler(o)).pop("topologySpreadConstraints"), "all be on one node"),
    (checks.rollout, lambda o: pod(scheduler(o)).pop("terminationGracePeriodSeconds"), "is killed before"),
    (checks.rollout, lambda o: env(o, "AIARTIST_STOP_GRACE_S", value="60"), "is killed before the 140 s"),
    (checks.rollout, lambda o: env(o, "AIARTIST_DRAIN_DELAY_S", value="1"), "has left DNS"),
    (
        checks.rollout,
        lambda o: pod(scheduler(o))["volumes"].append({"persistentVolumeClaim": {"claimName": "x"}}),
        "can't be at two pods",
    ),
    (
        checks.variables,
        lambda o: env(o, "AIARTIST_SHEDULER_TICK_S", value="1"),
        "knows no AIARTIST_SHEDULER_TICK_S",
    ),
    (
        checks.variables,
        lambda o: env(o, "AIARTIST_MUSIC_POLL_S", value="1"),
        "knows no AIARTIST_MUSIC_POLL_S",
    ),
    (checks.variables, lambda o: env(o, "OPENAI_API_KEY", value="1"), "knows no OPENAI_API_KEY"),
    (checks.variables, lambda o: unset(o, "AIARTIST_RELEASE_ADDR"), "is not told AIARTIST_RELEASE_ADDR"),
    (checks.variables, lambda o: unset(o, "AIARTIST_DATABASE_URL"), "is not told AIARTIST_DATABASE_URL"),
    (checks.variables, lambda o: env(o, "AIARTIST_RELEASE_ADDR", value="release:1"), "_ADDR is release:1"),
    (
        checks.variables,
        lambda o: server(o, "orchestrator")["env"].clear(),
        "XAI_API_KEY, and it can't be given",
    ),
    (checks.references, lambda o: o.append(SECRET), "must not stand in a manifest"),
    (checks.references, lambda o: without(o, "ConfigMap", shared(o)), "there is no ConfigMap"),
    (
        checks.references,
        lambda o: env(o, "X", valueFrom={"secretKeyRef": {"name": "aiartist-database", "key": "uri"}}),
        "does not make aiartist-database/uri",
    ),
    (
        checks.references,
        lambda o: pod(scheduler(o))["volumes"].append({"secret": {"secretName": "aiartist-tsl"}}),
        "does not make aiartist-tsl/*",
    ),
    (
        checks.references,
        lambda o: pod(scheduler(o))["volumes"].append({"persistentVolumeClaim": {"claimName": "x"}}),
        "there is no PersistentVolumeClaim x",
    ),
    (
        checks.selectors,
        lambda o: scheduler(o)["spec"]["selector"]["matchLabels"].update(x="y"),
        "does not select its own pods",
    ),
    (checks.selectors, lambda o: one(o, "Service", "release")["spec"]["selector"].update(x="y"), "selects 0"),
    (
        checks.selectors,
        lambda o: one(o, "Service", "release")["spec"]["ports"][1].update(targetPort="metric"),
        "its pods have no port metric",
    ),
    (
        checks.selectors,
        lambda o: one(o, "PodDisruptionBudget", "release")["spec"]["selector"]["matchLabels"].update(x="y"),
        "selects nothing",
    ),
    (
        checks.selectors,
        lambda o: one(o, "Service", "release")["metadata"]["labels"].pop("app.kubernetes.io/component"),
        "servicemonitor/aiartist: scrapes",
    ),
    (checks.autoscalers, lambda o: o.append(AN_HPA), "there is no Deployment nobody"),
    (checks.autoscalers, lambda o: scheduler(o)["spec"].update(replicas=1), "sets replicas back"),
    (
        checks.autoscalers,
        lambda o: one(o, "HorizontalPodAutoscaler", "scheduler")["spec"]["metrics"][0]["external"][
            "metric"
        ].update(name="aiartist_scheduler_queue_depth"),
        "no service has a metric aiartist_scheduler_queue_depth",
    ),
    (policies, lambda o: without(o, "NetworkPolicy", "deny-all"), "nothing denies"),
    (policies, lambda o: policy(o, "artist-db")["ingress"].clear(), "may be called is missing"),
    (policies, lambda o: policy(o, "scheduler")["egress"].pop(), "may call is missing"),
    (policies, lambda o: policy(o, "scheduler")["ingress"][0].pop("from"), "('anybody', 'scheduler', 'any')"),
    (
        policies,
        lambda o: policy(o, "scheduler")["ingress"][0].pop("ports"),
        "('notifier', 'scheduler', 'any')",
    ),
    (
        policies,
        lambda o: policy(o, "scheduler")["ingress"][0]["ports"][0].update(port=50052),
        "no setting says so",
    ),
    (
        policies,
        lambda o: policy(o, "scheduler")["ingress"][0]["from"].append({"podSelector": {}}),
        "no setting says so: ('release', 'scheduler', 50051)",
    ),
    (
        policies,
        lambda o: policy(o, "allow-internet")["podSelector"]["matchExpressions"][0]["values"].append(
            "scheduler"
        ),
        "needs not: ('scheduler', 'the world', 443)",
    ),
    (
        policies,
        lambda o: policy(o, "allow-internet")["egress"][0]["to"][0]["ipBlock"].pop("except"),
        "the world and 0.0.0.0/0",
    ),
    (
        policies,
        lambda o: policy(o, "allow-dns").update(podSelector={"matchLabels": {"a": "b"}}),
        "can't reach out",
    ),
    (policies, lambda o: without(o, "NetworkPolicy", "allow-scrapes"), "Prometheus may scrape []"),
    (policies, lambda o: without(o, "NetworkPolicy", "release"), "('release', 'artist-db', 50052)"),
]


@pytest.mark.parametrize(
    ("check", "break_it", "complaint"),
    BROKEN,
    ids=[f"{number}-{check.__name__}: {text}" for number, (check, _, text) in enumerate(BROKEN)],
)
def test_a_check_complains(check: Check, break_it: Break, complaint: str) -> None:
    objects = overlay("production")
    break_it(objects)
    assert any(complaint in told for told in check(objects)), list(check(objects))


def test_every_check_is_seen_to_fail() -> None:
    assert {check for check, _, _ in BROKEN} == {*checks.CHECKS, policies}


def test_a_variable_that_code_no_longer_reads_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    known = facts.variables

    def fewer(service: str) -> set[str]:
        return known(service) - {"AIARTIST_SCHEDULER_MAX_ACTIVE_RUNS"}

    monkeypatch.setattr(facts, "variables", fewer)
    assert list(checks.variables(overlay("production"))) == [
        "deployment/scheduler: scheduler knows no AIARTIST_SCHEDULER_MAX_ACTIVE_RUNS"
    ]


def test_an_address_that_code_gains_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    more = facts.calls() | {("artist_db", "notifier")}
    monkeypatch.setattr(facts, "calls", lambda: more)
    complaints = list(policies(overlay("production")))
    assert complaints == [
        "may be called is missing: ('artist-db', 'notifier', 50055)",
        "may call is missing: ('artist-db', 'notifier', 50055)",
    ]


def test_a_probe_that_code_renames_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(facts.PROBES, "readinessProbe", "ready")
    complaints = list(checks.probes(overlay("production")))
    assert len(complaints) == len(SERVICES)
