use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::Fault;
use super::imported::Imported;
use super::outline::Outline;
use crate::model::Metric;

const NO_P99: &str = "`k6 run --summary-trend-stats` adds p(99)";
const NEVER_P99: &str = "the machine-readable summary of k6 has no p(99): without \
                         `--new-machine-readable-summary` it can be added";

/// What `--summary-export` and `handleSummary` give.
#[derive(Deserialize)]
struct Document {
    metrics: Map<String, Value>,
    state: Option<Map<String, Value>>,
}

/// What they give with `--new-machine-readable-summary`.
#[derive(Deserialize)]
struct MachineReadable {
    config: Option<Map<String, Value>>,
    results: Results,
}

#[derive(Deserialize)]
struct Results {
    metrics: Vec<Map<String, Value>>,
}

/// A summary, in whichever form.
struct Run {
    metrics: BTreeMap<String, Measured>,
    seconds: Option<f64>,
    without_p99: &'static str,
}

/// The numbers of a metric. k6 writes `null` where it has none.
struct Measured(Map<String, Value>);

impl Measured {
    /// Its numbers stand beside each other, or in `values`.
    fn from_value(metric: Value) -> Option<Self> {
        let Value::Object(mut metric) = metric else {
            return None;
        };
        match metric.remove("values") {
            Some(Value::Object(values)) => Some(Self(values)),
            Some(_) => None,
            None => Some(Self(metric)),
        }
    }

    fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name)?.as_f64()
    }

    /// A percentile: `p(90)`, or `p90` in the machine-readable summary.
    fn percentile(&self, name: &str) -> Option<f64> {
        self.get(&format!("p({name})"))
            .or_else(|| self.get(&format!("p{name}")))
    }
}

impl From<Document> for Run {
    fn from(document: Document) -> Self {
        let measured = |(name, metric)| Some((name, Measured::from_value(metric)?));
        let state = document.state.as_ref();
        let duration = state.and_then(|state| state.get("testRunDurationMs")?.as_f64());
        Self {
            metrics: document.metrics.into_iter().filter_map(measured).collect(),
            seconds: duration.map(|milliseconds| milliseconds / 1e3),
            without_p99: NO_P99,
        }
    }
}

impl From<MachineReadable> for Run {
    fn from(document: MachineReadable) -> Self {
        let measured = |metric: Map<String, Value>| {
            let name = metric.get("name")?.as_str()?.to_owned();
            Some((name, Measured::from_value(Value::Object(metric))?))
        };
        let metrics = document.results.metrics.into_iter();
        let config = document.config.as_ref();
        Self {
            metrics: metrics.filter_map(measured).collect(),
            seconds: config.and_then(|config| config.get("duration")?.as_f64()),
            without_p99: NEVER_P99,
        }
    }
}

/// Whether it is a summary of k6 as JSON.
pub(super) fn is(outline: &Outline) -> bool {
    outline.has_all(&["metrics", "root_group"])
        || outline.has_prefix("metrics/http_req")
        || is_machine_readable(outline)
}

/// Scripts get its members by the names of JavaScript, and the schema has other ones.
fn is_machine_readable(outline: &Outline) -> bool {
    outline.has("metadata/k6_version") || outline.has("metadata/k6Version")
}

pub(super) fn read(text: &str, outline: &Outline) -> Result<Imported, Fault> {
    let run = if is_machine_readable(outline) {
        serde_json::from_str::<MachineReadable>(text)?.into()
    } else {
        serde_json::from_str::<Document>(text)?.into()
    };
    imported(&run)
}

fn imported(run: &Run) -> Result<Imported, Fault> {
    let metric = |name: &str| run.metrics.get(name);
    let requests = metric("http_reqs").and_then(|it| Some((it.get("count")?, it.get("rate"))));
    let (count, rate) = requests.ok_or(Fault::Missing {
        expected: "`count` of `http_reqs`",
    })?;
    let seconds = run.seconds.or(rate.map(|rate| count / rate));
    let rate = rate.or(run.seconds.map(|seconds| count / seconds));
    let waits = metric("http_req_duration").ok_or(Fault::Missing {
        expected: "`http_req_duration`",
    })?;
    let users = metric("vus_max").and_then(|it| it.get("max").or(it.get("value")));
    let mut imported = Imported {
        seconds: seconds.unwrap_or_default(),
        connections: to_count(users.unwrap_or_default()),
        requests: to_count(count) as u64,
        ..Imported::default()
    };
    failures(&mut imported, metric("http_req_failed"), rate);
    latencies(&mut imported, waits);
    if !imported.values.contains_key(&Metric::LatencyP99) {
        imported.notes.push(run.without_p99);
    }
    imported.notes.push("its times leave out connecting");
    Ok(imported)
}

/// Successes per second and the share of failures. Versions before 0.31, and scripts that say so,
/// do not say what failed: then nothing is known of successes either.
fn failures(imported: &mut Imported, failed: Option<&Measured>, rate: Option<f64>) {
    let failed = failed.and_then(|it| it.get("rate").or(it.get("value")));
    let Some(failed) = failed else {
        imported.notes.push("it does not say which requests failed");
        return;
    };
    imported.set(Metric::ErrorRate, failed);
    imported.set(Metric::Throughput, rate.map(|rate| rate * (1.0 - failed)));
}

fn latencies(imported: &mut Imported, waits: &Measured) {
    for (metric, milliseconds) in [
        (Metric::LatencyMean, waits.get("avg")),
        (Metric::LatencyP50, waits.get("med")),
        (Metric::LatencyP75, waits.percentile("75")),
        (Metric::LatencyP90, waits.percentile("90")),
        (Metric::LatencyP99, waits.percentile("99")),
        (Metric::LatencyP999, waits.percentile("99.9")),
        (Metric::LatencyMax, waits.get("max")),
    ] {
        imported.set(metric, milliseconds.map(|it| it * 1e3));
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of requests or of virtual users"
)]
fn to_count(number: f64) -> usize {
    number as usize
}
