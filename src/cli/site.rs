use std::path::PathBuf;

use super::history::metric;
use super::stored_runs::StoredRuns;
use super::ui::print_notice;
use crate::app;
use crate::document;
use crate::error::Error;
use crate::model::{Metric, exit_code};

/// Writes stored runs and reports of checks as static pages, for GitHub Pages or any web server.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    runs: StoredRuns,
    /// Folder to write to; pages of the same name are replaced.
    #[arg(long, value_name = "FOLDER", default_value = "site")]
    out: PathBuf,
    /// Reports of pull requests to show with the stored runs: files, or every `report.json` in folders or
    /// `s3://BUCKET/PREFIX`.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    reports: Vec<PathBuf>,
    /// Address of the repository, for links to commits [default: that of the job on GitHub, or of `origin`].
    #[arg(long, value_name = "URL")]
    repository: Option<String>,
    /// Metrics to show [default: `throughput`, `latency_p50`, `cpu_per_request`,
    /// `memory_peak`, `sql_per_request`].
    #[arg(long, value_name = "NAME", num_args = 1.., value_parser = metric(), hide_possible_values = true)]
    metric: Vec<Metric>,
}

pub(super) fn run(args: &Args) -> Result<u8, Error> {
    let metrics = match args.metric.as_slice() {
        [] => &app::USUAL_METRICS,
        wanted => wanted,
    };
    let repository = args.repository.as_deref();
    let pages = app::site(
        &args.runs.plain(),
        metrics,
        &args.reports,
        repository,
        &print_notice,
    )?;
    for page in &pages {
        document::write(&args.out.join(&page.file), &page.text)?;
    }
    if let [_] = pages.as_slice() {
        println!("nothing is stored; `perfgate baseline refresh` measures and stores");
    }
    let count = pages.len();
    println!(
        "wrote {count} pages: {}",
        args.out.join(&pages[0].file).display()
    );
    Ok(exit_code::PASSED)
}
