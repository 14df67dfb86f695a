//! What the changes of single starts say: an estimate, an interval, and at planned looks a verdict.
//! Pure numbers, on the log scale and positive for worse.

use crate::model::{Thresholds, Verdict};
use crate::stats;

/// Numbers of starts after which a cell is looked at; it ends at the first that decides.
pub const LOOKS: [usize; 4] = [4, 6, 8, 12];
/// One-sided errors of a look: below the interval, which calls a regression, and above it, which
/// calls a pass. Four looks together err in 2.5 % and 5 % (Pocock's boundary, *Group sequential
/// methods in the design and analysis of clinical trials*, 1977).
const ERRORS: [f64; 2] = [0.0091, 0.0194];
/// What the looks together err in when they call a regression.
const SEARCH_ERROR: f64 = 0.025;
/// One-sided error of a confirmation at the most.
const CONFIRMATION_ERROR: f64 = 0.05;
/// Chance that an unchanged build fails a job, over everything that the job judges.
const JOB_ERROR: f64 = 0.01;
/// Starts of a confirmation at the least.
const FEWEST_CONFIRMING: u32 = 4;
/// A confirmation has as many starts as bound a change within so many standard deviations of one.
const CONFIRMING_REACH: f64 = 2.0;
/// Starts from which ranks bound the location: fewer have no ranks rare enough.
const FEWEST_RANKED: usize = 8;
/// A change of so many standard errors is found in four of five runs.
const POWER: f64 = 3.1;

/// How sure a confirmation must be: the more is judged in a job, the surer, so that all of it
/// together keeps one promise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Confirmation {
    error: f64,
    /// Fresh starts of both sides.
    pub starts: usize,
}

impl Confirmation {
    /// One-sided error of each comparison with fresh starts.
    pub(super) const fn error(self) -> f64 {
        self.error
    }

    /// For everything that a job judges by pairs.
    pub fn of<'a>(cells: impl IntoIterator<Item = &'a Thresholds>) -> Self {
        let judged = cells.into_iter().flatten();
        let judged = judged.filter(|(metric, it)| it.margin.is_some() && !metric.is_counter());
        let error =
            stats::second_error(JOB_ERROR, SEARCH_ERROR, judged.count(), CONFIRMATION_ERROR);
        Self {
            error,
            starts: stats::values_needed(error, CONFIRMING_REACH, FEWEST_CONFIRMING),
        }
    }
}

/// What starts say about a metric on the log scale, positive for worse.
#[derive(Debug, Clone, Copy)]
pub struct Inference {
    pub starts: usize,
    pub estimate: f64,
    pub lower: f64,
    pub upper: f64,
    /// Standard deviation of one start.
    pub deviation: f64,
}

/// The changes of single starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes {
    /// On the log scale, positive for worse.
    pub values: Vec<f64>,
    /// Standard deviation of a start that is known beforehand, whatever the values say.
    pub quantum: f64,
}

/// The smallest change that matters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Margin {
    /// On the log scale.
    pub size: f64,
    /// The share of a change that the values show.
    pub shows: f64,
}

impl Margin {
    /// Where changes show as they are.
    pub const fn of(size: f64) -> Self {
        Self { size, shows: 1.0 }
    }
}

/// What looking once more came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Confirmed {
    /// Of both batches.
    pub estimate: f64,
    pub holds: bool,
}

impl Changes {
    /// Of values that are not counts.
    pub const fn exact(values: Vec<f64>) -> Self {
        let quantum = 0.0;
        Self { values, quantum }
    }

    fn first(&self, starts: usize) -> Self {
        Self {
            values: self.values[..starts].to_vec(),
            quantum: self.quantum,
        }
    }
}

impl Inference {
    /// The first look that decides, or the last there is; what it decides. A cell that stays open
    /// for another metric is not looked at again: the errors were spent in the planned order.
    pub fn search(changes: &Changes, margin: Margin) -> (Self, Option<Verdict>) {
        let planned = LOOKS.into_iter();
        for look in planned.filter(|look| *look < changes.values.len()) {
            let inference = Self::of(&changes.first(look), ERRORS);
            if let Some(verdict) = inference.decides(margin) {
                return (inference, Some(verdict));
            }
        }
        let inference = Self::of(changes, ERRORS);
        (inference, inference.decides(margin))
    }

    /// The estimate with fresh starts that looked for a regression once more, where they show it
    /// too: worse for certain, and by more than the margin all together.
    pub fn confirmed(self, again: &Changes, margin: f64, confirmation: Confirmation) -> Confirmed {
        let second = Self::of(again, [confirmation.error; 2]);
        let weigh = |inference: Self| inference.estimate * inference.starts as f64;
        let estimate = (weigh(self) + weigh(second)) / (self.starts + second.starts) as f64;
        Confirmed {
            estimate,
            holds: second.lower > 0.0 && estimate > margin,
        }
    }

    /// Two-sided level of the interval at a look.
    pub(super) fn level() -> f64 {
        1.0 - ERRORS.iter().sum::<f64>()
    }

    /// Student's t for few starts, ranks for more, where any are as rare as the errors.
    fn of(changes: &Changes, errors: [f64; 2]) -> Self {
        let Changes { values, quantum } = changes;
        let (mean, deviation) = stats::mean_and_deviation(values);
        let by_rank = stats::signed_rank_bounds(values, errors);
        let ranked = values.len() >= FEWEST_RANKED && by_rank.iter().all(|it| it.is_finite());
        let [lower, upper] = if ranked {
            by_rank
        } else {
            stats::mean_bounds(values, errors)
        };
        let located = stats::hodges_lehmann(values).filter(|_| ranked);
        let estimate = located.unwrap_or(mean);
        let known = |error| stats::normal_reach(error) * quantum / (values.len() as f64).sqrt();
        Self {
            starts: values.len(),
            estimate,
            lower: estimate - (estimate - lower).hypot(known(errors[0])),
            upper: estimate + (upper - estimate).hypot(known(errors[1])),
            deviation: deviation.hypot(*quantum),
        }
    }

    /// A regression is worse for certain, and by more than the margin as far as can be told; a pass
    /// is not worse by the margin for certain, as far as that shows.
    fn decides(self, margin: Margin) -> Option<Verdict> {
        if self.starts < LOOKS[0] {
            None
        } else if self.lower > 0.0 && self.estimate > margin.size {
            Some(Verdict::Regression)
        } else if self.upper < margin.size * margin.shows {
            Some(Verdict::Pass)
        } else {
            None
        }
    }

    /// A change that four of five runs would find.
    pub fn detectable(self) -> f64 {
        POWER * self.deviation / (self.starts as f64).sqrt()
    }
}
