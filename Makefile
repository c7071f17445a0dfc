# `make demo` and `make test` do everything on a machine that has Python 3.11+ and make.

PYTHON ?= python3
VENV   ?= .venv
URL    ?=
JOBS   ?= auto
BIN    := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast test-adapters check format bench bench-full bench-langgraph bench-migrations bench-search bench-transfer soak soak-faults soak-traffic dist clean

help:  ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: $(VENV)/.demo  ## real conversations into a store and back (URL=postgresql://… for PostgreSQL)
	$(BIN)/python -m sqlstore demo $(if $(URL),--url '$(URL)')

test: $(VENV)/.test  ## every test, on SQLite and PostgreSQL, JOBS at once (a core each)
	$(BIN)/python -m pytest -n $(JOBS) --maxprocesses 4

test-fast: $(VENV)/.test  ## the tests that take no more than a second each
	$(BIN)/python -m pytest -n $(JOBS) --maxprocesses 4 -m 'not slow'

test-adapters: $(VENV)/bin/python  ## each adapter with the oldest and the newest version of its framework (LATEST=1: today's)
	$(BIN)/python tests/adapters/versions.py $(if $(LATEST),--latest) $(EXTRAS)

check: $(VENV)/.dev  ## style, types, import rules, and every query on both databases
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	if [ -x $(BIN)/hadolint ]; then $(BIN)/hadolint --failure-threshold warning Dockerfile; fi
	$(BIN)/python -m sqlstore check

format: $(VENV)/.dev  ## put the code into the house's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.bench  ## cost of a call beside the bare drivers and every peer; are the goals reached? (10 minutes)
	$(BIN)/python -m bench.calls --json bench/results/calls.json --charts docs

bench-full: $(VENV)/.bench  ## the same with more rows and rounds, and what grows, up to 5,000,000 messages
	$(BIN)/python -m bench.calls --rounds 21 --seconds 0.3 --rows 1000000 --history 2000 --growth-rows 1000000 \
	  --json bench/results/calls-full.json --charts docs
	$(BIN)/python -m bench.calls --loop uvloop --growth-rows 0 --json bench/results/calls-uvloop.json
	$(BIN)/python -m bench.growth --rows 10000 --rows 1000000 --rows 5000000 --json bench/results/growth.json

bench-migrations: $(VENV)/.test  ## 200 migrations beside other runners, and what kills and races leave
	$(BIN)/python bench/migrations.py
	$(BIN)/python bench/trials.py

bench-search: $(VENV)/.test  ## how right a search is, how fast at 1,000,000 messages, and what it costs
	$(BIN)/python -m bench.search_truth
	$(BIN)/python bench/search_speed.py --rows 1000000 --engine sqlite --engine postgres

bench-langgraph: $(VENV)/.test  ## what 500 turns of a LangGraph conversation cost, beside its own saver
	$(BIN)/python bench/langgraph_storage.py

bench-transfer: $(VENV)/.test  ## export, import and copy of 1,000,000 messages: rows a second, memory
	$(BIN)/python bench/transfer.py 1000000

soak-traffic: $(VENV)/.test  ## ten minutes of mixed traffic on each database: what grows that should not?
	$(BIN)/python -m bench.soak --minutes 10 --json bench/results/soak.json

soak: $(VENV)/.test  ## the long forms of tests: an hour or two
	$(BIN)/python -m tests.capabilities.search.parity --queries 100000
	SQLSTORE_TEST_BACKUPS=200 SQLSTORE_TEST_EXAMPLES=200 $(BIN)/python -m pytest \
	  --timeout 7200 tests/capabilities/backup/test_processes.py tests/migrations/test_interleavings.py
	SQLSTORE_TEST_OUTAGE_S=60 SQLSTORE_TEST_KILLS=20 SQLSTORE_TEST_WRITES_PER_S=500 $(BIN)/python -m pytest \
	  --timeout 7200 -o faulthandler_timeout=7000 tests/capabilities/outbox/test_kill.py

soak-faults: $(VENV)/.test  ## kills, power cuts, failovers, full disks, cut lines, cancels, hostile values, in full: an hour
	SQLSTORE_TEST_FAULTS=full $(BIN)/python -m pytest -s --timeout 7200 -o faulthandler_timeout=7000 tests/faults

dist: $(VENV)/.dev  ## wheel and sdist in dist/
	$(BIN)/python -m build

clean:  ## remove what was made here; databases of your own are not touched
	rm -rf $(VENV) .venv-adapters dist build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "sqlstore needs Python 3.11 or newer; name one: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "no venv module; on Debian and Ubuntu: apt install python3-venv"; exit 1; }

$(VENV)/.bench: $(VENV)/.test bench/requirements.txt
	@echo "installing the libraries that are measured into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement bench/requirements.txt
	@touch $@

$(VENV)/.%: $(VENV)/bin/python pyproject.toml
	@echo "installing what '$*' needs into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@touch $@
