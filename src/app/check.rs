//! Measures, compares and judges; and says what that would do.

use std::path::{Path, PathBuf};

use super::against::{Against, Comparisons};
use super::judging::{Scope, note_not_pinned, parse_store, read_baselines, report_on, store};
use super::observer::{Notice, Observer};
use super::part_files::{try_writing_result, write_result};
use super::results::{Naming, known};
use super::run_context::RunContext;
use super::secrets::without_secrets;
use super::selection::{RunOptions, Selection};
use super::strictness::Strictness;
use super::{base_plan, untrusted};
use crate::error::Error;
use crate::gate::{self, Baselines};
use crate::model::{Baseline, Coverage, GateComparison, Measurement, Plan, Report, chain};
use crate::{baseline, document};

/// What says where a measurement goes.
pub(super) const SAVE: &str = "--save";

/// What to measure, what to compare it with and what makes it fail.
#[derive(Debug, Clone)]
pub struct CheckOptions {
    pub selection: Selection,
    pub run: RunOptions,
    pub against: Against,
    pub strictness: Strictness,
    /// Where stored runs are, in place of where the configuration says.
    pub baseline: Option<String>,
    /// Where the measurement goes.
    pub save: Option<PathBuf>,
    /// What is judged in place of a new measurement.
    pub measurement: Option<PathBuf>,
    pub naming: Naming,
}

/// What a check would do.
#[derive(Debug)]
pub struct DryRun {
    pub plan: Plan,
    /// What the head would be compared with.
    pub base: Option<String>,
    /// What readers must know of how bases were found.
    pub notes: Vec<String>,
    pub gate: Option<GateComparison>,
}

/// Measures, compares with another build or with stored runs, judges.
pub async fn check(options: &CheckOptions, observe: Observer<'_>) -> Result<Report, Error> {
    if let Some(path) = &options.measurement {
        return of_file(options, path, observe);
    }
    if let Some(path) = &options.save {
        try_writing_result(path, SAVE)?;
    }
    let context = RunContext::find(&options.selection, observe).await?;
    let plan = &context.plan;
    let strictness = &options.strictness.of_part(plan);
    let store = store(plan, options.baseline.as_deref())?;
    let (baselines, unread) = match read_baselines(&store, observe) {
        Err(error) if is_out_of_reach(&error) => (Baselines::none(), Some(error)),
        found => (found?, None),
    };
    let anchors = if options.against.takes_anchors() {
        context.anchors(baselines.runs()).await
    } else {
        Vec::new()
    };
    let comparisons = options.against.comparisons(plan, &anchors)?;
    let has_bases = comparisons.all.len() >= plan.targets.len();
    let unread = unread.map(|error| without_store(error, has_bases, observe));
    let unread = unread.transpose()?;
    let measured = context.compare(&comparisons, &baselines, options.run);
    let mut measurement = measured.await?;
    measurement.provenance.notes.extend(unread);
    save(options, &measurement)?;
    let scope = Scope {
        coverage: gate::coverage(plan, &measurement),
        gate: gate_comparison(options, plan, &comparisons, &baselines),
    };
    Ok(judged(plan, measurement, &baselines, scope, strictness))
}

/// The report on the measurement of all shards together.
pub(super) fn judged_with(
    options: &CheckOptions,
    plan: &Plan,
    mut measurement: Measurement,
    observe: Observer<'_>,
) -> Result<Report, Error> {
    save(options, &measurement)?;
    let baselines = baselines_of(options, plan, &mut measurement, observe)?;
    let scope = Scope {
        coverage: gate::coverage(plan, &measurement),
        gate: gate_comparison(options, plan, &Comparisons::default(), &baselines),
    };
    let strictness = &options.strictness;
    Ok(judged(plan, measurement, &baselines, scope, strictness))
}

/// The stored runs that a measurement is judged by. None, with a note in it, where they are out of reach and
/// every cell that was measured has its base beside it.
fn baselines_of(
    options: &CheckOptions,
    plan: &Plan,
    measurement: &mut Measurement,
    observe: Observer<'_>,
) -> Result<Baselines, Error> {
    match read_baselines(&store(plan, options.baseline.as_deref())?, observe) {
        Err(error) if is_out_of_reach(&error) => {
            let unread = without_store(error, measurement.samples.is_empty(), observe)?;
            measurement.provenance.notes.push(unread);
            Ok(Baselines::none())
        }
        found => found,
    }
}

/// Whether a store cannot be reached: what is damaged in it is another matter.
fn is_out_of_reach(error: &Error) -> bool {
    use baseline::Error::{Bucket, Git};
    matches!(error, Error::Baseline(Git(_) | Bucket { .. }))
}

/// A store that cannot be reached is an error, unless everything has its base beside it: then a warning;
/// what the report says of it.
fn without_store(error: Error, has_bases: bool, observe: Observer<'_>) -> Result<String, Error> {
    if !has_bases {
        return Err(error);
    }
    observe(&Notice::Warning(&error));
    let why = without_secrets(&chain(&error));
    Ok(format!(
        "stored runs could not be read, and nothing was compared with them: {why}"
    ))
}

/// What a check would do. Nothing is started, and no store is asked.
pub fn dry_run(options: &CheckOptions) -> Result<DryRun, Error> {
    let mut plan = options.selection.plan()?;
    if let Some(wanted) = &options.baseline {
        plan.baselines = parse_store(wanted)?;
    }
    let comparisons = options.against.comparisons(&plan, &[])?;
    let gate = gate_comparison(options, &plan, &comparisons, &Baselines::none());
    Ok(DryRun {
        plan,
        base: comparisons.base,
        notes: comparisons.notes,
        gate,
    })
}

/// The report on a measurement that was made before.
fn of_file(options: &CheckOptions, path: &Path, observe: Observer<'_>) -> Result<Report, Error> {
    let plan = options.selection.plan()?;
    let mut measurement = options.naming.read(path)?;
    known(&plan, &measurement)?;
    save(options, &measurement)?;
    let baselines = baselines_of(options, &plan, &mut measurement, observe)?;
    // A result of another generator is of the one load that it made.
    let coverage = if measurement.provenance.is_imported() {
        Coverage::default()
    } else {
        gate::coverage(&plan, &measurement)
    };
    let none = Comparisons::default();
    let gate = gate_comparison(options, &plan, &none, &baselines);
    let scope = Scope { coverage, gate };
    let strictness = &options.strictness;
    Ok(judged(&plan, measurement, &baselines, scope, strictness))
}

/// The report on what code measured that nobody has looked at: it made the numbers; thresholds and
/// baselines are those of this clone, and no text of it is believed.
pub(super) fn report_of_artifact(
    options: &CheckOptions,
    artifact: &[u8],
    observe: Observer<'_>,
) -> Result<Report, Error> {
    let plan = options.selection.plan()?;
    let mut measurement = untrusted::measurement(artifact, &plan)?;
    let baselines = baselines_of(options, &plan, &mut measurement, observe)?;
    let scope = Scope {
        coverage: gate::coverage(&plan, &measurement),
        gate: Some(GateComparison::unknown(None, untrusted::GATE)),
    };
    let strictness = &options.strictness;
    Ok(judged(&plan, measurement, &baselines, scope, strictness))
}

/// What became of the gate since the base; `None` if neither git nor a store knows of one.
fn gate_comparison(
    options: &CheckOptions,
    plan: &Plan,
    comparisons: &Comparisons,
    baselines: &Baselines,
) -> Option<GateComparison> {
    if plan.shard.is_some() {
        // That of all shards is compared where they are merged.
        return None;
    }
    let Some(commit) = options.against.commit(plan) else {
        return of_stored(plan, baselines.runs());
    };
    let found = match &comparisons.base_plan {
        Some(base) => Ok(base.clone()),
        None => base_plan::at(plan, &commit),
    };
    let base = match found {
        Ok(base) => base,
        Err(why) => return Some(GateComparison::unknown(Some(commit), why)),
    };
    Some(GateComparison {
        base: Some(commit),
        unknown: None,
        changes: gate::gate_changes(plan, &options.selection.of_base(base)),
    })
}

fn of_stored(plan: &Plan, stored: &[Baseline]) -> Option<GateComparison> {
    let changes = gate::stored_unmeasured(plan, stored);
    (!changes.is_empty()).then(|| GateComparison {
        changes,
        ..GateComparison::default()
    })
}

fn judged(
    plan: &Plan,
    mut measurement: Measurement,
    baselines: &Baselines,
    scope: Scope,
    strictness: &Strictness,
) -> Report {
    note_not_pinned(&mut measurement, baselines);
    report_on(plan, &measurement, baselines, scope, strictness)
}

/// Writes a measurement where that was asked for.
pub(super) fn save(options: &CheckOptions, measurement: &Measurement) -> Result<(), Error> {
    if let Some(path) = &options.save {
        write_result(path, SAVE, &document::text(measurement))?;
    }
    Ok(())
}
