use crate::support::{Sandbox, finding};
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
fn a_reference_program_is_measured_beside_the_server() {
    let reference = r#"
[server.fixed]
run   = ["{perfgate}", "sample", "--listen", "{host}:{port}"]
ready = { path = "/api/django-starter/monitoring/health", within = "20s" }

[reference]
server = "fixed"
path   = "/api/django-starter/monitoring/health"
"#;
    let config = |cpu| format!("{}{reference}", sample(cpu, "0", "0"));
    let sandbox = Sandbox::new().without_docker().config(&config("0"));
    sandbox
        .run(["baseline", "refresh", "--quiet", "--runs", "5"])
        .exits(0)
        .prints("sample health: stored");
    let sandbox = sandbox.config(&config("3"));
    let check = ["check", "--quiet", "--json", "out.json"];
    sandbox
        .run(check)
        .exits(1)
        .prints("sample health relative_cpu");
    let report = sandbox.json("out.json");
    let of = |metric| finding(&report, "sample", "health", metric);
    let relative = of("relative_cpu");
    assert_eq!(
        (&relative["verdict"], &relative["pairs"]),
        (&"regression".into(), &5.into())
    );
    // The same program beside itself.
    let base = relative["base"].as_f64().expect("a ratio");
    assert!((0.5..2.0).contains(&base), "{relative}");
    assert_eq!(of("cpu_per_request")["reason"]["kind"], "beside_reference");
    let servers = report["findings"].as_array().expect("findings").iter();
    assert!(servers.map(|it| &it["server"]).all(|it| it == "sample"));
}
