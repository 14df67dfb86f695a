use serde::Deserialize;

use super::error::Fault;
use super::told::Told;
use crate::model::Metric;

#[derive(Deserialize)]
struct Document {
    latencies: Latencies,
    requests: u64,
    /// Nanoseconds from the first request to the last.
    duration: f64,
    /// Good responses per second, the wait for the last one included.
    throughput: f64,
    /// Share of good responses.
    success: f64,
}

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

/// Whether `vegeta report -type=json` wrote it.
pub(super) fn is(text: &str) -> bool {
    text.trim_start().starts_with('{')
        && text.contains("\"latencies\"")
        && text.contains("\"status_codes\"")
}

pub(super) fn read(text: &str) -> Result<Told, Fault> {
    let document: Document = serde_json::from_str(text)?;
    let latencies = document.latencies;
    let mut told = Told {
        seconds: document.duration / 1e9,
        requests: document.requests,
        ..Told::default()
    };
    told.tell(Metric::Throughput, document.throughput);
    told.tell(Metric::ErrorRate, 1.0 - document.success);
    for (metric, nanoseconds) in [
        (Metric::LatencyMean, Some(latencies.mean)),
        (Metric::LatencyP50, Some(latencies.p50)),
        (Metric::LatencyP90, latencies.p90),
        (Metric::LatencyP99, Some(latencies.p99)),
        (Metric::LatencyMax, Some(latencies.max)),
    ] {
        told.tell(metric, nanoseconds.map(|it| it / 1e3));
    }
    told.remarks
        .push("throughput is no more than the rate it was loaded at");
    Ok(told)
}
