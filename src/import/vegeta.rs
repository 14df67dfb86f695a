use std::collections::BTreeMap;

use serde::Deserialize;

use super::AT_A_RATE;
use super::error::Fault;
use super::imported::{Imported, total};
use super::outline::Outline;
use crate::model::Metric;

#[derive(Deserialize)]
struct Document {
    latencies: Latencies,
    requests: u64,
    /// Nanoseconds from the first request to the last.
    duration: f64,
    /// Nanoseconds from the last request to the last response.
    wait: Option<f64>,
    /// Good responses per second, the wait for the last one included; since version 12.6.
    throughput: Option<f64>,
    /// Share of good responses.
    success: f64,
    status_codes: BTreeMap<String, u64>,
}

/// The status of requests without a response.
const UNANSWERED: &str = "0";

/// In nanoseconds.
#[derive(Deserialize)]
struct Latencies {
    mean: f64,
    #[serde(rename = "50th")]
    p50: f64,
    #[serde(rename = "90th")]
    p90: Option<f64>,
    #[serde(rename = "99th")]
    p99: f64,
    max: f64,
}

impl Document {
    /// What `throughput` is in the versions that have it. A single request has no duration, and its
    /// throughput is a count.
    fn throughput(&self) -> Option<f64> {
        let seconds = (self.duration + self.wait.unwrap_or_default()) / 1e9;
        let counted = self.success * self.requests as f64 / seconds;
        (self.duration > 0.0).then(|| self.throughput.unwrap_or(counted))
    }

    /// Requests that got a response.
    fn answered(&self) -> u64 {
        let answered = self.status_codes.iter();
        let answered = answered.filter(|(status, _)| *status != UNANSWERED);
        total(answered.map(|(_, count)| *count))
    }
}

/// Whether `vegeta report -type=json` wrote it.
pub(super) fn is(outline: &Outline) -> bool {
    outline.has_all(&["latencies", "bytes_in", "bytes_out"])
}

pub(super) fn read(text: &str) -> Result<Imported, Fault> {
    let document: Document = serde_json::from_str(text)?;
    let latencies = &document.latencies;
    let mut imported = Imported {
        seconds: document.duration / 1e9,
        requests: document.answered(),
        ..Imported::default()
    };
    imported.set(Metric::Throughput, document.throughput());
    imported.set(Metric::ErrorRate, 1.0 - document.success);
    for (metric, nanoseconds) in [
        (Metric::LatencyMean, Some(latencies.mean)),
        (Metric::LatencyP50, Some(latencies.p50)),
        (Metric::LatencyP90, latencies.p90),
        (Metric::LatencyP99, Some(latencies.p99)),
        (Metric::LatencyMax, Some(latencies.max)),
    ] {
        imported.set(metric, nanoseconds.map(|it| it / 1e3));
    }
    imported.notes.push(AT_A_RATE);
    if document.status_codes.contains_key(UNANSWERED) {
        imported
            .notes
            .push("its times are of requests without a response too");
    }
    Ok(imported)
}
