# `make demo` runs the main job on this machine, `make test` sets up and passes the tests.
# Needs Python 3.10 or newer and make; everything else goes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Tests and commands of this Makefile never reach a real account by accident.
CLEAN_ENV := env -u AWS_PROFILE -u AWS_ENDPOINT_URL -u ECSCTL_CLUSTER -u ECS_CLUSTER -u ECSCTL_FILE

.PHONY: help setup demo test conformance conformance-table check lint types docs bench bench-scale clean

help:
	@echo "make demo    sandbox, up, locate, an HTTP answer, down: the main job on this machine"
	@echo "make test    set up and run all tests (containers for real where a Docker engine answers)"
	@echo "make conformance  facts of the ECS API asked of the sandbox, or of ARGS='--endpoint-url URL'"
	@echo "make conformance-table  write docs/conformance.md anew: the sandbox and a moto server side by side"
	@echo "make check   ruff, mypy, the tests, and the generated documentation"
	@echo "make docs    write docs/commands.md and docs/rules.md anew"
	@echo "make bench   ecsctl locate beside three aws calls, a boto3 script and bare HTTP"
	@echo "make bench-scale  the sandbox with 500 instances and 10,000 tasks, beside moto's server"
	@echo "make clean   remove .venv and what the tools left"

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(READY)

setup: $(READY)

demo: $(READY)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(CLEAN_ENV) sh examples/demo.sh

test: $(READY)
	$(CLEAN_ENV) $(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

conformance: $(READY)
	$(CLEAN_ENV) $(BIN)/python -m pytest tests/conformance $(ARGS)

conformance-table: $(READY)
	$(CLEAN_ENV) $(BIN)/python -m tests.conformance.compare $(ARGS) > docs/conformance.md.new
	mv docs/conformance.md.new docs/conformance.md

lint: $(READY)
	$(BIN)/ruff check ecsctl tests
	$(BIN)/ruff format --check ecsctl tests

types: $(READY)
	$(BIN)/mypy

docs: $(READY)
	$(BIN)/python -m ecsctl.cli.reference > docs/commands.md
	$(BIN)/python -m ecsctl.cli.reference rules > docs/rules.md

check: lint types test
	$(BIN)/python -m ecsctl.cli.reference | diff docs/commands.md -
	$(BIN)/python -m ecsctl.cli.reference rules | diff docs/rules.md -

bench: $(READY)
	$(BIN)/python -m compileall -q ecsctl $(VENV)/lib || true
	$(CLEAN_ENV) $(BIN)/python tests/bench/locate.py $(ARGS)

bench-scale: $(READY)
	$(CLEAN_ENV) $(BIN)/python tests/bench/scale.py $(ARGS)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist *.egg-info
