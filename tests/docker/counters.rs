use crate::support::{Sandbox, finding};
use crate::{engine, fixture, only_one_failed, with_fault};

const REFRESH: [&str; 6] = [
    "baseline",
    "refresh",
    "--server",
    "gunicorn",
    "--quiet",
    "--endpoint",
];
const CHECK: [&str; 7] = [
    "check",
    "--server",
    "gunicorn",
    "--quiet",
    "--json",
    "out.json",
    "--endpoint",
];

/// A check of the endpoint with a fault, against one run without it.
fn with(fault: &str, endpoint: &str) -> serde_json::Value {
    let sandbox = fixture();
    sandbox.run(REFRESH.into_iter().chain([endpoint])).exits(0);
    let faulty = sandbox.config(&with_fault(fault));
    faulty
        .run(CHECK.into_iter().chain([endpoint]))
        .exits(1)
        .prints("REGRESSED");
    faulty.json("out.json")
}

#[test]
#[ignore = "needs Docker"]
fn one_stored_run_is_enough_to_catch_an_n_plus_one_with_its_statement() {
    let _engine = engine();
    let report = with("FAULT_N_PLUS_ONE = \"1\"", "movies");
    let sql = finding(&report, "gunicorn", "movies", "sql_per_request");
    assert_eq!(sql["verdict"], "regression");
    assert_eq!(
        (sql["base"].as_f64(), sql["head"].as_f64()),
        (Some(2.0), Some(22.0))
    );
    let statement = &sql["statements"][0];
    let text = statement["text"].as_str().expect("a statement");
    assert!(text.contains("\"demo_director\".\"id\" = $1"), "{text}");
    assert_eq!(
        (statement["base"].as_f64(), statement["head"].as_f64()),
        (Some(0.0), Some(20.0))
    );
}

#[test]
#[ignore = "needs Docker"]
fn a_leaked_redis_connection_is_caught() {
    let _engine = engine();
    let report = with("FAULT_CONNECTION_LEAK = \"1\"", "health");
    let leaked = finding(&report, "gunicorn", "health", "redis_connections_leaked");
    assert_eq!(leaked["verdict"], "regression");
    assert_eq!(
        (leaked["base"].as_f64(), leaked["head"].as_f64()),
        (Some(0.0), Some(1.0))
    );
}

#[test]
#[ignore = "needs Docker"]
fn a_server_that_dies_under_load_is_named_and_the_others_are_judged() {
    let _engine = engine();
    let dying = "\"sh\", \"-c\", \"gunicorn config.wsgi:application & sleep 8; echo giving up; kill $!; exit 3\"";
    let config = crate::configuration().replace("\"gunicorn\", \"config.wsgi:application\"", dying);
    assert!(config.contains("giving up"));
    let config = crate::at_length(&config, 40);
    let sandbox = Sandbox::new().config(&config);
    let run = [
        "check",
        "--server",
        "gunicorn",
        "uwsgi",
        "--endpoint",
        "health",
        "--json",
        "out.json",
    ];
    sandbox
        .run(run)
        .exits(4)
        .prints("NOT MEASURED: gunicorn")
        .prints("exit code 3")
        .prints("giving up");
    only_one_failed(&sandbox, "gunicorn", "uwsgi");
}
