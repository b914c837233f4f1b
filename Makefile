# Farline. The two commands: `make run` and `make test`. `make help` lists all.
# Everything they need is installed by themselves (see scripts/packages, .venv, cargo).

# A distribution's Python is built with profile and link-time optimisation and costs 10 to 15 % less CPU than
# one that a version manager compiled plainly (docs/decisions/2026-11-23-signalling-speed.md).
PYTHON ?= $(shell /usr/bin/python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo /usr/bin/python3 || echo python3)
BIN := .venv/bin
RUN_DIR ?= run

# What the product itself needs; what the tests need besides; what the benchmarks compare with.
RUN_PACKAGES := gcc clang pkg-config libopus-dev python3-venv prosody
TEST_PACKAGES := $(RUN_PACKAGES) baresip-core sip-tester tshark curl iproute2 nftables iputils-ping dnsutils \
	rtpengine-daemon kamailio chromium pebble
BENCH_PACKAGES := $(RUN_PACKAGES) sip-tester iproute2 kamailio kamailio-outbound-modules rtpengine-daemon

# Tests that judge what a foreign phone recorded, and how long calls were silent. A phone plays out in real
# time and drops a frame of its own when it is not scheduled, so these have the machine to themselves, and
# those two findings are tried again.
FOREIGN := tests/interop/test_baresip.py tests/interop/test_srtp.py tests/scenarios/test_survival.py

RUST := $(shell find rust -name '*.rs' -o -name '*.c' -o -name Cargo.toml) Cargo.toml Cargo.lock

.PHONY: help setup run test lint fmt unit rust bench clean

help: ## what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1	\2/p' $(MAKEFILE_LIST) | expand -t 12

setup: .venv/.ready ## the virtual environment and the Rust build, without running anything

.venv/.python: pyproject.toml
	@scripts/packages $(RUN_PACKAGES)
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing Python packages into .venv"
	@$(BIN)/pip install -q --disable-pip-version-check --upgrade pip
	@$(BIN)/python scripts/requirements.py | $(BIN)/pip install -q --disable-pip-version-check -r /dev/stdin
	@touch $@

.venv/.ready: .venv/.python $(RUST)
	@command -v cargo >/dev/null || { \
		echo "cargo (Rust 1.85 or newer) is missing: install it from https://rustup.rs" >&2; exit 1; }
	@echo "Building the Rust core"
	@VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/maturin develop -q --release >/dev/null
	@touch $@

run: .venv/.ready ## the guide's scenario on this machine; ONCE=1 ends after the verdict, JSON=FILE writes it
	@scripts/packages $(RUN_PACKAGES)
	@$(BIN)/farline lab run --loopback --run-dir $(RUN_DIR) $(if $(ONCE),--once) $(if $(JSON),--json $(JSON))

# Whole systems share two cores with the tests beside them, in real time: a test of theirs that fails is tried
# once more, and the summary names it (R). What fails twice fails. Unit tests and conversations run on virtual
# time and are never repeated.
test: .venv/.ready ## everything: linters, types, Rust and Python tests, the lab (the lab needs root)
	@scripts/packages $(TEST_PACKAGES)
	$(MAKE) lint rust
	$(BIN)/pytest -q tests/unit tests/protocol -n 2 --dist loadfile
	$(BIN)/pytest -q tests --ignore=tests/unit --ignore=tests/protocol $(FOREIGN:%=--ignore=%) -n 2 --dist loadfile \
		--reruns 1
	$(BIN)/pytest -q $(FOREIGN) --reruns 2 --only-rerun 'frames of 20 ms are missing' \
		--only-rerun 'longer silent than without a death'

lint: .venv/.ready ## style, types, architecture
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --config pyproject.toml
	$(BIN)/python -m mypy.stubtest farline._core
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

rust: ## the Rust crates' own tests
	cargo test --workspace --exclude farline-binding --locked -q

unit: .venv/.ready ## unit and protocol tests only: under a minute
	$(BIN)/pytest -q tests/unit tests/protocol -n 2 --dist loadfile

fmt: ## format everything
	$(BIN)/ruff format
	$(BIN)/ruff check --fix -q
	cargo fmt --all

bench: .venv/.ready ## NAME=register-udp [JSON=FILE] runs one benchmark; without NAME lists them
	@$(if $(NAME),scripts/packages $(BENCH_PACKAGES))
	@$(BIN)/python bench/run.py $(NAME) $(if $(JSON),--json $(JSON))

clean: ## remove what was built (run directories stay)
	rm -rf .venv target
