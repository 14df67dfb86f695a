//! Repositories of fixtures/strangers, from nothing to every endpoint answering, without an edit.

use std::process::Command;

use crate::engine;
use crate::support::{Run, Sandbox, finding, repository};

/// Makes sure that the engine has images.
fn provide(images: &[&str]) {
    let script = repository().join("fixtures/strangers/images.sh");
    let made = Command::new(script).args(images).status();
    assert!(made.expect("it runs").success());
}

/// What `init --check` says there, on these images.
fn tried(name: &str, images: &[&str]) -> Run {
    provide(images);
    let stranger = Sandbox::stranger(name).committed();
    stranger.run(["init", "--check", "--no-workflows"]).exits(0)
}

#[test]
#[ignore = "needs Docker"]
fn a_django_project_with_a_worker_and_a_mail_catcher_answers() {
    let _engine = engine();
    let images = [
        "docker.io/python:3.12-slim-bookworm",
        "postgres:16",
        "docker.io/redis:6",
        "docker.io/axllent/mailpit:latest",
    ];
    tried("cookiecutter", &images)
        .complains("app.celeryworker: start")
        .prints("health: as expected")
        .prints("products: as expected");
}

#[test]
#[ignore = "needs Docker"]
fn a_mounted_file_that_names_a_service_has_its_address() {
    let _engine = engine();
    tried("mounted-file", &["python:3.12-slim", "redis:7"]).prints("home: as expected");
}

/// A server that cargo builds, as a process of this host, with Postgres in a container.
#[test]
#[ignore = "needs Docker"]
fn a_workspace_of_cargo_is_gated_without_an_edit() {
    let _engine = engine();
    provide(&["postgres:17"]);
    // How fast the program is does not matter here, and most of the time goes into compiling it twice.
    let stranger = Sandbox::stranger("axum-workspace")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
        .committed();
    stranger
        .run(["init", "--cargo", "--check", "--no-workflows"])
        .exits(0)
        .prints("version: as expected")
        .prints("notes: as expected");
    let check = |sandbox: &Sandbox, more: &[&str]| {
        let words = [
            "check",
            "--no-profile",
            "--against",
            "HEAD",
            "--json",
            "out.json",
        ];
        sandbox.run([&words[..], more].concat())
    };
    // The gate alone is new: both sides are one program.
    check(&stranger, &[])
        .exits(0)
        .prints("the same build on both sides, although files differ: app");
    // A thread of the runtime that sleeps, in a member that the server uses.
    let store = stranger.read("crates/store/src/lib.rs");
    let query = "    let rows = select";
    assert!(store.contains(query));
    let sleep = format!("    std::thread::sleep(std::time::Duration::from_millis(5));\n{query}");
    let stranger = stranger.file("crates/store/src/lib.rs", &store.replace(query, &sleep));
    check(&stranger, &["--endpoint", "notes"]).exits(1);
    let report = stranger.json("out.json");
    let latency = finding(&report, "app", "notes", "latency_p50");
    assert_eq!(latency["verdict"], "regression", "{latency}");
    let sql = finding(&report, "app", "notes", "sql_per_request");
    assert_eq!(sql["head"], 1.0, "{sql}");
}
