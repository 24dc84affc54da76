# Two commands on a fresh machine with Python 3.11 or newer and a package index:
#   make study   sets everything up, runs the shipped study on real data, prints its answer
#   make test    sets everything up, runs all tests
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
  $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && { echo $$p; break; }; done)
UV = $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
RUN = .venv/bin/scale-impact
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup study studies test lint types rooms database browser tests lab bench lock clean

help:
	@echo 'make study    set up, run the enterprise-zone study, print its answer'
	@echo 'make test     set up, run all tests (format, lint, types, rooms, tests)'
	@echo 'make studies  run every shipped study'
	@echo 'make lab      open the templates in JupyterLab'
	@echo 'make bench    print speed and memory against the stated limits'
	@echo 'make lock     resolve the dependencies anew'

setup: .venv/.ready

# installs exactly uv.lock; where its download addresses are out of reach, the same versions and
# hashes from the index that pip is set up for
.venv/.ready: uv.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo 'Python 3.11, 3.12 or 3.13 is needed and none was found. Install one, or name it: make PYTHON=/path/to/python'; exit 1; }
	@test -x "$$(command -v $(UV) || true)" || { $(PYTHON) -m venv .tools && .tools/bin/python -m pip install --quiet uv; }
	@test -x .venv/bin/python || $(UV) venv --quiet --python $(PYTHON) .venv
	@$(UV) sync --quiet --frozen --extra lab --python .venv/bin/python || { \
	  echo 'uv.lock could not be installed from its addresses; trying the index that pip uses'; \
	  $(UV) export --quiet --frozen --extra lab --no-emit-project --output-file .venv/requirements.txt && \
	  .venv/bin/python -m ensurepip --upgrade >/dev/null && \
	  .venv/bin/python -m pip install --quiet --requirement .venv/requirements.txt && \
	  .venv/bin/python -m pip install --quiet --no-deps --editable .; }
	@touch $@

study: setup
	@$(RUN) run indiana-enterprise-zones $(if $(wildcard .venv/.studied),,--force)
	@touch .venv/.studied

studies: setup
	@$(RUN) run

test: lint types rooms tests

lint: setup
	@.venv/bin/ruff format --check --quiet . || { echo 'Run .venv/bin/ruff format .'; exit 1; }
	@.venv/bin/ruff check --quiet .

types: setup
	@.venv/bin/mypy

rooms: setup
	@.venv/bin/lint-imports --no-cache >.venv/rooms.log || { cat .venv/rooms.log; exit 1; }

# the tests of SQL sources start a PostgreSQL of their own; without its programs they are skipped
database:
	@command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo 'PostgreSQL is not here: installing it by apt-get, for the tests that start one'; \
	    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends postgresql; } >/dev/null 2>&1 || \
	    echo 'PostgreSQL could not be installed by apt-get: the tests that start one are skipped'; \
	  else echo 'PostgreSQL (initdb, pg_ctl) is not here: the tests that start one are skipped'; fi; }

# pages are tested in a real browser; without one these tests are skipped
browser:
	@command -v chromium chromium-browser google-chrome >/dev/null 2>&1 || test -x "$${SCALE_IMPACT_CHROMIUM:-}" || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo 'Chromium is not here: installing it by apt-get, for the tests of pages'; \
	    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends chromium; } >/dev/null 2>&1 || \
	    echo 'Chromium could not be installed by apt-get: the tests of pages are skipped'; \
	  else echo 'Chromium is not here: the tests of pages are skipped (or name it: SCALE_IMPACT_CHROMIUM=/path)'; fi; }

tests: setup database browser
	@.venv/bin/python -m pytest -n 2 --dist loadfile

lab: setup
	@.venv/bin/jupyter lab --notebook-dir=. notebooks/staggered_did.ipynb

bench: setup
	@.venv/bin/python -m benchmarks

lock:
	@$(UV) lock

clean:
	rm -rf .venv .tools .mypy_cache .pytest_cache .ruff_cache
