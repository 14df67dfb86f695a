use std::path::PathBuf;

use clap::ValueEnum;

use crate::document;
use crate::error::Error;
use crate::model::Report;
use crate::report;

/// Renders a stored report again.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A report made by `perfgate check --json`.
    result: PathBuf,
    #[arg(long, value_enum, default_value_t = Format::Terminal)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Terminal,
    Markdown,
    Json,
    Html,
}

pub(super) fn run(args: &Args) -> Result<u8, Error> {
    let stored: Report = document::read(&args.result, "report", Report::SCHEMA)?;
    let text = match args.format {
        Format::Terminal => report::terminal(&stored),
        Format::Markdown => report::markdown(&stored),
        Format::Json => report::json(&stored),
        Format::Html => report::html(&stored),
    };
    anstream::print!("{text}");
    Ok(0)
}
