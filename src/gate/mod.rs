//! Measurement × reference → findings. Pure: the same numbers always give the same verdicts.
//!
//! [`judge`] walks over the cells, `decide` holds the rule that turns one value, its
//! history and its threshold into a verdict (`counters` the one for what is counted exactly),
//! [`outcome()`] sums the findings up. [`rank()`] orders servers beside each other.

mod accept;
mod counters;
mod decide;
mod outcome;
mod paired;
mod partial;
mod rank;
mod reference;

pub use accept::accept;
pub use outcome::outcome;
pub use paired::{CONFIRMING_STARTS, LOOKS, Standing, judge_pairs, standing};
pub use partial::withhold;
pub use rank::rank;
pub use reference::{FEWEST_RUNS, LONGEST_HISTORY, Reference};

use crate::model::{Finding, Metric, Sample, Threshold, Thresholds};

/// Judges every metric of every sample against the reference. Samples without thresholds of
/// their own in `thresholds` are judged by none.
pub fn judge<'a>(
    samples: &'a [Sample],
    reference: &Reference,
    thresholds: impl Fn(&'a Sample) -> Option<&'a Thresholds>,
) -> Vec<Finding> {
    let none = Thresholds::new();
    let mut findings = Vec::new();
    for sample in samples {
        let rules = thresholds(sample).unwrap_or(&none);
        let history = reference.history(&sample.key);
        findings.extend(Metric::ALL.iter().filter_map(|metric| {
            let rule = rules.get(metric);
            decide::decide(
                sample,
                *metric,
                &history,
                rule.unwrap_or(&Threshold::default()),
            )
        }));
    }
    findings
}

#[cfg(test)]
mod tests;
