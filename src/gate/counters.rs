//! Counters × those of the base → a verdict. Nothing is estimated: where a counter is the same for
//! every request, any rise beyond the margin is real.

use crate::model::{Counters, Finding, Reason, Rule, Verdict};

/// The values of a counter's batches.
#[derive(Debug, Clone, Copy)]
struct Batches<'a>(&'a [f64]);

/// Values that differ by less are the same: they are quotients of small whole numbers.
pub(super) const EQUAL: f64 = 1e-9;
/// Batches that something else may have touched, such as a pool that renews a connection.
const CHANCE: usize = 1;

/// Judges a finding whose values of both sides are known.
pub(super) fn compare<'a>(
    mut finding: Finding,
    own: &'a Counters,
    before: &'a Counters,
    rule: &Rule,
    floor: Option<f64>,
) -> Finding {
    let metric = finding.metric;
    let (Some(base), Some(head)) = (finding.base, finding.head) else {
        return finding.not_judged(Reason::NoBaseline);
    };
    finding.sizes = own.sizes_beside(before, metric);
    finding.detectable = Some(rule.value);
    let allowed = (base * rule.value).max(floor.unwrap_or_default());
    let batches = |of: &'a Counters| -> Batches<'a> {
        Batches(of.batches.get(&metric).map_or(&[], Vec::as_slice))
    };
    let (then, now) = (batches(before), batches(own));
    if head - base <= allowed + EQUAL {
        // The median does not see what two batches of five show.
        if now.above(then.highest().max(base) + allowed) > CHANCE {
            return finding.with(Verdict::Inconclusive, Some(Reason::Varies));
        }
        let improved = base - head > allowed + EQUAL;
        return finding.with(Verdict::Pass, improved.then_some(Reason::Improved));
    }
    finding.statements = own.increases(before, metric);
    if then.is_constant() || now.lowest() > then.highest() + allowed {
        finding.with(Verdict::Regression, None)
    } else {
        finding.with(Verdict::Inconclusive, Some(Reason::Varies))
    }
}

impl Batches<'_> {
    fn is_constant(self) -> bool {
        self.highest() - self.lowest() <= EQUAL || self.0.is_empty()
    }

    /// How many are above a value.
    fn above(self, value: f64) -> usize {
        self.0.iter().filter(|it| **it > value + EQUAL).count()
    }

    fn lowest(self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    fn highest(self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }
}
