use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::error::Fault;
use super::told::Told;
use crate::model::Metric;

#[derive(Deserialize)]
struct Document {
    metrics: BTreeMap<String, Measured>,
    state: Option<State>,
}

/// One metric: `--summary-export` puts its numbers beside each other, `handleSummary` into
/// `values`.
#[derive(Deserialize)]
struct Measured {
    values: Option<BTreeMap<String, f64>>,
    #[serde(flatten)]
    plain: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct State {
    #[serde(rename = "testRunDurationMs")]
    milliseconds: f64,
}

impl Measured {
    fn get(&self, name: &str) -> Option<f64> {
        match &self.values {
            Some(values) => values.get(name).copied(),
            None => self.plain.get(name)?.as_f64(),
        }
    }
}

/// Whether it is a summary of k6 as JSON.
pub(super) fn is(text: &str) -> bool {
    text.trim_start().starts_with('{')
        && text.contains("\"metrics\"")
        && text.contains("\"http_req")
}

pub(super) fn read(text: &str) -> Result<Told, Fault> {
    let document: Document = serde_json::from_str(text)?;
    let metric = |name: &str| document.metrics.get(name);
    let requests = metric("http_reqs").and_then(|it| it.get("count").zip(it.get("rate")));
    let (count, rate) = requests.ok_or(Fault::Missing {
        expected: "`count` and `rate` of `http_reqs`",
    })?;
    let waits = metric("http_req_duration").ok_or(Fault::Missing {
        expected: "`http_req_duration`",
    })?;
    let mut told = Told {
        seconds: document
            .state
            .map_or(count / rate, |state| state.milliseconds / 1e3),
        connections: metric("vus_max").map_or(0, |it| whole(it.get("max").or(it.get("value")))),
        ..Told::default()
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of requests"
    )]
    let requests = count as u64;
    told.requests = requests;
    let failed = metric("http_req_failed").and_then(|it| it.get("rate").or(it.get("value")));
    told.tell(Metric::ErrorRate, failed);
    told.tell(Metric::Throughput, rate * (1.0 - failed.unwrap_or(0.0)));
    for (name, metric) in [
        ("avg", Metric::LatencyMean),
        ("med", Metric::LatencyP50),
        ("p(75)", Metric::LatencyP75),
        ("p(90)", Metric::LatencyP90),
        ("p(99)", Metric::LatencyP99),
        ("p(99.9)", Metric::LatencyP999),
        ("max", Metric::LatencyMax),
    ] {
        told.tell(metric, waits.get(name).map(|it| it * 1e3));
    }
    if !told.values.contains_key(&Metric::LatencyP99) {
        told.remarks
            .push("`k6 run --summary-trend-stats` adds p(99)");
    }
    told.remarks.push("its times leave out connecting");
    Ok(told)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of virtual users"
)]
fn whole(number: Option<f64>) -> usize {
    number.unwrap_or(0.0) as usize
}
