use std::path::{Path, PathBuf};

use super::against::{Against, Comparisons};
use super::args::{Outputs, Selection, Strictness};
use super::judging::{Scope, assemble, judge, note_not_pinned, place, reference, store};
use super::measuring::RunContext;
use super::output::deliver;
use super::results::{Naming, known};
use super::{base_plan, dry_run};
use crate::document;
use crate::error::Error;
use crate::gate::{self, Reference};
use crate::model::{Baseline, Coverage, GateComparison, Measurement, Plan, Report};

/// Measures, compares with another build or with the stored baseline, judges.
#[derive(Debug, clap::Args)]
#[group(id = "check")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) selection: Selection,
    #[command(flatten)]
    pub(super) against: Against,
    #[command(flatten)]
    pub(super) outputs: Outputs,
    #[command(flatten)]
    pub(super) strictness: Strictness,
    /// Baseline store: a folder, or `git:BRANCH` [default: `[baseline] store` in perfgate.toml].
    #[arg(long, visible_alias = "store", value_name = "STORE")]
    pub(super) baseline: Option<String>,
    /// Write the measurement to a file, to judge it again later.
    #[arg(long, value_name = "FILE")]
    pub(super) save: Option<PathBuf>,
    /// Judge this measurement instead of measuring: a file of `perfgate run --json`, or a result of
    /// wrk, oha, k6, vegeta or hey.
    #[arg(long, value_name = "FILE")]
    #[arg(conflicts_with_all = ["reference", "images", "strategy", "seed", "budget"])]
    pub(super) measurement: Option<PathBuf>,
    #[command(flatten)]
    pub(super) naming: Naming,
}

/// The command, which can also only be looked at.
#[derive(Debug, clap::Args)]
pub(super) struct Command {
    #[command(flatten)]
    check: Args,
    /// Print the plan and its thresholds without starting anything.
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(command: Command) -> Result<u8, Error> {
    let args = command.check;
    if command.dry_run {
        let plan = plan(&args)?;
        let comparisons = args.against.comparisons(&plan, &[])?;
        // A store is not asked for it.
        let nothing_stored = Reference::Stored(Vec::new());
        let gate = gate_comparison(&args, &plan, &comparisons, &nothing_stored);
        print!("{}", dry_run::describe(&plan, &comparisons, gate.as_ref()));
        return Ok(0);
    }
    let report = report(&args).await?;
    deliver(&report, &args.outputs)?;
    Ok(report.exit_code)
}

/// The plan with the baseline store that was asked for.
fn plan(args: &Args) -> Result<Plan, Error> {
    let mut plan = args.selection.plan()?;
    if let Some(wanted) = &args.baseline {
        plan.baselines = place(wanted)?;
    }
    Ok(plan)
}

/// The report of a check, yet to be delivered.
pub(super) async fn report(args: &Args) -> Result<Report, Error> {
    if let Some(path) = &args.measurement {
        return report_on(args, path);
    }
    let context = RunContext::find(&args.selection).await?;
    context.announce();
    let plan = &context.plan;
    let store = store(plan, args.baseline.as_deref())?;
    let reference = reference(&store)?;
    let anchors = if args.against.takes_anchors() {
        context.anchors(reference.runs()).await
    } else {
        Vec::new()
    };
    let comparisons = args.against.comparisons(plan, &anchors)?;
    let options = args.selection.options();
    let measurement = context.compare(&comparisons, &reference, options).await?;
    save(args, &measurement)?;
    let scope = Scope {
        coverage: gate::coverage(plan, &measurement),
        gate: gate_comparison(args, plan, &comparisons, &reference),
    };
    Ok(judged(args, plan, measurement, &reference, scope))
}

/// The report on a measurement that was made before.
fn report_on(args: &Args, path: &Path) -> Result<Report, Error> {
    let plan = args.selection.plan()?;
    let measurement = args.naming.read(path)?;
    known(&plan, &measurement)?;
    save(args, &measurement)?;
    let reference = reference(&store(&plan, args.baseline.as_deref())?)?;
    // A result of another generator is of the one load that it made.
    let coverage = if measurement.provenance.is_imported() {
        Coverage::default()
    } else {
        gate::coverage(&plan, &measurement)
    };
    let none = Comparisons::default();
    let gate = gate_comparison(args, &plan, &none, &reference);
    let scope = Scope { coverage, gate };
    Ok(judged(args, &plan, measurement, &reference, scope))
}

/// What became of the gate since the base; nothing where neither git nor a store knows of one.
fn gate_comparison(
    args: &Args,
    plan: &Plan,
    comparisons: &Comparisons,
    reference: &Reference,
) -> Option<GateComparison> {
    let Some(commit) = args.against.commit(plan) else {
        return of_stored(plan, reference.runs());
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
        changes: gate::gate_changes(plan, &args.selection.of_base(base)),
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
    args: &Args,
    plan: &Plan,
    mut measurement: Measurement,
    reference: &Reference,
    scope: Scope,
) -> Report {
    note_not_pinned(&mut measurement, reference);
    let findings = judge(plan, &measurement, reference);
    assemble(&measurement, findings, scope, &args.strictness)
}

fn save(args: &Args, measurement: &Measurement) -> Result<(), Error> {
    if let Some(path) = &args.save {
        document::write(path, &document::text(measurement))?;
    }
    Ok(())
}
