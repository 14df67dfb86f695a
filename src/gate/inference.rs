//! What the changes of single starts say: an estimate, an interval, and at planned looks a verdict.
//! Pure numbers, on the log scale and positive for worse.

use crate::model::{Metric, Reason, Threshold, Thresholds, Verdict};
use crate::stats;

/// Numbers of starts after which a cell is looked at; it ends at the first that decides.
pub const LOOKS: [usize; 4] = [4, 6, 8, 12];
/// One-sided errors of a look: below the interval, which calls a regression, and above it, which
/// calls a pass. Four looks together err in 2.5 % and 5 % (Pocock's boundary, *Group sequential
/// methods in the design and analysis of clinical trials*, 1977).
const ERRORS: [f64; 2] = [0.0091, 0.0194];
/// What the looks together err in when they call a regression.
const SEARCH_ERROR: f64 = 0.025;
/// One-sided errors of the interval that is shown of a look: 2.5 % over all four, on either side, so
/// that it holds the true change in 95 of 100 runs wherever they ended (the repeated confidence
/// intervals of Jennison and Turnbull, *Journal of the Royal Statistical Society* B 51, 1989).
const LOOK_SHOWN: [f64; 2] = [ERRORS[0]; 2];
/// The same of a confirmation, which has one look.
const CONFIRMATION_SHOWN: [f64; 2] = [0.025; 2];
/// One-sided errors of fresh starts that show no regression where one was suspected. A change of the margin
/// is suspected in half of all runs at the most, so that this adds less than half a percent to the 5 % that
/// the looks err in when they call a pass.
const EXCLUSION: [f64; 2] = [ERRORS[0]; 2];
/// Two-sided level of both.
pub(super) const LEVEL: f64 = 0.95;
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
/// Starts from which their deviation is known well enough to give up by it.
const FEWEST_TO_GIVE_UP: usize = LOOKS[1];
/// Chance of a decision that is not worth the time.
const UNLIKELY: f64 = 0.05;
/// Share of runs that find a detectable change.
const POWER: f64 = 0.8;
/// Two conditions that are each met in such a share of runs are met together more rarely: this norm of
/// their thresholds is where they are, by simulation to within 5 points (tests/calibration).
const NORM: i32 = 8;
/// Standard errors of a control by which a change must be larger on average for that to be taken off,
/// found in the same simulation.
const CONTROLLED: f64 = 0.55;

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
    pub fn from_thresholds<'a>(cells: impl IntoIterator<Item = &'a Thresholds>) -> Self {
        let judged = cells.into_iter().flatten();
        let is_tested = |(metric, it): &(&Metric, &Threshold)| {
            let by_bound = **metric == Metric::MemoryGrowth && it.ceiling.is_some();
            (it.margin.is_some() || by_bound) && !metric.is_counter()
        };
        let judged = judged.filter(is_tested);
        let error =
            stats::second_error(JOB_ERROR, SEARCH_ERROR, judged.count(), CONFIRMATION_ERROR);
        Self {
            error,
            starts: stats::values_needed(error, CONFIRMING_REACH, FEWEST_CONFIRMING),
        }
    }
}

/// What starts say about a metric on the log scale, positive for worse.
#[derive(Debug, Clone, Copy, PartialEq)]
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
    pub const fn from_size(size: f64) -> Self {
        Self { size, shows: 1.0 }
    }
}

/// The result of looking once more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Confirmed {
    /// Of the fresh starts alone, with a two-sided 95 % interval: that the first ones were looked at
    /// until they showed a regression makes theirs too large (Cox, *Biometrika* 62, 1975, splits data
    /// for the same reason).
    pub again: Inference,
    pub reproduction: Reproduction,
}

/// Whether fresh starts show a regression once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reproduction {
    Seen,
    /// They do, but a base beside itself shows as much.
    SeenInControl,
    NotSeen,
    /// They show that there is none as large as the margin.
    Excluded,
}

impl Reproduction {
    /// What it makes of a suspected regression, and why where it is none.
    pub(super) const fn verdict(self) -> (Verdict, Option<Reason>) {
        match self {
            Self::Seen => (Verdict::Regression, None),
            Self::SeenInControl => (Verdict::Inconclusive, Some(Reason::SeenInControl)),
            Self::NotSeen => (Verdict::Inconclusive, Some(Reason::NotReproduced)),
            Self::Excluded => (Verdict::Pass, Some(Reason::NotReproduced)),
        }
    }
}

impl Changes {
    /// Of values that are not counts.
    pub const fn exact(values: Vec<f64>) -> Self {
        let quantum = 0.0;
        Self { values, quantum }
    }

    /// Those of the first starts, and those of the rest.
    fn split_at(&self, starts: usize) -> (Self, Self) {
        let part = |values: &[f64]| Self {
            values: values.to_vec(),
            quantum: self.quantum,
        };
        let (first, rest) = self.values.split_at(starts);
        (part(first), part(rest))
    }
}

impl Inference {
    /// The first look that decides, or the last there is; what it decides. A cell that stays open
    /// for another metric is not looked at again: the errors were spent in the planned order.
    pub fn search(changes: &Changes, margin: Margin) -> (Self, Option<Verdict>) {
        let planned = LOOKS.into_iter();
        for look in planned.filter(|look| *look < changes.values.len()) {
            let (first, later) = changes.split_at(look);
            let inference = Self::from_changes(&first, ERRORS);
            let Some(verdict) = inference.decides(margin) else {
                continue;
            };
            // What later starts, made for another metric, contradict is no pass.
            let is_contradicted = verdict == Verdict::Pass
                && later.values.len() >= LOOKS[0]
                && Self::from_changes(&later, ERRORS).decides(margin) == Some(Verdict::Regression);
            return if is_contradicted {
                (Self::from_changes(changes, ERRORS), None)
            } else {
                (inference, Some(verdict))
            };
        }
        let all = Self::from_changes(changes, ERRORS);
        let verdict = all.decides(margin);
        (all, verdict)
    }

    /// What fresh starts say that looked for a regression once more. It holds where they show it too:
    /// worse for certain, and by more than the margin all together, both still with that taken off
    /// by which one side of the control looks worse. Starts that depend on each other and a machine
    /// that leans to a side would break the promise for a job otherwise (docs/verdicts.md).
    pub fn confirmed(
        self,
        again: &Changes,
        control: Option<&Changes>,
        margin: f64,
        confirmation: Confirmation,
    ) -> Confirmed {
        let second = Self::from_changes(again, [confirmation.error; 2]);
        let shown = Self::from_changes(again, CONFIRMATION_SHOWN);
        let weigh = |inference: Self| inference.estimate * inference.starts as f64;
        let estimate = (weigh(self) + weigh(second)) / (self.starts + second.starts) as f64;
        let leans = control.map_or(0.0, |it| {
            Self::from_changes(it, CONFIRMATION_SHOWN).estimate
        });
        let holds = |lean: f64| second.lower > lean && estimate - lean > margin;
        let excludes = || Self::from_changes(again, EXCLUSION).upper < margin;
        let reproduction = match (holds(leans.max(0.0)), holds(0.0)) {
            (true, _) => Reproduction::Seen,
            (false, true) => Reproduction::SeenInControl,
            (false, false) if excludes() => Reproduction::Excluded,
            (false, false) => Reproduction::NotSeen,
        };
        Confirmed {
            again: shown,
            reproduction,
        }
    }

    /// The same look with the interval that is shown of it.
    #[must_use]
    pub fn shown(self, changes: &Changes) -> Self {
        Self::from_changes(&changes.split_at(self.starts).0, LOOK_SHOWN)
    }

    /// Student's t for few starts, ranks for more, where any are as rare as the errors.
    fn from_changes(changes: &Changes, errors: [f64; 2]) -> Self {
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

    /// A regression is worse for certain, and by more than the margin as far as is known; a pass
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

    /// Whether as many starts as there may be are likely not to decide either, by what these vary by:
    /// the estimate then would have to lie where neither bound is clear of its limit.
    pub fn is_futile(self, margin: Margin) -> bool {
        let most = LOOKS[LOOKS.len() - 1];
        if self.starts < FEWEST_TO_GIVE_UP || self.starts >= most {
            return false;
        }
        let error = self.deviation / (most as f64).sqrt();
        let [below, above] = stats::mean_bounds_in_errors(most, ERRORS);
        let passes = margin.size * margin.shows - above * error;
        let regresses = margin.size.max(below * error);
        let starts = self.starts as f64;
        let moves = self.deviation * (1.0 / starts - 1.0 / most as f64).sqrt();
        let far = stats::normal_reach(UNLIKELY) * moves;
        self.estimate - far > passes && self.estimate + far < regresses
    }

    /// The change that four of five runs would call a regression, of up to so many starts: found
    /// beyond the margin, worse for certain, and both again in fresh starts beside a control.
    pub fn detectable(self, margin: f64, starts: usize, confirmation: Confirmation) -> f64 {
        let deviation = self.deviation;
        let error = deviation / (starts as f64).sqrt();
        let controlled = CONTROLLED * deviation / (confirmation.starts as f64).sqrt();
        let beyond = margin + stats::normal_reach(1.0 - POWER) * error + controlled;
        let found = deviation * stats::detectable_mean(starts, ERRORS[0], POWER);
        let Confirmation { error, starts } = confirmation;
        let confirmed = deviation * stats::detectable_mean(starts, error, POWER) + controlled;
        let largest = beyond.max(found).max(confirmed);
        let shares = [beyond, found, confirmed].map(|it| (it / largest).powi(NORM));
        largest * shares.iter().sum::<f64>().powf(1.0 / f64::from(NORM))
    }
}
