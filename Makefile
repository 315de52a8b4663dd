# What people type. `make run` and `make test` need Rust, Python 3.11+, make and a C compiler;
# everything else is installed by the targets that need it, into target/ or ~/.cargo/bin.

CARGO ?= cargo
PYTHON ?= python3
BINARY := target/release/cc-devops
DEBUG_BINARY := target/debug/cc-devops
VENV := target/venv

.PHONY: run build test test-rust test-docs test-api lint bench demo clean

run: build
	@$(BINARY) serve

build:
	@$(CARGO) build --release --locked -p cc-devops-cli

test: test-rust test-docs test-api

test-rust: tool-nextest
	$(CARGO) nextest run --locked --workspace

test-docs:
	$(CARGO) test --locked --workspace --doc

# Hostile HTTP input, generated from the API's own description.
test-api: $(VENV)/ready
	$(CARGO) build --locked -p cc-devops-cli
	$(VENV)/bin/python tests/api/run.py $(DEBUG_BINARY)

lint: tool-deny tool-machete
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) deny --locked check licenses bans sources
	$(CARGO) machete

# Needs wrk. Writes docs/BENCHMARKS.md.
bench: build
	$(PYTHON) bench/run.py $(BINARY)

demo: build
	$(PYTHON) demo/run.py $(BINARY)

clean:
	$(CARGO) clean

$(VENV)/ready: tests/api/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --requirement tests/api/requirements.txt
	@touch $@

# Tools of cargo's own kind, installed once where cargo looks for them.
.PHONY: tool-nextest tool-deny tool-machete
tool-nextest tool-deny tool-machete: tool-%:
	@$(CARGO) $* --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-$*
