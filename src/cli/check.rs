use std::path::PathBuf;

use super::args::{Outputs, Selection, Strictness};
use super::judging::{assemble, reference, store, thresholds};
use super::measuring::Setting;
use super::output::deliver;
use crate::error::Error;
use crate::gate::judge;

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
