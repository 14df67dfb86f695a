//! Repositories of fixtures/strangers, from nothing to every endpoint answering, without an edit.

use std::process::Command;

use crate::engine;
use crate::support::{Run, Sandbox, repository};

/// What `init --check` says there, on these images.
fn tried(name: &str, images: &[&str]) -> Run {
    let script = repository().join("fixtures/strangers/images.sh");
    let made = Command::new(script).args(images).status();
    assert!(made.expect("it runs").success());
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
