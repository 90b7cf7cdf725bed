"""What must be true of every rendered set of objects. Each check tells its complaints; none: all is well."""

import functools
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import kubernetes_validate

from cli.settings import SERVICES
from services.chassis.settings import ChassisSettings
from tests.k8s import facts
from tests.k8s.custom import SHAPES
from tests.k8s.manifests import (
    NAME,
    Object,
    containers,
    environment,
    of_kind,
    one,
    pod,
    pod_labels,
    secret_references,
    selects,
    service_of,
    title,
    workloads,
)

OLDEST, NEWEST = "1.29", "1.37"
"""Versions of Kubernetes whose schemas objects are held against."""
CLOSING_S = 10
"""How long a service may take to close pools and channels, after calls and workers."""

Check = Callable[[Sequence[Object]], Iterator[str]]


def schemas(objects: Sequence[Object]) -> Iterator[str]:
    """Kubernetes' own schemas, strictly; of custom resources the shape that their operators want."""
    for found in objects:
        kind = (found["apiVersion"].partition("/")[0], found["kind"])
        if kind in SHAPES:
            yield from (f"{title(found)}: {problem}" for problem in SHAPES[kind](found))
            continue
        for version in (OLDEST, NEWEST):
            if problem := _against_schema(json.dumps(found, sort_keys=True), version):
                yield f"{title(found)}: {version}: {problem}"


@functools.cache
def _against_schema(found: str, version: str) -> str:
    """What is wrong; empty: nothing. Most objects come again in every combination of components."""
    try:
        kubernetes_validate.validate(json.loads(found), version, strict=True)
    except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
        return str(error.message)
    return ""


def namespaces(objects: Sequence[Object]) -> Iterator[str]:
    """Everything lives in the one namespace that is there, and no two objects are the same."""
    names = [found["metadata"]["name"] for found in of_kind(objects, "Namespace")]
    if len(names) != 1:
        yield f"there are {len(names)} namespaces"
    seen = set()
    for found in objects:
        namespace = found["metadata"].get("namespace")
        if found["kind"] != "Namespace" and namespace not in names:
            yield f"{title(found)}: is in {namespace}"
        if title(found) in seen:
            yield f"{title(found)}: is there twice"
        seen.add(title(found))


def images(objects: Sequence[Object]) -> Iterator[str]:
    """Our images have this version; others, those in a registry of one's own too, have some version."""
    for workload in workloads(objects):
        for container in containers(workload):
            name, _, tag = container["image"].rpartition(":")
            if not name or tag == "latest" or "/" in tag:
                yield f"{title(workload)}: {container['image']} names no version"
            elif name.startswith("aiartist/") and tag != facts.version():
                yield f"{title(workload)}: {container['image']} is not {facts.version()}"
    for job in of_kind(objects, "Job"):
        if job["metadata"]["name"] != f"migrate-{facts.version().replace('.', '-')}":
            yield f"{title(job)}: its name does not say the version {facts.version()}"


def every_service(objects: Sequence[Object]) -> Iterator[str]:
    """Each service has a Deployment, a headless Service and a budget for disruptions."""
    deployed = {service_of(found): found for found in of_kind(objects, "Deployment")}
    for service in SERVICES:
        if service not in deployed:
            yield f"{service} has no Deployment"
    for service, deployment in deployed.items():
        if service in SERVICES:
            name = facts.dns_name(service)
            if deployment["metadata"]["name"] != name:
                yield f"{title(deployment)}: runs {service}"
            ports = {
                "grpc": facts.default_port(service),
                "metrics": facts.default_port(service, "metrics_port"),
            }
            told = environment(pod(deployment)["containers"][0], objects)
            if alerts := told.get("AIARTIST_ERROR_ALERTS_PORT"):
                ports["alerts"] = int(alerts)
            yield from _headless(objects, name, ports)
    for workload in of_kind(objects, "Deployment", "StatefulSet"):
        budgets = [
            budget
            for budget in of_kind(objects, "PodDisruptionBudget")
            if selects(budget["spec"]["selector"], pod_labels(workload))
        ]
        if len(budgets) != 1:
            yield f"{title(workload)}: has {len(budgets)} PodDisruptionBudgets"


def _headless(objects: Sequence[Object], name: str, ports: dict[str, int]) -> Iterator[str]:
    services = {found["metadata"]["name"]: found for found in of_kind(objects, "Service")}
    if name not in services:
        yield f"service/{name}: is missing"
        return
    spec = services[name]["spec"]
    if spec.get("clusterIP") != "None":
        yield f"service/{name}: is not headless: one connection would carry all calls to one pod"
    if {port["name"]: port["port"] for port in spec["ports"]} != ports:
        yield f"service/{name}: its ports are not {ports}"
    (container,) = pod(one(objects, "Deployment", name))["containers"]
    told = {port["name"]: port["containerPort"] for port in container["ports"]}
    if {key: told.get(key) for key in ports} != ports:
        yield f"deployment/{name}: its ports are not {ports}"


def confinement(objects: Sequence[Object]) -> Iterator[str]:
    """Nobody is root, nothing is written outside volumes, nothing more is allowed than is needed."""
    for workload in workloads(objects):
        spec, who = pod(workload), title(workload)
        context = spec.get("securityContext", {})
        for key, wanted in (("runAsNonRoot", True), ("seccompProfile", {"type": "RuntimeDefault"})):
            if context.get(key) != wanted:
                yield f"{who}: {key} is not {wanted}"
        if service_of(workload) and {context.get("runAsUser"), context.get("runAsGroup")} != {10001}:
            yield f"{who}: its user and group are not 10001"
        if spec.get("automountServiceAccountToken") is not False:
            yield f"{who}: gets a token of the cluster"
        for container in containers(workload):
            wanted_context = {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            if container.get("securityContext") != wanted_context:
                yield f"{who}: {container['name']} may more than it needs"
            if not any(mount["mountPath"] == "/tmp" for mount in container.get("volumeMounts", [])):
                yield f"{who}: {container['name']} has no /tmp"
        mounted = {mount["name"] for container in containers(workload) for mount in container["volumeMounts"]}
        there = {volume["name"] for volume in spec.get("volumes", [])}
        there |= {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
        if mounted != there:
            yield f"{who}: mounts {sorted(mounted)} and has {sorted(there)}"
    accounts = {found["metadata"]["name"]: found for found in of_kind(objects, "ServiceAccount")}
    for workload in workloads(objects):
        account = accounts.get(pod(workload).get("serviceAccountName", "default"))
        if account is None or account.get("automountServiceAccountToken") is not False:
            yield f"{title(workload)}: has no ServiceAccount of its own without a token"


def resources(objects: Sequence[Object]) -> Iterator[str]:
    """Requests and limits, of processor and memory, for every container."""
    for workload in workloads(objects):
        for container in containers(workload):
            for kind in ("requests", "limits"):
                given = container.get("resources", {}).get(kind, {})
                if set(given) != {"cpu", "memory"}:
                    yield f"{title(workload)}: {container['name']} has no {kind} of cpu and memory"


def probes(objects: Sequence[Object]) -> Iterator[str]:
    """Each service is asked by the names that the code serves, on a port that speaks plain gRPC."""
    for workload in of_kind(objects, "Deployment"):
        for container in pod(workload)["containers"]:
            for probe in facts.PROBES:
                if probe not in container:
                    yield f"{title(workload)}: has no {probe}"
            if service_of(workload) in SERVICES:
                yield from _grpc_probes(workload, container, objects)


def _grpc_probes(workload: Object, container: Object, objects: Sequence[Object]) -> Iterator[str]:
    told = environment(container, objects)
    service = service_of(workload)
    port = int(told.get("AIARTIST_HEALTH_PORT") or facts.default_port(service))
    if "AIARTIST_TLS_CERT" in told and "AIARTIST_HEALTH_PORT" not in told:
        yield f"{title(workload)}: speaks TLS and has no plain port for probes"
    for probe, name in facts.PROBES.items():
        if container.get(probe, {}).get("grpc") != {"port": port, "service": name}:
            yield f"{title(workload)}: its {probe} does not ask {name} on {port}"


def rollout(objects: Sequence[Object]) -> Iterator[str]:
    """A new pod is ready before an old one goes, and the old one may end what it does."""
    for workload in of_kind(objects, "Deployment"):
        who, strategy = title(workload), workload["spec"].get("strategy", {})
        if _keeps_a_volume(workload):
            if strategy != {"type": "Recreate"} or workload["spec"].get("replicas") != 1:
                yield f"{who}: its volume can't be at two pods"
        elif strategy != {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}:
            yield f"{who}: a rolling update would take pods away before new ones are ready"
        if not pod(workload).get("topologySpreadConstraints"):
            yield f"{who}: its pods may all be on one node"
        if service_of(workload) in SERVICES:
            told = environment(pod(workload)["containers"][0], objects)
            needed = _seconds(told, "drain_delay_s") + 2 * _seconds(told, "stop_grace_s") + CLOSING_S
            if pod(workload).get("terminationGracePeriodSeconds", 30) < needed:
                yield f"{who}: is killed before the {needed:.0f} s that its end may take"
            if _seconds(told, "drain_delay_s") <= 5:
                yield f"{who}: ends before its address has left DNS"


def _seconds(told: dict[str, str | None], field: str) -> float:
    value = told.get(facts.PREFIX + field.upper())
    return float(ChassisSettings.model_fields[field].default if value is None else value)


def _keeps_a_volume(workload: Object) -> bool:
    return any("persistentVolumeClaim" in volume for volume in pod(workload).get("volumes", []))


def variables(objects: Sequence[Object]) -> Iterator[str]:
    """Every variable is one that the process's settings know, with a value that they take."""
    for workload in workloads(objects):
        service = service_of(workload)
        if not service:
            continue
        (container,) = containers(workload)
        told = environment(container, objects)
        for name in sorted(set(told) - facts.variables(service)):
            yield f"{title(workload)}: {service} knows no {name}"
        if service == "orchestrator":
            for name in sorted(facts.provider_keys() - set(told)):
                yield f"{title(workload)}: config/models.toml names {name}, and it can't be given"
        for name, value in told.items():
            if name.endswith("_ADDR") and value is not None:
                callee = name.removeprefix(facts.PREFIX).removesuffix("_ADDR").lower()
                if value != f"{facts.dns_name(callee)}:{facts.default_port(callee)}":
                    yield f"{title(workload)}: {name} is {value}"
        if service in SERVICES:
            wanted = {
                f"{facts.PREFIX}{callee.upper()}_ADDR"
                for caller, callee in facts.calls()
                if caller == service
            }
            for name in sorted(wanted - set(told)):
                yield f"{title(workload)}: is not told {name}"
        if service in facts.users_of_the_database() and "AIARTIST_DATABASE_URL" not in told:
            yield f"{title(workload)}: is not told AIARTIST_DATABASE_URL"


def references(objects: Sequence[Object]) -> Iterator[str]:
    """ConfigMaps and claims are there; Secrets are not, but the page tells how to make them, key by key."""
    for found in of_kind(objects, "Secret"):
        yield f"{title(found)}: a Secret must not stand in a manifest"
    there = {(found["kind"], found["metadata"]["name"]) for found in objects}
    documented = facts.documented_secrets()
    for workload in workloads(objects):
        wanted: list[tuple[str, Any]] = [
            ("ConfigMap", source["configMapRef"]["name"])
            for container in containers(workload)
            for source in container.get("envFrom", [])
            if "configMapRef" in source
        ]
        for volume in pod(workload).get("volumes", []):
            if "configMap" in volume:
                wanted.append(("ConfigMap", volume["configMap"]["name"]))
            if "persistentVolumeClaim" in volume:
                wanted.append(("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]))
        yield from (
            f"{title(workload)}: there is no {kind} {name}"
            for kind, name in wanted
            if (kind, name) not in there
        )
        for name, key in secret_references(workload):
            if name not in documented or (key is not None and key not in documented[name]):
                yield f"{title(workload)}: docs/kubernetes.md does not make {name}/{key or '*'}"


def selectors(objects: Sequence[Object]) -> Iterator[str]:
    """What selects pods selects some, and what names a port names one that they have."""
    for workload in of_kind(objects, "Deployment", "StatefulSet"):
        if not selects(workload["spec"]["selector"], pod_labels(workload)):
            yield f"{title(workload)}: does not select its own pods"
    pods = [(pod_labels(workload), workload) for workload in workloads(objects)]
    for service in of_kind(objects, "Service"):
        chosen = [
            workload
            for labels, workload in pods
            if selects({"matchLabels": service["spec"]["selector"]}, labels)
        ]
        if len(chosen) != 1:
            yield f"{title(service)}: selects {len(chosen)} workloads"
            continue
        names = {port["name"] for container in containers(chosen[0]) for port in container.get("ports", [])}
        for port in service["spec"]["ports"]:
            if port.get("targetPort") not in names:
                yield f"{title(service)}: its pods have no port {port.get('targetPort')}"
    for budget in of_kind(objects, "PodDisruptionBudget"):
        if not any(selects(budget["spec"]["selector"], labels) for labels, _ in pods):
            yield f"{title(budget)}: selects nothing"
    for monitor in of_kind(objects, "ServiceMonitor"):
        scraped = {
            found["spec"]["selector"][NAME]
            for found in of_kind(objects, "Service")
            if selects(monitor["spec"]["selector"], found["metadata"].get("labels", {}))
        }
        if scraped != {facts.dns_name(service) for service in SERVICES}:
            yield f"{title(monitor)}: scrapes {sorted(scraped)}"


def autoscalers(objects: Sequence[Object]) -> Iterator[str]:
    """They scale what is there and nobody else counts, by numbers that exist."""
    for scaler in of_kind(objects, "HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]["name"]
        named = [found for found in of_kind(objects, "Deployment") if found["metadata"]["name"] == target]
        if not named:
            yield f"{title(scaler)}: there is no Deployment {target}"
        elif "replicas" in named[0]["spec"]:
            yield f"{title(scaler)}: its Deployment sets replicas back at each apply"
        elif _keeps_a_volume(named[0]):
            yield f"{title(scaler)}: what has a volume of one node can't be scaled"
        for metric in scaler["spec"]["metrics"]:
            if metric["type"] == "External":
                name = metric["external"]["metric"]["name"]
                if name not in facts.metric_names():
                    yield f"{title(scaler)}: no service has a metric {name}"


CHECKS: Sequence[Check] = (
    schemas,
    namespaces,
    images,
    every_service,
    confinement,
    resources,
    probes,
    rollout,
    variables,
    references,
    selectors,
    autoscalers,
)
"""Those that hold with any components."""
