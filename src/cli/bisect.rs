use std::num::NonZeroUsize;
use std::path::PathBuf;

use super::args::Selection;
use super::history::metric;
use super::ui::Progress;
use crate::app::{self, Between, BisectOptions, Bisected, RunOptions};
use crate::document;
use crate::error::Error;
use crate::model::Metric;
use crate::report;

/// Finds the commit that made a metric worse: side-by-side checks of commits between a good and a bad one, along first
/// parents, until one is certain. Inconclusive checks still contribute their estimate. Commits that cannot be built or
/// started are skipped. Every commit is measured with the requests and thresholds of the configuration here, and built
/// by its own configuration. Exits with 0 if nothing regressed, 1 if something did, and 5 if the checks cannot decide.
#[derive(Debug, clap::Args)]
// Refused with its reason.
#[command(mut_arg("shard", |it| it.hide(true)))]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    /// A commit before the change.
    #[arg(long, value_name = "GIT_REF", required_unless_present = "from_history")]
    good: Option<String>,
    /// A commit after it.
    #[arg(long, value_name = "GIT_REF", default_value = "HEAD")]
    bad: String,
    /// Search between the two commits around the last step in the stored runs.
    #[arg(long, conflicts_with_all = ["good", "bad"])]
    from_history: bool,
    /// Baseline store: a folder, `git:BRANCH`, or `s3://BUCKET/PREFIX` [default: `[baseline] store` in perfgate.toml].
    #[arg(
        long,
        visible_alias = "store",
        value_name = "STORE",
        requires = "from_history"
    )]
    baseline: Option<String>,
    /// The metric to search for [default: the clearest regression].
    #[arg(long, value_name = "NAME", value_parser = metric(), hide_possible_values = true)]
    metric: Option<Metric>,
    /// Maximum number of checks, including the first check of both ends.
    #[arg(long, value_name = "N", default_value = "12")]
    checks: NonZeroUsize,
    /// Write the result as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the comparison of the culprit with its parent as a self-contained HTML page.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Do not profile the culprit.
    #[arg(long)]
    no_profile: bool,
}

pub(super) async fn run(args: Args) -> Result<u8, Error> {
    let progress = Progress::new(args.selection.is_quiet());
    let observe = |notice: &app::Notice<'_>| progress.show(notice);
    let Bisected { bisection, report } = app::bisect(&args.plain(), &observe).await?;
    print!("{}", report::bisection(&bisection));
    if let Some(path) = &args.json {
        document::write(path, &document::text(&bisection))?;
    }
    if let Some(path) = &args.report {
        document::write(path, &report::html(&report))?;
    }
    Ok(bisection.exit_code)
}

impl Args {
    fn plain(&self) -> BisectOptions {
        BisectOptions {
            selection: self.selection.plain(),
            run: RunOptions {
                profiling: !self.no_profile,
                ..self.selection.options()
            },
            between: match &self.good {
                Some(good) => Between::Commits {
                    good: good.clone(),
                    bad: self.bad.clone(),
                },
                None => Between::History,
            },
            metric: self.metric,
            checks: self.checks,
            baseline: self.baseline.clone(),
        }
    }
}
