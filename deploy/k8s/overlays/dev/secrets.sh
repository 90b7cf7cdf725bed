#!/usr/bin/env bash
# Makes the Secrets of the overlay dev, with random values, where they are not there yet. What is given goes
# to kubectl: `secrets.sh --context kind-aiartist`, `secrets.sh --dry-run=client -o yaml`.
set -euo pipefail

random() { openssl rand -hex 24; }

create() {
    local name=$1
    shift
    if [[ " ${options[*]} " != *" --dry-run"* ]] \
        && kubectl -n aiartist get secret "$name" "${options[@]}" >/dev/null 2>&1; then
        echo "secret/$name is there already"
        return
    fi
    kubectl -n aiartist create secret generic "$name" "$@" "${options[@]}"
}

options=("$@")
known="operator:operator:$(random)"
tokens=(--from-literal="operator=${known##*:}")
for service in scheduler artist-db orchestrator release notifier error-analyzer; do
    token=$(random)
    known+=",$service:service:$token"
    tokens+=(--from-literal="$service=$token")
done
create aiartist-tokens --from-literal="tokens=$known" "${tokens[@]}"

password=$(random)
create aiartist-database --from-literal="password=$password" \
    --from-literal="url=postgresql://aiartist:$password@postgres:5432/aiartist"
create aiartist-model --from-literal="api-key=$(random)"
