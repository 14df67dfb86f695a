use std::path::PathBuf;

use clap::ValueEnum;

use crate::app;
use crate::document;
use crate::error::Error;
use crate::model::{Direction, Report, exit_code};
use crate::publish::workflow;
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
    Junit,
    Openmetrics,
    /// GitHub workflow commands that annotate a pull request.
    GithubAnnotations,
    /// Metrics where smaller is better, for `tool: customSmallerIsBetter`.
    GithubActionBenchmark,
    /// Metrics where bigger is better, for `tool: customBiggerIsBetter`.
    GithubActionBenchmarkBigger,
    /// Bencher Metric Format.
    Bmf,
}

pub(super) fn run(args: &Args) -> Result<u8, Error> {
    let stored: Report = document::read(&args.result, "report", Report::SCHEMA)?;
    let stored = app::report_without_secrets(stored);
    let text = match args.format {
        Format::Terminal => report::terminal(&stored),
        Format::Markdown => report::markdown(&stored),
        Format::Json => report::json(&stored),
        Format::Html => report::html(&stored),
        Format::Junit => report::junit(&stored),
        Format::Openmetrics => report::openmetrics(&stored),
        Format::GithubAnnotations => annotations(&stored),
        Format::GithubActionBenchmark => smaller(&stored),
        Format::GithubActionBenchmarkBigger => bigger(&stored),
        Format::Bmf => report::bencher(&stored),
    };
    print!("{text}");
    Ok(exit_code::PASSED)
}

fn annotations(stored: &Report) -> String {
    let lines = workflow::annotations(stored).into_iter();
    lines.map(|line| line + "\n").collect()
}

fn smaller(stored: &Report) -> String {
    report::github_action_benchmark(stored, Direction::LowerIsBetter)
}

fn bigger(stored: &Report) -> String {
    report::github_action_benchmark(stored, Direction::HigherIsBetter)
}
