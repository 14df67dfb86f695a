//! Measurement × baselines → findings. Pure: the same numbers always give the same verdicts.
//!
//! [`verdict()`] is the way to findings and an outcome. [`judge`] walks over the cells, `decide` holds the rule that
//! turns one value, its history and its threshold into a verdict (`counters` the one for what is counted
//! exactly).
//! [`judge_pairs`] judges rounds of two builds by what [`Inference`] says. [`outcome()`] follows from
//! findings. [`rank()`] orders servers beside each other, [`trend()`] stored runs over time;
//! `attach_history` shows the way to a finding. [`coverage()`] holds the measurement against the plan, and
//! [`gate_changes()`] the plan against that of the base. [`calibrated()`] says which changes a gate detects on a machine.

mod accept;
mod attach_history;
mod baselines;
mod calibrated;
mod calibration;
mod change;
mod changes;
mod counters;
mod decide;
mod errors;
mod finding;
mod growth;
mod independence;
mod inference;
mod invalidate_partial;
mod missing;
mod outcome;
mod paired;
mod rank;
mod scale;
mod supply;
mod trend;
mod verdict;

pub use baselines::{Baselines, FEWEST_RUNS};
pub use calibrated::{PASSING_SHARE, calibrated};
pub use calibration::{Ends, SimulatedGate, relative_change, start_changes};
pub use changes::{gate_changes, stored_unmeasured};
pub use independence::dependence;
pub use inference::{Changes, Confirmation, Confirmed, Inference, LOOKS, Margin, Reproduction};
pub use invalidate_partial::invalidate_partial;
pub use missing::{coverage, measured, missing};
pub use outcome::{Storing, outcome, storing};
pub use paired::{Standing, judge_pairs, standing};
pub use rank::{FEWEST_RANKED_ROUNDS, rank};
pub use scale::requests_needed;
pub use trend::{Margins, new_steps, trend};
pub use verdict::{Judgement, Rules, findings, verdict};

use crate::model::{Finding, Metric, NoBase, Plan, Reason, Sample, Thresholds, Verdict};

/// Judges every metric of every sample against the baselines. Samples without thresholds of
/// their own in `thresholds` are judged by none.
pub fn judge<'a>(
    samples: &'a [Sample],
    baselines: &Baselines,
    thresholds: impl Fn(&'a Sample) -> Option<&'a Thresholds>,
) -> Vec<Finding> {
    let none = Thresholds::new();
    let mut findings = Vec::new();
    for sample in samples {
        let rules = thresholds(sample).unwrap_or(&none);
        let history = baselines.history(&sample.key);
        let pinned = baselines.pinned(&sample.key);
        findings.extend(Metric::ALL.iter().filter_map(|metric| {
            let mut rolling = decide::decide(sample, *metric, &history, rules)?;
            let lacks_baseline = rolling.reason.as_ref().is_some_and(Reason::lacks_baseline);
            if sample.base == Some(NoBase::New) && lacks_baseline {
                rolling.reason = Some(Reason::New);
            }
            let Some((history, reason)) = &pinned else {
                return Some(rolling);
            };
            let since = decide::decide(sample, *metric, history, rules)?;
            Some(stricter(rolling, since, reason))
        }));
    }
    findings
}

/// Whether a sample breaks a rule, so that a fresh start must break it too before that counts. What
/// is counted exactly needs none.
pub fn is_suspect(sample: &Sample, baselines: &Baselines, plan: &Plan) -> bool {
    let rules = plan.thresholds(&sample.key.server, &sample.key.endpoint);
    let findings = judge(std::slice::from_ref(sample), baselines, |_| rules);
    let breaks = |it: &Finding| it.verdict == Verdict::Regression && !it.metric.is_counter();
    findings.iter().any(breaks)
}

/// What the newest runs let pass and those up to the pin do not is a regression since the pin.
fn stricter(rolling: Finding, since: Finding, reason: &Reason) -> Finding {
    let creeps = rolling.verdict != Verdict::Regression && since.verdict == Verdict::Regression;
    if !creeps {
        return rolling;
    }
    Finding {
        reason: Some(reason.clone()),
        ..since
    }
}

#[cfg(test)]
mod tests;
