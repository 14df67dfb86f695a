use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use super::args::{Naming, OF_MEASURING, Selection};
use super::examples;
use super::stored_runs::StoredRuns;
use super::ui::{Progress, print_notice};
use super::{history, pin};
use crate::app::{self, Allowed, RefreshOptions};
use crate::error::Error;
use crate::model::{Baseline, LONGEST_HISTORY, Metric, exit_code};
use crate::report;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Measure, and store the result.
    #[command(after_help = examples::REFRESH)]
    Refresh(Box<Refresh>),
    /// List stored runs.
    Show(Show),
    /// Show stored runs over time, and the commits where a metric changed.
    History(history::Args),
    /// Also compare new runs with a fixed point, to detect small regressions that add up.
    Pin(pin::Args),
    /// Remove the pin: compare new runs only with the newest stored runs again.
    Unpin(pin::Release),
    /// Delete all but the newest stored runs of each server, endpoint and machine.
    Prune(Prune),
}

#[derive(Debug, clap::Args)]
#[command(mut_arg("named", |it| it.requires("measurement")))]
pub(super) struct Refresh {
    #[command(flatten)]
    selection: Selection,
    /// Baseline store: a folder, `git:BRANCH`, or `s3://BUCKET/PREFIX` [default: `[baseline] store` in perfgate.toml].
    #[arg(long, visible_alias = "store", value_name = "STORE")]
    baseline: Option<String>,
    /// Number of runs to measure and store, each on fresh servers.
    #[arg(long, default_value = "1")]
    runs: NonZeroUsize,
    /// Store these measurements instead of measuring: files of `perfgate run --json`, or results
    /// of wrk, oha, k6, vegeta or hey.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "runs")]
    #[arg(conflicts_with_all = OF_MEASURING)]
    measurement: Vec<PathBuf>,
    #[command(flatten)]
    naming: Naming,
    /// Store the measurement even if files differ from the commit, and mark the stored run as dirty.
    #[arg(long)]
    allow_dirty: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Show {
    #[command(flatten)]
    runs: StoredRuns,
}

#[derive(Debug, clap::Args)]
pub(super) struct Prune {
    #[command(flatten)]
    runs: StoredRuns,
    /// Runs to keep.
    #[arg(long, default_value_t = 2 * LONGEST_HISTORY)]
    keep: usize,
}

pub(super) async fn run(command: Command) -> Result<u8, Error> {
    match command {
        Command::Refresh(args) => refresh(&args).await,
        Command::Show(args) => show(&args),
        Command::History(args) => history::run(&args),
        Command::Pin(args) => pin::run(&args),
        Command::Unpin(args) => pin::release(&args),
        Command::Prune(args) => prune(&args),
    }
}

async fn refresh(args: &Refresh) -> Result<u8, Error> {
    let progress = Progress::new(args.selection.is_quiet());
    let kept = app::refresh(&args.plain(), &|notice| progress.show(notice)).await?;
    Ok(kept.code)
}

impl Refresh {
    fn plain(&self) -> RefreshOptions {
        RefreshOptions {
            selection: app::Selection {
                baseline: self.baseline.clone(),
                ..self.selection.plain()
            },
            run: self.selection.options(),
            baseline: self.baseline.clone(),
            runs: self.runs,
            measurement: self.measurement.clone(),
            naming: self.naming.plain(),
            allowed: Allowed {
                allow_dirty: self.allow_dirty,
                commit: None,
            },
        }
    }
}

fn show(args: &Show) -> Result<u8, Error> {
    let runs = args.runs.plain();
    let (_, _, found) = runs.find(&print_notice)?;
    let mut cells: BTreeMap<(String, String), Vec<Baseline>> = BTreeMap::new();
    let is_empty = found.baselines.is_empty();
    let baselines = found.baselines.into_iter();
    for baseline in baselines.filter(|run| runs.include(&run.key)) {
        let cell = (baseline.key.server.clone(), baseline.key.endpoint.clone());
        cells.entry(cell).or_default().push(baseline);
    }
    if is_empty {
        println!("nothing is stored; `perfgate baseline refresh` measures and stores");
    } else if cells.is_empty() {
        println!("nothing is stored of these servers and endpoints");
    }
    for ((server, endpoint), runs) in &cells {
        println!("{server} {endpoint}: {}", describe(runs));
    }
    if let Some(pin) = &found.pin {
        println!("{}", pin::describe(pin));
    }
    Ok(exit_code::PASSED)
}

fn prune(args: &Prune) -> Result<u8, Error> {
    let runs = args.runs.plain();
    let (_, store, _) = runs.find(&print_notice)?;
    let gone = store.prune(args.keep, &|key| runs.include(key))?;
    println!(
        "{gone} runs forgotten; of every key the newest {} stay",
        args.keep
    );
    Ok(exit_code::PASSED)
}

fn describe(runs: &[Baseline]) -> String {
    let newest = runs
        .iter()
        .max_by_key(|run| run.time)
        .expect("a cell is listed with its runs");
    let of_key = runs.iter().filter(|run| run.key == newest.key);
    let good = of_key.clone().filter(|run| run.is_good()).count();
    let value = |metric, show: fn(f64) -> String| {
        newest
            .values
            .get(&metric)
            .map_or_else(|| "–".into(), |value| show(*value))
    };
    format!(
        "{good} good runs of the newest key, {} in all; newest {} at {}: {}, p50 {}, CPU/request {}",
        runs.len(),
        newest
            .commit
            .as_deref()
            .map_or_else(|| "no commit".into(), report::commit),
        newest.time.strftime("%Y-%m-%d %H:%M"),
        value(Metric::Throughput, report::rate),
        value(Metric::LatencyP50, report::micros),
        value(Metric::CpuPerRequest, report::micros),
    )
}
