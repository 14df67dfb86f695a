use crate::model::{Baseline, Key, Metric, Reason};

/// Runs a history needs before anything is judged by it.
pub const FEWEST_RUNS: usize = 5;
/// Runs a history is cut to, newest first.
pub const LONGEST_HISTORY: usize = 30;

/// What the head is compared with.
#[derive(Debug, Clone)]
pub enum Reference {
    /// Runs that were kept, in any order.
    Stored(Vec<Baseline>),
}

/// The good runs that one cell may be compared with, or why there are none.
#[derive(Debug, Clone)]
pub(super) struct History<'a> {
    runs: Vec<&'a Baseline>,
    lacks: Option<Reason>,
    newest: Option<&'a Baseline>,
}

impl Reference {
    /// The newest good runs of exactly this key.
    pub(super) fn history(&self, key: &Key) -> History<'_> {
        let Self::Stored(baselines) = self;
        let same_cell: Vec<_> = baselines
            .iter()
            .filter(|run| run.key.server == key.server && run.key.endpoint == key.endpoint)
            .collect();
        let mut runs: Vec<_> = same_cell
            .iter()
            .copied()
            .filter(|run| run.key == *key && run.is_good())
            .collect();
        runs.sort_by_key(|run| std::cmp::Reverse(run.time));
        runs.truncate(LONGEST_HISTORY);
        let lacks = lack(key, &same_cell, &runs);
        History {
            runs,
            lacks,
            newest: newest(key, &same_cell),
        }
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

impl History<'_> {
    /// Why nothing can be judged by this history.
    pub(super) fn lacks(&self) -> Option<&Reason> {
        self.lacks.as_ref()
    }

    /// What counters are compared with.
    pub(super) const fn newest(&self) -> Option<&Baseline> {
        self.newest
    }

    /// The values a metric is compared with, newest first.
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
