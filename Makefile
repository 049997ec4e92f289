# Every task, the same on a laptop and in CI. `make` lists them.

CARGO_DENY := 0.20.2
ifdef CARGO_TARGET_DIR
TOOLS := $(CARGO_TARGET_DIR)/tools
else
TOOLS := target/tools
endif

.PHONY: help setup demo test test-forge check bench fmt

help: ## Lists the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Installs what building and testing need (Debian, as root), or says what is missing
	dev/setup

demo: ## Shows driftless at work against a local Kafka
	dev/demo

test: setup ## Runs every test, beside a real Kafka 4.3, Kafka 3.9 and Prometheus
	cargo test --locked --no-run # Before the servers start, so that they do not wait for the compiler.
	dev/with-brokers cargo test --locked

test-forge: ## Runs the tests against a real Gitea and a real Kafka; the first time builds Gitea (6 minutes)
	cargo test --locked --no-run
	DRIFTLESS_TEST_ONLY="kafka4 gitea" dev/with-brokers cargo test --locked --test it forge_gitea

check: ## Checks format, lints, documentation, licenses, banned crates and sources
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings
	RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps --locked
	@deny=$$(command -v cargo-deny || echo $(TOOLS)/bin/cargo-deny); \
	if ! [ -x "$$deny" ]; then cargo install --locked cargo-deny --version $(CARGO_DENY) --root $(TOOLS); fi; \
	set -x; "$$deny" --all-features check bans licenses sources

bench: ## Runs the benchmarks
	cargo bench --locked

fmt: ## Formats the code
	cargo fmt
