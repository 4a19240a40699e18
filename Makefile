# Two commands on a fresh machine: `make run` and `make test`. Everything else is for working on the project.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: install run test dev check lint format bench lock clean
.DEFAULT_GOAL := run

install: $(STAMP)

# Locked with hashes; uv only because it installs the lock in seconds where pip takes minutes.
$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.9"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirements requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

run: install
	$(BIN)/customer-assets run

dev: install
	$(BIN)/customer-assets dev

test: install
	$(BIN)/python -m pytest -n 2 --dist loadgroup

check: lint
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow"

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: install
	$(BIN)/customer-assets bench

lock: install
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command "make lock" --group dev --output-file requirements.lock pyproject.toml

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache
