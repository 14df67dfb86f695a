use std::path::{Path, PathBuf};

use super::against::Against;
use super::args::{Outputs, Selection, Strictness};
use super::judging::{assemble, judge, note_not_pinned, reference, store};
use super::measuring::Setting;
use super::output::deliver;
use super::results::{Naming, known};
use crate::document;
use crate::error::Error;
use crate::model::{Measurement, Report};

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

pub(super) async fn run(args: Args) -> Result<u8, Error> {
    let report = report(&args).await?;
    deliver(&report, &args.outputs)?;
    Ok(report.exit_code)
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
    let mut measurement = setting.compare(&contests, args.selection.manner()).await?;
    save(args, &measurement)?;
    note_not_pinned(&mut measurement, &reference);
    let findings = judge(plan, &measurement, &reference);
    Ok(assemble(&measurement, findings, &args.strictness))
}

/// The report on a measurement that was made before.
fn report_on(args: &Args, path: &Path) -> Result<Report, Error> {
    let plan = args.selection.plan()?;
    let measurement = args.naming.read(path)?;
    known(&plan, &measurement)?;
    save(args, &measurement)?;
    let reference = reference(&store(&plan, args.baseline.as_deref())?)?;
    let findings = judge(&plan, &measurement, &reference);
    Ok(assemble(&measurement, findings, &args.strictness))
}

fn save(args: &Args, measurement: &Measurement) -> Result<(), Error> {
    if let Some(path) = &args.save {
        document::write(path, &document::text(measurement))?;
    }
    Ok(())
}
