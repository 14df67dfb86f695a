//! Pairs of rounds → whether their starts depend on each other. The promise for a job is about starts
//! that do not.

use std::collections::BTreeMap;

use super::paired::changes;
use crate::model::{Metric, PairedSample};
use crate::stats::{self, SerialCorrelation};

/// Chance of a correlation that is not worth a word.
const UNLIKELY: f64 = 0.01;

/// The correlation between the changes of a start and of the one before, of CPU time per request or else
/// of throughput, over all cells; `None` if it may be chance.
pub fn dependence(samples: &[PairedSample]) -> Option<SerialCorrelation> {
    let mut servers: BTreeMap<&str, Vec<Vec<f64>>> = BTreeMap::new();
    for sample in samples {
        let by = |metric| changes(&sample.starts, metric);
        let found = by(Metric::CpuPerRequest).or_else(|| by(Metric::Throughput));
        // Without the missing ones the others would have other neighbours.
        if let Some(found) = found.filter(|it| it.values.len() == sample.starts.len()) {
            let series = servers.entry(&sample.server).or_default();
            series.push(found.values);
        }
    }
    let groups: Vec<_> = servers.into_values().collect();
    let found = stats::serial_correlation(&groups)?;
    (found.coefficient > 0.0 && found.chance <= UNLIKELY).then_some(found)
}
