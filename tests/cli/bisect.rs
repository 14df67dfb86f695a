//! The commit that made an endpoint slower, found in a repository of several.

use std::fs;

use crate::interrupt::labelled;
use crate::support::Sandbox;

/// What is measured does as a script of its commit says.
const CONFIGURATION: &str = r#"
[server.app]
run   = ["sh", "serve.sh", "{sample}", "{host}:{port}"]
ready = { path = "/api/django-starter/monitoring/health", within = "10s" }

[endpoint.health]
path = "/api/django-starter/monitoring/health"

[load]
connections = 16
round       = "200ms"
warmup      = "200ms"

[thresholds]
throughput      = { max_decrease = "90%" }
latency_p50     = { max_increase = "+50%", floor = "2ms" }
latency_p99     = { floor = "200ms" }
cpu_per_request = { max_increase = "+900%" }
memory_peak     = { floor = "64MiB" }
"#;
/// Scratch folders lie where a test sees what is left of them.
const SCRATCH: &str = "scratch";

fn serving(sleep: u32) -> String {
    format!("exec \"$1\" --fault-sleep-ms {sleep} --listen \"$2\"\n")
}

/// A commit of a script; its name.
fn commit(sandbox: Sandbox, subject: &str, script: &str) -> (Sandbox, String) {
    let script = format!("# {subject}\n{script}");
    let sandbox = sandbox.file("serve.sh", &script);
    sandbox.git(&["add", "."]);
    sandbox.git(&["commit", "--quiet", "--message", subject]);
    let name = sandbox.git(&["rev-parse", "HEAD"]);
    (sandbox, name)
}

/// A repository with these commits after the first; their names, that of the first among them.
fn repository(commits: &[(&str, String)]) -> (Sandbox, Vec<String>) {
    let sandbox = Sandbox::new()
        .without_docker()
        .config(CONFIGURATION)
        .file(".gitignore", "scratch\nout.*\n.perfgate\n")
        .file("serve.sh", &serving(20))
        .committed();
    fs::create_dir(sandbox.path(SCRATCH)).expect("a folder");
    let scratch = sandbox.path(SCRATCH).display().to_string();
    let mut sandbox = sandbox.env("TMPDIR", &scratch);
    let mut names = vec![sandbox.git(&["rev-parse", "HEAD"])];
    for (subject, script) in commits {
        let (with_it, name) = commit(sandbox, subject, script);
        sandbox = with_it;
        names.push(name);
    }
    (sandbox, names)
}

fn left(sandbox: &Sandbox) -> usize {
    let entries = fs::read_dir(sandbox.path(SCRATCH)).expect("a folder");
    entries.count()
}

#[test]
fn the_commit_that_sleeps_longer_is_named_and_one_that_does_not_start_is_skipped() {
    let (sandbox, names) = repository(&[
        ("One", serving(20)),
        ("Two", serving(20)),
        ("Three", serving(20)),
        ("Four does not start", "exit 3\n".into()),
        ("Five", serving(20)),
        ("Six sleeps longer", serving(40)),
        ("Seven", serving(40)),
        ("Eight", serving(40)),
    ]);
    let short = |at: usize| names[at][..12].to_owned();
    let running = sandbox.start([
        "bisect",
        "--quiet",
        "--good",
        &names[0],
        "--metric",
        "latency_p50",
        "--json",
        "out.json",
        "--report",
        "out.html",
    ]);
    let pid = running.pid();
    let run = running.end().exits(1);
    run.prints("FOUND: app health latency_p50 changed +")
        .prints(&format!("{} ", short(6)))
        .prints("Six sleeps longer")
        .prints(&format!("beside {}", short(5)))
        .prints("Skipped, because they could not be measured:")
        .prints("Four does not start: ");
    let found = sandbox.json("out.json");
    assert_eq!(found["outcome"], "culprit_found");
    assert_eq!(found["culprits"].as_array().expect("culprits").len(), 1);
    let culprit = &found["culprits"][0];
    assert_eq!(culprit["commits"][0]["name"], names[6].as_str());
    assert_eq!(culprit["parent"], names[5].as_str());
    assert_eq!(culprit["direct"], true, "{culprit}");
    assert!(culprit["interval"][0].as_f64() > Some(0.3), "{culprit}");
    assert_eq!(found["skipped"][0]["commit"]["name"], names[4].as_str());
    assert!(found["checks"].as_array().expect("checks").len() <= 7);
    let page = sandbox.read("out.html");
    assert!(page.contains(&short(6)) && page.contains(&short(5)));
    assert_eq!(labelled(pid), 0, "no process is left");
    assert_eq!(left(&sandbox), 0, "no clone is left");
    assert_eq!(sandbox.git(&["status", "--porcelain"]), "");
}

#[test]
fn where_nothing_regressed_nobody_is_blamed() {
    let (sandbox, names) = repository(&[("One", serving(20)), ("Two", serving(20))]);
    sandbox
        .run([
            "bisect", "--quiet", "--good", &names[0], "--json", "out.json",
        ])
        .exits(0)
        .prints("NO REGRESSION between");
    let found = sandbox.json("out.json");
    assert_eq!(found["outcome"], "no_regression");
    assert_eq!(found["checks"].as_array().expect("checks").len(), 1);
}

#[test]
fn a_signal_ends_it_in_order_and_leaves_nothing() {
    let (sandbox, names) = repository(&[("One", serving(60))]);
    let mut running = sandbox.start(["bisect", "--good", &names[0]]);
    running.until("pairs after fresh start 1");
    let pid = running.pid();
    running.signal("INT");
    running.end().exits(130);
    assert_eq!(labelled(pid), 0, "no process is left");
    assert_eq!(left(&sandbox), 0, "no clone is left");
}

#[test]
fn commits_that_cannot_be_searched_between_are_refused() {
    let (sandbox, names) = repository(&[("One", serving(20))]);
    sandbox.git(&["switch", "--quiet", "--create", "side", &names[0]]);
    let (sandbox, side) = commit(sandbox, "Side", &serving(20));
    let refused = |words: &[&str], why: &str| {
        let all = ["bisect"].into_iter().chain(words.iter().copied());
        sandbox.run(all).exits(2).complains(why);
    };
    refused(&["--good", &side], "both are the same commit");
    refused(&["--good", "nothing"], "git knows no such commit");
    refused(
        &["--good", &side, "--bad", &names[0]],
        "the bad commit is older than the good one",
    );
    refused(
        &["--good", &side, "--bad", &names[1]],
        "the good commit is not in the history of the bad one",
    );
    refused(
        &["--from-history"],
        "no stored runs with two commits around a step",
    );
    refused(
        &["--good", &names[0], "--shard", "1/2"],
        "runs on one machine",
    );
    refused(&[], "--good <GIT_REF>");
}

#[test]
fn a_bad_commit_that_does_not_start_is_an_error() {
    let (sandbox, names) = repository(&[("One", "exit 3\n".into())]);
    sandbox
        .run(["bisect", "--quiet", "--good", &names[0]])
        .exits(4)
        .complains(&format!("cannot compare with commit {}", &names[1][..12]));
}

/// A commit that runs were stored of when the sample was much faster.
const FAST: &str = "fa57000000000000000000000000000000000000";

#[test]
fn a_refresh_that_finds_a_step_names_its_commits_and_the_command() {
    let (sandbox, names) = repository(&[("One", serving(20))]);
    let refresh = ["baseline", "refresh", "--measurement", "out.json"];
    sandbox
        .run(["run", "--quiet", "--json", "out.json"])
        .exits(0);
    sandbox.run(refresh).exits(0);
    let folder = sandbox.path(".perfgate/baselines/app/health");
    let stored = fs::read_dir(&folder).expect("a cell").next();
    let stored = stored.expect("a run").expect("a file").path();
    let text = fs::read(&stored).expect("a document");
    fs::remove_file(stored).expect("removed");
    let mut run: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    run["commit"] = FAST.into();
    run["values"]["throughput"] = 1e7.into();
    for second in 0..12 {
        run["time"] = format!("2026-10-02T09:30:{second:02}Z").into();
        let name = folder.join(format!("early-{second}.json"));
        fs::write(name, run.to_string()).expect("written");
    }
    let command = format!(
        "`perfgate bisect --good {} --bad {} --server app --endpoint health --metric throughput` finds the commit",
        &FAST[..12],
        &names[1][..12]
    );
    let is_printed = |_: &usize| sandbox.run(refresh).stdout.contains(&command);
    let printed = (0..8).filter(is_printed).count();
    assert_eq!(printed, 1, "a step is new once");
    sandbox
        .run(["bisect", "--from-history", "--metric", "throughput"])
        .exits(2)
        .complains(&format!(
            "cannot read `--good {FAST}`: git knows no such commit"
        ));
}
