//! The scale that changes are judged on.

use crate::model::{Direction, Metric};

/// What the number of requests that a margin asks for may be off by.
const ROUNDING: f64 = 1e-6;

/// The scale that changes are judged on: logarithms, turned so that positive is worse.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    sign: f64,
}

impl Scale {
    pub(super) const fn from_metric(metric: Metric) -> Self {
        let sign = match metric.direction() {
            Direction::LowerIsBetter => 1.0,
            Direction::HigherIsBetter => -1.0,
        };
        Self { sign }
    }

    /// By how much `head` is worse than `base`.
    pub(super) fn worse(self, head: f64, base: f64) -> f64 {
        self.sign * (head / base).ln()
    }

    /// What being worse by so much is as a relative change in the metric's own direction.
    pub(super) fn change(self, worse: f64) -> f64 {
        (self.sign * worse).exp() - 1.0
    }

    /// The smallest change that counts: relative, and at least an absolute one.
    pub(super) fn margin(self, relative: f64, floor: Option<f64>, base: f64) -> f64 {
        let of_floor = floor.map_or(0.0, |floor| {
            let moved = base + self.sign * floor;
            if moved <= 0.0 {
                f64::INFINITY
            } else {
                self.worse(moved, base)
            }
        });
        self.worse(1.0 + self.sign * relative, 1.0).max(of_floor)
    }
}

/// Whether a value is beyond a bound.
pub(super) fn crosses(metric: Metric, head: f64, limit: f64) -> bool {
    match metric.direction() {
        Direction::LowerIsBetter => head > limit,
        Direction::HigherIsBetter => head < limit,
    }
}

/// Requests that a metric needs: for its percentile, or for a rate twice as many as make one of them
/// as large as the margin.
pub fn requests_needed(metric: Metric, margin: Option<f64>) -> u64 {
    let margin = margin.filter(|_| metric == Metric::Throughput);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of requests, as large as can be where no number of them is enough"
    )]
    let quanta = margin.map_or(0, |margin| (2.0 / margin - ROUNDING).ceil() as u64);
    metric.requests_needed().max(quanta)
}
