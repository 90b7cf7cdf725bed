"""Network policies: what they let through must be what the code's settings say, no more and no less."""

from collections.abc import Iterator, Sequence

from cli.settings import SERVICES
from tests.k8s import facts
from tests.k8s.manifests import NAME, Object, of_kind, pod_labels, selects, title, workloads

EVERYBODY = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
MONITORING = {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}
TO_THE_WORLD = {("notifier", 443), ("orchestrator", 443), ("release", 443), ("release", 22)}
"""Who reaches the internet, on which ports: models, Telegram, music services, clips, buckets, SFTP."""
POSTGRES_PORT, DNS_PORT, TRACES_PORT = 5432, 53, 4317

Call = tuple[str, str, int | str]
"""Caller, callee and port, by the names that pods have."""


def policies(objects: Sequence[Object]) -> Iterator[str]:
    """Whatever is wrong with the policies of an overlay."""
    if not any(found["spec"] == EVERYBODY for found in of_kind(objects, "NetworkPolicy")):
        yield "nothing denies what is not allowed"
    for workload in workloads(objects):
        chosen = [
            found
            for found in of_kind(objects, "NetworkPolicy")
            if found["spec"]["podSelector"] and selects(found["spec"]["podSelector"], pod_labels(workload))
        ]
        if not chosen:
            yield f"{title(workload)}: no NetworkPolicy is about it"
    wanted = _wanted(objects)
    into, out_of = set(_inside(objects, "ingress")), set(_inside(objects, "egress"))
    for what, allowed in (("may be called", into), ("may call", out_of)):
        yield from (
            f"{what}, though no setting says so: {call}" for call in sorted(allowed - wanted, key=str)
        )
        yield from (f"{what} is missing: {call}" for call in sorted(wanted - allowed, key=str))
    outside = set(_outside(objects))
    expected = _wanted_outside(objects)
    yield from (f"reaches out, though it needs not: {way}" for way in sorted(outside - expected, key=str))
    yield from (f"can't reach out: {way}" for way in sorted(expected - outside, key=str))
    scraped = set(_scraped(objects))
    if scraped != {facts.dns_name(service) for service in SERVICES}:
        yield f"Prometheus may scrape {sorted(scraped)}"


def _wanted(objects: Sequence[Object]) -> set[Call]:
    there = _names(objects)
    calls: set[Call] = {
        (facts.dns_name(caller), facts.dns_name(callee), facts.default_port(callee))
        for caller, callee in facts.calls()
    }
    if "model" in there:
        calls.add(("orchestrator", "model", facts.default_port("model")))
    if "postgres" in there:
        calls |= {(user, "postgres", POSTGRES_PORT) for user in _database_users()}
    return calls


def _wanted_outside(objects: Sequence[Object]) -> set[tuple[str, str, int]]:
    ways = {(user, "anywhere", POSTGRES_PORT) for user in _database_users()}
    ways |= {(name, "the world", port) for name, port in TO_THE_WORLD}
    ways |= {(facts.dns_name(service), "monitoring", TRACES_PORT) for service in SERVICES}
    return ways | {(name, "kube-system", DNS_PORT) for name in _names(objects)}


def _database_users() -> set[str]:
    names = {"migrate" if user == "cli" else user for user in facts.users_of_the_database()}
    return {facts.dns_name(name) for name in names}


def _names(objects: Sequence[Object]) -> set[str]:
    return {pod_labels(workload)[NAME] for workload in workloads(objects)}


def _chosen(objects: Sequence[Object], selector: Object) -> set[str]:
    """The names of the pods that a selector of this namespace chooses."""
    return {pod_labels(found)[NAME] for found in workloads(objects) if selects(selector, pod_labels(found))}


def _inside(objects: Sequence[Object], direction: str) -> Iterator[Call]:
    """Each call between pods of the namespace that the rules of one direction allow."""
    peers = "from" if direction == "ingress" else "to"
    for policy in of_kind(objects, "NetworkPolicy"):
        own = _chosen(objects, policy["spec"]["podSelector"])
        for rule in policy["spec"].get(direction, []):
            for peer in rule.get(peers, []):
                if set(peer) != {"podSelector"}:
                    continue
                for other in _chosen(objects, peer["podSelector"]):
                    for port in rule.get("ports", [{"port": "any"}]):
                        for name in own:
                            ends = (other, name) if direction == "ingress" else (name, other)
                            yield (*ends, port["port"])
            if direction == "ingress" and not rule.get("from"):
                yield from (("anybody", name, "any") for name in own)
    if direction == "egress":
        # A rule without peers reaches pods of the namespace too.
        for name, where, port in _outside(objects):
            if where == "anywhere" and port == POSTGRES_PORT and "postgres" in _names(objects):
                yield (name, "postgres", port)


def _outside(objects: Sequence[Object]) -> Iterator[tuple[str, str, int]]:
    """Who reaches what beyond the namespace: name, where, port."""
    for policy in of_kind(objects, "NetworkPolicy"):
        for name in _chosen(objects, policy["spec"]["podSelector"]):
            for rule in policy["spec"].get("egress", []):
                for port in {port["port"] for port in rule.get("ports", [{"port": 0}])}:
                    yield from ((name, where, port) for where in _places(rule))


def _places(rule: Object) -> set[str]:
    if not rule.get("to"):
        return {"anywhere"}
    places = set()
    for peer in rule["to"]:
        if "namespaceSelector" in peer:
            places.add(peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"])
        elif "ipBlock" in peer and peer["ipBlock"]["cidr"] != "169.254.20.10/32":
            private = "10.0.0.0/8" in peer["ipBlock"].get("except", []) or ":" in peer["ipBlock"]["cidr"]
            places.add("the world" if private else f"the world and {peer['ipBlock']['cidr']}")
    return places


def _scraped(objects: Sequence[Object]) -> Iterator[str]:
    for policy in of_kind(objects, "NetworkPolicy"):
        for rule in policy["spec"].get("ingress", []):
            for peer in rule.get("from", []):
                if peer.get("namespaceSelector") == MONITORING and rule["ports"] == [
                    {"protocol": "TCP", "port": "metrics"}
                ]:
                    yield from _chosen(objects, policy["spec"]["podSelector"])
