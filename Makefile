# Chalk Auth. `make help` lists what there is to make.
#
# A fresh machine needs Python 3.11 or newer and make; everything else is installed into .venv from hash-pinned locks.

PYTHON ?= python3
PORT   ?= 8000
UV     ?= uv
PROMTOOL ?= promtool
ARGS   ?=

# Processes that share the tests; one file on one database stays in one of them. AT_ONCE= runs them one by one.
AT_ONCE ?= --numprocesses 2 --dist loadgroup --no-loadscope-reorder

# Databases of tests lie in memory where there is enough of it: none of them has to outlive the machine.
IN_MEMORY := $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4000000 { print "TMPDIR=/dev/shm" }')

# The tests start hundreds of processes; where Python is told not to keep what it compiled, each would compile all anew.
export PYTHONDONTWRITEBYTECODE :=

VENV    := .venv
BIN     := $(VENV)/bin
MADE    := $(VENV)/.made
RUNTIME := $(VENV)/.runtime
DEV     := $(VENV)/.dev

export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Wheels only, so that no package runs code to be installed. Where one has no wheel (Intel Macs, Alpine): make WHEELS=
WHEELS ?= --only-binary :all:

# Exactly what the lock names and hashes; nothing is resolved. Twice quiet: errors are still printed.
INSTALL_LOCKED = $(BIN)/python -m pip install --quiet --quiet --require-hashes --no-deps $(WHEELS) --requirement
# The project itself, as a link to this folder; its build backend is in both locks, so the network is not asked.
INSTALL_SELF = $(BIN)/python -m pip install --quiet --quiet --no-index --no-deps --no-build-isolation --editable .

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help serve test coverage test-races lint format bench bench-peers bench-families torture check-alerts lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# `exec` lets Ctrl-C and SIGTERM reach the server itself, so that it ends in its own good time.
serve: $(RUNTIME) ## run a demo server with a tenant, a room and keys to try (PORT=8000)
	@export CHALK_ISSUER="$${CHALK_ISSUER:-http://127.0.0.1:$(PORT)}"; exec $(BIN)/chalk-auth demo --port $(PORT)

test: $(DEV) ## run all tests (ARGS=tests/house to choose)
	@$(IN_MEMORY) $(BIN)/python -m pytest $(AT_ONCE) $(ARGS)

coverage: $(DEV) ## run all tests and tell which lines and branches of app/ none of them reaches
	@$(IN_MEMORY) $(BIN)/python -m pytest $(AT_ONCE) --cov=app --cov-branch --cov-report=term-missing --cov-fail-under=95 $(ARGS)

test-races: $(DEV) ## run every round of the races and every case of noise, of which the tests run a fifth
	@EVERY_ROUND=1 $(IN_MEMORY) $(BIN)/python -m pytest $(AT_ONCE) --no-cov tests/adversary tests/deploy/test_database_stopped.py $(ARGS)

lint: $(DEV) ## check style, types and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(DEV) ## put the code into shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(DEV) ## measure what requests cost, over one bare signature, and write docs/performance.md (8 minutes; or ARGS)
	@$(BIN)/python -W ignore -m bench.requests $(or $(ARGS),--write)

bench-peers: $(DEV) ## install other servers into a folder (PEERS=), for make bench ARGS='--peers FOLDER --floor --write'
	@test -n "$(PEERS)" || { echo 'Name a folder to install into: make bench-peers PEERS=...' >&2; exit 1; }
	@$(BIN)/python -W ignore -m bench.requests.peers $(PEERS)

bench-families: $(DEV) ## measure what sessions cost in a table of 10,000 and of 1,000,000 (some minutes, 2 GB; ARGS)
	@$(BIN)/python -W ignore -m bench.families $(ARGS)

torture: $(DEV) ## race and break rotation on both databases, and look for what may never be (some minutes; ARGS)
	@$(BIN)/python -W ignore -m bench.torture $(ARGS)

check-alerts: ## have promtool try the alerts of deploy/prometheus (PROMTOOL= where it is)
	@command -v $(PROMTOOL) >/dev/null || { \
		echo 'make check-alerts needs promtool, of Prometheus, which this machine lacks: set PROMTOOL= to where it is.' >&2; exit 1; }
	@$(PROMTOOL) check rules deploy/prometheus/alerts.yaml
	@$(PROMTOOL) test rules deploy/prometheus/alerts_test.yaml

lock: ## pin every dependency anew, with hashes (needs uv; ARGS=--upgrade to take newer ones)
	@command -v $(UV) >/dev/null || { echo 'make lock needs uv, which this machine lacks: set UV= to where it is.' >&2; exit 1; }
	@$(call COMPILE,requirements.lock) --group build
	@$(call COMPILE,requirements-dev.lock) --group build --group dev --extra otel --constraints requirements.lock

COMPILE = $(UV) pip compile pyproject.toml --output-file $(1) --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' $(ARGS)

clean: ## remove the environment and all caches; keys/ and var/ stay
	@rm -rf $(VENV) .coverage .coverage.* htmlcov .hypothesis .mypy_cache .pytest_cache .ruff_cache \
		.import_linter_cache .grimp_cache build dist *.egg-info
	@find app bench migrations tests -type d -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

$(MADE):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Chalk Auth needs Python 3.11 or newer, and '$(PYTHON)' is not: $$($(PYTHON) --version 2>&1)" >&2; \
		echo "Name another one: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(RUNTIME): requirements.lock pyproject.toml | $(MADE)
	@echo 'Installing requirements.lock ...'
	@$(INSTALL_LOCKED) requirements.lock
	@$(INSTALL_SELF)
	@touch $@

# The development lock holds all of the runtime lock, at the same versions; so it may come before or after it.
$(DEV): requirements-dev.lock pyproject.toml | $(MADE)
	@echo 'Installing requirements-dev.lock ...'
	@$(INSTALL_LOCKED) requirements-dev.lock
	@$(INSTALL_SELF)
	@touch $@
