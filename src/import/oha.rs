use std::collections::BTreeMap;

use serde::Deserialize;

use super::error::Fault;
use super::imported::{Imported, is_good, total};
use super::outline::Outline;
use crate::model::Metric;

/// Requests in flight when the time was over; oha does not count them as failed either.
const AT_THE_END: &str = "aborted due to deadline";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    summary: Summary,
    latency_percentiles: BTreeMap<String, Option<f64>>,
    status_code_distribution: BTreeMap<String, u64>,
    error_distribution: BTreeMap<String, u64>,
}

/// Times in seconds.
#[derive(Deserialize)]
struct Summary {
    total: f64,
    slowest: Option<f64>,
    average: Option<f64>,
}

/// Whether `oha --output-format json` wrote it.
pub(super) fn is(outline: &Outline) -> bool {
    outline.has_all(&["summary", "responseTimeHistogram"])
}

pub(super) fn read(text: &str) -> Result<Imported, Fault> {
    let document: Document = serde_json::from_str(text)?;
    let mut imported = Imported {
        seconds: document.summary.total,
        ..Imported::default()
    };
    let micros = |seconds: Option<f64>| seconds.map(|seconds| seconds * 1e6);
    imported.set(Metric::LatencyMax, micros(document.summary.slowest));
    imported.set(Metric::LatencyMean, micros(document.summary.average));
    for (name, metric) in [
        ("p50", Metric::LatencyP50),
        ("p75", Metric::LatencyP75),
        ("p90", Metric::LatencyP90),
        ("p99", Metric::LatencyP99),
        ("p99.9", Metric::LatencyP999),
    ] {
        let value = document.latency_percentiles.get(name).copied().flatten();
        imported.set(metric, micros(value));
    }
    let statuses = &document.status_code_distribution;
    let good = statuses.iter().filter(|(status, _)| is_good(status));
    let good = total(good.map(|(_, count)| *count));
    imported.requests = total(statuses.values().copied());
    let errors = document.error_distribution.iter();
    let unanswered = errors.filter(|(what, _)| *what != AT_THE_END);
    let unanswered = total(unanswered.map(|(_, count)| *count));
    imported.count(good, total([imported.requests - good, unanswered]));
    Ok(imported)
}
