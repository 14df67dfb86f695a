use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use super::args::{RunOptions, Selection};
use super::checked_out::Allowed;
use super::examples;
use super::judging::{judge, place, reference, store};
use super::measuring::RunContext;
use super::results::{Naming, known};
use super::stored_runs::StoredRuns;
use super::{history, pin};
use crate::baseline::Store;
use crate::error::Error;
use crate::gate::outcome;
use crate::model::{
    Baseline, Finding, LONGEST_HISTORY, Measurement, Metric, Outcome, Plan, Reason, Sample, Target,
    Verdict, exit_code,
};
use crate::report;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Measure, and store the result.
    #[command(after_help = examples::REFRESH)]
    Refresh(Refresh),
    /// List stored runs.
    Show(Show),
    /// Show stored runs over time, and the commits where a metric changed.
    History(history::Args),
    /// Also compare new runs with a fixed point, so that small regressions cannot accumulate unnoticed.
    Pin(pin::Args),
    /// Compare new runs only with the newest stored runs again.
    Unpin(pin::Release),
    /// Delete all but the newest stored runs of each server, endpoint and machine.
    Prune(Prune),
}

#[derive(Debug, clap::Args)]
pub(super) struct Refresh {
    #[command(flatten)]
    pub(super) selection: Selection,
    /// Baseline store: a folder, or `git:BRANCH` [default: `[baseline] store` in perfgate.toml].
    #[arg(long, visible_alias = "store", value_name = "STORE")]
    pub(super) baseline: Option<String>,
    /// Number of runs to measure and store, each on fresh servers.
    #[arg(long, default_value = "1")]
    pub(super) runs: NonZeroUsize,
    /// Store these measurements instead of measuring: files of `perfgate run --json`, or results
    /// of wrk, oha, k6, vegeta or hey.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "runs")]
    pub(super) measurement: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) naming: Naming,
    #[command(flatten)]
    pub(super) allowed: Allowed,
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
        Command::Refresh(args) => refresh(args).await,
        Command::Show(args) => show(&args),
        Command::History(args) => history::run(&args),
        Command::Pin(args) => pin::run(&args),
        Command::Unpin(args) => pin::release(&args),
        Command::Prune(args) => prune(&args),
    }
}

async fn refresh(args: Refresh) -> Result<u8, Error> {
    let kept = kept(&args).await?;
    Ok(kept.code)
}

/// What came of a refresh: the code to exit with, and a line for every cell.
pub(super) struct Kept {
    pub(super) code: u8,
    pub(super) lines: Vec<String>,
}

/// Measures and stores, and says of each cell what became of it.
pub(super) async fn kept(args: &Refresh) -> Result<Kept, Error> {
    if !args.measurement.is_empty() {
        return kept_of(args);
    }
    let context = RunContext::find(&args.selection).await?;
    context.announce();
    let place = args.baseline.as_deref().map(place).transpose()?;
    let place = place.as_ref().unwrap_or(&context.plan.baselines);
    args.allowed.check(&context.plan, place)?;
    let store = Store::open(place);
    let options = args.selection.options();
    let (mut fails, mut lacks_a_server, mut cut) = (false, false, None);
    let mut lines = Vec::new();
    for run in 0..args.runs.get() {
        let seed = options.seed.wrapping_add(run as u64);
        let measurement = context.measure(RunOptions { seed, ..options }).await?;
        fails |= keep(&store, &context.plan, &measurement, &mut lines)?;
        lacks_a_server |= measurement.lacks_a_server();
        cut = measurement.provenance.partial.map(|it| it.exit_code);
        if cut.is_some() {
            break;
        }
    }
    let code = match (cut, fails, lacks_a_server) {
        (Some(code), ..) => code,
        (None, true, _) => exit_code::REGRESSED,
        (None, false, true) => exit_code::ENVIRONMENT,
        (None, false, false) => exit_code::PASSED,
    };
    Ok(Kept { code, lines })
}

/// Stores measurements that were made before.
fn kept_of(args: &Refresh) -> Result<Kept, Error> {
    let plan = args.selection.plan()?;
    let store = store(&plan, args.baseline.as_deref())?;
    let (mut fails, mut lines) = (false, Vec::new());
    for path in &args.measurement {
        let measurement = args.naming.read(path)?;
        known(&plan, &measurement)?;
        if let Some(measured) = &measurement.provenance.head {
            args.allowed.check_commit(measured)?;
        }
        fails |= keep(&store, &plan, &measurement, &mut lines)?;
    }
    let code = u8::from(fails);
    Ok(Kept { code, lines })
}

/// Stores every cell with the verdict on it, one with too many errors without what its answers cost.
/// Whether a cell failed so, or was not measured to its end.
fn keep(
    store: &Store,
    plan: &Plan,
    measurement: &Measurement,
    lines: &mut Vec<String>,
) -> Result<bool, Error> {
    let reference = reference(store)?;
    let (mut documents, first) = (Vec::new(), lines.len());
    let mut fails = false;
    let all = judge(plan, measurement, &reference);
    for sample in &measurement.samples {
        let is_own =
            |it: &&Finding| it.server == sample.key.server && it.endpoint == sample.key.endpoint;
        let mut findings: Vec<_> = all.iter().filter(is_own).cloned().collect();
        let name = format!("{} {}", sample.key.server, sample.key.endpoint);
        let partial = measurement.provenance.partial.as_ref();
        if partial.is_some_and(|it| it.lacks(&sample.key.server, &sample.key.endpoint)) {
            lines.push(format!("{name}: not stored, the run ended before its end"));
            fails = true;
            continue;
        }
        if let Some(rule) = too_many_errors(&findings) {
            let document = document(plan, sample, measurement, Outcome::Regression);
            documents.push(document.without_answers());
            lines.push(format!(
                "{name}: stored without what its answers cost, its requests failed beyond {rule}: it \
                 stays out of the history"
            ));
            fails = true;
            continue;
        }
        // The history is one of timed values. A counter is compared with the newest run alone, so
        // that one that was meant to move is no reason to leave a run out.
        findings.retain(|finding| !finding.metric.is_counter());
        let verdict = outcome(&findings);
        documents.push(document(plan, sample, measurement, verdict));
        let with_changes = if measurement.provenance.dirty {
            ", with changes that its commit does not hold"
        } else {
            ""
        };
        let remark = remark(verdict, &findings);
        lines.push(format!("{name}: stored{remark}{with_changes}"));
    }
    if !documents.is_empty() {
        store.add(&documents)?;
    }
    for line in &lines[first..] {
        println!("{line}");
    }
    Ok(fails)
}

fn document(plan: &Plan, sample: &Sample, measurement: &Measurement, verdict: Outcome) -> Baseline {
    let provenance = &measurement.provenance;
    let mut targets = plan.targets.iter();
    let target = targets.find(|target| target.name == sample.key.server);
    let commit = provenance.head.clone();
    Baseline {
        anchor: provenance.images.get(&sample.key.server).cloned(),
        configuration: target.map(Target::configuration),
        dirty: provenance.dirty,
        ..Baseline::of_sample(sample, commit, provenance.started, verdict)
    }
}

fn too_many_errors(findings: &[Finding]) -> Option<String> {
    let errors = findings.iter().find(|finding| {
        let beyond = [Reason::Ceiling, Reason::MachineBusy, Reason::NotReproduced];
        let reason = finding.reason.as_ref();
        finding.metric == Metric::ErrorRate && reason.is_some_and(|it| beyond.contains(it))
    })?;
    errors.rule.clone()
}

fn remark(verdict: Outcome, findings: &[Finding]) -> &'static str {
    let regressed = |it: &&Finding| it.verdict == Verdict::Regression;
    let since_pin = |it: &Finding| matches!(it.reason, Some(Reason::SincePin { .. }));
    let creeps = findings.iter().filter(regressed).all(since_pin);
    match verdict {
        Outcome::Regression if creeps => {
            ", as regressed since the pin: it stays out of the history"
        }
        Outcome::Regression => ", as regressed: it stays out of the history",
        _ => "",
    }
}

fn show(args: &Show) -> Result<u8, Error> {
    let (_, found) = args.runs.find()?;
    let mut cells: BTreeMap<(String, String), Vec<Baseline>> = BTreeMap::new();
    let is_empty = found.baselines.is_empty();
    let baselines = found.baselines.into_iter();
    for baseline in baselines.filter(|run| args.runs.include(&run.key)) {
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
    Ok(0)
}

fn prune(args: &Prune) -> Result<u8, Error> {
    let (store, _) = args.runs.find()?;
    let gone = store.prune(args.keep, &|key| args.runs.include(key))?;
    println!(
        "{gone} runs forgotten; of every key the newest {} stay",
        args.keep
    );
    Ok(0)
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
