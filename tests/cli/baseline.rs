use crate::support::Sandbox;
use crate::{healthy, sample};

#[test]
fn show_lists_what_is_stored() {
    let sandbox = healthy();
    sandbox
        .run(["baseline", "show"])
        .exits(0)
        .prints("nothing is stored");
    sandbox
        .run(["baseline", "refresh"])
        .exits(0)
        .prints("sample health: stored");
    sandbox
        .run(["baseline", "show"])
        .exits(0)
        .prints("sample health: 1 good runs of the newest key, 1 in all");
}

#[test]
fn a_run_with_errors_is_never_stored() {
    let sandbox = Sandbox::new()
        .without_docker()
        .config(&sample("0", "0", "0.5"));
    let run = sandbox.run(["baseline", "refresh"]).exits(1);
    run.prints("sample health: not stored, its requests failed beyond max 0.1% (default)");
    sandbox
        .run(["baseline", "show"])
        .exits(0)
        .prints("nothing is stored");
}

#[test]
fn another_store_can_be_named() {
    let sandbox = healthy();
    sandbox
        .run(["baseline", "refresh", "--baseline", "elsewhere"])
        .exits(0);
    assert!(sandbox.path("elsewhere/sample/health").is_dir());
    assert!(!sandbox.path(".perfgate").exists());
    sandbox
        .run(["check", "--baseline", "elsewhere"])
        .exits(0)
        .prints("1 of 5 stored runs");
}
