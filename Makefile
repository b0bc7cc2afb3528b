# What people and CI call. Each target makes the environment it needs, in .venv.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Linted as what it is imported as, through the links; see docs/decisions/0001-importable-root-folders.md.
LINTED := src/driftline/ingest/ src/driftline/analyzers/ src/driftline/local/ src/driftline/*.py tests demo benchmarks grafana kibana docs/examples

.PHONY: help demo test unit check lint types fmt docs dashboards grafana up down clean

help: ## List the targets
	@grep -hE '^[a-z%-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z%-]+):.*## (.*)/  \1\t\2/' | expand -t 16

$(BIN)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo,kafka,learning,notify]' --group dev
	@touch $@

demo: $(BIN)/.installed ## Run the main job: a real model, 336,776 real flights, from log call to verdict
	@$(BIN)/driftline up
	@$(BIN)/python -m demo

test: check $(BIN)/.installed ## Run all checks and tests, with a real Elasticsearch
	$(BIN)/python -m pytest

unit: $(BIN)/.installed ## Run the tests that need no server
	$(BIN)/python -m pytest tests/unit tests/contract

check: lint types ## Lint and check types

lint: $(BIN)/.installed
	$(BIN)/ruff check $(LINTED)
	$(BIN)/ruff format --check --quiet $(LINTED)

types: $(BIN)/.installed
	$(BIN)/mypy

fmt: $(BIN)/.installed ## Format the code
	$(BIN)/ruff format $(LINTED)
	$(BIN)/ruff check --fix $(LINTED)

docs: $(BIN)/.installed ## Write the pages and rules that are made from the code
	$(BIN)/python -c "from driftline.analyzers.measures.table import markdown; print(markdown(), end='')" > docs/reference/measures.md
	$(BIN)/python -m benchmarks.page > docs/reference/evidence.md
	rm -rf kibana/rules kibana/connectors kibana/watches kibana/prometheus
	$(BIN)/driftline alerts export --config demo/monitors.yml --output kibana

dashboards: $(BIN)/.installed ## Compile the Kibana dashboards
	$(BIN)/python -m kibana.bundle

grafana: $(BIN)/.installed ## Build Grafana's dashboards
	$(BIN)/python -m grafana.build

bench-%: $(BIN)/.installed ## Run one benchmark, such as bench-analyze
	@$(BIN)/python -m benchmarks.$*.run

up: $(BIN)/.installed ## Start a local Elasticsearch
	@$(BIN)/driftline up

down: $(BIN)/.installed ## Stop it
	@$(BIN)/driftline down

clean: ## Delete the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
