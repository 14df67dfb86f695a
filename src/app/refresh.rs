//! Measures and stores, and says of each cell what became of it.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use super::checked_out::Allowed;
use super::judging::{judge, parse_store, read_baselines, store};
use super::observer::{Notice, Observer};
use super::results::{Naming, known};
use super::run_context::RunContext;
use super::selection::{RunOptions, Selection};
use crate::baseline::{self, Store};
use crate::document;
use crate::error::Error;
use crate::gate::{self, Storing};
use crate::model::{
    Baseline, Finding, Key, Measurement, Metric, Outcome, Plan, Sample, Target, chain, exit_code,
};
use crate::report;

/// Where measurements go that could not be stored, below the configuration's folder.
const ASIDE: &str = ".perfgate/not-stored";

/// What is measured, and where it is stored.
#[derive(Debug, Clone)]
pub struct RefreshOptions {
    pub selection: Selection,
    pub run: RunOptions,
    /// Where stored runs are, in place of where the configuration says.
    pub baseline: Option<String>,
    /// Runs to measure, each on fresh servers.
    pub runs: NonZeroUsize,
    /// What is stored in place of new measurements.
    pub measurement: Vec<PathBuf>,
    pub naming: Naming,
    pub allowed: Allowed,
}

/// What came of a refresh: the code to exit with, and a line for every cell.
#[derive(Debug)]
pub struct Kept {
    pub code: u8,
    pub lines: Vec<String>,
}

/// Why nothing was stored.
#[derive(Debug)]
pub(super) struct NotStored {
    pub(super) error: Error,
    /// The file that holds what was measured.
    pub(super) aside: Option<PathBuf>,
}

impl From<Error> for NotStored {
    fn from(error: Error) -> Self {
        Self { error, aside: None }
    }
}

impl From<baseline::Error> for NotStored {
    fn from(error: baseline::Error) -> Self {
        Error::from(error).into()
    }
}

/// Measures and stores, and says of each cell what became of it.
pub async fn refresh(options: &RefreshOptions, observe: Observer<'_>) -> Result<Kept, Error> {
    let refreshed = refresh_or_keep_aside(options, observe).await;
    refreshed.map_err(|it| it.error)
}

/// The same, which says where what it could not store lies.
pub(super) async fn refresh_or_keep_aside(
    options: &RefreshOptions,
    observe: Observer<'_>,
) -> Result<Kept, NotStored> {
    if !options.measurement.is_empty() {
        return Ok(kept_of(options, observe)?);
    }
    let context = RunContext::find(&options.selection, observe).await?;
    let address = options.baseline.as_deref().map(parse_store).transpose()?;
    let address = address.as_ref().unwrap_or(&context.plan.baselines);
    options.allowed.check(&context.plan, address)?;
    let store = Store::open(address);
    // A right that is missing is known before minutes of measuring.
    store.try_adding()?;
    let (mut fails, mut lacks_a_server, mut cut) = (false, false, None);
    let mut lines = Vec::new();
    for run in 0..options.runs.get() {
        let seed = options.run.seed.wrapping_add(run as u64);
        let run = RunOptions {
            seed,
            ..options.run
        };
        let measurement = context.measure(run).await?;
        let destination = Destination {
            store: &store,
            flag: options.baseline.as_deref(),
            plan: &context.plan,
            observe,
        };
        let kept = destination.keep(&measurement, &mut lines);
        fails |= kept.map_err(|error| NotStored {
            error,
            aside: destination.keep_aside(&measurement),
        })?;
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
fn kept_of(options: &RefreshOptions, observe: Observer<'_>) -> Result<Kept, Error> {
    let plan = options.selection.plan()?;
    let store = store(&plan, options.baseline.as_deref())?;
    let destination = Destination {
        store: &store,
        flag: options.baseline.as_deref(),
        plan: &plan,
        observe,
    };
    let (mut fails, mut lines) = (false, Vec::new());
    for path in &options.measurement {
        let measurement = options.naming.read(path)?;
        known(&plan, &measurement)?;
        if let Some(measured) = &measurement.provenance.head {
            options.allowed.check_commit(measured)?;
        }
        fails |= destination.keep(&measurement, &mut lines)?;
    }
    let code = u8::from(fails);
    Ok(Kept { code, lines })
}

/// Where measurements go.
struct Destination<'a> {
    store: &'a Store,
    /// The store, where a flag names another than the configuration.
    flag: Option<&'a str>,
    plan: &'a Plan,
    observe: Observer<'a>,
}

impl Destination<'_> {
    /// Writes a measurement that could not be stored into a file, and prints the command that stores it later.
    fn keep_aside(&self, measurement: &Measurement) -> Option<PathBuf> {
        let second = measurement.provenance.started.as_second();
        let path = self.plan.root.join(format!("{ASIDE}-{second}.json"));
        let written = document::write(&path, &document::text(measurement));
        let note = match &written {
            Ok(()) => {
                let store = self.flag.map(|it| format!(" --store {it}"));
                format!(
                    "what was measured is kept: `perfgate baseline refresh --measurement {}{}` stores it",
                    path.display(),
                    store.unwrap_or_default()
                )
            }
            Err(error) => format!("warning: what was measured is lost: {}", chain(error)),
        };
        (self.observe)(&Notice::Note(&note));
        written.ok().map(|()| path)
    }

    /// Stores every cell with the verdict on it, one with too many errors without what its answers cost.
    /// Whether a cell failed so, or was not measured to its end.
    fn keep(&self, measurement: &Measurement, lines: &mut Vec<String>) -> Result<bool, Error> {
        let Self {
            store,
            plan,
            observe,
            ..
        } = *self;
        let baselines = read_baselines(store, observe)?;
        let (mut documents, first) = (Vec::new(), lines.len());
        let mut fails = false;
        let all = judge(plan, measurement, &baselines);
        for sample in &measurement.samples {
            let is_own = |it: &&Finding| {
                it.server == sample.key.server && it.endpoint == sample.key.endpoint
            };
            let findings: Vec<_> = all.iter().filter(is_own).cloned().collect();
            let name = format!("{} {}", sample.key.server, sample.key.endpoint);
            let partial = measurement.provenance.partial.as_ref();
            if partial.is_some_and(|it| it.lacks(&sample.key.server, &sample.key.endpoint)) {
                lines.push(format!("{name}: not stored, the run ended before its end"));
                fails = true;
                continue;
            }
            let (outcome, only_since_pin) = match gate::storing(&findings) {
                Storing::WithoutAnswers { rule } => {
                    let document = baseline(plan, sample, measurement, Outcome::Regression);
                    documents.push(document.without_answers());
                    lines.push(format!(
                        "{name}: stored without what its answers cost, its requests failed beyond {rule}: \
                         it stays out of the history"
                    ));
                    fails = true;
                    continue;
                }
                Storing::With {
                    outcome,
                    only_since_pin,
                } => (outcome, only_since_pin),
            };
            documents.push(baseline(plan, sample, measurement, outcome));
            let with_changes = if measurement.provenance.dirty {
                ", with changes that its commit does not hold"
            } else {
                ""
            };
            let exclusion = exclusion(outcome, only_since_pin);
            lines.push(format!("{name}: stored{exclusion}{with_changes}"));
        }
        if !documents.is_empty() {
            store.add(&documents, plan.keep)?;
            let metrics = judged_metrics(plan);
            let margin = |key: &Key, metric| plan.margin(key, metric);
            let steps = gate::new_steps(baselines.runs(), &documents, &metrics, &margin);
            let steps = steps.into_iter();
            lines.extend(steps.map(|(cell, metric, step)| report::new_step(&cell, metric, &step)));
        }
        for line in &lines[first..] {
            observe(&Notice::Line(line));
        }
        Ok(fails)
    }
}

fn baseline(plan: &Plan, sample: &Sample, measurement: &Measurement, verdict: Outcome) -> Baseline {
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

/// The metrics that two builds are compared by.
fn judged_metrics(plan: &Plan) -> Vec<Metric> {
    let cells = plan.targets.iter().flat_map(|it| &it.cells);
    let rules = cells.flat_map(|it| &it.thresholds);
    let judged = rules.filter(|(_, threshold)| threshold.margin.is_some());
    let metrics: BTreeSet<Metric> = judged.map(|(metric, _)| *metric).collect();
    metrics.into_iter().collect()
}

const fn exclusion(outcome: Outcome, only_since_pin: bool) -> &'static str {
    match outcome {
        Outcome::Regression if only_since_pin => {
            ", as regressed since the pin: it stays out of the history"
        }
        Outcome::Regression => ", as regressed: it stays out of the history",
        _ => "",
    }
}
