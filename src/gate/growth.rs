//! Memory that is not given back × its bound → a verdict. Growth is next to nothing in a sound server,
//! so that ratios say nothing: the head's is held against the base's in bytes per request, start by
//! start, or as a mean over rounds against that of stored runs.

use super::errors;
use super::finding::{blank, unjudged};
use super::inference::{Changes, Confirmation, Inference, LOOKS, Margin, Reproduction};
use crate::model::{
    Finding, Metric, PairedSample, PairedStart, Reason, Round, Sides, Threshold, Thresholds,
    Verdict,
};
use crate::stats;

/// One-sided error of the bound on the growth over rounds of one start.
const ERROR: f64 = 0.01;

/// Judges the growth of a cell; `None` if it neither has a value nor a rule.
pub(super) fn decide_pairs(
    sample: &PairedSample,
    threshold: &Threshold,
    rules: &Thresholds,
    confirmation: Confirmation,
) -> Option<Finding> {
    let metric = Metric::MemoryGrowth;
    let mut finding = blank(&sample.server, &sample.endpoint, metric, threshold);
    finding.strategy = sample.strategy;
    let values: Vec<_> = sample.starts.iter().filter_map(of_start).collect();
    let heads: Vec<_> = values.iter().map(|it| it.head).collect();
    let bases: Vec<_> = values.iter().map(|it| it.base).collect();
    finding.head = stats::median(&heads);
    finding.base = stats::median(&bases);
    finding.pairs = values.len();
    let Some(rule) = &threshold.ceiling else {
        return finding
            .head
            .map(|_| finding.not_judged(Reason::NoThreshold));
    };
    finding.rule = Some(rule.to_string());
    if values.is_empty() {
        return Some(unjudged(finding, threshold, Reason::Unavailable));
    }
    if let Some(side) = errors::failing_side(sample, metric, rules) {
        return Some(unjudged(finding, threshold, Reason::Failing { side }));
    }
    // What is missing may be what grows.
    if (sample.starts.len() - values.len()) * 4 > sample.starts.len() {
        return Some(unjudged(finding, threshold, Reason::Unavailable));
    }
    let margin = Margin::from_size(rule.value);
    let (first, decided) = Inference::search(&more(&sample.starts), margin);
    let failing = errors::failing_again(sample, metric, rules).map(|side| Reason::Failing { side });
    let is_last = first.starts == LOOKS[LOOKS.len() - 1];
    Some(match decided {
        Some(Verdict::Regression) if failing.is_some() => {
            finding.with(Verdict::Inconclusive, failing)
        }
        Some(Verdict::Regression) => {
            let [again, control] = [&sample.confirmation, &sample.control].map(|it| more(it));
            let control = Some(&control).filter(|it| !it.values.is_empty());
            let reproduction = if sample.confirmation.is_empty() {
                Reproduction::Seen
            } else if again.values.is_empty() {
                Reproduction::NotSeen
            } else {
                let confirmed = first.confirmed(&again, control, rule.value, confirmation);
                confirmed.reproduction
            };
            let (verdict, reason) = reproduction.verdict();
            finding.with(verdict, reason.or(Some(Reason::Ceiling)))
        }
        Some(verdict) => finding.with(verdict, None),
        // That a few requests do not decide is no finding where nobody asked.
        None if is_last => unjudged(finding, threshold, Reason::TooNoisy),
        None => unjudged(finding, threshold, Reason::Undecided),
    })
}

/// Bytes per request by which the head grows more than the base, by start.
fn more(starts: &[PairedStart]) -> Changes {
    let values = starts.iter().filter_map(of_start);
    Changes::exact(values.map(|it| it.head - it.base).collect())
}

/// The growth of both sides over every round of a start.
fn of_start(start: &PairedStart) -> Option<Sides<f64>> {
    let of_side = |side| Metric::MemoryGrowth.of_pooled(start.all_rounds(side));
    Sides::from_fn(of_side).both()
}

/// Whether a server's memory grows by more than its bound for certain, and in the later half of the
/// rounds still: what caches and allocators take at first levels off.
pub(super) fn is_above(rounds: &[Round], limit: f64) -> bool {
    let of_rounds = |rounds: &[Round]| -> Vec<f64> {
        let values = rounds.iter().map(|it| Metric::MemoryGrowth.of_round(it));
        values.flatten().collect()
    };
    let later = of_rounds(&rounds[rounds.len() / 2..]);
    let [lower, _] = stats::mean_bounds(&of_rounds(rounds), [ERROR; 2]);
    lower > limit && stats::median(&later).is_some_and(|later| later > limit)
}
