#!/usr/bin/env bash
# A Docker engine, and the images that docker-compose.yml names, for `make test-containers`:
#
#   tests/containers/engine.sh start    takes the engine that runs; else, as root on Debian, installs and starts one
#   tests/containers/engine.sh stop     ends the engine that `start` started
#
# Exit status 3: there is no engine, or not what it needs, and neither can be had. Where no image registry can be
# reached, images are made from Debian's packages under the same names; they do for tests what the public ones do.
set -Eeuo pipefail
cd "$(dirname "$0")/../.."

state=${TMPDIR:-/var/tmp}/aiartist-engine
python_image=${PYTHON_IMAGE:-$(sed -n 's/^ARG PYTHON_IMAGE=//p' Dockerfile)}
image_of() { sed -n "s/.*image: \${$1:-\(.*\)}/\1/p" docker-compose.yml | head -1; }
postgres_image=${POSTGRES_IMAGE:-$(image_of POSTGRES_IMAGE)}
prometheus_image=${PROMETHEUS_IMAGE:-$(image_of PROMETHEUS_IMAGE)}

give_up() { echo "no Docker engine: $1" >&2; exit 3; }

start_engine() {
  docker info >/dev/null 2>&1 && return
  [[ $(id -u) == 0 ]] || give_up "docker info fails, and only root can start one"
  command -v apt-get >/dev/null || give_up "docker info fails, and this is not Debian"
  mkdir -p "$state"
  local missing=()
  command -v dockerd >/dev/null || missing+=(docker.io iptables)
  docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null || missing+=(docker-compose)
  if ((${#missing[@]})); then
    apt-get update -qq || give_up "the package index can't be read"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
      >"$state/install.log" 2>&1 || give_up "${missing[*]} can't be installed; see $state/install.log"
  fi
  nohup dockerd >"$state/dockerd.log" 2>&1 &
  echo $! >"$state/dockerd.pid"
  for _ in $(seq 60); do
    docker info >/dev/null 2>&1 && return
    kill -0 "$(cat "$state/dockerd.pid")" 2>/dev/null || break
    sleep 1
  done
  give_up "dockerd did not start; see $state/dockerd.log"
}

have() { docker image inspect "$1" >/dev/null 2>&1 || timeout 300 docker pull --quiet "$1" >/dev/null 2>&1; }

# A small Debian with Python, as the slim image is one.
make_python() {
  local root=$state/debian mirror
  mkdir -p "$state"
  command -v debootstrap >/dev/null || {
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap >>"$state/install.log" 2>&1
  }
  if [[ ! -e $root/complete ]]; then
    rm -rf "$root"
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -1)
    debootstrap --variant=minbase --include=ca-certificates,python3,python3-pip,python3-venv \
      bookworm "$root" "$mirror" >"$state/debootstrap.log" 2>&1
    # What this machine trusts, the image's builds have to trust too.
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
    rm -rf "$root"/var/cache/apt/archives/*.deb
    touch "$root/complete"
  fi
  tar -C "$root" --exclude=./complete -c . | docker import \
    --change 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin' \
    --change 'ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt' \
    --change 'ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt' \
    --change 'CMD ["python3"]' - "$1" >/dev/null
}

# Takes the variables and the data folder of the public image.
make_postgres() {
  docker build --quiet --network host --tag "$1" - >/dev/null <<IMAGE
FROM $python_image
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql-15 >/dev/null \\
 && rm -rf /var/lib/apt/lists/*
ENV PGDATA=/var/lib/postgresql/data PATH=/usr/lib/postgresql/15/bin:\$PATH
RUN { echo '#!/bin/bash'; echo 'set -eu'; \\
      echo 'install -d -o postgres -g postgres -m 700 "\$PGDATA"; install -d -o postgres /var/run/postgresql'; \\
      echo 'as() { setpriv --reuid=postgres --regid=postgres --init-groups "\$@"; }'; \\
      echo 'if [ ! -s "\$PGDATA/PG_VERSION" ]; then'; \\
      echo '  password=\${POSTGRES_PASSWORD:-\$(cat "\$POSTGRES_PASSWORD_FILE")}'; \\
      echo '  install -o postgres -m 600 /dev/null /tmp/password; echo "\$password" >/tmp/password'; \\
      echo '  as initdb --username="\$POSTGRES_USER" --pwfile=/tmp/password --auth=scram-sha-256 >/dev/null'; \\
      echo '  export PGPASSWORD=\$password; rm /tmp/password'; \\
      echo '  echo "host all all all scram-sha-256" >>"\$PGDATA/pg_hba.conf"'; \\
      echo '  as pg_ctl --wait --options="-c listen_addresses=" start >/dev/null'; \\
      echo '  as createdb --username="\$POSTGRES_USER" "\$POSTGRES_DB"; as pg_ctl --wait stop >/dev/null'; \\
      echo 'fi'; \\
      echo 'exec setpriv --reuid=postgres --regid=postgres --init-groups "\$@" -c "listen_addresses=*"'; \\
    } >/usr/local/bin/start-postgres && chmod 755 /usr/local/bin/start-postgres
STOPSIGNAL SIGINT
EXPOSE 5432
ENTRYPOINT ["/usr/local/bin/start-postgres"]
CMD ["postgres"]
IMAGE
}

make_prometheus() {
  docker build --quiet --network host --tag "$1" - >/dev/null <<IMAGE
FROM $python_image
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends prometheus >/dev/null \\
 && rm -rf /var/lib/apt/lists/* && install -d -o 65534 -g 65534 /prometheus
USER 65534:65534
EXPOSE 9090
ENTRYPOINT ["prometheus"]
IMAGE
}

case "${1:-}" in
  start)
    start_engine
    # Each a statement of its own: in a condition, bash would go on after a failure.
    trap 'give_up "an image that is needed can be neither fetched nor made; see $state"' ERR
    if ! have "$python_image"; then make_python "$python_image"; fi
    if ! have "$postgres_image"; then make_postgres "$postgres_image"; fi
    if ! have "$prometheus_image"; then make_prometheus "$prometheus_image"; fi
    ;;
  stop)
    if [[ -s $state/dockerd.pid ]]; then
      kill "$(cat "$state/dockerd.pid")" 2>/dev/null || true
      rm -f "$state/dockerd.pid"
    fi
    ;;
  *)
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
