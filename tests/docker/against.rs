use std::process::Command;

use crate::support::{finding, repository};
use crate::{engine, engine_alone, fixture, with_fault};

#[test]
#[ignore = "needs Docker"]
fn two_builds_side_by_side_have_a_database_each() {
    let _engine = engine_alone();
    let sandbox = fixture().committed();
    // Far from what the statements cost, so that it is confirmed in any case.
    let changed = with_fault("FAULT_N_PLUS_ONE = \"1\"").replace("+300%", "+50%");
    let sandbox = sandbox.config(&changed);
    let run = [
        "check",
        "--server",
        "gunicorn",
        "--endpoint",
        "movies",
        "--quiet",
        "--save",
        "m.json",
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
    // The base beside itself, on a stack of its own each, shows none of it.
    let measurement = sandbox.json("m.json");
    let sample = &measurement["pairs"][0];
    let starts = |phase: &str| sample[phase].as_array().map(Vec::len);
    assert!(
        starts("confirmation").is_some_and(|count| count >= 4),
        "{sample}"
    );
    assert_eq!(starts("control"), starts("confirmation"));
    // Twenty statements more cost several times the CPU time, on any machine.
    let cpu = of("cpu_per_request");
    assert_eq!(cpu["strategy"], "duet");
    assert!(
        cpu["change"].as_f64().is_some_and(|change| change > 1.0),
        "{cpu}"
    );
}

/// Without a repository the base is the image of the newest stored run, once the server's own is
/// another.
#[test]
#[ignore = "needs Docker"]
fn the_image_of_a_stored_run_is_a_base() {
    let _engine = engine();
    let sandbox = fixture();
    let own = sandbox.path("django");
    let fixture = repository().join("fixtures/django");
    let copied = Command::new("cp").arg("-r").args([&fixture, &own]).status();
    assert!(copied.is_ok_and(|status| status.success()));
    let theirs = format!("\"{}\"", fixture.display());
    let text = sandbox.read("perfgate.toml").replace(&theirs, "\"django\"");
    let sandbox = sandbox.config(&text);
    let of = ["--server", "gunicorn", "--endpoint", "health", "--quiet"];
    let refresh = ["baseline", "refresh"].into_iter().chain(of);
    sandbox.run(refresh).exits(0);
    let check = ["check", "--json", "out.json"].into_iter().chain(of);
    sandbox
        .run(check.clone())
        .exits(0)
        .prints("compared with stored runs: there is no git repository");
    let sandbox = sandbox.file("django/note.txt", "Another image, the same service.");
    sandbox
        .run(check)
        .exits(0)
        .prints("`gunicorn` is compared with the image of its newest stored run")
        .prints("duet strategy against gunicorn=sha256:");
    let report = sandbox.json("out.json");
    let cpu = finding(&report, "gunicorn", "health", "cpu_per_request");
    assert_eq!(cpu["strategy"], "duet");
}
