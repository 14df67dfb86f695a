use std::path::PathBuf;

use super::args::{Naming, Outputs, Strictness};
use super::output::deliver;
use crate::app::{self, CompareOptions};
use crate::error::Error;

/// Compares one stored measurement with older ones. With five or more old measurements perfgate judges changes; with
/// fewer it shows them and judges only absolute limits. Stored runs and pins are ignored.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Measurements made by `perfgate run --json`, or results of wrk, oha, k6, vegeta or hey: the
    /// old ones, then the new one.
    #[arg(value_name = "OLD… NEW", required = true, num_args = 2..)]
    measurements: Vec<PathBuf>,
    #[command(flatten)]
    naming: Naming,
    /// Configuration file with the thresholds [default: built-in thresholds].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    outputs: Outputs,
    #[command(flatten)]
    strictness: Strictness,
}

pub(super) fn run(args: &Args) -> Result<u8, Error> {
    let report = app::compare(&CompareOptions {
        measurements: args.measurements.clone(),
        naming: args.naming.plain(),
        config: args.config.clone(),
        strictness: args.strictness.plain(),
    })?;
    deliver(&report, &args.outputs)?;
    Ok(report.exit_code)
}
