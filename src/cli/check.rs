use std::path::{Path, PathBuf};

use super::against::{Against, Contests};
use super::args::{Outputs, Selection, Strictness};
use super::judging::{Scope, assemble, judge, note_not_pinned, place, reference, store};
use super::measuring::Setting;
use super::output::deliver;
use super::results::{Naming, known};
use super::{base_plan, dry_run};
use crate::document;
use crate::error::Error;
use crate::gate::{self, Reference};
use crate::model::{Coverage, Measurement, Plan, Report};

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
    /// Baseline store instead of the configured one: a folder, or `git:BRANCH`.
    #[arg(long, visible_alias = "store", value_name = "STORE")]
    pub(super) baseline: Option<String>,
    /// Keep what was measured, for judging it again elsewhere.
    #[arg(long, value_name = "FILE")]
    pub(super) save: Option<PathBuf>,
    /// Judge this measurement instead of making one: what `perfgate run --json` wrote, or a result
    /// of wrk, oha, k6, vegeta or hey.
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
    /// Print what would be measured and by which rules; start nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(command: Command) -> Result<u8, Error> {
    let args = command.check;
    if command.dry_run {
        let plan = plan(&args)?;
        let contests = args.against.contests(&plan, &[])?;
        // A store is not asked for it.
        let nothing_stored = Reference::Stored(Vec::new());
        let gate = base_plan::comparison(&args, &plan, &contests, &nothing_stored);
        print!("{}", dry_run::describe(&plan, &contests, gate.as_ref()));
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
    let setting = Setting::find(&args.selection).await?;
    setting.announce();
    let plan = &setting.plan;
    let store = store(plan, args.baseline.as_deref())?;
    let reference = reference(&store)?;
    let anchors = if args.against.takes_anchors() {
        setting.anchors(reference.runs()).await
    } else {
        Vec::new()
    };
    let contests = args.against.contests(plan, &anchors)?;
    let manner = args.selection.manner();
    let measurement = setting.compare(&contests, &reference, manner).await?;
    save(args, &measurement)?;
    let scope = Scope {
        coverage: gate::coverage(plan, &measurement),
        gate: base_plan::comparison(args, plan, &contests, &reference),
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
    let none = Contests::default();
    let gate = base_plan::comparison(args, &plan, &none, &reference);
    let scope = Scope { coverage, gate };
    Ok(judged(args, &plan, measurement, &reference, scope))
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
