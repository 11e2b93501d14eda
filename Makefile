# `make demo` shows it, `make test` proves it. Both make their own virtual environment first.
.DEFAULT_GOAL := help
.PHONY: help demo test lint types pyright contracts generated pytest format bench test-long lock clean

VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

help: ## What can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

$(READY): requirements/dev.lock pyproject.toml scripts/environment
	@scripts/environment $(VENV) requirements/dev.lock
	@touch $@

demo: $(READY) ## Run the example shop with everything around it; ONCE=1 verifies every row and ends
	@$(BIN)/python -m examples.shop.demo $(if $(ONCE),--once)

test: lint types contracts generated pytest ## Everything that decides what lands

lint: $(READY) ## Style of the code
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY) ## Strict types
	@$(BIN)/mypy
	@$(BIN)/mypy tests examples bench

pyright: $(READY) .venv-pyright/.ready ## What pyright makes of the public types
	@.venv-pyright/bin/basedpyright --pythonpath $(BIN)/python

.venv-pyright/.ready: requirements/pyright.lock pyproject.toml scripts/environment
	@scripts/environment .venv-pyright requirements/pyright.lock
	@touch $@

contracts: $(READY) ## Which room may import which
	@$(BIN)/lint-imports

generated: $(READY) ## The committed artefacts are those that the declarations give
	@$(BIN)/obs generate --check

pytest: $(READY) ## Unit and live tests; promtool and amtool on what is generated among them
	@$(BIN)/pytest -q -n 4 --dist loadfile -m "not long"

test-long: $(READY) pyright ## Mutations of what is generated, and long matrices; CI runs them too
	@$(BIN)/pytest -q -n 4 -m long

format: $(READY) ## Format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: .venv-bench/.ready ## What obs costs beside its peers: requests, servers (needs wrk), operations, start
	@.venv-bench/bin/python -m bench.overhead
	@.venv-bench/bin/python -m bench.servers
	@.venv-bench/bin/python -m bench.operations
	@.venv-bench/bin/python -m bench.startup

.venv-bench/.ready: requirements/bench.lock pyproject.toml scripts/environment
	@scripts/environment .venv-bench requirements/bench.lock
	@touch $@

lock: $(READY) ## Take newer versions into the locks (needs uv)
	uv pip compile -q pyproject.toml --upgrade --universal --python-version 3.11 --no-header --no-annotate --extra all --group dev -o requirements/dev.lock
	uv pip compile -q pyproject.toml --upgrade --universal --python-version 3.11 --no-header --no-annotate --extra all --group bench -o requirements/bench.lock
	uv pip compile -q --upgrade --universal --python-version 3.11 --no-header --no-annotate --group pyright -o requirements/pyright.lock

clean: ## Remove what was made here
	rm -rf $(VENV) .venv-bench .venv-pyright .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
