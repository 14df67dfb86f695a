//! The gate as a test: `cargo test --test perf` compares this tree with the last commit.

use std::process::ExitCode;

fn main() -> ExitCode {
    perfgate_test::Gate::in_folder(env!("CARGO_MANIFEST_DIR"))
        .against("HEAD")
        .main()
}
