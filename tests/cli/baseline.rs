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

#[test]
fn twenty_refreshes_at_once_leave_twenty_entries() {
    let quick = sample("0", "0", "0")
        .replace("\"300ms\"", "\"100ms\"")
        .replace("within = \"20s\"", "within = \"60s\"");
    let sandbox = Sandbox::new().without_docker().config(&quick).committed();
    let remote = sandbox.pushed();
    let before = sandbox.git(&["status", "--porcelain", "--branch"]);
    let refresh = ["baseline", "refresh", "--store", "git:perfgate-baselines"];
    let runs: Vec<_> = (0..20).map(|_| sandbox.start(refresh)).collect();
    for run in runs {
        run.end().exits(0).prints("sample health: stored");
    }
    let listed = [
        "ls-tree",
        "-r",
        "--name-only",
        "refs/heads/perfgate-baselines",
    ];
    let of_remote = format!("--git-dir={}", remote.display());
    let entries = sandbox.git(&[&[of_remote.as_str()], listed.as_slice()].concat());
    assert_eq!(entries.lines().count(), 20, "{entries}");
    sandbox
        .run(["baseline", "show", "--store", "git:perfgate-baselines"])
        .exits(0)
        .prints("20 in all");
    assert_eq!(sandbox.git(&["status", "--porcelain", "--branch"]), before);
}
