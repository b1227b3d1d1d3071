# make setup | spark | benchmarks-setup | demo | test | check | lock
PYTHON ?= python3
VENV := .venv
PEERS := .venv-benchmarks
BIN := $(VENV)/bin
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export DO_NOT_TRACK := 1
export MLFLOW_DISABLE_TELEMETRY := true

.PHONY: setup spark benchmarks-setup demo test check lock clean

setup: $(VENV)/.ready

# uv where it is there, else put into the new environment first; the lock names every version and hash.
$(VENV)/.ready: requirements.lock requirements-dev.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@command -v uv >/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@UV=$$(command -v uv || echo $(BIN)/uv); \
	$$UV pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements-dev.lock && \
	$$UV pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

# PySpark, for the tests that hold both engines to one answer: half a gigabyte, so on demand.
spark: setup
	@UV=$$(command -v uv || echo $(BIN)/uv); \
	$$UV pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements-spark.lock

# The peers of benchmarks/quality.py beside Closecurve, apart: what they pull in is not for the rest.
benchmarks-setup: requirements-benchmarks.lock
	@test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	@command -v uv >/dev/null || $(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check uv
	@UV=$$(command -v uv || echo $(PEERS)/bin/uv); \
	$$UV pip install --quiet --python $(PEERS)/bin/python --compile-bytecode --require-hashes -r requirements-benchmarks.lock && \
	$$UV pip install --quiet --python $(PEERS)/bin/python --no-deps --no-build-isolation -e .

demo: setup
	@$(BIN)/closecurve demo

# Everything that is promised: style, types, floors, then the tests.
test: check
	@$(BIN)/python -m pytest -q -n 2 --dist loadgroup

check: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --extra dev pyproject.toml -o requirements-dev.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header -c requirements-dev.lock --extra spark pyproject.toml -o requirements-spark.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header -c requirements-dev.lock --extra benchmarks pyproject.toml -o requirements-benchmarks.lock

clean:
	rm -rf $(VENV) var dist .mypy_cache .ruff_cache .pytest_cache
