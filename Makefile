# `make demo` runs the main job on this machine, `make test` sets up and passes the tests.
# Needs Python 3.10 or newer and make; everything else goes into .venv, in the versions of constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP_INSTALL = -m pip install --quiet --disable-pip-version-check
# Tests and commands of this Makefile never reach a real account by accident.
CLEAN_ENV := env -u AWS_PROFILE -u AWS_ENDPOINT_URL -u ECSCTL_CLUSTER -u ECS_CLUSTER -u ECSCTL_FILE
PYTEST = $(CLEAN_ENV) $(BIN)/python -m pytest -n 2 --dist loadfile
# Where Python may keep no bytecode, every command takes three times as long.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test test-all test-latest test-lowest constraints conformance conformance-table check lint types docs bench \
  bench-scale clean

help:
	@echo "make demo    sandbox, up, locate, an HTTP answer, down: the main job on this machine"
	@echo "make test    set up and run the tests, in five minutes (containers for real where a Docker engine answers)"
	@echo "make test-all     every test, also those that take long"
	@echo "make test-latest  every test with the newest version of every dependency, in a venv of its own"
	@echo "make test-lowest  the tests with the lowest versions that pyproject.toml allows, in a venv of its own"
	@echo "make constraints  write constraints.txt anew: the newest versions that fit together, with their hashes"
	@echo "make conformance  facts of the ECS API asked of the sandbox, or of ARGS='--endpoint-url URL'"
	@echo "make conformance-table  write docs/conformance.md anew: the sandbox and a moto server side by side"
	@echo "make check   ruff, mypy, the tests, and the generated documentation"
	@echo "make docs    write docs/commands.md and docs/rules.md anew"
	@echo "make bench   how long commands take beside their peers, in one table (under five minutes)"
	@echo "make bench-scale  the sandbox with 500 instances and 10,000 tasks, beside moto's server"
	@echo "make clean   remove .venv and what the tools left"

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP_INSTALL) --require-hashes --requirement constraints.txt
	$(BIN)/python $(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $(READY)

setup: $(READY)

demo: $(READY)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(CLEAN_ENV) sh examples/demo.sh

test: $(READY)
	HYPOTHESIS_PROFILE=quick $(PYTEST) -m "not slow" $(ARGS)

test-all: $(READY)
	$(PYTEST) $(ARGS)

test-latest:
	$(PYTHON) -m venv --clear .venv-latest
	.venv-latest/bin/python $(PIP_INSTALL) --upgrade --editable '.[dev]'
	.venv-latest/bin/python -m pip list --disable-pip-version-check
	$(MAKE) test-all VENV=.venv-latest READY=

# What other packages ask for would raise ecsctl's own dependencies: their lower bounds are the versions here.
test-lowest:
	$(PYTHON) -m venv .venv-tools
	.venv-tools/bin/python $(PIP_INSTALL) --upgrade uv
	$(PYTHON) -m venv --clear .venv-lowest
	sed -n '/^dependencies/,/^]/s/^  "\(.*\)>=\([^,"]*\).*/\1==\2/p' pyproject.toml > .venv-lowest/lowest.txt
	.venv-tools/bin/uv pip install --quiet --python .venv-lowest/bin/python --resolution lowest-direct \
	  --override .venv-lowest/lowest.txt --editable '.[dev]'
	.venv-lowest/bin/python -m pip list --disable-pip-version-check
	$(MAKE) test VENV=.venv-lowest READY=

constraints:
	$(PYTHON) -m venv .venv-tools
	.venv-tools/bin/python $(PIP_INSTALL) --upgrade uv
	.venv-tools/bin/uv pip compile pyproject.toml --quiet --extra dev --universal --python-version 3.10 --upgrade \
	  --generate-hashes --no-annotate --custom-compile-command 'make constraints' --output-file constraints.txt

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
	$(BIN)/python -m ecsctl.cli.reference > docs/commands.new && mv docs/commands.new docs/commands.md
	$(BIN)/python -m ecsctl.cli.reference rules > docs/rules.new && mv docs/rules.new docs/rules.md
	$(BIN)/python -m ecsctl.cli.reference_operations

check: lint types test
	$(BIN)/python -m ecsctl.cli.reference | diff docs/commands.md -
	$(BIN)/python -m ecsctl.cli.reference rules | diff docs/rules.md -

bench: $(READY)
	$(BIN)/python -m compileall -q ecsctl $(VENV)/lib || true
	$(CLEAN_ENV) $(BIN)/python -m tests.bench $(ARGS)

bench-scale: $(READY)
	$(CLEAN_ENV) $(BIN)/python tests/bench/scale.py $(ARGS)

clean:
	rm -rf $(VENV) .venv-latest .venv-lowest .venv-tools .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist *.egg-info
