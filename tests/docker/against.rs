use crate::support::finding;
use crate::{engine, fixture, with_fault};

#[test]
#[ignore = "needs Docker"]
fn two_builds_side_by_side_have_a_database_each() {
    let _engine = engine();
    let sandbox = fixture().committed();
    let sandbox = sandbox.config(&with_fault("FAULT_N_PLUS_ONE = \"1\""));
    let run = [
        "check",
        "--server",
        "gunicorn",
        "--endpoint",
        "movies",
        "--quiet",
        "--json",
        "out.json",
    ];
    sandbox.run(run).exits(1).prints("duet strategy against");
    let report = sandbox.json("out.json");
    let of = |metric| finding(&report, "gunicorn", "movies", metric);
    let sql = of("sql_per_request");
    assert_eq!(
        (sql["base"].as_f64(), sql["head"].as_f64()),
        (Some(2.0), Some(22.0))
    );
    assert_eq!(sql["verdict"], "regression");
    let statement = sql["statements"][0]["text"].as_str();
    assert!(statement.is_some_and(|text| text.contains("\"demo_director\".\"id\" = $1")));
    // Twenty statements more cost several times the CPU time, on any machine.
    let cpu = of("cpu_per_request");
    assert_eq!(cpu["strategy"], "duet");
    assert!(
        cpu["change"].as_f64().is_some_and(|change| change > 1.0),
        "{cpu}"
    );
}
