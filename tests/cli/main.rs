//! The built binary as a user meets it, without a container engine.

#[path = "../support/clock.rs"]
mod clock;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/web.rs"]
mod web;
#[path = "../support/wire.rs"]
mod wire;

mod action;
mod against;
mod allocations;
mod baseline;
mod beside;
mod bisect;
mod bucket;
mod calibrate;
mod cargo;
mod check;
mod ci;
mod compare;
mod compose;
mod example;
mod faults;
mod formats;
mod github;
mod gitlab;
mod hostile;
mod init;
mod init_found;
mod install;
mod interrupt;
mod kubernetes;
mod large_store;
mod load;
mod login;
mod picky;
mod profile;
mod rank;
mod ready;
mod results;
mod running;
mod scale;
mod secrets;
mod shards;
mod site;
mod store;
mod strangers;
mod test_target;
mod transport;
mod usage;
mod workers;
mod workspace;

use support::Sandbox;

/// A configuration that gates the sample service, quickly. The thresholds are wide: these tests are
/// about the way from a fault to a verdict, not about small changes. What cargo built and both sides run
/// would be no comparison; of what `env` runs nobody knows.
const SAMPLE: &str = r#"
[server.sample]
run   = ["env", "{sample}", "--listen", "{host}:{port}"]
ready = { path = "/api/django-starter/monitoring/health", within = "20s" }
env   = { FAULT_CPU_MS = "CPU", FAULT_SLEEP_MS = "SLEEP", FAULT_ERROR_RATE = "ERRORS" }

[endpoint.health]
path = "/api/django-starter/monitoring/health"

[load]
connections = 4
round       = "300ms"
rounds      = 3
warmup      = "300ms"

[thresholds]
throughput      = { max_decrease = "75%" }
latency_p50     = { max_increase = "+400%", floor = "5ms" }
latency_p99     = { floor = "100ms" }
cpu_per_request = { max_increase = "+400%" }
memory_peak     = { max_increase = "+400%", floor = "100MiB" }
"#;

/// The sample's configuration with faults.
fn sample(cpu: &str, sleep: &str, errors: &str) -> String {
    SAMPLE
        .replace("\"CPU\"", &format!("\"{cpu}\""))
        .replace("\"SLEEP\"", &format!("\"{sleep}\""))
        .replace("\"ERRORS\"", &format!("\"{errors}\""))
}

/// A limit that needs many requests, for the thresholds at the end of a configuration: a check by it is
/// not brief, also with nothing to compare with.
const AT_LENGTH: &str = "latency_p999 = { max = \"60s\" }\n";

/// A healthy sample that is measured for so many rounds.
fn at_length(rounds: usize) -> String {
    let text = sample("0", "0", "0");
    text.replace("rounds      = 3", &format!("rounds      = {rounds}")) + AT_LENGTH
}

fn healthy() -> Sandbox {
    Sandbox::new()
        .without_docker()
        .config(&sample("0", "0", "0"))
}
