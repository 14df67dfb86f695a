//! No process of perfgate's is left, however it ends.

use std::fs;
use std::time::Duration;

use crate::support::{Sandbox, eventually};
use crate::{at_length, healthy};

/// Processes that carry the label of a run started by perfgate with this process id.
pub(crate) fn labelled(pid: u32) -> usize {
    let marker = "PERFGATE_OWNER=";
    let owner = format!(":{pid}:");
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    let environments = entries.filter_map(|entry| fs::read(entry.path().join("environ")).ok());
    environments
        .filter(|environment| {
            let text = String::from_utf8_lossy(environment);
            text.split('\0')
                .any(|variable| variable.starts_with(marker) && variable.contains(&owner))
        })
        .count()
}

fn long() -> Sandbox {
    healthy().config(&at_length(400))
}

#[test]
fn signals_end_the_run_in_order_and_leave_no_process() {
    for signal in ["INT", "TERM", "HUP"] {
        let sandbox = long();
        let mut running = sandbox.start(["check"]);
        running.until("round 1 of ");
        let pid = running.pid();
        assert_eq!(labelled(pid), 1, "the sample service runs");
        running.signal(signal);
        let run = running.end().exits(130);
        // Nothing is said of a run that had not measured anything yet.
        let partial = run.stdout.starts_with("PARTIAL (interrupted)");
        assert!(partial || run.stdout.is_empty(), "{}", run.stdout);
        assert_eq!(labelled(pid), 0, "after SIG{signal}");
    }
}

#[test]
fn what_a_killed_run_left_is_swept_by_the_next() {
    let sandbox = long();
    let mut running = sandbox.start(["check"]);
    running.until("round 1 of ");
    let pid = running.pid();
    running.signal("KILL");
    let killed = running.end();
    assert_eq!(killed.code, None);
    assert_eq!(labelled(pid), 1, "nobody was there to end it");
    sandbox.run(["cleanup"]).exits(0);
    eventually("the orphan is gone", Duration::from_secs(5), || {
        labelled(pid) == 0
    });
}

#[test]
fn another_run_that_lives_is_left_alone() {
    let sandbox = long();
    let mut running = sandbox.start(["check"]);
    running.until("round 1 of ");
    let pid = running.pid();
    sandbox.run(["cleanup"]).exits(0);
    assert_eq!(labelled(pid), 1, "its service still runs");
    running.signal("TERM");
    running.end().exits(130);
}
