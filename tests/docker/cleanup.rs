use std::time::Duration;

use crate::support::{Sandbox, eventually};
use crate::{at_length, engine, engine_alone, left, published};

fn long() -> Sandbox {
    Sandbox::new().config(&at_length(&published(), 400))
}

const CHECK: [&str; 5] = ["check", "--server", "gunicorn", "--endpoint", "health"];

#[test]
#[ignore = "needs Docker"]
fn an_interrupt_mid_run_leaves_nothing() {
    let _engine = engine();
    for (signal, moment) in [
        ("INT", "round 1 of "),
        ("TERM", "start redis"),
        ("INT", "gunicorn: start"),
    ] {
        let sandbox = long();
        let mut running = sandbox.start(CHECK);
        let pid = running.pid();
        running.until(moment);
        running.signal(signal);
        let run = running.end().exits(130);
        assert!(run.stderr.contains("error: interrupted"), "{}", run.stderr);
        assert_eq!(left(pid), [] as [&str; 0], "after SIG{signal} at {moment}");
    }
}

#[test]
#[ignore = "needs Docker"]
fn what_a_killed_run_left_is_swept_by_the_next_check() {
    let _engine = engine_alone();
    let sandbox = long();
    let mut running = sandbox.start(CHECK);
    let pid = running.pid();
    running.until("round 1 of ");
    running.signal("KILL");
    assert_eq!(running.end().code, None);
    assert_eq!(
        left(pid).len(),
        4,
        "Postgres, Redis, the server and the network"
    );

    let next = Sandbox::new().config(&published());
    next.run(CHECK).exits(0);
    eventually(
        "nothing of the killed run is left",
        Duration::from_secs(5),
        || left(pid).is_empty(),
    );
}

#[test]
#[ignore = "needs Docker"]
fn a_failed_start_leaves_nothing() {
    let _engine = engine();
    let config = published().replace("\"seed\"", "\"no-such-command\"");
    let sandbox = Sandbox::new().config(&config);
    let running = sandbox.start(CHECK);
    let pid = running.pid();
    running.end().exits(4).complains("no-such-command");
    assert_eq!(left(pid), [] as [&str; 0]);
}
