# The only list of developer commands; CI calls the same recipes' commands.

# List the recipes.
default:
    @just --list

# Formatting, lints and documentation, warnings as errors.
check:
    cargo fmt --check
    cargo clippy --all-targets --locked -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items --locked
    shellcheck fixtures/prepare.sh fixtures/*/docker-entrypoint.sh action/*.sh .ci/run
    zizmor --offline --no-progress action.yml .github/workflows src/cli/init/*.yml

# Every test, also those that need Docker.
test:
    cargo test -- --include-ignored

# The tests that need no container engine.
test-fast:
    cargo test

# The load engine against wrk, oha and a bare send-receive loop; writes docs/benchmarks.md.
bench *options:
    cargo bench --bench engine -- --output docs/benchmarks.md {{options}}

# Every server of the fixture under the load engine and under wrk.
fleet *options:
    cargo bench --bench fleet -- {{options}}

# The gate on this repository's own fixture.
gate:
    cargo run --release --locked -- check

# All of it, as CI does.
ci: check test
