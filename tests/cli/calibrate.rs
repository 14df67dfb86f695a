//! The gate proved on a service: a build beside itself, unchanged and with CPU time added.

use crate::support::Sandbox;

const CONFIGURATION: &str = r#"
# What is measured.
[server.app]
run   = ["{sample}", "--listen", "{host}:{port}"]
ready = { path = "/api/django-starter/monitoring/health", within = "10s" }

[endpoint.health]
path = "/api/django-starter/monitoring/health"

[load]
connections = 8
round       = "400ms"
warmup      = "200ms"

[thresholds]
throughput      = { max_decrease = "95%" }
latency_p50     = { max_increase = "+900%", floor = "1s" }
latency_p99     = { max_increase = "+900%", floor = "1s" }
cpu_per_request = { max_increase = "30%", floor = "0us" }
memory_peak     = { floor = "256MiB" }
"#;

fn sandbox() -> Sandbox {
    Sandbox::new().without_docker().config(CONFIGURATION)
}

#[test]
fn added_cpu_time_is_found_and_every_check_is_kept() {
    let sandbox = sandbox();
    let calibrate = [
        "calibrate",
        "--quiet",
        "--checks",
        "2",
        "--injected",
        "1",
        "--sizes",
        "90%",
        "--json",
        "out.json",
    ];
    let outputs = ["--html", "out.html", "--badge", "badge.json"];
    sandbox
        .run(calibrate.iter().chain(&outputs).copied())
        .exits(0)
        .prints("0 of 2 checks of an unchanged build failed: at most 77.6 % do (95 % confidence)")
        .prints("Checks with added CPU time")
        .prints("1 of 1");
    let made = sandbox.json("out.json");
    let checks = made["checks"].as_array().expect("checks");
    let injected: Vec<_> = checks.iter().map(|it| it["injected"].as_f64()).collect();
    assert_eq!(injected, [Some(0.0), Some(0.0), Some(0.9)]);
    let metrics = made["result"]["metrics"].as_array().expect("metrics");
    let by_cpu = metrics.iter().find(|it| it["metric"] == "cpu_per_request");
    let by_cpu = by_cpu.expect("CPU time is judged");
    let change = by_cpu["injected"][0]["change"].as_f64().expect("a change");
    assert!((0.6..1.2).contains(&change), "{by_cpu}");
    assert!(by_cpu["starts"].as_u64() >= Some(8), "{by_cpu}");
    assert!(sandbox.read("out.html").contains("CPU time added"));
    assert_eq!(sandbox.json("badge.json")["color"], "brightgreen");

    // Nothing is missing, so nothing is measured.
    sandbox.run(calibrate).exits(0).prints("0 of 2 checks");
    assert_eq!(sandbox.json("out.json")["checks"], made["checks"]);
    sandbox
        .run(["doctor"])
        .prints("0 of 2 unchanged checks failed");

    let all = ["--write", "all"];
    sandbox
        .run(calibrate.iter().chain(&all).copied())
        .exits(0)
        .prints("app health cpu_per_request: max_increase ");
    let written = sandbox.read("perfgate.toml");
    let is_kept = |line: &str| line.contains("{sample}") || written.contains(line);
    assert!(CONFIGURATION.lines().all(is_kept), "{written}");
    assert!(
        written.contains("[server.app.endpoint.health.thresholds]"),
        "{written}"
    );
    sandbox.run(["check", "--dry-run"]).exits(0);
}

#[test]
fn checks_of_something_else_do_not_count() {
    let sandbox = sandbox();
    let calibrate = ["calibrate", "--checks", "1", "--injected", "0"];
    sandbox.run(calibrate).exits(0).prints("0 of 1 checks");
    let sandbox = sandbox.config(&CONFIGURATION.replace("= 8", "= 4"));
    sandbox
        .run(calibrate)
        .exits(0)
        .complains("are of another configuration or selection: starting anew")
        .prints("0 of 1 checks");
    // Without a time to measure in: what was kept stays until another check is made.
    let kept = sandbox.read(".perfgate/calibration.json");
    let again = ["--again", "--timeout", "1ms"];
    sandbox
        .run(calibrate.iter().chain(&again).copied())
        .exits(4)
        .complains("check 1 of 1, unchanged");
    assert_eq!(sandbox.read(".perfgate/calibration.json"), kept);
}

#[test]
fn what_cannot_be_measured_is_not_calibrated() {
    let broken = CONFIGURATION.replace("monitoring/health\"\n\n[load]", "nowhere\"\n\n[load]");
    let sandbox = sandbox().config(&broken);
    sandbox
        .run(["calibrate", "--quiet"])
        .exits(4)
        .complains("`perfgate check` must work before it can be calibrated");
    sandbox
        .run(["calibrate", "--shard", "1/2"])
        .exits(2)
        .complains("says nothing of another");
    sandbox
        .run(["calibrate", "--sizes", "5"])
        .exits(2)
        .complains("write a percentage, such as 5%");
}
