# Thin aliases: each is one `inv` verb. CI calls `inv` itself, because make turns every failure into its own exit 2.
# Flags go in ARGS: make deploy-dev ARGS="--version 0.1.30-dev --yes"

VENV ?= .venv
PYTHON ?= python3
INV = $(VENV)/bin/inv
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help deploy-dev tag rollback status history sandbox demo test test-host test-terraform lint bench setup

help: ; @sed -n 's/^# make /make /p' $(MAKEFILE_LIST)

$(VENV)/.installed: constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tagship needs Python 3.11 or later: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@$(VENV)/bin/python -m compileall -q tagship tasks.py # Invoke switches the writing of bytecode off
	@touch $@

setup: $(VENV)/.installed
deploy-dev: setup ; @$(INV) deploy-dev $(ARGS)
tag: setup ; @$(INV) tag $(if $(SUFFIX),--suffix $(SUFFIX)) $(ARGS)
rollback: setup ; @$(INV) rollback $(if $(TO),--to $(TO)) $(ARGS)
status: setup ; @$(INV) status $(ARGS)
history: setup ; @$(INV) history $(ARGS)
sandbox: setup ; @$(INV) sandbox $(or $(ARGS),up)
demo: setup ; @$(INV) demo
test: setup ; $(VENV)/bin/python -m pytest -n auto $(ARGS)
test-host: setup ; $(VENV)/bin/python -m pytest tests/host $(ARGS)
test-terraform: setup ; $(VENV)/bin/python -m pytest tests/terraform $(ARGS)
lint: setup ; $(VENV)/bin/nox -s lint types
bench: setup ; $(VENV)/bin/python -m scripts.bench $(ARGS)
