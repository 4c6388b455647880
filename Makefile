# Everything runs inside .venv, which the first target makes; nothing but Python 3.11+, make and a C++ compiler is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(wildcard native/*.cpp native/*.h) CMakeLists.txt pyproject.toml constraints.txt

.PHONY: help demo test test-fast contract check lint notebooks native docs clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "mlsys4sys needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)

# The package alone: what a user needs.
$(VENV)/.run: $(SOURCES) | $(BIN)/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	@touch $@

# The package with training, tests and checks.
$(VENV)/.dev: $(SOURCES) | $(BIN)/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.run

demo: $(VENV)/.run  ## set up, then answer real queries faster than DuckDB's own plans
	$(BIN)/mlsys4sys demo

test: $(VENV)/.dev  ## set up, then run all tests
	$(BIN)/python -m pytest -n 2 --dist loadgroup -q

test-fast: $(VENV)/.dev  ## the tests without the slow ones
	$(BIN)/python -m pytest -n 2 --dist loadgroup -q -m 'not slow'

$(VENV)/.ray: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev,ray]'
	@touch $@

contract: $(VENV)/.ray  ## the runtime's contract on three nodes of Ray on this machine
	MLSYS_RAY=1 $(BIN)/python -m pytest tests/contract -n 0 -q -k ray -W ignore

lint: $(VENV)/.dev  ## formatting, style, types, import directions, dependencies, spelling
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/deptry .

notebooks: $(VENV)/.dev  ## run the notebooks small
	MLSYS_FAST=1 $(BIN)/python -m pytest --nbmake notebooks -q -p no:cacheprovider

check: test lint notebooks contract  ## what CI runs, wheel included
	bash .ci/wheel

native:  ## build the C++ extension in place, without an install (for work on the kernels)
	cmake -S . -B build/native -G Ninja -DCMAKE_BUILD_TYPE=Release -DPython_EXECUTABLE=$(CURDIR)/$(BIN)/python
	cmake --build build/native
	cp build/native/_native*.so mlsys4sys/

clean:  ## remove what can be made again
	rm -rf $(VENV) build dist mlsys4sys/_native*.so
