# The two commands that matter: `make serve` and `make test`. Both install what they need into .venv.
# A distribution's Python is built with profile-guided and link-time optimisation, a version manager's is not unless it was
# told to, and takes up to half as long again for the same code.
PYTHON ?= $(shell /usr/bin/python3.11 -c 'import ensurepip, venv' 2>/dev/null && echo /usr/bin/python3.11 || echo python3.11)
BIN := .venv/bin

.PHONY: serve test install check format triton lock clean
.DEFAULT_GOAL := help

help:  ## Say what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 12

serve: install  ## Data, training, release, store, Ray, feed server: until Ctrl-C
	@exec $(BIN)/cascade up

# A test that fails beside others on a machine that others use too is tried once more, with the machine to itself: a real
# fault fails again.
TESTS := $(BIN)/pytest --dist loadgroup --no-loadscope-reorder
test: install check  ## Everything that CI runs
	$(TESTS) -n 2 || { test $$? -eq 1 && $(TESTS) -n 1 --last-failed --last-failed-no-failures none; }

check: install  ## Style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install  ## Put the code in shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

install: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	@echo "installing into .venv (about two minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --no-compile --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

triton: .triton/installed  ## A Triton server for the tests that need one, in an environment of its own

.triton/installed:
	$(PYTHON) -m venv .triton
	.triton/bin/pip install --quiet --no-compile --disable-pip-version-check nvidia-pytriton==0.7.0
	@touch $@

lock:  ## Write requirements.lock anew from pyproject.toml
	rm -rf build/lock && $(PYTHON) -m venv build/lock
	build/lock/bin/pip install --quiet 'setuptools>=77' '.[dev]'
	build/lock/bin/pip freeze --all --exclude cascade-feed --exclude pip | sed 's/+cpu$$//' > requirements.lock

clean:  ## Remove the environment, and all data, releases and logs
	rm -rf .venv .triton var build *.egg-info
