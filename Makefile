# The course's commands. Each first sets up .venv with the versions of requirements.lock, unless that was done since the
# lock changed: with what learners and instructors need (.venv/ready), or with what tests need besides (.venv/tested).
.PHONY: help setup lab lessons site test quick lint durations bench lock

# The first that fits of the Pythons named by PYTHON=, or of the usual ones; empty when none does.
FITS := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
FOUND = $(shell for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do \
	$$python -c '$(FITS)' 2>/dev/null && echo $$python && break; done)
NO_PYTHON = The course needs Python 3.11, 3.12 or 3.13 with its venv module: install one (Debian and Ubuntu: \
	apt-get install python3-venv), or name one that you have (make $(MAKECMDGOALS) PYTHON=/path/to/python3.12)
HEADLESS = $(if $(DISPLAY)$(WAYLAND_DISPLAY)$(filter Darwin,$(shell uname)),,--no-browser)
OPENING = $(firstword $(sort $(wildcard lessons/*.ipynb)))
# What fastai's import makes torch warn of, in kernels whose first cell isn't the lesson's.
KNOWN = ignore:`torch.jit.script` is deprecated:FutureWarning:torch.jit._script
AS_ROOT = $(if $(filter 0,$(shell id -u)),--allow-root)

help: ## List the commands.
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile

setup: .venv/ready ## Set up .venv, and nothing more (TORCH=cpu or TORCH=default chooses the build of PyTorch).

lab: .venv/ready ## Open JupyterLab at the first lesson; it serves until stopped (ARGS="--port=9999" hands it options).
	@JUPYTER_CONFIG_PATH="$(CURDIR)" PYTHONWARNINGS='$(KNOWN)' .venv/bin/jupyter lab --LabApp.default_url=/lab/tree/$(OPENING) \
		$(HEADLESS) $(AS_ROOT) $(ARGS)

lessons: .venv/ready ## Execute every lesson with the small network and print a table (ARGS="01 02" chooses lessons).
	@.venv/bin/course run $(ARGS)

site: .venv/ready ## Build the course's pages in build/site from the executed notebooks (ARGS="--no-pdf" without Chromium).
	@.venv/bin/python -c "import furo, myst_nb" 2>/dev/null || .venv/bin/python tools/install.py lab text sound detection tables frameworks scaling shipping grading site
	@.venv/bin/python -m tools site $(ARGS)

# Three workers keep two cores busy while one waits for a kernel or a browser.
WORKERS = 3
# Bytecode is kept, or every process that a test starts would compile what it imports anew.
PYTEST = PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 COURSE_PROFILE=mini COURSE_STRICT=1 COURSE_PROGRESS="$$(mktemp -d)/progress.sqlite" \
	.venv/bin/python -m pytest -n $(WORKERS)
NBVAL = --nbval-lax --nbval-current-env --nbval-cell-timeout=300 --ignore=lessons/solutions --ignore=lessons/mine

test: .venv/tested ## Run every check and test, the lessons as nbval cells among them (ARGS="-k lock" hands pytest options).
	@$(MAKE) --no-print-directory -j2 lint pytest

.PHONY: pytest
pytest: .venv/tested
	-@[ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || { command -v chromium && command -v bwrap; } >/dev/null || \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium bubblewrap >/dev/null; }
	$(PYTEST) $(NBVAL) tests lessons $(ARGS)

quick: .venv/tested lint ## Run the checks, and the tests that take under two seconds each: no lessons, no browser, some minutes.
	$(PYTEST) -m "not slow and not browser" tests $(ARGS)

lint: .venv/tested ## Check style and docstrings, types, and that imports only go down the house.
	.venv/bin/ruff check --quiet
	.venv/bin/ruff format --check --quiet
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache

durations: .venv/tested ## Run every test, and renew the seconds by which they are called slow and put in order.
	$(MAKE) test ARGS="--junitxml=.pytest_cache/durations.xml $(ARGS)"
	.venv/bin/python tests/support/schedule.py .pytest_cache/durations.xml

bench: .venv/tested ## Measure the course beside stock fastai and plain PyTorch, half an hour (ARGS="--quick" tries it).
	@.venv/bin/python benchmarks/bench.py $(ARGS)

lock: .venv/bin/uv ## Renew requirements.lock: the newest versions that pyproject.toml admits, on every system.
	.venv/bin/uv pip compile --quiet --universal --upgrade --python-version 3.11 --extra lab --extra text \
		--extra sound --extra detection --extra tables --extra frameworks --extra scaling --extra shipping --extra app \
		--extra grading --extra test \
		--custom-compile-command "make lock" --output-file requirements.lock pyproject.toml

export TORCH
.venv/ready: pyproject.toml requirements.lock | .venv/bin/uv
	@.venv/bin/python tools/install.py lab text sound detection tables frameworks scaling shipping grading
	@touch .venv/ready

.venv/tested: pyproject.toml requirements.lock | .venv/bin/uv
	@.venv/bin/python tools/install.py lab text sound detection tables frameworks scaling shipping grading test
	@touch .venv/ready .venv/tested

.venv/bin/uv:
	$(if $(FOUND),,$(error $(NO_PYTHON)))
	@$(FOUND) -m venv --clear .venv
	@.venv/bin/python -m pip install --quiet "$$(grep ^uv== requirements.lock)"
