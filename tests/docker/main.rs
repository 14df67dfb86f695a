//! The gate on the real stack: containers of this repository's fixture. Needs a container engine;
//! run by `cargo test -- --include-ignored`.

#[path = "../support/mod.rs"]
mod support;

mod against;
mod causes;
mod check;
mod cleanup;
mod compose;
mod counters;
mod daemon;
mod dockerignore;
mod faults;
mod growth;
mod images;
mod incidents;
mod profile;
mod rank;
mod services;
mod services_counters;
mod stack;
mod strangers;
mod workers;

use std::process::Command;

use support::{Sandbox, finding, repository};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// So many stacks keep two CPUs busy: one alone waits half of its time.
const STACKS: u32 = 2;
static ENGINE: RwLock<()> = RwLock::const_with_max_readers((), STACKS);

/// A stack beside others: thresholds are wide, and what is counted is of one container.
fn engine() -> RwLockReadGuard<'static, ()> {
    ENGINE.blocking_read()
}

/// A stack alone on the machine: for what another run would sweep, or would take CPU time from.
fn engine_alone() -> RwLockWriteGuard<'static, ()> {
    ENGINE.blocking_write()
}

/// Short rounds, and thresholds wide enough for any machine: these tests are about the way from
/// a fault to a verdict, not about small changes.
const QUICK: &str = r#"
[load]
connections = 4
round       = "500ms"
rounds      = 3
warmup      = "500ms"

[thresholds]
throughput      = { max_decrease = "75%" }
latency_p50     = { max_increase = "+400%", floor = "5ms" }
latency_p99     = { floor = "200ms" }
cpu_per_request = { max_increase = "+300%" }
memory_peak     = { max_increase = "+150%", floor = "32MiB" }
"#;

/// A configuration measured for so many rounds. A limit that needs many requests keeps a check from being
/// brief where there is nothing to compare with.
fn at_length(config: &str, rounds: usize) -> String {
    let longer = config.replace("rounds      = 3", &format!("rounds      = {rounds}"));
    longer + "latency_p999 = { max = \"60s\" }\n"
}

/// The repository's own configuration, measured quickly.
fn configuration() -> String {
    let text =
        std::fs::read_to_string(repository().join("perfgate.toml")).expect("a configuration");
    let fixtures = format!("\"{}/fixtures/", repository().display());
    let (stack, _) = text.split_once("[load]").expect("the load comes last");
    // Growing memory must stay below what the container may have.
    let stack = stack
        .replace("\"fixtures/", &fixtures)
        .replace("\"512MiB\"", "\"1GiB\"");
    // The fixtures lie outside the sandbox.
    format!("allow_outside = true\n{stack}{QUICK}")
}

/// The same on a network of its own, with the server's port published.
fn published() -> String {
    format!("network = \"published\"\n{}", configuration())
}

/// The same with something more in the environment of gunicorn.
fn with_fault(fault: &str) -> String {
    let start = "HOST = \"{host}\"";
    let text = configuration();
    assert!(
        text.contains(start),
        "gunicorn's environment names its host"
    );
    text.replace(start, &format!("{fault}, {start}"))
}

/// The same service in a folder of the sandbox, so that its source can be changed.
fn with_own_django(config: &str) -> Sandbox {
    let own = "\"django\"";
    let fixture = repository().join("fixtures/django");
    let config = config.replace(&format!("\"{}\"", fixture.display()), own);
    assert!(config.contains(own), "the servers are built from a folder");
    let sandbox = Sandbox::new().config(&config);
    let copied = Command::new("cp")
        .arg("-r")
        .args([&fixture, &sandbox.path("django")])
        .status();
    assert!(copied.is_ok_and(|status| status.success()));
    sandbox
}

fn fixture() -> Sandbox {
    Sandbox::new().config(&configuration())
}

/// Asserts that the report in `out.json` names one server as failed, and has the other's health.
fn only_one_failed(sandbox: &Sandbox, failed: &str, other: &str) {
    let report = sandbox.json("out.json");
    assert_eq!(report["incidents"][0]["server"], failed);
    let measured = finding(&report, other, "health", "throughput");
    assert!(measured["head"].as_f64().is_some_and(|value| value > 0.0));
}

/// What the docker client prints.
fn docker(words: &[&str]) -> String {
    let output = Command::new("docker").args(words).output();
    let output = output.expect("the docker client runs");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "docker {words:?}: {errors}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// What the engine still has of any run started by this process id.
fn left(pid: u32) -> Vec<String> {
    left_at(&[], pid)
}

/// The same of the engine that these words lead the docker client to.
fn left_at(engine: &[&str], pid: u32) -> Vec<String> {
    let label = format!("label=dev.perfgate.pid={pid}");
    let list = |words: &[&str]| {
        let text = docker(&[engine, words, &["--filter", &label]].concat());
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let mut left = list(&["ps", "--all", "--format", "{{.Names}}"]);
    left.extend(list(&["network", "ls", "--format", "{{.Name}}"]));
    left
}
