//! Why cells regressed: which functions take more CPU time in the head.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::against::Comparison;
use super::measuring::Run;
use crate::gate::{self, Confirmation};
use crate::git::{self, Git};
use crate::measure::{self, Event, LivePairs, Profiling};
use crate::model::{
    Cell, CpuProfile, Finding, Metric, PairedSample, Sides, Strategy, Verdict, chain,
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
    run: &Run<'_>,
    mut drivers: Vec<(&Comparison, LivePairs<'_>)>,
    samples: &[PairedSample],
    confirmation: Confirmation,
) -> Profiled {
    let servers = drivers.iter().map(|(it, _)| *it).collect::<Vec<_>>();
    let mut profiled = Profiled::default();
    for suspect in suspects(&servers, samples, confirmation) {
        let (comparison, driver) = &mut drivers[suspect.server];
        let sides = &comparison.sides;
        let (server, endpoint) = (&sides.head.name, &sides.head.cells[suspect.cell].endpoint);
        if comparison.strategy == Strategy::Interleaved {
            let note = format!("`{server}` is not profiled: its sides cannot be up at once");
            profiled.notes.insert(note);
            continue;
        }
        let note = format!("{server} {endpoint} regressed: sampling where its CPU time goes");
        run.show(&Event::Note(&note));
        let profiling = Profiling {
            sides,
            cell: suspect.cell,
            trees: &trees(run),
            seed: run.seed,
            observe: &|event| run.show(&event),
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
    if let Err(error) = mark(run, &mut profiled.profiles) {
        let why = chain(&error);
        let note = format!("which functions the change touched is not known: {why}");
        profiled.notes.insert(note);
    }
    profiled
}

/// The worst cells whose time or throughput regressed.
fn suspects(
    servers: &[&Comparison],
    samples: &[PairedSample],
    confirmation: Confirmation,
) -> Vec<Suspect> {
    let mut suspects = Vec::new();
    for (server, comparison) in servers.iter().enumerate() {
        let head = &comparison.sides.head;
        for (cell, it) in head.cells.iter().enumerate() {
            let is_own = |sample: &&PairedSample| {
                sample.server == head.name && sample.endpoint == it.endpoint
            };
            let change = samples.iter().find(is_own);
            let change = change.and_then(|sample| worst(sample, it, confirmation));
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
fn trees(run: &Run<'_>) -> Sides<Option<PathBuf>> {
    let base = run.comparisons.tree.as_ref();
    Sides {
        head: Git::at(&run.plan.root).top().ok(),
        base: base.map(|it| it.path().to_owned()),
    }
}

/// Marks what the change touched, where the base is a commit.
fn mark(run: &Run<'_>, profiles: &mut [CpuProfile]) -> Result<(), git::Error> {
    let base = run.comparisons.base.as_ref();
    let Some(base) = base.filter(|_| run.comparisons.tree.is_some() && !profiles.is_empty()) else {
        return Ok(());
    };
    let git = Git::at(&run.plan.root);
    let (files, changed) = (git.tracked()?, git.changed_lines(base)?);
    let new = changed.keys().cloned();
    let files: BTreeSet<_> = files.into_iter().chain(new).collect();
    let files: Vec<_> = files.into_iter().collect();
    for profile in profiles {
        mark_touched(profile, &files, &changed);
    }
    Ok(())
}
