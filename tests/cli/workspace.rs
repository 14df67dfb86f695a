//! A workspace whose server is a member in a folder of its own, with a member that it uses, a build script
//! that asks git, and a target directory for all.

use std::path::Path;

use crate::cargo::{SERVER, built_by_cargo};
use crate::support::{Sandbox, finding};

const MANIFEST: &str = "[workspace]\nmembers = [\"crates/*\"]\nresolver = \"2\"\n";

const MEMBER: &str = "[package]\nname = \"NAME\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";

/// Fails where no commit is checked out.
const BUILD: &str = r#"
fn main() {
    let git = std::process::Command::new("git").args(["rev-parse", "HEAD"]).output();
    let commit = git.expect("git runs");
    assert!(commit.status.success(), "no commit");
    println!("cargo::rustc-env=COMMIT={}", String::from_utf8_lossy(&commit.stdout).trim());
}
"#;

/// What the members have in common: how long the server sleeps.
fn common(milliseconds: u32) -> String {
    format!(
        "pub const SLEEP: std::time::Duration = std::time::Duration::from_millis({milliseconds});\n"
    )
}

fn member(name: &str) -> String {
    MEMBER.replace("NAME", name)
}

/// Cargo is configured to build into a directory that both sides would have in common.
fn workspace(shared: &Path) -> Sandbox {
    let sleep = "const SLEEP: Duration = Duration::from_millis(20);";
    assert!(SERVER.contains(sleep));
    let main = "fn main() {\n";
    assert!(SERVER.contains(main));
    let server = SERVER
        .replace("use std::time::Duration;\n", "")
        .replace(sleep, "use common::SLEEP;")
        .replace(
            main,
            &format!("{main}    println!(\"{{}}\", env!(\"COMMIT\"));\n"),
        );
    let configuration = format!("[build]\ntarget-dir = \"{}/target\"\n", shared.display());
    let server_manifest = member("app")
        + "build = \"build.rs\"\n\n[dependencies]\ncommon = { path = \"../common\" }\n";
    Sandbox::new()
        .config(&built_by_cargo("{ package = \"app\" }"))
        .file("Cargo.toml", MANIFEST)
        .file("rust-toolchain.toml", "[toolchain]\nchannel = \"stable\"\n")
        .file(".cargo/config.toml", &configuration)
        .file("crates/app/Cargo.toml", &server_manifest)
        .file("crates/app/build.rs", BUILD)
        .file("crates/app/src/main.rs", &server)
        .file("crates/common/Cargo.toml", &member("common"))
        .file("crates/common/src/lib.rs", &common(20))
        .file(".gitignore", "Cargo.lock\ntarget\nout.json\n")
        .without_docker()
        .committed()
}

const CHECK: [&str; 5] = ["check", "--quiet", "--no-profile", "--against", "HEAD"];

#[test]
fn a_slower_member_that_the_server_uses_is_found_in_a_dirty_tree() {
    let folder = tempfile::tempdir().expect("a folder");
    let shared = folder.path().join("shared");
    let build = shared.join("build").display().to_string();
    let sandbox = workspace(&shared)
        .env("CARGO_BUILD_BUILD_DIR", &build)
        .file("crates/common/src/lib.rs", &common(60));
    let words = [&CHECK[..], &["--json", "out.json"]].concat();
    sandbox.run(words).exits(1);
    let report = sandbox.json("out.json");
    let latency = finding(&report, "app", "home", "latency_p50");
    assert_eq!(latency["verdict"], "regression", "{latency}");
    assert!(!shared.exists(), "each side has a directory of its own");
}

#[test]
fn new_words_in_the_readme_are_the_same_build() {
    let folder = tempfile::tempdir().expect("a folder");
    let sandbox = workspace(folder.path()).file("README.md", "New words.\n");
    let words = [&CHECK[..], &["--since-change", "--json", "out.json"]].concat();
    let run = sandbox.run(words).exits(0);
    run.prints("the same build on both sides, although files differ: app");
}
