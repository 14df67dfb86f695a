use jiff::tz::TimeZone;

use super::scale::Scale;
use crate::model::{
    Baseline, Key, LONGEST_HISTORY, LONGEST_SERIES, Metric, Pin, Reason, Sample, history,
};
use crate::stats;

/// Runs a history needs before anything is judged by it.
pub const FEWEST_RUNS: usize = 5;

/// Relative change from which a step of a measured metric counts, unless a finer margin asks for less.
const SMALLEST_STEP: f64 = 0.05;
/// The finest of these: a history is not trusted below a standard deviation of it, so that nothing
/// fails for less.
const FINEST_STEP: f64 = 0.01;

/// What the head is compared with.
#[derive(Debug, Clone)]
pub enum Baselines {
    /// Runs that were kept, in any order.
    Stored(Vec<Baseline>),
    /// The same, and the pin up to which they count a second time.
    Pinned { runs: Vec<Baseline>, pin: Pin },
}

/// The runs that one cell may be compared with, or why there are none.
#[derive(Debug, Clone)]
pub(super) struct History<'a> {
    /// The good ones, newest first.
    runs: Vec<&'a Baseline>,
    /// All, oldest first.
    all: Vec<&'a Baseline>,
    lacks: Option<Reason>,
    newest: Option<&'a Baseline>,
}

impl Baselines {
    /// The runs, with the pin that holds where there is one.
    pub fn new(runs: Vec<Baseline>, pin: Option<Pin>) -> Self {
        match pin {
            None => Self::Stored(runs),
            Some(pin) => Self::Pinned { runs, pin },
        }
    }

    /// No run at all.
    pub const fn none() -> Self {
        Self::Stored(Vec::new())
    }

    /// Every run.
    pub fn runs(&self) -> &[Baseline] {
        let (Self::Stored(runs) | Self::Pinned { runs, .. }) = self;
        runs
    }

    /// The newest good runs of exactly this key.
    pub(super) fn history(&self, key: &Key) -> History<'_> {
        History::from_runs(key, self.runs().iter())
    }

    /// The keys of samples that have too few runs up to the pin to be held against them.
    pub fn not_pinned<'a>(&self, samples: &'a [Sample]) -> Vec<&'a Key> {
        let keys = samples.iter().map(|sample| &sample.key);
        let lacks = |key: &&Key| {
            let pinned = self.pinned(key);
            pinned.is_some_and(|(history, _)| history.lacks().is_some())
        };
        keys.filter(lacks).collect()
    }

    /// Those up to the pin, with the reason of a regression against them.
    pub(super) fn pinned(&self, key: &Key) -> Option<(History<'_>, Reason)> {
        let Self::Pinned { runs, pin } = self else {
            return None;
        };
        let reason = Reason::SincePin {
            day: TimeZone::UTC.to_datetime(pin.time).date(),
            commit: pin.commit.clone(),
        };
        let runs = runs.iter().filter(|run| pin.covers(run));
        Some((History::from_runs(key, runs), reason))
    }
}

/// The newest run of the same requests, made on any machine under any load, whatever the verdict
/// on it was: what is counted needs no history.
fn newest<'a>(key: &Key, same_cell: &[&'a Baseline]) -> Option<&'a Baseline> {
    let same_requests = |run: &&&Baseline| run.key.load.request == key.load.request;
    let runs = same_cell.iter().filter(same_requests);
    runs.copied().max_by_key(|run| run.time)
}

fn lack(key: &Key, same_cell: &[&Baseline], runs: &[&Baseline]) -> Option<Reason> {
    let newest_other = same_cell
        .iter()
        .filter(|run| run.key != *key)
        .max_by_key(|run| run.time);
    match (runs.len(), newest_other) {
        (FEWEST_RUNS.., _) => None,
        (0, Some(other)) => Some(Reason::Incomparable {
            differs: other.key.differences(key),
        }),
        (0, None) if same_cell.is_empty() => Some(Reason::NoBaseline),
        (runs, _) => Some(Reason::ShortHistory {
            runs,
            needed: FEWEST_RUNS,
        }),
    }
}

impl<'a> History<'a> {
    fn from_runs(key: &Key, runs: impl Iterator<Item = &'a Baseline>) -> Self {
        let same_cell =
            |run: &&Baseline| run.key.server == key.server && run.key.endpoint == key.endpoint;
        let same_cell: Vec<_> = runs.filter(same_cell).collect();
        let of_key = same_cell.iter().copied().filter(|run| run.key == *key);
        let runs = history(of_key.clone());
        let mut all: Vec<_> = of_key.collect();
        all.sort_by_key(|run| run.time);
        let all = all.split_off(all.len().saturating_sub(LONGEST_SERIES));
        let lacks = lack(key, &same_cell, &runs);
        Self {
            runs,
            all,
            lacks,
            newest: newest(key, &same_cell),
        }
    }
}

impl History<'_> {
    /// Why nothing can be judged by this history.
    pub(super) fn lacks(&self) -> Option<&Reason> {
        self.lacks.as_ref()
    }

    /// What counters are compared with.
    pub(super) const fn newest(&self) -> Option<&Baseline> {
        self.newest
    }

    /// The values that a metric is judged by, newest first. Where it stepped to another level and
    /// enough runs are on that, they are these, whatever the verdicts on them were. A slower build
    /// that was merged would be red for ever otherwise: every run since regressed against those
    /// before, and would stay out. So a step counts from the margin on.
    pub(super) fn on_level(&self, metric: Metric, margin: f64, floor: Option<f64>) -> Vec<f64> {
        let scale = Scale::from_metric(metric);
        let base = stats::median(&self.values(metric)).filter(|it| *it > 0.0);
        let margin = scale.margin(margin, floor, base.unwrap_or(1.0));
        let runs = self.all.iter().filter_map(|run| run.values.get(&metric));
        let values: Vec<f64> = runs.copied().filter(|value| *value > 0.0).collect();
        let level = match measured_steps(&values, Some(margin)).last() {
            Some(step) => &values[*step..],
            None => &[],
        };
        if level.len() < FEWEST_RUNS {
            return self.values(metric);
        }
        let newest = level.iter().rev().take(LONGEST_HISTORY);
        newest.copied().collect()
    }

    /// The values of the good runs, newest first.
    pub(super) fn values(&self, metric: Metric) -> Vec<f64> {
        if metric.is_counter() {
            let newest = self.newest.and_then(|run| run.values.get(&metric));
            return newest.copied().into_iter().collect();
        }
        self.runs
            .iter()
            .filter_map(|run| run.values.get(&metric).copied())
            .collect()
    }
}

/// Steps of what is measured, in the order of time; a margin on the log scale finer than the usual
/// smallest step makes that as small.
pub(super) fn measured_steps(values: &[f64], margin: Option<f64>) -> Vec<usize> {
    let logs: Vec<f64> = values.iter().map(|value| value.ln()).collect();
    let [finest, usual] = [FINEST_STEP, SMALLEST_STEP].map(f64::ln_1p);
    let smallest = margin.map_or(usual, |margin| margin.clamp(finest, usual));
    stats::change_points(&logs, smallest)
}
