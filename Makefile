# `make help` lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
BIN := .venv/bin
# Files in the order of their names: by their number of tests, the longest would begin last.
SIDE_BY_SIDE := --dist loadfile --no-loadscope-reorder
PORT ?= 8080
AIRFLOW := .venv-airflow/bin
AIRFLOW_STAMP := .venv-airflow/installed-$(shell cat requirements/airflow.txt setup.py 2>/dev/null | cksum | cut -d' ' -f1)
STAMP := .venv/installed-$(shell cat requirements/dev.txt requirements/uv.txt requirements/install_spark.py setup.py 2>/dev/null | cksum | cut -d' ' -f1)
# Bytecode is made at installation: where PYTHONDONTWRITEBYTECODE is set, as in many images, every start would
# compile every import again. It is not held against the sources' times, which a copy of the environment changes.
COMPILED := --compile-bytecode
export PYC_INVALIDATION_MODE := UNCHECKED_HASH
export MLFLOW_DISABLE_TELEMETRY := true
export MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR := false

.PHONY: help demo airflow unit test soak fmt lint docs schema wheel package lock check-machine

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(STAMP)  ## From nothing to a week of real flights, scored; typed again it changes nothing
	@$(BIN)/python -m examples.flights.demo

airflow: $(STAMP) $(AIRFLOW_STAMP)  ## Airflow on this machine with the demo's pipeline; PORT=8081 for another port
	@if [ ! -d "$${LAKESCORE_INPUTS:-warehouse/inputs}/flights" ]; then
	  echo "The demo's data and model are not there yet: make demo comes first."
	  $(MAKE) demo
	fi
	exec $(AIRFLOW)/python -m dags.scoring.standalone --port $(PORT)

unit: $(STAMP)  ## The tests without Spark, in a minute or two
	@$(BIN)/python -m pytest -n 2 $(SIDE_BY_SIDE) tests/unit

# The quick ones first. What each test took is kept, for the list of the slowest.
test: $(STAMP) $(AIRFLOW_STAMP)  ## All tests; or some: make test T=tests/unit/config/test_loading.py::NAME
	@if [ -n "$(T)" ]; then
	  case "$(T)" in tests/dags*) exec $(AIRFLOW)/python -m pytest $(T) ;; *) exec $(BIN)/python -m pytest $(T) ;; esac
	fi
	export LAKESCORE_TEST_TIMES="$$(mktemp)"
	trap 'rm -f "$$LAKESCORE_TEST_TIMES"' EXIT
	$(BIN)/python -m pytest -n 2 $(SIDE_BY_SIDE) tests/unit
	$(AIRFLOW)/python -m pytest tests/dags
	$(BIN)/python -m pytest -n 2 $(SIDE_BY_SIDE) -m "not soak" tests/spark
	$(BIN)/python -m pytest -n 2 $(SIDE_BY_SIDE) -m "not soak" tests/integration
	echo "The slowest, in seconds:"
	sort -rn "$$LAKESCORE_TEST_TIMES" | sed -n 1,25p  # reads to the end: sort must not find a closed pipe
	echo "All passed, in $$((SECONDS / 60)) min $$((SECONDS % 60)) s."

soak: $(STAMP) $(AIRFLOW_STAMP)  ## What is too long for CI: races of ten days, 40 kills, 365 slices; some hours
	@$(BIN)/python -m pytest tests/soak
	$(BIN)/python -m pytest -m soak tests/spark tests/integration

fmt: $(STAMP)  ## Mend the style of the code as far as a program can
	@$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format --quiet .

lint: $(STAMP) $(AIRFLOW_STAMP)  ## Style, types, and the direction of imports
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy tests
	$(BIN)/mypy --python-executable $(AIRFLOW)/python --package dags
	$(BIN)/lint-imports

docs: $(STAMP)  ## The documentation as a site, in build/docs
	@$(BIN)/sphinx-build -q -W --keep-going -b html docs build/docs
	echo build/docs/index.html

schema: $(STAMP)  ## Write the JSON Schema of the configuration to conf/schema
	@$(BIN)/lakescore schema

wheel: $(STAMP)  ## The distribution, dist/lakescore-VERSION-py3-none-any.whl, for projects outside this repository
	@rm -rf build
	$(BIN)/uv build --quiet --wheel --no-build-isolation --python $(BIN)/python --out-dir dist
	ls dist/*.whl

package: $(STAMP)  ## The project in one file, dist/lakescore.zip, for spark-submit's --py-files
	@rm -rf build dist
	$(BIN)/uv build --quiet --wheel --no-build-isolation --python $(BIN)/python --out-dir dist
	mv dist/lakescore-*.whl dist/lakescore.zip

lock: $(STAMP)  ## Resolve requirements/*.in again
	@for name in uv dev; do
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	    --overrides requirements/overrides.txt \
	    --output-file requirements/$$name.txt requirements/$$name.in
	done
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --output-file requirements/airflow.txt requirements/airflow.in

check-machine:
	@if ! command -v $(PYTHON) >/dev/null || ! $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
	  echo "error: Lakescore needs Python 3.11 or newer; found: $$($(PYTHON) --version 2>&1 || true)" >&2
	  echo "  to do: install it (Debian: apt install python3 python3-venv), or name it: make PYTHON=python3.12 …" >&2
	  exit 2
	fi
	java="$${JAVA_HOME:+$$JAVA_HOME/bin/}java"
	version=$$("$$java" -version 2>&1 | sed -nE 's/.*version "(1\.)?([0-9]+).*/\2/p' | head -n 1) || true
	if [ -z "$$version" ] || [ "$$version" -lt 17 ]; then
	  echo "error: Spark needs Java 17 or newer; found: $${version:-none}" >&2
	  echo "  to do: install a JDK (Debian: apt install openjdk-17-jre-headless), or set JAVA_HOME to one" >&2
	  exit 2
	fi

$(STAMP): | check-machine
	@echo "Installing into .venv (a few minutes the first time) …"
	$(PYTHON) -m venv .venv || { echo "  to do: Debian keeps venv apart: apt install python3-venv" >&2; exit 2; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	$(BIN)/uv pip sync $(COMPILED) --python $(BIN)/python --require-hashes requirements/dev.txt 2>&1 | grep -vE '^ [-+~] '
	$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --no-build-isolation \
	  --config-settings editable_mode=compat --editable .
	$(BIN)/python -m compileall -q --invalidation-mode timestamp lakescore pipelines jobs dags examples
	$(BIN)/python requirements/install_spark.py
	rm -f .venv/installed-*
	touch $@

# Apart from Spark's: the Spark provider brings files of a package of its own in place of pyspark's.
$(AIRFLOW_STAMP): $(STAMP)
	@echo "Installing Airflow into .venv-airflow …"
	$(PYTHON) -m venv .venv-airflow
	$(BIN)/uv pip sync $(COMPILED) --python $(AIRFLOW)/python --require-hashes requirements/airflow.txt 2>&1 | grep -vE '^ [-+~] '
	$(BIN)/uv pip install --python $(AIRFLOW)/python --quiet --no-deps --no-build-isolation \
	  --config-settings editable_mode=compat --editable .
	rm -f .venv-airflow/installed-*
	touch $@
