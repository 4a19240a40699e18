# Two commands on a fresh machine: `make run` and `make test`. Everything else is for working on the project.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: install run test dev check check-deploy lint format docs bench lock clean
.DEFAULT_GOAL := run

install: $(STAMP)

# Locked with hashes; uv only because it installs the lock in seconds where pip takes minutes. Compiled, so that no command
# compiles its imports anew where Python may not write: half a second each.
$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.9"
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes --requirements requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q customer_assets
	@touch $(STAMP)

run: install
	$(BIN)/customer-assets run

dev: install
	$(BIN)/customer-assets dev

test: install
	$(BIN)/python -m pytest -n 2

check: lint
	$(BIN)/python -m pytest -n 2 -m "not slow"

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# What the pages say of settings, tables and commands, from the code.
docs: install
	$(BIN)/python docs/write_pages.py

# The peer lives in an environment of its own: its pins are not ours.
bench: install .venv-bench/.installed
	$(BIN)/customer-assets bench

.venv-bench/.installed: bench/requirements.lock
	$(PYTHON) -m venv .venv-bench
	$(BIN)/uv pip install --quiet --python .venv-bench/bin/python --require-hashes --requirements bench/requirements.lock
	@touch .venv-bench/.installed

# The files of deploy/, by the tools that know them.
check-deploy: install .venv-deploy/.installed
	.venv-deploy/bin/python deploy/check.py

.venv-deploy/.installed: deploy/check-requirements.lock
	$(PYTHON) -m venv .venv-deploy
	$(BIN)/uv pip install --quiet --python .venv-deploy/bin/python --require-hashes --requirements deploy/check-requirements.lock
	@touch .venv-deploy/.installed

lock: install
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command "make lock" --group dev --extra embedded --extra files --extra dev \
		--output-file requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command "make lock" --constraints requirements.lock \
		--output-file deploy/requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command "make lock" --output-file deploy/check-requirements.lock deploy/check-requirements.in
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command "make lock" --extra spark --constraints requirements.lock \
		--output-file requirements-spark.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command "make lock" --output-file bench/requirements.lock bench/requirements.in

clean:
	rm -rf .venv .venv-bench .venv-deploy .pytest_cache .mypy_cache .ruff_cache
