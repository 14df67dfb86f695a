use std::collections::BTreeMap;

use super::Fault;
use crate::model::{Metric, Unit};

/// What every generator leaves untold.
const NEVER_TOLD: &str = "the spread between rounds, CPU time and memory of the server, its \
                          start-up, what services counted, the machine";
/// Percentiles and the rest, which some generators report and others do not.
const SOMETIMES: [(Metric, &str); 10] = [
    (Metric::Throughput, "throughput"),
    (Metric::LatencyMean, "the mean"),
    (Metric::LatencyStdev, "the standard deviation"),
    (Metric::LatencyP50, "p50"),
    (Metric::LatencyP75, "p75"),
    (Metric::LatencyP90, "p90"),
    (Metric::LatencyP99, "p99"),
    (Metric::LatencyP999, "p99.9"),
    (Metric::LatencyMax, "the longest wait"),
    (Metric::ErrorRate, "errors"),
];

/// What a generator imported of one run.
#[derive(Debug, Default)]
pub(super) struct Imported {
    /// Request target.
    pub(super) target: Option<String>,
    /// 0 where untold, like the next two.
    pub(super) connections: usize,
    pub(super) threads: usize,
    /// The length that was asked for.
    pub(super) planned_seconds: u64,
    /// The length that it had, 0 where untold.
    pub(super) seconds: f64,
    /// Responses that the times are of.
    pub(super) requests: u64,
    pub(super) values: BTreeMap<Metric, f64>,
    /// What a reader must know of how this generator counts.
    pub(super) notes: Vec<&'static str>,
}

impl Imported {
    /// Keeps a value. A time of zero is one that was rounded away, and no value.
    pub(super) fn set(&mut self, metric: Metric, value: impl Into<Option<f64>>) {
        let value = value.into().filter(|value| value.is_finite());
        let is_known = |value: &f64| *value > 0.0 || (!metric.is_latency() && *value >= 0.0);
        let most = match metric.unit() {
            Unit::Share => 1.0,
            _ => f64::MAX,
        };
        if let Some(value) = value.filter(is_known).filter(|value| *value <= most) {
            self.values.insert(metric, value);
        }
    }

    /// Path of the target. A query may say which of many of the same kind is asked for, so that it
    /// is part of the name of a request and not of its kind.
    pub(super) fn path(&self) -> &str {
        let target = self.target.as_deref().unwrap_or_default();
        target.split(['?', '#']).next().unwrap_or_default()
    }

    /// Whether the target goes on after its path.
    pub(super) fn has_query(&self) -> bool {
        let target = self.target.as_deref().unwrap_or_default();
        target.len() > self.path().len()
    }

    /// Keeps throughput and error rate of requests that were answered as they should be, and of
    /// those that were not.
    pub(super) fn count(&mut self, good: u64, bad: u64) {
        self.set(Metric::Throughput, good as f64 / self.seconds);
        self.set(Metric::ErrorRate, share(bad, good));
    }

    /// The same, where there is something to judge at all. Where every request failed, that is all
    /// that is known: times of failures are no times of answers.
    pub(super) fn checked(mut self) -> Result<Self, Fault> {
        if self.requests == 0 {
            return Err(Fault::Empty);
        }
        if self.values.get(&Metric::ErrorRate) == Some(&1.0) {
            self.values.retain(|metric, _| *metric == Metric::ErrorRate);
            self.notes
                .push("every request failed: times of failures are not taken");
        }
        // Some is a quotient of two untrusted numbers.
        if !self.seconds.is_finite() || self.seconds < 0.0 {
            self.seconds = 0.0;
        }
        Ok(self)
    }

    /// Says so where a name covers requests that differ in the query.
    pub(super) fn named(mut self, is_named: bool) -> Self {
        if is_named && self.has_query() {
            self.notes
                .push("the query of its URL is left out of account");
        }
        self
    }

    /// What a reader must know of the run: what is not imported, and how the rest was counted.
    pub(super) fn caveats(&self) -> String {
        let lacks = |(metric, _): &&(Metric, _)| !self.values.contains_key(metric);
        let missing = SOMETIMES.iter().filter(lacks).map(|(_, name)| *name);
        let lacking: Vec<_> = std::iter::once(NEVER_TOLD).chain(missing).collect();
        let lacking = format!("missing: {}", lacking.join(", "));
        let notes = self.notes.iter().copied();
        let all: Vec<_> = std::iter::once(lacking.as_str()).chain(notes).collect();
        all.join("; ")
    }
}

/// Whether a response was no error: redirects count as answers, as most generators have it.
pub(super) fn is_good(status: &str) -> bool {
    status.starts_with('2') || status.starts_with('3')
}

/// The share of what failed.
pub(super) fn share(bad: u64, good: u64) -> f64 {
    bad as f64 / (good as f64 + bad as f64)
}

/// A sum of untrusted numbers.
pub(super) fn total(counts: impl IntoIterator<Item = u64>) -> u64 {
    counts.into_iter().fold(0, u64::saturating_add)
}
