//! The commits that a bisection chooses from.

use super::super::judging::stored;
use crate::baseline::Store;
use crate::error::Error;
use crate::gate::trend;
use crate::git::Git;
use crate::model::{CellSeries, CommitInfo, Key, Metric, Plan, Series, Step};

use super::super::observer::Observer;
use super::subject::Wanted;

/// A good commit and those after it, oldest first: the last one is the bad one.
#[derive(Debug)]
pub(super) struct Range {
    pub(super) good: CommitInfo,
    pub(super) after: Vec<CommitInfo>,
}

impl Range {
    /// The commits between two that somebody named.
    pub(super) fn between(git: &Git, good: &str, bad: &str) -> Result<Self, Error> {
        let (earlier, later) = (named(git, "--good", good)?, named(git, "--bad", bad)?);
        let refused = |reason: String| Error::Argument {
            argument: format!("--good {good} --bad {bad}"),
            reason,
        };
        if earlier == later {
            return Err(refused("both are the same commit".into()));
        }
        if !git.is_ancestor(&earlier, &later)? {
            return Err(refused(if git.is_ancestor(&later, &earlier)? {
                "the bad commit is older than the good one; name the older one as good".into()
            } else {
                format!(
                    "the good commit is not in the history of the bad one; name an earlier one, such as \
                     `git merge-base {good} {bad}`"
                )
            }));
        }
        Ok(Self {
            good: git.commit_info(&earlier)?,
            after: git.first_parents(&earlier, &later)?,
        })
    }

    /// The commit of a position: 0 is the good one.
    pub(super) fn commit(&self, position: usize) -> &CommitInfo {
        match position.checked_sub(1) {
            None => &self.good,
            Some(after) => &self.after[after],
        }
    }

    pub(super) const fn last(&self) -> usize {
        self.after.len()
    }
}

/// The full name of a commit that was asked for.
fn named(git: &Git, option: &str, name: &str) -> Result<String, Error> {
    match git.commit(name)? {
        Some(commit) => Ok(commit),
        None if git.is_shallow()? => Err(unknown(
            option,
            name,
            "this clone is shallow and does not hold it; fetch the whole history: `git fetch --unshallow`",
        )),
        None => Err(unknown(option, name, "git knows no such commit")),
    }
}

fn unknown(option: &str, name: &str, reason: &str) -> Error {
    Error::Argument {
        argument: format!("{option} {name}"),
        reason: reason.into(),
    }
}

/// The last step for the worse in stored runs: the commits around it, and what became worse.
pub(super) fn of_history(
    plan: &Plan,
    store: &Store,
    wanted: &Wanted,
    observe: Observer<'_>,
) -> Result<([String; 2], Wanted), Error> {
    let mut runs = stored(store, observe)?.baselines;
    runs.retain(|run| wanted.includes(&run.key.server, &run.key.endpoint));
    let metrics = match wanted.metric {
        Some(metric) => vec![metric],
        None => Metric::ALL.to_vec(),
    };
    // The cell with the worst step comes first.
    let margin = |key: &Key, metric| plan.margin(key, metric);
    for cell in &trend(&runs, &metrics, &margin).cells {
        if let Some((series, commits)) = worst(cell) {
            let found = Wanted {
                servers: vec![cell.server.clone()],
                endpoints: vec![cell.endpoint.clone()],
                metric: Some(series.metric),
            };
            return Ok((commits, found));
        }
    }
    Err(Error::Argument {
        argument: "--from-history".into(),
        reason: "no stored runs with two commits around a step for the worse; name the commits: `--good` \
                 and `--bad`"
            .into(),
    })
}

/// The series with the largest step for the worse, and the commits around its last one.
fn worst(cell: &CellSeries) -> Option<(&Series, [String; 2])> {
    let of_series = |series| {
        let step = last_worse(series)?;
        let commits = [step.since.clone()?, step.commit.clone()?];
        Some((series, commits, size(step)))
    };
    let found = cell.series.iter().filter_map(of_series);
    let (series, commits, _) = found.max_by(|a, b| a.2.total_cmp(&b.2))?;
    Some((series, commits))
}

fn last_worse(series: &Series) -> Option<&Step> {
    series.steps.iter().rev().find(|step| step.worse)
}

fn size(step: &Step) -> f64 {
    step.change
        .map_or(f64::INFINITY, |change| change.ln_1p().abs())
}
