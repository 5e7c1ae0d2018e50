# The whole path: set-up, train, export, verify (Python and Rust), one answer of each kind from the Rust binary.
# `make help` lists the targets. Stamps in build/ remember what is done: a second `make` does only what changed.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# The first that answers: a name on the PATH may belong to a version manager that has no such Python.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3; do \
  "$$name" -c '' 2>/dev/null && command -v "$$name" && break; done)
PY := .venv/bin/python
BINARY := runtime/target/release/dollarbill-ml
STAMPS := build/stamps
MODELS := build/models

# A model is a folder in train/ with a model.py: nothing here names one. Those that say `in_make = False` are trained by
# `make models` alone: `make` uses the versions of them that are committed in artifacts/.
ALL_MODELS := $(patsubst train/%/model.py,%,$(wildcard train/*/model.py))
COMMITTED := $(patsubst train/%/model.py,%,$(shell grep -lE '^ +in_make = False' train/*/model.py 2>/dev/null))
MODEL_NAMES := $(filter-out $(COMMITTED),$(ALL_MODELS))
python_files = $(shell find $(1) -name '*.py' 2>/dev/null)
TRAIN_SHARED := $(wildcard train/*.py) $(call python_files,train/core)

RUST_SOURCES := runtime/Cargo.toml runtime/Cargo.lock $(shell find runtime/src -name '*.rs' 2>/dev/null)

.PHONY: all
all: $(STAMPS)/verified  ## Set up, train, export and verify the engine's models; end with a summary of every model
	@$(PY) -m verify summary

.PHONY: models
models: $(ALL_MODELS:%=$(STAMPS)/verify-%)  ## The same for every model, those too whose committed version `make` uses
	@$(PY) -m verify summary

.PHONY: help
help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */\1\t/' | column -t -s "$$(printf '\t')"

# ---------------------------------------------------------------------------------------------------------- set-up

$(STAMPS)/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || \
	  { echo "error: Python 3.11, 3.12 or 3.13 is needed, found $$("$(PYTHON)" --version 2>/dev/null || echo none); name one: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@mkdir -p $(STAMPS)
	@touch $@

$(STAMPS)/cargo:
	@command -v cargo >/dev/null || \
	  { echo "error: cargo is needed to build runtime/ and is not on the PATH; install Rust $$(sed -n 's/^needs-rust = "\(.*\)"/\1/p' runtime/Cargo.toml) or newer" >&2; exit 2; }
	@mkdir -p $(STAMPS)
	@touch $@

# Both are looked for first: nobody should learn after minutes of downloads that something is missing.
$(PY): | $(STAMPS)/python $(STAMPS)/cargo
	@echo "== virtual environment in .venv"
	@"$(PYTHON)" -m venv .venv

# Compiled here on all cores, which pip does not do; without it every process compiles scikit-learn anew where Python may
# not write. What does not compile is said and stops nothing: it costs time, not answers.
define install
	@$(PY) -m pip install --disable-pip-version-check --require-hashes --no-deps --no-compile -r $< | { grep -v '^Requirement already' || true; }
	@$(PY) -m compileall -q -j 0 .venv/lib || echo "warning: some packages in .venv did not compile; each start compiles them again" >&2
	@touch $@
endef

$(STAMPS)/venv: requirements.lock | $(PY)
	@echo "== Python packages from requirements.lock (some minutes the first time)"
	$(install)

$(STAMPS)/venv-dev: requirements-dev.lock $(STAMPS)/venv
	@echo "== development packages from requirements-dev.lock"
	$(install)

$(STAMPS)/venv-docs: requirements-docs.lock $(STAMPS)/venv
	@echo "== packages for the documents from requirements-docs.lock"
	$(install)

$(STAMPS)/binary: $(RUST_SOURCES) | $(STAMPS)/cargo
	@echo "== Rust release build in runtime/target"
	@cargo build --release --locked --manifest-path runtime/Cargo.toml --features cli
	@touch $@

# ------------------------------------------------------------------------------------------ train, export, verify

define train_model
$(MODELS)/$(1)/training.json: $(TRAIN_SHARED) $(call python_files,train/$(1)) config/ml_config.json $(STAMPS)/venv
	@echo "== train $(1) on its simulator"
	@$(PY) -m train $(1)
endef
$(foreach model,$(ALL_MODELS),$(eval $(call train_model,$(model))))

$(STAMPS)/export-%: $(MODELS)/%/training.json $(call python_files,export)
	@echo "== export $*"
	@$(PY) -m export $*
	@touch $@

$(STAMPS)/verify-%: $(STAMPS)/export-% $(STAMPS)/binary $(filter-out verify/figures/%,$(call python_files,verify))
	@echo "== verify $* in Python and in Rust"
	@$(PY) -m verify $*
	@touch $@

$(STAMPS)/verified: $(MODEL_NAMES:%=$(STAMPS)/verify-%)
	@touch $@

.PRECIOUS: $(MODELS)/%/training.json $(STAMPS)/export-% $(STAMPS)/verify-%

# What the runtimes of other languages need is installed by locks with hashes, into build/runtimes; what cannot be had here
# is not run, and said so.
.PHONY: verify-all
verify-all: $(ALL_MODELS:%=$(STAMPS)/export-%) $(STAMPS)/binary  ## Every model in every runtime (RUNTIME=node,java,...; default: all)
	@echo "== runtimes of other languages and releases in build/runtimes"
	@$(PY) -m verify runtimes --install
	@echo "== every model in every runtime"
	@$(PY) -m verify all --runtime $(or $(RUNTIME),all) --report build/report.html --report build/report.json
.PHONY: retrain
retrain: $(STAMPS)/venv $(STAMPS)/binary  ## Train, export, prove, gate and promote what is older than a week (MODEL=, DATA=, KEY=, OLDER=7d)
	@$(PY) -m verify retrain $(or $(MODEL),all) --if-older-than $(or $(OLDER),7d) $(if $(DATA),--data $(DATA)) $(if $(KEY),--key $(KEY))

# ------------------------------------------------------------------------------------------------------------ test

.PHONY: test test-fast check check-python test-python test-rust test-engines features
test: check test-python test-rust  ## Every check and test, Python and Rust

check-python: $(STAMPS)/venv-dev
	@echo "== format, lint, types, import rules"
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports

# Needs no build: one room of tests/ (core, export, verify, a model), without what runs the Rust binary.
test-fast: check-python  ## Cheap checks and the unit tests of one room, in seconds (ROOM=core)
	@$(PY) -m pytest -q -m "not slow" tests/$(or $(ROOM),core)

# Workspaces beside the crate's own, each with a lock that a new dependency of the crate must reach.
LOCKED := runtime/fuzz/Cargo.toml $(wildcard runtime/tests/engines/*/Cargo.toml)
check: check-python | $(STAMPS)/cargo  ## Format, lint, types, import rules
	@cargo fmt --manifest-path runtime/Cargo.toml --check
	@cargo clippy --manifest-path runtime/Cargo.toml --all-features --all-targets --release --locked -- -D warnings
	@for lock in $(LOCKED); do cargo metadata --quiet --locked --format-version 1 --manifest-path $$lock >/dev/null || exit 1; done

test-python: $(STAMPS)/venv-dev $(STAMPS)/binary  ## Python unit, property and end-to-end tests, two processes (JOBS=1)
	@echo "== Python tests"
	@$(PY) -m pytest -n $(or $(JOBS),2) --dist loadfile

test-rust: $(STAMPS)/venv | $(STAMPS)/cargo  ## Rust unit, property, doc and end-to-end tests
	@echo "== Rust tests"
	@cargo test --manifest-path runtime/Cargo.toml --release --locked --features cli
	@cargo test --manifest-path runtime/Cargo.toml --release --locked --features cli,metrics --test observed
	@cargo test --manifest-path runtime/Cargo.toml --release --locked --no-default-features --test lean
	@sh runtime/features.sh --short

test-engines: $(STAMPS)/venv | $(STAMPS)/cargo  ## Small engines with their own workspaces, each trading a day through the public API
	@echo "== mini engines"
	@sh runtime/tests/engines/run.sh

features: | $(STAMPS)/cargo  ## Lint every combination of the crate's features (MEASURE=1: crates, Rust version, cold build of each)
	@sh runtime/features.sh $(if $(MEASURE),--measure)

# ------------------------------------------------------------------------------------------------- the long ones

.PHONY: bench figures fuzz soak bundle
# Peers that the project does not stand on lie beside its environment; what cannot be had is not run, and said so.
bench: $(STAMPS)/verified $(STAMPS)/venv-dev  ## Speed beside scikit-learn, Keras, stock exports and more: build/bench.json
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --upgrade --target build/peers \
	  -r verify/figures/bench/peers.lock || echo 'not every peer could be installed' >&2
	@$(PY) -m verify.figures stock --out build/stock
	@$(PY) -m verify.figures general_forest --out build/stock
	@cargo bench --no-run --manifest-path runtime/Cargo.toml --locked --features cli --bench engines
	@$(PY) -m verify.figures speed --stock build/stock --out build/bench.json

figures: $(STAMPS)/verified $(STAMPS)/venv-dev  ## Quality, and parity beside stock conversion: the long tables
	@$(PY) -m verify.figures all --shared ../shared/data
	@$(PY) -m verify survey

fuzz: $(STAMPS)/venv-dev $(STAMPS)/binary | $(STAMPS)/cargo  ## Coverage-guided fuzzing of every reader (RUNS=1000000), both engines on random graphs (GRAPHS=100000), both languages on random tables (TABLES=20000)
	@TABLES=$(or $(TABLES),20000) $(PY) -m pytest -q $(wildcard tests/*/test_both_languages.py)
	@sh runtime/fuzz/run.sh $(or $(RUNS),1000000)
	@NATIVE_GRAPHS=$(or $(GRAPHS),100000) NATIVE_SEED=$(or $(SEED),1) NATIVE_MUTATIONS=2000 NATIVE_REPORT=1 \
	  cargo test --manifest-path runtime/Cargo.toml --release --locked --features cli --lib -- --nocapture native::trial

soak: $(STAMPS)/venv | $(STAMPS)/cargo  ## Many threads, calls and reloads, some of broken versions (CALLS=5000000)
	@cd runtime && cargo run --release --locked --features cli --example soak -- tests/fixtures/artifacts ../tests/data/surfaces/dated.csv $(or $(CALLS),5000000)

bundle: $(STAMPS)/verified  ## One folder that runs without Python (TO=build/bundle)
	@sh runtime/bundle.sh $(or $(TO),build/bundle)

# ------------------------------------------------------------------------------------------------------- the rest

.PHONY: docs format lock clean
docs: $(STAMPS)/venv-docs | $(STAMPS)/cargo  ## The documents with the API pages of both languages, in build/docs
	@echo "== documents in build/docs"
	@$(PY) -m sphinx -W --keep-going -q -b html docs build/docs
	@cargo doc --lib --no-deps --locked --quiet --manifest-path runtime/Cargo.toml
	@rm -rf build/docs/rust && cp -R runtime/target/doc build/docs/rust
	@echo "open build/docs/index.html"

format: $(STAMPS)/venv-dev  ## Format and fix what can be fixed
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .
	@cargo fmt --manifest-path runtime/Cargo.toml

LOCK := $(PY) -m uv pip compile pyproject.toml --quiet --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-header
lock:  ## Pin every Python package anew, with hashes (needs uv in .venv: make test installs it)
	@$(LOCK) --upgrade -o requirements.lock
	@$(LOCK) --extra dev -c requirements.lock -o requirements-dev.lock
	@$(LOCK) --extra docs -c requirements-dev.lock -o requirements-docs.lock

clean:  ## Remove what make built (artifacts stay)
	@rm -rf build .venv runtime/target
