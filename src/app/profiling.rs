//! Why cells regressed: which functions take more CPU time in the head.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::against::{Comparison, Comparisons};
use crate::gate::{self, Confirmation};
use crate::git::{self, Git};
use crate::measure::{self, Event, Live, Profiling};
use crate::model::{
    Cell, CpuProfile, Finding, Metric, PairedSample, Plan, Sides, Strategy, Verdict, chain,
};
use crate::profile::mark_touched;

/// Cells that are profiled, the worst first: each takes some fifteen seconds.
const MOST_CELLS: usize = 3;

/// What was seen, and what readers must know of what was not.
#[derive(Debug, Default)]
pub(super) struct Profiled {
    pub(super) profiles: Vec<CpuProfile>,
    pub(super) notes: BTreeSet<String>,
}

/// The run that found what regressed.
#[derive(Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) plan: &'a Plan,
    pub(super) comparisons: &'a Comparisons,
    pub(super) samples: &'a [PairedSample],
    pub(super) confirmation: Confirmation,
    pub(super) seed: u64,
    pub(super) observe: measure::Observer<'a>,
}

/// A cell that regressed.
struct Suspect {
    /// Position of its server.
    server: usize,
    cell: usize,
    /// By how much it is worse.
    change: f64,
}

/// Profiles the worst of the cells that regressed.
pub(super) async fn of_regressed(
    found: Found<'_>,
    servers: &[&Comparison],
    driver: &mut Live<'_>,
) -> Profiled {
    let mut profiled = Profiled::default();
    for suspect in suspects(servers, found) {
        let comparison = servers[suspect.server];
        let sides = &comparison.sides;
        let (server, endpoint) = (&sides.head.name, &sides.head.cells[suspect.cell].endpoint);
        if comparison.strategy == Strategy::Interleaved {
            let note = format!("`{server}` is not profiled: its sides cannot be up at once");
            profiled.notes.insert(note);
            continue;
        }
        let note = format!("{server} {endpoint} regressed: sampling where its CPU time goes");
        (found.observe)(Event::Note(&note));
        let profiling = Profiling {
            sides,
            cell: suspect.cell,
            trees: &trees(found),
            seed: found.seed,
            observe: found.observe,
        };
        match measure::profile(driver, profiling).await {
            Ok(seen) => {
                profiled.notes.extend(seen.notes);
                profiled.profiles.extend(seen.profile);
            }
            Err(error) => {
                let why = chain(&error);
                let note = format!("{server} {endpoint} is not profiled: {why}");
                profiled.notes.insert(note);
            }
        }
    }
    if let Err(error) = mark(found, &mut profiled.profiles) {
        let why = chain(&error);
        let note = format!("which functions the change touched is not known: {why}");
        profiled.notes.insert(note);
    }
    profiled
}

/// The worst cells whose time or throughput regressed.
fn suspects(servers: &[&Comparison], found: Found<'_>) -> Vec<Suspect> {
    let mut suspects = Vec::new();
    for (server, comparison) in servers.iter().enumerate() {
        let head = &comparison.sides.head;
        for (cell, it) in head.cells.iter().enumerate() {
            let is_own = |sample: &&PairedSample| {
                sample.server == head.name && sample.endpoint == it.endpoint
            };
            let change = found.samples.iter().find(is_own);
            let change = change.and_then(|sample| worst(sample, it, found.confirmation));
            suspects.extend(change.map(|change| Suspect {
                server,
                cell,
                change,
            }));
        }
    }
    suspects.sort_by(|a, b| b.change.total_cmp(&a.change));
    suspects.truncate(MOST_CELLS);
    suspects
}

/// The largest change of what regressed, where CPU time can explain it.
fn worst(sample: &PairedSample, cell: &Cell, confirmation: Confirmation) -> Option<f64> {
    let findings = gate::judge_pairs(sample, &cell.thresholds, confirmation);
    let is_of_time = |it: &&Finding| {
        let metric = it.metric;
        let takes_time =
            metric.is_latency() || matches!(metric, Metric::CpuPerRequest | Metric::Throughput);
        takes_time && it.verdict == Verdict::Regression
    };
    let regressed = findings.iter().filter(is_of_time);
    let changes = regressed.map(|it| it.change.unwrap_or_default().abs());
    changes.reduce(f64::max)
}

/// The folders that the files of both sides lie in.
fn trees(found: Found<'_>) -> Sides<Option<PathBuf>> {
    let base = found.comparisons.tree.as_ref();
    Sides {
        head: Git::at(&found.plan.root).top().ok(),
        base: base.map(|it| it.path().to_owned()),
    }
}

/// Marks what the change touched, where the base is a commit.
fn mark(found: Found<'_>, profiles: &mut [CpuProfile]) -> Result<(), git::Error> {
    let base = found.comparisons.base.as_ref();
    let Some(base) = base.filter(|_| found.comparisons.tree.is_some() && !profiles.is_empty())
    else {
        return Ok(());
    };
    let git = Git::at(&found.plan.root);
    let (files, changed) = (git.tracked()?, git.changed_lines(base)?);
    let new = changed.keys().cloned();
    let files: BTreeSet<_> = files.into_iter().chain(new).collect();
    let files: Vec<_> = files.into_iter().collect();
    for profile in profiles {
        mark_touched(profile, &files, &changed);
    }
    Ok(())
}
