# make demo   the main job: a Raft store under faults, judged and reported; then a flawed one
# make test   every test that this machine can run, but the deep ones
# make test-deep   the tests that take minutes each
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: demo test test-deep check check-checker bench site install clean

demo: install
	@$(BIN)/python -m harness.demo

# These have the machine to themselves; all others share its cores, with one process more than there
# are: many wait.
ALONE := docker or local or timed
SHARED = --numprocesses $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)') --dist worksteal
QUICK := not ($(ALONE) or browser or slow or deep)

test: install
	$(BIN)/python -m pytest tests --durations 15 -m "($(ALONE)) and not deep"
	$(BIN)/python -m pytest tests $(SHARED) --durations 15 -m "not ($(ALONE) or deep)$(if $(CHECKED), and not ($(QUICK)))"

test-deep: install
	$(BIN)/python -m pytest tests -m deep

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests $(SHARED) --durations 15 -m "$(QUICK)"

# What another Python may break: that the engines agree does not depend on it.
check-checker: install
	$(BIN)/python -m pytest tests/checker tests/harness/test_names.py $(SHARED) -m "$(QUICK)" -k "not agree"

bench: install
	$(BIN)/python benchmarks/harness.py
	$(BIN)/python benchmarks/checker.py

# The documentation, in site/.
site: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

install: $(VENV)/installed

# One environment with everything in it, remade when what it should hold has changed.
$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11, 2) <= sys.version_info < (3, 15))' || \
		{ echo "Labrys needs Python 3.11.2 to 3.14; name one: make PYTHON=python3.13 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable . --group dev
	@touch $@

clean:
	@if [ -x $(BIN)/labrys ]; then $(BIN)/labrys clean; fi
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist site
