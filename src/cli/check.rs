use std::path::PathBuf;

use super::args::{Outputs, Selection, Strictness};
use super::measuring::Setting;
use super::output::deliver;
use crate::baseline::Directory;
use crate::error::Error;
use crate::gate::{Reference, judge, outcome};
use crate::model::{Finding, Measurement, Plan, Reason, Report, Sample, Thresholds};

/// Measures, compares with the stored baseline, judges.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    outputs: Outputs,
    #[command(flatten)]
    strictness: Strictness,
    /// Baseline store instead of the configured one: a folder.
    #[arg(long, value_name = "DIR")]
    baseline: Option<PathBuf>,
}

pub(super) async fn run(args: Args) -> Result<u8, Error> {
    let setting = Setting::find(&args.selection).await?;
    setting.announce();
    let plan = &setting.plan;
    let store = store(plan, args.baseline.as_deref());
    let reference = reference(&store, plan)?;
    let measurement = setting
        .measure(args.selection.seed(), args.selection.quiet)
        .await?;
    let findings = judge(&measurement.samples, &reference, |sample| {
        thresholds(plan, sample)
    });
    let report = assemble(&measurement, findings, &args.strictness);
    deliver(&report, &args.outputs)?;
    Ok(report.exit_code)
}

/// The store that was asked for, else the configured one.
pub(super) fn store(plan: &Plan, folder: Option<&std::path::Path>) -> Directory {
    Directory::new(folder.unwrap_or(&plan.baselines))
}

/// Everything stored about the cells of the plan.
pub(super) fn reference(store: &Directory, plan: &Plan) -> Result<Reference, Error> {
    let mut baselines = Vec::new();
    for target in &plan.targets {
        for cell in &target.cells {
            baselines.extend(store.of_cell(&target.name, &cell.endpoint)?);
        }
    }
    Ok(Reference::Stored(baselines))
}

/// The thresholds the plan sets for a sample.
pub(super) fn thresholds<'a>(plan: &'a Plan, sample: &Sample) -> Option<&'a Thresholds> {
    let target = plan
        .targets
        .iter()
        .find(|target| target.name == sample.key.server)?;
    let cell = target
        .cells
        .iter()
        .find(|cell| cell.endpoint == sample.key.endpoint)?;
    Some(&cell.thresholds)
}

/// Sums findings up into the report that every format is a view of.
pub(super) fn assemble(
    measurement: &Measurement,
    findings: Vec<Finding>,
    strictness: &Strictness,
) -> Report {
    let outcome = outcome(&findings);
    let lacks_baseline = findings.is_empty()
        || findings
            .iter()
            .any(|finding| finding.reason.as_ref().is_some_and(Reason::lacks_baseline));
    let mut provenance = measurement.provenance.clone();
    provenance.notes.extend(unsteady(&measurement.samples));
    Report {
        schema: Report::SCHEMA,
        outcome,
        exit_code: strictness.exit_code(outcome, lacks_baseline),
        findings,
        provenance,
    }
}

fn unsteady(samples: &[Sample]) -> Option<String> {
    let cells: Vec<_> = samples
        .iter()
        .filter(|sample| !sample.steady)
        .map(|sample| format!("{} {}", sample.key.server, sample.key.endpoint))
        .collect();
    (!cells.is_empty()).then(|| format!("never became steady in the warm-up: {}", cells.join(", ")))
}
