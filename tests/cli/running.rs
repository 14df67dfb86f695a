//! Servers that run already, compared with others that run already.

use crate::support::{Sandbox, finding, sample};

/// A server that somebody else has started, and that sleeps so many milliseconds for each request.
fn sleeping(milliseconds: &str) -> sample::Service {
    sample::Service::start(&["--fault-sleep-ms", milliseconds])
}

fn configuration(head: &str, base: &str) -> String {
    format!(
        r#"
[server.app]
url      = "{head}"
base_url = "{base}"

[endpoint.health]
path = "/api/django-starter/monitoring/health"

# Slow enough for the load to be on time beside other tests.
[load]
rate   = "50/s"
round  = "500ms"
warmup = "200ms"

[thresholds]
throughput  = {{ max_decrease = "90%" }}
latency_p50 = {{ max_increase = "+50%", floor = "5ms" }}
latency_p99 = {{ floor = "200ms" }}
"#
    )
}

#[test]
fn a_deployment_is_compared_with_the_one_before() {
    let (head, base) = (sleeping("100"), sleeping("40"));
    let text = configuration(&head.url(), &base.url());
    let sandbox = Sandbox::new().without_docker().config(&text);
    sandbox
        .run(["check", "--dry-run"])
        .exits(0)
        .prints(", its base at 127.0.0.1:");
    sandbox
        .run(["check", "--json", "out.json"])
        .exits(1)
        .prints("app health latency_p50")
        .prints("`app` and its base ran already")
        .prints(&format!("duet strategy against {}", base.url()));
    let report = sandbox.json("out.json");
    let of = |metric| finding(&report, "app", "health", metric);
    assert_eq!(of("latency_p50")["verdict"], "regression");
    assert_eq!(of("throughput")["verdict"], "pass");
    // Nothing that was not measured has a value.
    let findings = report["findings"].as_array().expect("findings");
    let cpu = findings.iter().find(|it| it["metric"] == "cpu_per_request");
    assert!(cpu.is_none_or(|it| it["head"].is_null()), "{cpu:?}");
}

#[test]
fn deployments_that_are_alike_pass() {
    let (head, base) = (sleeping("40"), sleeping("40"));
    let text = configuration(&head.url(), &base.url());
    let sandbox = Sandbox::new().without_docker().config(&text);
    sandbox.run(["check"]).exits(0).prints("PASSED");
}

#[test]
fn a_base_that_means_nothing_is_refused() {
    let same = configuration("http://127.0.0.1:9", "http://127.0.0.1:9");
    let started = configuration("http://127.0.0.1:9", "http://127.0.0.1:8")
        .replace("url      = \"http://127.0.0.1:9\"", "image = \"app\"");
    for (text, message) in [
        (same, "`base_url` of server `app` is its `url`"),
        (started, "server `app` has a `base_url` and no `url`"),
    ] {
        Sandbox::new()
            .config(&text)
            .run(["check", "--dry-run"])
            .exits(2)
            .complains(message);
    }
    let gone = configuration("http://127.0.0.1:9", "http://127.0.0.1:8");
    let ready = "[server.app]\nready    = { within = \"300ms\" }";
    Sandbox::new()
        .without_docker()
        .config(&gone.replace("[server.app]", ready))
        .run(["check"])
        .exits(4)
        .prints("waited 600ms for http://127.0.0.1:9/");
}
