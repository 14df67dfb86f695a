//! The gate as a test target of cargo.

use std::process::Stdio;

use crate::cargo::{MANIFEST, SERVER, built_by_cargo};
use crate::support::{Run, Sandbox, finding, repository};

const TARGET: &str = r#"
fn main() -> std::process::ExitCode {
    perfgate_test::Gate::in_folder(env!("CARGO_MANIFEST_DIR"))
        .bin("app")
        .against("HEAD")
        .option("--json", "out.json")
        .main()
}
"#;

/// A server whose package has the gate among its tests.
fn package() -> Sandbox {
    let harness = repository().join("harness").display().to_string();
    let manifest = format!(
        "{MANIFEST}\n[dev-dependencies]\nperfgate-test = {{ path = {harness:?} }}\n\n\
         [[test]]\nname = \"perf\"\nharness = false\ntest = false\n"
    );
    Sandbox::new()
        .config(&built_by_cargo("{}"))
        .file("Cargo.toml", &manifest)
        .file("src/main.rs", SERVER)
        .file("tests/perf.rs", TARGET)
        .file(".gitignore", "Cargo.lock\ntarget\nout.json\n")
        .without_docker()
        .env("PERFGATE", env!("CARGO_BIN_EXE_perfgate"))
}

fn tested(sandbox: &Sandbox, words: &[&str]) -> Run {
    let mut cargo = sandbox.command("cargo");
    cargo
        .args(["test", "--quiet", "--offline"])
        .args(words)
        .env_remove("CARGO_TARGET_DIR")
        .stdin(Stdio::null());
    Run::from_output(&cargo.output().expect("cargo runs"))
}

#[test]
fn a_test_finds_a_slower_server() {
    let sandbox = package().committed();
    let slower = SERVER.replace("from_millis(20)", "from_millis(60)");
    let sandbox = sandbox.file("src/main.rs", &slower);
    tested(&sandbox, &["--test", "perf"])
        .exits(1)
        .prints("REGRESSED");
    let report = sandbox.json("out.json");
    let latency = finding(&report, "app", "home", "latency_p50");
    assert_eq!(latency["verdict"], "regression", "{latency}");
}

#[test]
fn a_test_of_what_did_not_change_passes() {
    let sandbox = package().committed();
    // By its name only: the tests of the package are none.
    tested(&sandbox, &[]).exits(0);
    tested(&sandbox, &["--test", "perf", "other"]).exits(0);
    assert!(!sandbox.path("out.json").exists());
    tested(&sandbox, &["--test", "perf", "--", "--list"])
        .exits(0)
        .prints("perfgate: test");
    tested(&sandbox, &["--test", "perf"]).exits(0);
    assert_eq!(sandbox.json("out.json")["exit_code"], 0);
}

#[test]
fn mistakes_are_reported_with_the_remedy() {
    let sandbox = package();
    let mistake = |sandbox: &Sandbox| tested(sandbox, &["--test", "perf"]);
    mistake(&sandbox)
        .exits(2)
        .complains("perfgate.toml is not in a git repository");
    let sandbox = sandbox.committed().config("[server.app]\ncargo = {}\n");
    mistake(&sandbox).exits(2).complains("endpoint");
    std::fs::remove_file(sandbox.path("perfgate.toml")).expect("removed");
    mistake(&sandbox)
        .exits(2)
        .complains("cannot find `")
        .complains("`cargo perfgate init` writes one");
    let sandbox = sandbox
        .config(&built_by_cargo("{}"))
        .env("PERFGATE", "/nowhere/perfgate");
    mistake(&sandbox)
        .exits(4)
        .complains("cannot start `/nowhere/perfgate`: No such file")
        .complains("install it by `cargo install");
}
