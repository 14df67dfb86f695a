//! Counters × the newest stored run → a verdict. Nothing is estimated: where a counter is the same
//! for every request, any rise beyond the margin is real.

use super::reference::History;
use crate::model::{Finding, Metric, Reason, Rule, Sample, Verdict};

/// The values of a counter's batches.
#[derive(Debug, Clone, Copy)]
struct Batches<'a>(&'a [f64]);

/// Values that differ by less are the same: they are quotients of small whole numbers.
const EQUAL: f64 = 1e-9;

pub(super) fn compare(
    mut finding: Finding,
    sample: &Sample,
    history: &History<'_>,
    rule: &Rule,
    floor: Option<f64>,
) -> Finding {
    let metric = finding.metric;
    let Some(run) = history.newest() else {
        let reason = history.lacks().cloned().unwrap_or(Reason::NoBaseline);
        return finding.not_judged(reason);
    };
    let (Some(base), Some(head)) = (finding.base, finding.head) else {
        return finding.not_judged(Reason::NoBaseline);
    };
    finding.detectable = Some(rule.value);
    let allowed = (base * rule.value).max(floor.unwrap_or_default());
    if metric == Metric::SqlPerRequest && head > base + EQUAL {
        finding.statements = sample.more_frequent(&run.statements);
    }
    if head - base <= allowed + EQUAL {
        let improved = base - head > allowed + EQUAL;
        return finding.with(Verdict::Pass, improved.then_some(Reason::Improved));
    }
    let own = sample
        .counters
        .as_ref()
        .and_then(|it| it.batches.get(&metric));
    let before = Batches(run.rounds.get(&metric).map_or(&[], Vec::as_slice));
    let now = Batches(own.map_or(&[], Vec::as_slice));
    if before.is_constant() || now.lowest() > before.highest() + allowed {
        finding.with(Verdict::Regression, None)
    } else {
        finding.with(Verdict::Inconclusive, Some(Reason::Varies))
    }
}

impl Batches<'_> {
    fn is_constant(self) -> bool {
        self.highest() - self.lowest() <= EQUAL || self.0.is_empty()
    }

    fn lowest(self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    fn highest(self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }
}
