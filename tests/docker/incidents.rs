//! Servers that lose processes while they are measured.

use crate::support::Sandbox;
use crate::{configuration, engine, only_one_failed};

#[test]
#[ignore = "needs Docker"]
fn a_server_killed_for_memory_is_named_and_the_others_are_judged() {
    let _engine = engine();
    let uvicorn = "[server.uvicorn]";
    let config = configuration();
    let (others, own) = config
        .split_once(uvicorn)
        .expect("uvicorn is one of the servers");
    // It is one process: with it gone, the container ends.
    let own = own
        .replacen(
            "env     = { ",
            "env     = { FAULT_MEMORY_KIB = \"8192\", ",
            1,
        )
        .replacen("\"1GiB\"", "\"192MiB\"", 1);
    let sandbox = Sandbox::new().config(&format!("{others}{uvicorn}{own}"));
    let run = [
        "check",
        "--server",
        "uvicorn",
        "gunicorn",
        "--endpoint",
        "health",
        "--json",
        "out.json",
    ];
    sandbox
        .run(run)
        .exits(4)
        .prints("NOT MEASURED: uvicorn")
        .prints("killed because its memory ran out");
    only_one_failed(&sandbox, "uvicorn", "gunicorn");
}

#[test]
#[ignore = "needs Docker"]
fn workers_replaced_during_a_round_are_named() {
    let _engine = engine();
    let start = "\"gunicorn\", \"config.wsgi:application\"";
    let config = configuration().replace(start, &format!("{start}, \"--max-requests\", \"100\""));
    assert!(config.contains("--max-requests"));
    let sandbox = Sandbox::new().config(&config);
    let run = [
        "check",
        "--server",
        "gunicorn",
        "--endpoint",
        "health",
        "--json",
        "out.json",
    ];
    sandbox
        .run(run)
        .exits(0)
        .prints("of its processes ended and")
        .prints("while requests were in flight");
    let incident = &sandbox.json("out.json")["incidents"][0];
    assert_eq!(incident["server"], "gunicorn");
    assert_eq!(incident["fatal"], false);
}
