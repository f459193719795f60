# Everything a newcomer types. Each target bootstraps what it needs from the hashed requirements.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# uv must use the Python that is here and trust what the system trusts.
export UV_PYTHON_DOWNLOADS := never
export UV_SYSTEM_CERTS := 1
UV := $(BIN)/uv --no-progress
INSTALL := $(UV) pip sync --python $(BIN)/python --require-hashes --compile-bytecode
COMPILE := $(UV) pip compile --universal --python-version 3.11 --generate-hashes --quiet --custom-compile-command "make lock"
# A file's tests stay in one process, with the service they share.
TEST_PROCESSES := --numprocesses=auto --maxprocesses=4 --dist=loadfile
CONFORMANCE := var/conformance
NODE_CLIENT := tests/conformance/clients/node

.DEFAULT_GOAL := help
.PHONY: help serve test faults conformance browser rabbitmq image-test bench attacks check format schema lock migrations clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

serve: $(VENV)/.serve ## run the whole service with its embedded PostgreSQL and Valkey (Ctrl-C stops it)
	@exec $(BIN)/python manage.py serve

test: $(VENV)/.dev ## run every test (real PostgreSQL and Valkey, loopback upstreams)
	$(BIN)/python -m pytest $(TEST_PROCESSES) $(ARGS)

faults: $(VENV)/.dev ## run the whole fault suite: parts killed, rows refused, any bytes sent (its cheap half is in make test)
	$(BIN)/python -m pytest tests/faults tests/model -m "" $(ARGS)
	$(BIN)/python -m pytest tests/integration tests/journeys -m faults $(ARGS)

conformance: $(VENV)/.dev $(CONFORMANCE)/openai-1/.made $(CONFORMANCE)/openai-2/.made ## drive the running service by the real SDKs, each in an environment of its own
	@$(MAKE) --no-print-directory $(CONFORMANCE)/node/.made || echo "CONFORMANCE WITHOUT NODE: it could not be installed, see above"
	$(BIN)/python -m pytest tests/conformance -m conformance $(ARGS)

browser: $(VENV)/.dev $(CONFORMANCE)/node/.made ## drive pages in a real Chromium, which has to be installed: other origins, OpenAI's SDK, /docs
	$(BIN)/python -m pytest tests/browser -m browser $(ARGS)

rabbitmq: $(VENV)/.dev ## try the service with RabbitMQ as its broker (rabbitmq-server has to be installed)
	$(BIN)/python -m pytest tests/journeys/operation/stores/test_brokers.py -m rabbitmq $(ARGS)

image-test: $(VENV)/.dev ## build the container's image and run it (as root; buildah, debootstrap and docker-compose have to be installed)
	$(BIN)/python -m pytest tests/image -m image $(ARGS)

bench: $(VENV)/.dev ## measure what a turn costs: time, CPU, memory (add ARGS=--quick, ARGS="--json PATH", …)
	$(BIN)/python -m tests.bench $(ARGS)

attacks: $(VENV)/.dev ## measure what one caller at full speed does to the others (add ARGS=NAME)
	$(BIN)/python -m tests.attacks $(ARGS)

check: $(VENV)/.dev ## lint, types, import contracts, Django's checks, missing migrations, schema drift
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python manage.py check
	@# No database is needed for this, and none may be running.
	LOG_LEVEL=ERROR $(BIN)/python -W ignore manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py lint_migrations
	$(BIN)/python manage.py write_schema --check

format: $(VENV)/.dev ## rewrite the code in the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

migrations: $(VENV)/.dev ## write the migrations that the models ask for
	$(BIN)/python manage.py makemigrations

schema: $(VENV)/.dev ## write the OpenAPI document from the routes
	$(BIN)/python manage.py write_schema

lock: $(VENV)/.uv ## resolve pyproject.toml into hashed requirements files (add ARGS=--upgrade for newer versions)
	$(COMPILE) pyproject.toml $(ARGS) -o requirements/base.txt
	$(COMPILE) pyproject.toml $(ARGS) --group embedded -o requirements/serve.txt
	$(COMPILE) pyproject.toml $(ARGS) --group embedded --group dev -o requirements/dev.txt
	@# The very versions that the tests run with.
	$(COMPILE) pyproject.toml --extra mcp --constraint requirements/dev.txt -o requirements/image.txt
	$(COMPILE) pyproject.toml --extra mcp --extra embeddings --constraint requirements/dev.txt -o requirements/image-embeddings.txt
	for name in openai-1 openai-2 node; do \
	  $(COMPILE) requirements/conformance/$$name.in $(ARGS) -o requirements/conformance/$$name.txt || exit 1; done
	cd $(NODE_CLIENT) && npm install --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund

clean: ## remove the environments and caches (data under var/ stays)
	rm -rf $(VENV) $(CONFORMANCE) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

$(VENV)/.uv: requirements/bootstrap.txt
	@echo "Making a Python environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Parley needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@touch $@

# The development set holds the serving set, so whichever came last is enough to serve.
$(VENV)/.serve: $(VENV)/.uv requirements/serve.txt
	@if [ $(VENV)/.dev -nt requirements/dev.txt ]; then echo "Serving from the development environment"; \
	else echo "Installing from requirements/serve.txt"; $(INSTALL) requirements/bootstrap.txt requirements/serve.txt; fi
	@touch $@

$(VENV)/.dev: $(VENV)/.uv requirements/dev.txt
	@echo "Installing from requirements/dev.txt"
	$(INSTALL) requirements/bootstrap.txt requirements/dev.txt
	@touch $@

$(CONFORMANCE)/openai-%/.made: requirements/conformance/openai-%.txt | $(VENV)/.uv
	@echo "Installing from $<"
	$(UV) venv --quiet --clear --python $(BIN)/python $(@D)
	$(UV) pip sync --python $(@D)/bin/python --require-hashes $<
	@touch $@

$(CONFORMANCE)/node/.made: $(NODE_CLIENT)/install $(NODE_CLIENT)/package-lock.json requirements/conformance/node.txt | $(VENV)/.uv
	$(NODE_CLIENT)/install $(CONFORMANCE)/node "$(UV)"
	@touch $@
