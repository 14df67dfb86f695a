use crate::support::{Sandbox, finding, with_verdict};
use crate::{configuration, engine, engine_alone, fixture, published, with_fault};

const SERVERS: [&str; 6] = [
    "uwsgi",
    "gunicorn",
    "granian",
    "daphne",
    "uvicorn",
    "hypercorn",
];
const ENDPOINTS: [&str; 4] = ["health", "health-sync", "health-async", "movies"];
const GUNICORN: [&str; 7] = [
    "check",
    "--server",
    "gunicorn",
    "--json",
    "out.json",
    "--quiet",
    "--endpoint",
];

#[test]
#[ignore = "needs Docker"]
fn the_first_check_judges_all_servers_and_endpoints() {
    let _engine = engine();
    let sandbox = fixture();
    let mut running = sandbox.start(["check", "--json", "out.json"]);
    let pid = running.pid();
    running.until("hypercorn: start");
    running.end().exits(0).prints("NO BASELINE");
    assert_eq!(crate::left(pid), [] as [&str; 0]);
    let report = sandbox.json("out.json");
    assert_eq!(report["provenance"]["path"], "host networking");
    for server in SERVERS {
        for endpoint in ENDPOINTS {
            // The expected bodies say that Postgres and Redis answered.
            let errors = finding(&report, server, endpoint, "error_rate");
            assert_eq!(
                (&errors["verdict"], &errors["head"]),
                (&"pass".into(), &0.0.into())
            );
            for metric in [
                "throughput",
                "cpu_per_request",
                "memory_peak",
                "startup_time",
            ] {
                let head = &finding(&report, server, endpoint, metric)["head"];
                assert!(
                    head.as_f64().is_some_and(|value| value > 0.0),
                    "{server} {endpoint} {metric}"
                );
            }
        }
    }
    let images = report["provenance"]["images"]
        .as_object()
        .expect("images")
        .clone();
    for name in ["postgres", "redis"].into_iter().chain(SERVERS) {
        assert!(
            images[name]
                .as_str()
                .expect("an identifier")
                .starts_with("sha256:")
        );
    }
}

#[test]
#[ignore = "needs Docker"]
fn each_fault_makes_the_check_fail_and_names_its_cell() {
    let _engine = engine_alone();
    let sandbox = fixture();
    let refresh = [
        "baseline",
        "refresh",
        "--runs",
        "5",
        "--server",
        "gunicorn",
        "--endpoint",
        "health",
        "movies",
        "--quiet",
    ];
    sandbox
        .run(refresh)
        .exits(0)
        .prints("gunicorn movies: stored");
    let check = |endpoints: &[&'static str]| sandbox.run(GUNICORN.iter().chain(endpoints).copied());
    check(&["health", "movies"]).exits(0).prints("PASSED");

    let faults = [
        ("FAULT_CPU_MS = \"20\"", "health", "cpu_per_request"),
        ("FAULT_SLEEP_MS = \"60\"", "health", "latency_p50"),
        ("FAULT_ERROR_RATE = \"0.2\"", "health", "error_rate"),
        ("FAULT_N_PLUS_ONE = \"1\"", "movies", "sql_per_request"),
        ("FAULT_MEMORY_KIB = \"4096\"", "health", "memory_peak"),
    ];
    for (fault, endpoint, metric) in faults {
        let config = with_fault(fault);
        std::fs::write(sandbox.path("perfgate.toml"), config).expect("a file is written");
        check(&[endpoint]).exits(1).prints("REGRESSED");
        let regressed = with_verdict(&sandbox.json("out.json"), "regression");
        let named = format!("gunicorn {endpoint} {metric}");
        assert!(regressed.contains(&named), "{fault}: {regressed:?}");
    }
}

#[test]
#[ignore = "needs Docker"]
fn a_server_that_never_gets_ready_is_named_with_its_last_log_lines() {
    let _engine = engine();
    let config = configuration()
        .replacen(
            "\"gunicorn\", \"config.wsgi:application\"",
            "\"sh\", \"-c\", \"echo waiting for nothing; sleep 300\"",
            1,
        )
        .replace("within = \"60s\"", "within = \"2s\"");
    let run = Sandbox::new()
        .config(&config)
        .run(["check", "--server", "gunicorn"])
        .exits(4);
    run.complains("waiting for nothing\n")
        .complains("cannot start `gunicorn`: waited 2s for http://127.0.0.1:");
}

#[test]
#[ignore = "needs Docker"]
fn a_server_that_ends_at_once_is_named_with_its_exit_code() {
    let _engine = engine();
    let config = with_fault("FAULT_CPU_MS = \"much\"");
    let run = Sandbox::new()
        .config(&config)
        .run(["check", "--server", "gunicorn"])
        .exits(4);
    run.complains("FAULT_CPU_MS")
        .complains("`python manage.py migrate` of `gunicorn` ended with exit code 1");
}

#[test]
#[ignore = "needs Docker"]
fn a_published_port_leads_to_the_same_stack() {
    let _engine = engine();
    let sandbox = Sandbox::new().config(&published());
    let words = ["check", "--endpoint", "health-sync", "--json", "out.json"];
    sandbox.run(words).exits(0);
    let report = sandbox.json("out.json");
    assert_eq!(report["provenance"]["path"], "published loopback port");
    for server in SERVERS {
        let errors = finding(&report, server, "health-sync", "error_rate");
        assert_eq!(errors["head"], 0.0, "{server}");
    }
}
