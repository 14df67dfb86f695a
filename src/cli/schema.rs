use schemars::{Schema, schema_for};

use crate::config;
use crate::model::{Baseline, Bisection, Calibration, LoadPart, Measurement, Ranking, Report};

/// Prints the JSON Schema of a document, or of perfgate.toml.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    document: Document,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Document {
    /// Report of `check --json`.
    Report,
    /// Measurement of `run --json` and `check --save`.
    Measurement,
    /// Stored run of `baseline refresh`.
    Baseline,
    /// Ranking of `rank --json`.
    Ranking,
    /// Result of `bisect --json`.
    Bisection,
    /// Result of `calibrate --json`.
    Calibration,
    /// Result of `load --out`.
    Load,
    /// perfgate.toml.
    Config,
}

pub(super) fn run(args: &Args) -> u8 {
    let schema = match args.document {
        Document::Report => versioned(schema_for!(Report), "report", Report::SCHEMA),
        Document::Measurement => {
            versioned(schema_for!(Measurement), "measurement", Measurement::SCHEMA)
        }
        Document::Baseline => versioned(schema_for!(Baseline), Baseline::KIND, Baseline::SCHEMA),
        Document::Ranking => versioned(schema_for!(Ranking), "ranking", Ranking::SCHEMA),
        Document::Bisection => versioned(schema_for!(Bisection), "bisection", Bisection::SCHEMA),
        Document::Calibration => {
            versioned(schema_for!(Calibration), "calibration", Calibration::SCHEMA)
        }
        Document::Load => versioned(schema_for!(LoadPart), LoadPart::KIND, LoadPart::SCHEMA),
        Document::Config => config::schema(),
    };
    println!("{:#}", schema.as_value());
    0
}

/// Documents say in `schema` which version of their form they have.
fn versioned(mut schema: Schema, name: &str, version: u32) -> Schema {
    let title = format!("perfgate {name}, version {version}");
    schema.insert("title".into(), title.into());
    schema.insert("$id".into(), format!("{name}-{version}.json").into());
    schema
}
