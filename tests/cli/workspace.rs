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
    are_apart(&sandbox, &shared);
}

#[test]
fn new_words_in_the_readme_are_the_same_build() {
    let folder = tempfile::tempdir().expect("a folder");
    let sandbox = workspace(folder.path()).file("README.md", "New words.\n");
    let words = [&CHECK[..], &["--since-change", "--json", "out.json"]].concat();
    let run = sandbox.run(words).exits(0);
    run.prints("identical build, not measured: app home");
    let report = sandbox.json("out.json");
    assert_eq!(report["findings"], serde_json::json!([]), "{report}");
}

/// Whether a slower member is found, and the folder that all trees would have in common stays unused.
fn are_apart(sandbox: &Sandbox, shared: &Path) {
    let words = [&CHECK[..], &["--json", "out.json"]].concat();
    sandbox.run(words).exits(1);
    let report = sandbox.json("out.json");
    let latency = finding(&report, "app", "home", "latency_p50");
    assert_eq!(latency["verdict"], "regression", "{latency}");
    assert!(!shared.exists());
}

/// Cargo is asked by a variable to build all trees into one folder.
fn asked_by_variable(name: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let shared = folder.path().join("by-variable");
    let sandbox = workspace(folder.path())
        .file(".cargo/config.toml", "")
        .committed_again()
        .file("crates/common/src/lib.rs", &common(60))
        .env(name, &shared.display().to_string());
    are_apart(&sandbox, &shared);
}

/// The same by its own configuration.
fn asked_by_file(key: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let shared = folder.path().join("by-file");
    let text = format!("[build]\n{key} = \"{}\"\n", shared.display());
    let sandbox = workspace(folder.path())
        .file(".cargo/config.toml", &text)
        .committed_again()
        .file("crates/common/src/lib.rs", &common(60));
    are_apart(&sandbox, &shared);
}

#[test]
fn a_target_folder_that_a_variable_shares_makes_no_one_program_of_both_sides() {
    asked_by_variable("CARGO_TARGET_DIR");
}

#[test]
fn a_build_folder_that_a_variable_shares_makes_no_one_program_of_both_sides() {
    asked_by_variable("CARGO_BUILD_BUILD_DIR");
}

#[test]
fn a_target_folder_that_a_file_shares_makes_no_one_program_of_both_sides() {
    asked_by_file("target-dir");
}

#[test]
fn a_build_folder_that_a_file_shares_makes_no_one_program_of_both_sides() {
    asked_by_file("build-dir");
}

/// A package below the folder of perfgate.toml, with its own configuration of cargo.
#[test]
fn a_manifest_below_is_built_as_its_own_folder_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let shared = folder.path().join("shared");
    let configuration = format!("[build]\ntarget-dir = \"{}\"\n", shared.display());
    let sandbox = Sandbox::new()
        .config(&built_by_cargo("{ manifest = \"service/Cargo.toml\" }"))
        .file("service/Cargo.toml", MANIFEST_ALONE)
        .file("service/.cargo/config.toml", &configuration)
        .file("service/src/main.rs", SERVER)
        .file(".gitignore", "Cargo.lock\ntarget\nout.json\n")
        .without_docker()
        .committed()
        .file(
            "service/src/main.rs",
            &SERVER.replace("from_millis(20)", "from_millis(60)"),
        );
    let words = [&CHECK[..], &["--json", "out.json"]].concat();
    sandbox
        .run(words)
        .exits(1)
        .prints("both sides are built by rustc 1.");
    let report = sandbox.json("out.json");
    let latency = finding(&report, "app", "home", "latency_p50");
    assert_eq!(latency["verdict"], "regression", "{latency}");
    assert!(!shared.exists());
    // What the base was built into is kept, under a name of its own.
    assert_eq!(sandbox.cached("target/release/app").len(), 0);
}

/// Two versions of a package that the server depends on, in a registry of folders.
fn with_registry() -> Sandbox {
    let version = |sandbox: Sandbox, number: &str, milliseconds: u32| {
        let folder = format!("vendor/pace-{number}");
        let manifest =
            format!("[package]\nname = \"pace\"\nversion = \"{number}\"\nedition = \"2021\"\n");
        sandbox
            .file(&format!("{folder}/Cargo.toml"), &manifest)
            .file(&format!("{folder}/src/lib.rs"), &common(milliseconds))
            .file(
                &format!("{folder}/.cargo-checksum.json"),
                "{\"files\":{},\"package\":null}",
            )
    };
    let server = SERVER.replace("use std::time::Duration;\n", "").replace(
        "const SLEEP: Duration = Duration::from_millis(20);",
        "use pace::SLEEP;",
    );
    let sandbox = Sandbox::new()
        .config(&built_by_cargo("{}"))
        .file(
            "Cargo.toml",
            &format!("{MANIFEST_ALONE}\n[dependencies]\npace = \"1\"\n"),
        )
        .file(".cargo/config.toml", REGISTRY)
        .file("Cargo.lock", &lock("1.0.0"))
        .file("src/main.rs", &server)
        .file(".gitignore", "target\nout.json\n")
        .without_docker();
    version(version(sandbox, "1.0.0", 20), "1.1.0", 60)
}

const MANIFEST_ALONE: &str =
    "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n";

const REGISTRY: &str = "[source.crates-io]\nreplace-with = \"vendored\"\n\n\
                        [source.vendored]\ndirectory = \"vendor\"\n";

fn lock(version: &str) -> String {
    format!(
        "# This file is automatically @generated by Cargo.\n# It is not intended for manual editing.\nversion = 4\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [\n \"pace\",\n]\n\n\
         [[package]]\nname = \"pace\"\nversion = \"{version}\"\n\
         source = \"registry+https://github.com/rust-lang/crates.io-index\"\n"
    )
}

/// The newer version is slower. A base that was resolved anew, or by the head's lock, would be as slow.
#[test]
fn a_newer_dependency_in_the_lock_alone_is_found() {
    let sandbox = with_registry()
        .committed()
        .file("Cargo.lock", &lock("1.1.0"));
    let words = [&CHECK[..], &["--json", "out.json"]].concat();
    sandbox.run(words).exits(1);
    let report = sandbox.json("out.json");
    let latency = finding(&report, "app", "home", "latency_p50");
    assert_eq!(latency["verdict"], "regression", "{latency}");
    let base = latency["base"].as_f64().expect("a time");
    assert!((20e3..50e3).contains(&base), "{latency}");
    // The build leaves the locks as they were.
    assert_eq!(sandbox.read("Cargo.lock"), lock("1.1.0"));
}
