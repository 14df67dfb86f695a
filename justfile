# The only list of developer commands; CI calls the same recipes' commands.

# List the recipes.
default:
    @just --list

# Formatting, lints and documentation, warnings as errors.
check:
    cargo fmt --all --check
    cargo clippy --all-targets --locked -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items --locked
    shellcheck fixtures/prepare.sh fixtures/*/docker-entrypoint.sh fixtures/strangers/images.sh fixtures/strangers/images/*/*.sh action/*.sh tests/tools.sh .ci/run
    zizmor --offline --no-progress action.yml .github/workflows src/init/*.yml
    zizmor --offline --no-progress --persona=pedantic .github/workflows/reusable.yml

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

# Whether the gate keeps its promises on this machine; takes hours, and goes on where it stopped.
gate *options:
    cargo bench --bench gate -- {{options}}

# Whether an unchanged build is ever blamed: `services` of ten other kinds, or the `fixture`.
unchanged *options:
    cargo bench --bench unchanged -- {{options}}

# Whether `init`, `init --check` and `check` work without an edit in repositories of eight common kinds,
# and whether faults are flagged there (needs Docker).
strangers *options:
    cargo bench --bench strangers -- {{options}}

# Whether profiles name the function that got slower, and none where nothing did.
cause *options:
    cargo bench --bench cause -- {{options}}

# Each fuzz target for a while. Needs cargo-fuzz, whose flags a stable compiler takes when asked to.
fuzz seconds="60":
    #!/usr/bin/env bash
    set -euo pipefail
    for target in fuzz/fuzz_targets/*.rs; do
        name=$(basename "$target" .rs)
        # What is found goes into the first folder, what is kept is in the second.
        found=fuzz/target/corpus/$name
        mkdir -p "$found"
        RUSTC_BOOTSTRAP=1 cargo fuzz run --features fuzzer --sanitizer none "$name" "$found" "fuzz/corpus/$name" -- -max_total_time={{seconds}} -timeout=10
    done

# An hour of load and 200 stacks up and down, with what is held meanwhile (needs Docker).
soak *options:
    cargo bench --bench soak -- {{options}}

# Licences, sources, duplicates and advisories of all packages. Needs cargo-deny and the network.
deny:
    cargo deny --locked check

# The gate on this repository's own fixture.
self-check:
    cargo run --release --locked -- check

# What of the documentation is made from the program: schemas, reference of the configuration.
docs:
    UPDATE_DOCS=1 cargo test --test documentation

# The documentation as a book, in target/book; needs `cargo install mdbook`.
book:
    mdbook build docs

# All of it, as CI does.
ci: check test
