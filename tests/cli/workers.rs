//! Workers of a server that runs as a process.

use crate::healthy;
use crate::support::Sandbox;

/// The sample service with a worker.
fn with_worker(worker: &str) -> Sandbox {
    let sandbox = healthy();
    let text = sandbox.read("perfgate.toml");
    sandbox.config(&format!("{text}\n[server.sample.worker.queue]\n{worker}\n"))
}

#[test]
fn what_a_worker_uses_stands_apart() {
    let busy = r#"
command = ["sh", "-c", "echo takes jobs of $QUEUE; while :; do sleep 0.2; : $((i = i + 1)); done"]
env     = { QUEUE = "mail" }
ready   = "takes jobs of mail"
"#;
    let sandbox = with_worker(busy);
    let run = sandbox.run(["check", "--save", "m.json"]).exits(0);
    run.prints("note: workers, sample health: queue ")
        .prints(" CPU time per request, ");
    let measurement = sandbox.json("m.json");
    let round = &measurement["samples"][0]["starts"][0]["rounds"][0];
    let own = round["workers"]["usage"]["queue"]["memory"].as_u64();
    assert!(own.is_some_and(|bytes| bytes > 0), "{round}");
    // Nothing counts the jobs of such a server.
    assert!(round["workers"]["jobs_left"].is_null(), "{round}");
}

#[test]
fn a_worker_that_ends_is_named() {
    let run = with_worker("command = [\"sh\", \"-c\", \"echo no broker; exit 3\"]")
        .run(["check"])
        .exits(4);
    run.complains("`sample.queue`: it ended with exit status: 3")
        .complains("| no broker");
    let under_load = "command = [\"sh\", \"-c\", \"echo up; sleep 1.5; exit 3\"]\nready = \"up\"";
    let run = with_worker(under_load).run(["check"]).exits(4);
    run.complains("`sample.queue` died under load");
}

#[test]
fn a_worker_that_says_nothing_of_the_kind_is_not_waited_for_for_ever() {
    let silent = "command = [\"sh\", \"-c\", \"echo starting; sleep 60\"]\nready = \"takes jobs\"";
    let sandbox = with_worker(silent);
    let text = sandbox.read("perfgate.toml").replace("\"20s\"", "\"1s\"");
    let run = sandbox.config(&text).run(["check"]).exits(4);
    run.complains("waited 1s for a line with `takes jobs` in its output");
}

#[test]
fn workers_that_mean_nothing_are_refused() {
    for (worker, message) in [
        (
            "command = []",
            "worker `queue` of server `sample` runs no program",
        ),
        (
            "command = [\"true\"]\nmemory = \"64MiB\"",
            "`memory` is for containers, and worker `queue` of server `sample` runs in none",
        ),
        (
            "command = [\"true\"]\nredy = \"up\"",
            "unknown field `redy`",
        ),
    ] {
        with_worker(worker)
            .run(["check", "--dry-run"])
            .exits(2)
            .complains(message);
    }
    let text = "[server.app]\nurl = \"http://127.0.0.1:9\"\n[server.app.worker.queue]\n\
                command = [\"true\"]\n[endpoint.home]\npath = \"/\"\n";
    Sandbox::new()
        .config(text)
        .run(["check", "--dry-run"])
        .exits(2)
        .complains("server `app` runs already, and so do its workers");
}
