//! The rules of other tools, on rounds of each build alone, the base's before the head's.

use perfgate::model::{Direction, Metric};
use perfgate::stats;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Stored runs that a prediction needs, and is made from at the most.
const FEWEST: usize = 5;
const MOST: usize = 30;
/// Normal deviate of a two-sided 5 %.
const DEVIATE: f64 = 1.96;

/// What they say; `None` if too little is stored yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Peers {
    /// Medians of the rounds of each.
    pub(crate) base: f64,
    pub(crate) head: f64,
    /// More than 10 % worse than the newest stored run.
    pub(crate) newest: Option<bool>,
    /// Outside the prediction interval of the stored runs.
    pub(crate) prediction: Option<bool>,
    /// The two blocks of rounds differ by Mann and Whitney's test.
    pub(crate) blocks: bool,
}

impl Peers {
    /// `earlier` are stored runs of the base, oldest first.
    pub(crate) fn judge(metric: Metric, base: &[f64], head: &[f64], earlier: &[f64]) -> Self {
        let sign = match metric.direction() {
            Direction::LowerIsBetter => 1.0,
            Direction::HigherIsBetter => -1.0,
        };
        let worse = |value: f64| sign * value.ln();
        let median = |values: &[f64]| stats::median(values).unwrap_or(f64::NAN);
        let own = worse(median(head));
        let newest = earlier.last().map(|it| own - worse(*it) > 1.10_f64.ln());
        let history: Vec<_> = earlier
            .iter()
            .rev()
            .take(MOST)
            .copied()
            .map(worse)
            .collect();
        let predicted = (history.len() >= FEWEST).then(|| bound(&history));
        Self {
            base: median(base),
            head: median(head),
            newest,
            prediction: predicted.map(|bound| own > bound),
            blocks: differ(
                &base.iter().copied().map(worse).collect::<Vec<_>>(),
                &head.iter().copied().map(worse).collect::<Vec<_>>(),
            ),
        }
    }
}

/// The one-sided 99 % prediction bound of mean and standard deviation (Student's t).
fn bound(history: &[f64]) -> f64 {
    let count = history.len() as f64;
    let t = StudentsT::new(0.0, 1.0, count - 1.0).expect("two values or more");
    let (mean, deviation) = stats::mean_and_deviation(history);
    mean + t.inverse_cdf(0.99) * deviation * (1.0 + 1.0 / count).sqrt()
}

/// Whether the head's values are larger, by the normal approximation of Mann and Whitney's U with
/// the correction for continuity.
fn differ(base: &[f64], head: &[f64]) -> bool {
    let wins = head
        .iter()
        .map(|head| base.iter().filter(|base| *base < head).count())
        .sum::<usize>() as f64;
    let (m, n) = (base.len() as f64, head.len() as f64);
    let deviation = (m * n * (m + n + 1.0) / 12.0).sqrt();
    (wins - m * n / 2.0 - 0.5) / deviation > DEVIATE
}
