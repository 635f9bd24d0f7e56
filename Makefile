# `make` lists the targets. PYTHON=/path/to/python picks the interpreter of the virtual environment.

VENV := .venv
BIN := $(VENV)/bin
# Twice --quiet: errors alone.
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check --no-input
BENCH_ARGS ?=
PYTEST_ARGS ?=
COVERAGE ?= --cov --cov-report=term

# Installed once, and again when a file of versions changes. --no-deps: the files name all there is,
# and pip, left to resolve `coverage[toml]` itself, looks at releases newer than they know.
LOCAL_REQUIREMENTS := requirements.txt requirements-local.txt
PACKAGE_REQUIREMENTS := $(LOCAL_REQUIREMENTS) requirements-package.txt
DEV_REQUIREMENTS := $(PACKAGE_REQUIREMENTS) requirements-dev.txt
LOCAL_INSTALLED := $(VENV)/.installed-local
DEV_INSTALLED := $(VENV)/.installed-dev

# Packaged by the version of Python that the functions run on, whatever $(VENV) has.
STAGE ?= dev
LAMBDA_VENV := .venv-package
LAMBDA_INSTALLED := $(LAMBDA_VENV)/.installed
PACKAGE_ARGS ?=
# The first key of a deployment; USER in the environment is somebody else.
TENANT ?= default
ROLE ?= admin
KEY_USER := $(if $(filter command line,$(origin USER)),$(USER),default)

.DEFAULT_GOAL := help
.PHONY: help run test test-fast test-integration test-compat test-conformance test-browser check format demo bench bench-cost bench-search bench-cold openapi \
    package deploy key clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-24s%s\n", $$1, $$2}'

run: $(LOCAL_INSTALLED) ## start Trialbook on this machine (TRIALBOOK_PORT, TRIALBOOK_HOME, TRIALBOOK_API_KEY)
	@exec $(BIN)/python -m local

test: $(DEV_INSTALLED) ## run every test and show the coverage
	$(BIN)/pytest -n 2 $(COVERAGE) $(PYTEST_ARGS)

test-fast: $(DEV_INSTALLED) ## run the tests that take a moment, in under a minute
	TRIALBOOK_TESTS=fast HYPOTHESIS_PROFILE=fast $(BIN)/pytest -n 2 -m "not slow" $(PYTEST_ARGS)

test-integration: $(DEV_INSTALLED) ## run what meets storage on real engines, and the deployed package (TRIALBOOK_ENGINES=required)
	@exec $(BIN)/python -m tests.integration -n 2 -m "engines and not (slow and any_engine)" $(PYTEST_ARGS)

test-compat: $(DEV_INSTALLED) ## drive the real mlflow package against Trialbook and mlflow server
	@exec $(BIN)/python -m tests.compat $(PYTEST_ARGS)

test-conformance: $(DEV_INSTALLED) ## the Model Context Protocol's own suite and inspector against Trialbook
	@exec $(BIN)/python -m tests.conformance

test-browser: $(DEV_INSTALLED) ## the web page in Chromium: what it shows, runs, keeps out and takes (TRIALBOOK_CHROMIUM)
	@exec $(BIN)/python -m tests.browser $(PYTEST_ARGS)

check: $(DEV_INSTALLED) ## lint, formatting, types, import rules, docs
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/python -m tools.check_docs
	$(BIN)/python -m tools.check_web
	$(BIN)/basedpyright

format: $(DEV_INSTALLED) ## format the code and apply the safe fixes
	$(BIN)/ruff check --fix --exit-zero
	$(BIN)/ruff format

demo: $(DEV_INSTALLED) ## train and compare real models, replay an A/B test, on a Trialbook of its own
	@exec $(BIN)/python -m demo

bench: $(DEV_INSTALLED) ## measure Trialbook beside mlflow server and fasttrackml (BENCH_ARGS)
	@exec $(BIN)/python -m bench $(BENCH_ARGS)

bench-cost: $(DEV_INSTALLED) ## storage requests, capacity units and dollars per operation
	@exec $(BIN)/python -m bench.cost

bench-search: $(DEV_INSTALLED) ## how good the search of artifacts is, and how it does with many (BENCH_ARGS)
	@exec $(BIN)/python -m bench.search $(BENCH_ARGS)

bench-cold: $(LAMBDA_INSTALLED) ## size and start of the packaged functions beside a bare Chalice app
	@exec $(LAMBDA_VENV)/bin/python -m bench.cold $(BENCH_ARGS)

package: $(LAMBDA_INSTALLED) ## write build/STAGE/sam.json and deployment.zip (STAGE=dev|prod; needs Python 3.13)
	@$(LAMBDA_VENV)/bin/python -m tools.package --stage $(STAGE) $(PACKAGE_ARGS)

deploy: package ## deploy the package as the stack trialbook-STAGE (needs the AWS CLI and credentials)
	@sh tools/deploy.sh $(STAGE)

key: $(DEV_INSTALLED) ## make an API key of the deployment and print it (STAGE, TENANT, USER, ROLE)
	@sh tools/on_stack.sh $(STAGE) $(BIN)/python -m chalicelib.ops keys create \
	    --tenant $(TENANT) --user $(KEY_USER) --role $(ROLE)

openapi: $(DEV_INSTALLED) ## write openapi.json anew from the routes
	$(BIN)/python -m chalicelib.api.openapi

clean: ## remove what was installed or generated; what Trialbook stored in .trialbook stays
	rm -rf $(VENV) $(LAMBDA_VENV) .venv-bench .venv-compat .venv-compat-previous .venv-lock .engines .mcp-conformance .web-tools \
	    .pytest_cache .ruff_cache .import_linter_cache .hypothesis .schemathesis .coverage .coverage.* htmlcov build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@python="$$(sh tools/find_python.sh $(PYTHON))" && "$$python" -m venv $(VENV)

$(LOCAL_INSTALLED): $(LOCAL_REQUIREMENTS) | $(BIN)/python
	@echo "Installing $(LOCAL_REQUIREMENTS) into $(VENV) ..."
	@$(PIP) install --no-deps $(LOCAL_REQUIREMENTS:%=-r %)
	@touch $@

$(DEV_INSTALLED): $(DEV_REQUIREMENTS) client/pyproject.toml | $(BIN)/python
	@echo "Installing $(DEV_REQUIREMENTS) client into $(VENV) ..."
	@$(PIP) install --no-deps $(DEV_REQUIREMENTS:%=-r %)
	@$(PIP) install --no-deps --editable client
	@touch $(LOCAL_INSTALLED) $@

$(LAMBDA_INSTALLED): $(PACKAGE_REQUIREMENTS)
	@python="$$(sh tools/find_lambda_python.sh $(LAMBDA_PYTHON))" && "$$python" -m venv $(LAMBDA_VENV)
	@echo "Installing $(PACKAGE_REQUIREMENTS) into $(LAMBDA_VENV) ..."
	@$(LAMBDA_VENV)/bin/python -m pip --quiet --quiet --disable-pip-version-check --no-input \
	    install --no-deps $(PACKAGE_REQUIREMENTS:%=-r %)
	@touch $@
