use super::against::Against;
use super::args::{Outputs, Selection, Strictness};
use super::judging::{assemble, judge, reference, store};
use super::measuring::Setting;
use super::output::deliver;
use crate::error::Error;

/// Measures, compares with another build or with the stored baseline, judges.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    against: Against,
    #[command(flatten)]
    outputs: Outputs,
    #[command(flatten)]
    strictness: Strictness,
    /// Baseline store instead of the configured one: a folder, or `git:BRANCH`.
    #[arg(long, visible_alias = "store", value_name = "STORE")]
    baseline: Option<String>,
}

pub(super) async fn run(args: Args) -> Result<u8, Error> {
    let setting = Setting::find(&args.selection).await?;
    setting.announce();
    let plan = &setting.plan;
    let store = store(plan, args.baseline.as_deref())?;
    let reference = reference(&store)?;
    let contests = args.against.contests(plan)?;
    let measurement = setting
        .compare(&contests, args.selection.seed(), args.selection.quiet)
        .await?;
    let findings = judge(plan, &measurement, &reference);
    let report = assemble(&measurement, findings, &args.strictness);
    deliver(&report, &args.outputs)?;
    Ok(report.exit_code)
}
