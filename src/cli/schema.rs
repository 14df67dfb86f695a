use schemars::schema_for;

use crate::config;
use crate::error::Error;
use crate::model::{Baseline, Measurement, Ranking, Report};

/// Prints the JSON Schema of a document, or of perfgate.toml.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    document: Document,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Document {
    /// What `check --json` writes.
    Report,
    /// What `run --json` and `check --save` write.
    Measurement,
    /// What `baseline refresh` keeps.
    Baseline,
    /// What `rank --json` writes.
    Ranking,
    /// perfgate.toml.
    Config,
}

pub(super) fn run(args: &Args) -> Result<u8, Error> {
    let schema = match args.document {
        Document::Report => schema_for!(Report),
        Document::Measurement => schema_for!(Measurement),
        Document::Baseline => schema_for!(Baseline),
        Document::Ranking => schema_for!(Ranking),
        Document::Config => config::schema(),
    };
    println!("{:#}", schema.as_value());
    Ok(0)
}
