use std::path::PathBuf;

use crate::app::Naming;
use crate::error::Error;
use crate::model::{Measurement, exit_code};
use crate::report;

/// Writes the latencies of a stored measurement for other viewers.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A measurement made by `perfgate run --json` or `perfgate check --save`.
    measurement: PathBuf,
    #[arg(long, value_enum, default_value_t = Format::Hlog)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Interval log of `HdrHistogram`, tagged by server and endpoint.
    Hlog,
}

pub(super) fn run(args: &Args) -> Result<u8, Error> {
    let measurement = Naming::default().read(&args.measurement)?;
    if !has_rounds(&measurement) {
        return Err(Error::Argument {
            argument: args.measurement.display().to_string(),
            reason: "it holds values and no histogram to write".into(),
        });
    }
    match args.format {
        Format::Hlog => print!("{}", report::hlog(&measurement)),
    }
    Ok(exit_code::PASSED)
}

fn has_rounds(measurement: &Measurement) -> bool {
    !measurement.pairs.is_empty() || measurement.samples.iter().any(|it| !it.rounds().is_empty())
}
